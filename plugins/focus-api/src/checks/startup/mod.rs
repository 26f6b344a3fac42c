//! How the server came up.

mod clean;
