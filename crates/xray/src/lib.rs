//! Jira Xray, Cloud or Server and Data Center: uploads the results of a run, and reads which tests a test plan has.
//!
//! What is sent is `xray.xml`, rendered from the run, so that it can be sent again at any later time. An import that was
//! not answered may have happened: only one that adds to a given execution is tried again, so that no execution comes to
//! be twice. An answer without the key of an execution is a failure, whatever its status; so is a plan without tests.

mod error;
mod import;
mod plan;
mod request;
mod session;
mod upload;

pub use error::XrayError;
pub use import::Import;
pub use plan::{PlannedTest, tests_of};
pub use request::{Part, Prepared};
pub use session::Pace;
pub use upload::{Uploaded, upload};
