//! Events are read back.
