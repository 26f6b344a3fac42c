//! What stands between the client and a server that means no good: no answer is longer than it may be, and nobody is
//! sent elsewhere.

use http::Response;
use http_body_util::Limited;
use kube::Config;
use kube::client::{ClientBuilder, DynBody};
use tower::BoxError;
use tower::util::MapResultLayer;

/// The longest answer that is read. A page of a list of large pods has about a third of it.
const LONGEST: usize = 32 << 20;

/// The server wants the question asked elsewhere, which no API server does.
#[derive(Debug, thiserror::Error)]
#[error("the answer is a redirect ({0}), which no API server sends")]
pub(crate) struct Redirected(http::StatusCode);

/// A client that reads no more of an answer than it should. Credentials are never sent elsewhere.
pub(crate) fn client(config: Config) -> kube::Result<kube::Client> {
    let guard = MapResultLayer::new(|answer: Result<Response<Box<DynBody>>, BoxError>| {
        let answer: Response<Box<DynBody>> = answer?;
        if answer.status().is_redirection() {
            return Err(BoxError::from(Redirected(answer.status())));
        }
        Ok::<_, BoxError>(answer.map(|body| Limited::new(body, LONGEST)))
    });
    Ok(ClientBuilder::try_from(config)?.with_layer(&guard).build())
}
