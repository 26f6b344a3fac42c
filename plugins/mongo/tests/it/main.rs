//! The checks as they are registered, against the sandbox's real server, and against servers that lie.

mod bench;
mod data;
mod health;
mod hostile;
mod indexes;
mod liar;
mod load;
mod login;
mod site;
mod tls;

// Linked for their registrations.
use shakedown_focus_api as _;
use shakedown_mongo as _;
