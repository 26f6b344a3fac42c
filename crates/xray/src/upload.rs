//! Sending an import, and what its answer means.

use crate::error::XrayError;
use crate::request::Prepared;
use crate::session::{Pace, Repeat, Session, said};
use serde_json::Value;
use shakedown_config::{Product, Xray};
use shakedown_core::Clock;
use shakedown_core::key::is_key;
use shakedown_http::{Exchange, HeaderMap, HeaderName, Method, Request};

/// What came of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// The key of the execution.
    pub key: String,
}

/// Uploads an import, waiting where the server asks for it.
///
/// # Errors
/// See [`XrayError`].
pub async fn upload(
    xray: &Xray,
    prepared: &Prepared,
    pace: Pace,
    clock: &Clock,
) -> Result<Uploaded, XrayError> {
    let content_type = prepared.content_type().parse();
    let content_type =
        content_type.map_err(|_| XrayError::Settings("the media type is unusable".to_owned()))?;
    let request = Request {
        headers: HeaderMap::from_iter([(HeaderName::from_static("content-type"), content_type)]),
        query: prepared.query.clone(),
        body: Some(prepared.body()),
        ..Request::new(Method::POST, prepared.path, xray.timeout)
    };
    // Adding to a given execution twice changes nothing; a new one would come to be twice.
    let is_given = prepared.query.iter().any(|(name, _)| name == "testExecKey");
    let repeat = if is_given { Repeat::Safe } else { Repeat::Unsafe };
    let session = Session::open(xray, pace, clock).await?;
    let answer = session.send("the import", &request, repeat).await?;
    let key = key_of(xray.product, &answer)
        .ok_or_else(|| XrayError::NoKey { status: answer.status, said: said(&answer) })?;
    Ok(Uploaded { key })
}

/// The key of the execution that the results went to.
fn key_of(product: Product, answer: &Exchange) -> Option<String> {
    let body: Value = answer.json().ok()?;
    let key = match product {
        Product::Cloud => &body["key"],
        Product::DataCenter => &body["testExecIssue"]["key"],
    };
    // Clients once logged the import of "undefined".
    key.as_str().filter(|key| is_key(key)).map(str::to_owned)
}
