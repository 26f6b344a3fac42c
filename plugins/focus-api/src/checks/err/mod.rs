//! How the server answers when something is wrong: with the right class of status, in one form, and itself.

#[path = "500.rs"]
mod e500;
mod format;
mod json;
mod malformed;
mod transport;
