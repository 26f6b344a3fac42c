//! What measurements under load say of a system.
