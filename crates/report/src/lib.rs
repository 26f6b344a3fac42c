//! What is made of a run: the journal and the terminal while it goes on, the summary and the files when it has ended.
//!
//! Everything here reads either the stream of [`Event`](shakedown_core::event::Event)s or the
//! [`Run`](shakedown_core::run::Run) folded from it, both already without secrets. Text that came from a server is never
//! trusted: whatever is printed or written as XML or HTML goes through [`text::clean`] first.

pub mod bundle;
pub mod compare;
pub mod files;
pub mod html;
pub mod journal;
pub mod json;
pub mod junit;
pub mod style;
pub mod summary;
pub mod terminal;
pub mod text;
pub mod xray;

mod counter;
mod prose;

pub use files::{Written, write_all};
pub use style::Style;
