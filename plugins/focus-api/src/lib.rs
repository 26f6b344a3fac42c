//! Checks of the Focus Server API: is it up, does it know its fiber, does it start jobs, does it refuse nonsense, and how
//! fast is it.
//!
//! `target` connects; `client` is the only way to `/configure` and keeps the books of the jobs that a check starts.
//! `channels`, `metadata`, `request`, `response` and `refusal` know the contract of one message each. The checks
//! stand in `checks`, one to a file.

mod channels;
mod checks;
mod client;
mod document;
mod metadata;
mod refusal;
mod request;
mod response;
mod target;
#[cfg(test)]
mod testing;
