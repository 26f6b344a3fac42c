//! The client against servers that behave, and against servers that do not.

mod answers;
mod misbehaviour;
mod server;
mod settings;
