//! Sending it: authentication, patience with a busy server, and what the answer means.

use crate::request::Prepared;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shakedown_config::{Credentials, Product, Xray};
use shakedown_core::clock::http_date;
use shakedown_core::duration::brief;
use shakedown_core::{Clock, Secret};
use shakedown_http::{
    Exchange, HttpClient, HttpError, HttpErrorKind, HttpSettings, Method, Request, StatusCode,
};
use shakedown_report::text::{clean, clip};
use std::collections::BTreeMap;
use std::time::Duration;

/// How patient an upload is.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How often something is tried, at most.
    pub attempts: u32,
    /// The pause where the server names none; it doubles with each attempt.
    pub pause: Duration,
    /// The longest pause that a server may ask for.
    pub longest: Duration,
}

impl Default for Pace {
    /// Four attempts; Xray counts requests by five minutes.
    fn default() -> Self {
        Self { attempts: 4, pause: Duration::from_secs(2), longest: Duration::from_mins(5) }
    }
}

/// What came of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// The key of the execution.
    pub key: String,
}

/// Why nothing was uploaded, or nobody knows whether.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UploadError {
    /// The address or the credentials cannot be used.
    #[error("{0}")]
    Settings(String),
    /// The server refuses who uploads.
    #[error("{0} refuses the credentials: {1}")]
    Refused(String, String),
    /// The server refuses what is uploaded.
    #[error("the import is refused with {status}: {said}")]
    Rejected {
        /// The status.
        status: StatusCode,
        /// What the server says.
        said: String,
    },
    /// The server could not be asked.
    #[error("{0}")]
    Away(String),
    /// The server accepted something, and did not say which execution it became.
    #[error("the import is answered with {0} but without the key of an execution: {1}")]
    NoKey(StatusCode, String),
    /// The import may have happened.
    #[error(
        "nobody knows whether the import happened: {0}. Look in Jira for the newest execution of the project; where it is \
         there, all is done; where not, upload again. With `execution` an upload can be repeated safely"
    )]
    Unknown(String),
}

/// Uploads an import, waiting where the server asks for it.
///
/// # Errors
/// See [`UploadError`].
pub async fn upload(
    xray: &Xray,
    prepared: &Prepared,
    pace: Pace,
    clock: &Clock,
) -> Result<Uploaded, UploadError> {
    let sender = Sender { xray, pace, clock, http: client(xray, BTreeMap::new())? };
    let authorization = sender.authorization().await?;
    let http = client(xray, BTreeMap::from([("authorization".to_owned(), authorization)]))?;
    let sender = Sender { http, ..sender };
    // Adding to a given execution twice changes nothing; a new one would come to be twice.
    let repeatable = prepared.query.iter().any(|(name, _)| name == "testExecKey");
    let mut headers = shakedown_http::HeaderMap::new();
    let content_type = prepared.content_type().parse().map_err(|_| settings("the media type is unusable"))?;
    headers.insert(shakedown_http::HeaderName::from_static("content-type"), content_type);
    let request = Request {
        headers,
        query: prepared.query.clone(),
        body: Some(prepared.body()),
        ..Request::new(Method::POST, prepared.path, xray.timeout)
    };
    let answer = sender.send(&request, repeatable).await?;
    let key =
        key_of(xray.product, &answer).ok_or_else(|| UploadError::NoKey(answer.status, said(&answer)))?;
    Ok(Uploaded { key })
}

fn settings(message: impl Into<String>) -> UploadError {
    UploadError::Settings(message.into())
}

fn client(xray: &Xray, headers: BTreeMap<String, Secret>) -> Result<HttpClient, UploadError> {
    let url =
        xray.url.parse().map_err(|error| settings(format!("`url` of `xray` is not an address: {error}")))?;
    HttpClient::new(HttpSettings { headers, ..HttpSettings::new(url) })
        .map_err(|error| settings(error.to_string()))
}

struct Sender<'a> {
    xray: &'a Xray,
    pace: Pace,
    clock: &'a Clock,
    http: HttpClient,
}

impl Sender<'_> {
    /// The header that says who uploads.
    async fn authorization(&self) -> Result<Secret, UploadError> {
        let bearer = |token: &str| Secret::new(format!("Bearer {token}"));
        match &self.xray.credentials {
            Credentials::Token(token) => Ok(bearer(token.expose())),
            Credentials::User { name, password } => {
                let pair = STANDARD.encode(format!("{name}:{}", password.expose()));
                Ok(Secret::new(format!("Basic {pair}")))
            }
            Credentials::Client { id, secret } => {
                let body = json!({ "client_id": id.expose(), "client_secret": secret.expose() });
                let request = Request::post_json("/authenticate", body.to_string(), self.xray.timeout);
                let answer = self.send(&request, true).await?;
                let token: Option<String> = answer.json().ok();
                let token = token.filter(|token| !token.is_empty() && !token.contains(char::is_whitespace));
                token.map(|token| bearer(&token)).ok_or_else(|| {
                    // The answer may be half a token: it is not repeated.
                    UploadError::Away(format!("{} answers with no token", self.http.address()))
                })
            }
        }
    }

    /// Sends it, and again where the server is busy or cannot have seen it.
    async fn send(&self, request: &Request, repeatable: bool) -> Result<Exchange, UploadError> {
        let mut pause = self.pace.pause;
        let mut attempts = 1..self.pace.attempts.max(1);
        loop {
            let sent = self.http.send(request.clone()).await;
            let (wait, error) = match fate(sent, repeatable, &self.http.address(), self.clock) {
                Fate::Answered(answer) => return Ok(*answer),
                Fate::Over(error) => return Err(error),
                Fate::Again(wait, error) => (wait.unwrap_or(pause), error),
            };
            if wait > self.pace.longest {
                let (wait, longest) = (brief(wait), brief(self.pace.longest));
                return Err(UploadError::Away(format!(
                    "{error}; it asks to wait {wait}, and nobody waits longer than {longest}"
                )));
            }
            if attempts.next().is_none() {
                return Err(error);
            }
            self.clock.sleep(wait).await;
            pause *= 2;
        }
    }
}

/// What becomes of a request that was sent.
enum Fate {
    Answered(Box<Exchange>),
    Over(UploadError),
    /// To be sent again, after the pause that the server asks for; the error that it otherwise is.
    Again(Option<Duration>, UploadError),
}

fn fate(sent: Result<Exchange, HttpError>, repeatable: bool, address: &str, clock: &Clock) -> Fate {
    let unknown = |why: String| {
        if repeatable {
            Fate::Again(None, UploadError::Away(why))
        } else {
            Fate::Over(UploadError::Unknown(why))
        }
    };
    let answer = match sent {
        Ok(answer) => answer,
        Err(error) => {
            let why = error.to_string();
            return match error.kind {
                HttpErrorKind::Settings | HttpErrorKind::Tls => Fate::Over(UploadError::Away(why)),
                HttpErrorKind::Refused | HttpErrorKind::Dns => Fate::Again(None, UploadError::Away(why)),
                HttpErrorKind::TimedOut
                | HttpErrorKind::Lost
                | HttpErrorKind::Protocol
                | HttpErrorKind::BodyTooLarge => unknown(why),
            };
        }
    };
    match answer.status {
        status if status.is_success() => Fate::Answered(Box::new(answer)),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Fate::Over(UploadError::Refused(address.to_owned(), said(&answer)))
        }
        StatusCode::TOO_MANY_REQUESTS => Fate::Again(
            retry_after(&answer, clock),
            UploadError::Away(format!("{address} is busy: {}", said(&answer))),
        ),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            unknown(format!("{address} answers {}", answer.status))
        }
        status => Fate::Over(UploadError::Rejected { status, said: said(&answer) }),
    }
}

/// How long the server asks to wait: seconds, or a date.
fn retry_after(answer: &Exchange, clock: &Clock) -> Option<Duration> {
    let text = answer.headers.get("retry-after")?.to_str().ok()?.trim();
    let seconds = text.parse().ok().map(Duration::from_secs);
    seconds.or_else(|| Duration::try_from(http_date(text)?.duration_since(clock.now())).ok())
}

/// What the server says, on one line.
fn said(answer: &Exchange) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    match clean(text.trim()).as_ref() {
        "" => "(nothing)".to_owned(),
        text => clip(text, 300).into_owned(),
    }
}

/// The key of the execution that the results went to.
fn key_of(product: Product, answer: &Exchange) -> Option<String> {
    let body: Value = answer.json().ok()?;
    let key = match product {
        Product::Cloud => &body["key"],
        Product::DataCenter => &body["testExecIssue"]["key"],
    };
    // Clients once logged the import of "undefined".
    let key = key.as_str()?;
    let (project, number) = key.rsplit_once('-')?;
    (!project.is_empty() && number.parse::<u64>().is_ok()).then(|| key.to_owned())
}
