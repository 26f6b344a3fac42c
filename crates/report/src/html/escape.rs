//! The one way by which text gets into a page.

use crate::text::clean;
use askama::filters::{Escaper, Html};
use std::fmt;

/// Shows text as it reads and lets none of it act: what could deceive a reader is made visible, as everywhere, and what
/// a browser would take for markup is escaped. `askama.toml` names this for every template.
#[derive(Clone, Copy)]
pub(crate) struct Inert;

impl Escaper for Inert {
    fn write_escaped_str<W: fmt::Write>(&self, dest: W, string: &str) -> fmt::Result {
        Html.write_escaped_str(dest, &clean(string))
    }
}
