//! Checks of the Focus Server API: is it up, does it know its fiber, does it start jobs, does it refuse nonsense, and how
//! fast is it.
//!
//! `target` connects; `client` is the only way to `/configure` and keeps the books of the jobs that a check starts.
//! `channels`, `metadata`, `request`, `response`, `recordings`, `planned` and `refusal` know the contract of one message
//! each, `description` what the server says of itself, `stream` the port of a `job`. `hostile` sends what
//! no honest client would, `doors` are the other ways into the server, `outage` puts a 503 down to its cause, and
//! `leftover` looks for what a refused request started all the same. The checks stand in `checks`, one to a file.

mod channels;
mod checks;
mod client;
mod description;
mod document;
mod doors;
mod hostile;
mod job;
mod leftover;
mod metadata;
mod outage;
mod planned;
mod recordings;
mod refusal;
mod request;
mod response;
mod stream;
mod suspects;
mod target;
#[cfg(test)]
mod testing;
