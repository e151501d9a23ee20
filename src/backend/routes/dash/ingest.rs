//! `/api/ops/test-event` and `/api/ops/events`: how events come in.
