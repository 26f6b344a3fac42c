//! Checks of the Focus Server API: is it up, does it know its fiber, does it start jobs, does it refuse nonsense, and how
//! fast is it.
//!
//! The target, its client and the contract of the messages that jobs are made of are those of `shakedown_focus`. Here
//! `refusal` knows the contract of a refusal, and `description` what the server says of itself. `hostile` sends what no
//! honest client would, and `leftover` looks for what a refused request started all the same. The checks stand in
//! `checks`, one to a file.

mod checks;
mod description;
mod hostile;
mod leftover;
mod refusal;
