//! Uploads the results of a run to Jira Xray: Cloud, or Server and Data Center.
//!
//! What is sent is `xray.xml`, rendered from the run, so that it can be sent again at any later time. An import that was
//! not answered may have happened: only one that adds to a given execution is tried again, so that no execution comes to
//! be twice. An answer without the key of an execution is a failure, whatever its status.

mod import;
mod request;
mod upload;

pub use import::Import;
pub use request::{Part, Prepared};
pub use upload::{Pace, UploadError, Uploaded, upload};
