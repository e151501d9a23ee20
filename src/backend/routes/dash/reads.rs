//! Events, history and traces, as they are read.
