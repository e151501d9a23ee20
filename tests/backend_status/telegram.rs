//! Messages that leave, or should not.
