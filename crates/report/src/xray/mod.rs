//! `xray.xml`: what Jira Xray imports, one test case per Jira key.
//!
//! Xray folds several results of one test by the worst. So do we, before it: with all names in the comment, and so that
//! what was skipped, is informational or is waived never arrives as a pass.

mod merge;
mod write;

pub use merge::{Answer, Share, Test, tests};
pub use write::{Summary, write};
