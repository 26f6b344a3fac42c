//! `report.html`: the run as one page, for whoever opens it in a browser, years later and without a network.
//!
//! The page holds its own style and script, and a policy that lets nothing else in. Evidence is linked, never embedded,
//! so that neither the page nor the memory it takes grows with it. Drawings, and all that is written about checks, find
//! room as long as there is some: two thousand checks make a page that can still be sent about.

mod answer;
mod beside;
mod chart;
mod check;
mod docs;
pub(crate) mod escape;
mod link;
mod look;
mod page;
mod room;
mod times;

pub(crate) use answer::quantity;
pub(crate) use link::anchor;
pub(crate) use look::Look;

pub use link::Links;

use crate::counter::Counter;
use askama::Template;
use page::Page;
use shakedown_core::Docs;
use shakedown_core::run::Run;
use std::fmt;
use std::io;

/// Knows the documentation of checks by their ids.
pub type DocsOf<'a> = dyn Fn(&str) -> Option<Docs> + 'a;

/// What a page can say beyond the run itself.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// The documentation of a check by its id: what it asks, why that matters, how to mend it.
    pub docs: Option<&'a DocsOf<'a>>,
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("docs", &self.docs.is_some()).finish()
    }
}

/// Writes the page to `out`, without holding it in memory.
///
/// # Errors
/// Where `out` cannot be written.
pub fn write(run: &Run, options: &Options<'_>, mut out: impl io::Write) -> io::Result<()> {
    let page = Page::new(run, options);
    let mut bare = Counter::default();
    page.write_into(&mut bare)?;
    page.make_room(bare.0);
    page.write_into(&mut out)
}

/// The page as text.
pub fn render(run: &Run, options: &Options<'_>) -> String {
    let mut bytes = Vec::new();
    write(run, options, &mut bytes).expect("memory can be written");
    String::from_utf8(bytes).expect("the page is UTF-8")
}
