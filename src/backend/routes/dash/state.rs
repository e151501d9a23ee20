//! State views: health, risk, engine, positions, switches, the last run. They ask the owner, never the stream.
