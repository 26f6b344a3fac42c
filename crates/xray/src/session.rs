//! Speaking to the server: authentication, patience where it is busy, and what becomes of a request.

use crate::error::XrayError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use shakedown_config::{Credentials, Xray};
use shakedown_core::clock::http_date;
use shakedown_core::duration::brief;
use shakedown_core::{Clock, Secret};
use shakedown_http::{Exchange, HttpClient, HttpError, HttpErrorKind, HttpSettings, Request, StatusCode};
use shakedown_report::text::{clean, clip};
use std::collections::BTreeMap;
use std::time::Duration;

/// How patient an exchange is.
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

/// A server that knows who asks.
pub(crate) struct Session<'a> {
    pace: Pace,
    clock: &'a Clock,
    http: HttpClient,
}

/// Whether a request may be sent again where nobody knows whether it was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It changes nothing, or the same again.
    Safe,
    /// It would make something twice.
    Unsafe,
}

impl<'a> Session<'a> {
    /// Logs in where the product asks for it.
    pub(crate) async fn open(xray: &Xray, pace: Pace, clock: &'a Clock) -> Result<Self, XrayError> {
        let nobody = Self { pace, clock, http: client(xray, BTreeMap::new())? };
        let authorization = nobody.authorization(xray).await?;
        let http = client(xray, BTreeMap::from([("authorization".to_owned(), authorization)]))?;
        Ok(Self { http, ..nobody })
    }

    /// The header that says who asks.
    async fn authorization(&self, xray: &Xray) -> Result<Secret, XrayError> {
        let bearer = |token: &str| Secret::new(format!("Bearer {token}"));
        match &xray.credentials {
            Credentials::Token(token) => Ok(bearer(token.expose())),
            Credentials::User { name, password } => {
                let pair = STANDARD.encode(format!("{name}:{}", password.expose()));
                Ok(Secret::new(format!("Basic {pair}")))
            }
            Credentials::Client { id, secret } => {
                let body = json!({ "client_id": id.expose(), "client_secret": secret.expose() });
                let request = Request::post_json("/authenticate", body.to_string(), xray.timeout);
                let answer = self.send("the login", &request, Repeat::Safe).await?;
                let token: Option<String> = answer.json().ok();
                let token = token.filter(|token| !token.is_empty() && !token.contains(char::is_whitespace));
                token.map(|token| bearer(&token)).ok_or_else(|| {
                    // The answer may be half a token: it is not repeated.
                    XrayError::Away(format!("{} answers with no token", self.http.address()))
                })
            }
        }
    }

    /// Sends it, and again where the server is busy or cannot have heard it. `what` is asked, in an error's words.
    pub(crate) async fn send(
        &self,
        what: &str,
        request: &Request,
        repeat: Repeat,
    ) -> Result<Exchange, XrayError> {
        let mut pause = self.pace.pause;
        let mut attempts = 1..self.pace.attempts.max(1);
        loop {
            let sent = self.http.send(request.clone()).await;
            let (wait, error) = match self.fate(what, sent, repeat) {
                Fate::Answered(answer) => return Ok(*answer),
                Fate::Over(error) => return Err(error),
                Fate::Again(wait, error) => (wait.unwrap_or(pause), error),
            };
            if wait > self.pace.longest {
                let (wait, longest) = (brief(wait), brief(self.pace.longest));
                return Err(XrayError::Away(format!(
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

    fn fate(&self, what: &str, sent: Result<Exchange, HttpError>, repeat: Repeat) -> Fate {
        let address = self.http.address();
        let unknown = |wait, why: String| match repeat {
            Repeat::Safe => Fate::Again(wait, XrayError::Away(why)),
            Repeat::Unsafe => Fate::Over(XrayError::Unknown(why)),
        };
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) => {
                let why = error.to_string();
                return match error.kind {
                    HttpErrorKind::Settings | HttpErrorKind::Tls => Fate::Over(XrayError::Away(why)),
                    HttpErrorKind::Refused | HttpErrorKind::Dns => Fate::Again(None, XrayError::Away(why)),
                    HttpErrorKind::TimedOut
                    | HttpErrorKind::Lost
                    | HttpErrorKind::Protocol
                    | HttpErrorKind::BodyTooLarge => unknown(None, why),
                };
            }
        };
        let (status, said) = (answer.status, said(&answer));
        match status {
            _ if status.is_success() => Fate::Answered(Box::new(answer)),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Fate::Over(XrayError::Refused { address, said })
            }
            StatusCode::TOO_MANY_REQUESTS => Fate::Again(
                retry_after(&answer, self.clock),
                XrayError::Away(format!("{address} is busy: {said}")),
            ),
            // Whatever stood between gave up, or the server broke while it was at work: what was asked may be done.
            _ if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                unknown(retry_after(&answer, self.clock), format!("{address} answers {status}: {said}"))
            }
            _ if status.is_redirection() => {
                let place = answer.headers.get("location").and_then(|place| place.to_str().ok());
                let place =
                    place.map_or_else(String::new, |place| format!(" to {}", clip(&clean(place), 200)));
                let said = format!("it points elsewhere{place}; correct `url` of `xray`");
                Fate::Over(XrayError::Rejected { what: what.to_owned(), status, said })
            }
            _ => Fate::Over(XrayError::Rejected { what: what.to_owned(), status, said }),
        }
    }
}

/// What becomes of a request that was sent.
enum Fate {
    Answered(Box<Exchange>),
    Over(XrayError),
    /// To be sent again, after the pause that the server asks for; the error that it otherwise is.
    Again(Option<Duration>, XrayError),
}

fn client(xray: &Xray, headers: BTreeMap<String, Secret>) -> Result<HttpClient, XrayError> {
    let url = xray
        .url
        .parse()
        .map_err(|error| XrayError::Settings(format!("`url` of `xray` is not an address: {error}")))?;
    let settings = HttpSettings { headers, ca_file: xray.ca_file.clone(), ..HttpSettings::new(url) };
    HttpClient::new(settings).map_err(|error| XrayError::Settings(error.to_string()))
}

/// How long the server asks to wait: seconds, or a date.
fn retry_after(answer: &Exchange, clock: &Clock) -> Option<Duration> {
    let text = answer.headers.get("retry-after")?.to_str().ok()?.trim();
    let seconds = text.parse().ok().map(Duration::from_secs);
    seconds.or_else(|| Duration::try_from(http_date(text)?.duration_since(clock.now())).ok())
}

/// What the server says, on one line.
pub(crate) fn said(answer: &Exchange) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    match clean(text.trim()).as_ref() {
        "" => "(nothing)".to_owned(),
        page if page.starts_with('<') => "(a page for browsers)".to_owned(),
        text => clip(text, 300).into_owned(),
    }
}
