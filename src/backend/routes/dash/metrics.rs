//! `/api/ops/metrics` and `/metrics`: what is counted, for people and for Prometheus.
