//! What can go wrong between here and Xray.

use shakedown_http::StatusCode;

/// Why there is no answer that can be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum XrayError {
    /// The address, the credentials or a key cannot be used; nothing was sent.
    #[error("{0}")]
    Settings(String),
    /// The server refuses who asks.
    #[error("{address} refuses the credentials: {said}")]
    Refused {
        /// The server.
        address: String,
        /// What it says.
        said: String,
    },
    /// The server refuses what is asked.
    #[error("{what} is refused with {status}: {said}")]
    Rejected {
        /// What was asked.
        what: String,
        /// The status.
        status: StatusCode,
        /// What the server says.
        said: String,
    },
    /// The server could not be asked, or was busy for too long.
    #[error("{0}")]
    Away(String),
    /// The server accepted something, and did not say which execution it became.
    #[error("the import is answered with {status} but without the key of an execution: {said}")]
    NoKey {
        /// The status.
        status: StatusCode,
        /// What the server says.
        said: String,
    },
    /// The import may have happened.
    #[error(
        "nobody knows whether the import happened: {0}. Look in Jira for the newest execution of the project; where it is \
         there, all is done; where not, upload again. With `execution` an upload can be repeated safely"
    )]
    Unknown(String),
    /// The plan is not there, has no tests, or was not answered as a whole.
    #[error("the test plan `{plan}` {why}")]
    Plan {
        /// Its key.
        plan: String,
        /// What is wrong, as the rest of the sentence.
        why: String,
    },
}
