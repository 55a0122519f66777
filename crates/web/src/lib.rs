//! What the HTTP doors share: problems, callers, request fields, headers, health.
