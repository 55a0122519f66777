//! Reads Compose files: what they may never do, and what they need of a host.
