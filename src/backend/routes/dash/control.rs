//! `/api/control/kill-switch`: the dashboard's door to the kill switch.
