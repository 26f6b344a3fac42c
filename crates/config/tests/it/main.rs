//! `checks.toml` as its writer meets it: what is read, what is refused, and in which words.

mod diagnostics;
mod docs;
mod fixture;
mod inheritance;
mod profile;
mod robustness;
mod schema;
mod secrets;
mod selection;
mod suites;
mod xray;
