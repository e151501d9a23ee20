//! The dashboard's pages and their assets.
