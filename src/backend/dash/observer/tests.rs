//! The observer over a real workspace that a second store changes.
