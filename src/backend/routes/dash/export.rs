//! `/api/ops/export`: events as evidence, unmodified, with their hash.
