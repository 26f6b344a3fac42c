//! Whether the server stays well over time.

mod hour;
