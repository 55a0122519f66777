//! Test support: two databases, a fixed clock, builders, a running application.
