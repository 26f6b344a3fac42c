//! What `/configure` answers, and what the server says of itself.

mod contract;
mod invariants;
