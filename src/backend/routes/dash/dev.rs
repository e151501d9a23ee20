//! Endpoints for rehearsals and load tests; they exist only when the settings say so.
