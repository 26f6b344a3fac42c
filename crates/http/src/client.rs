//! The client: connection, TLS, and the one function that sends.

use crate::error::{HttpError, HttpErrorKind, classify};
use crate::exchange::{Elapsed, Exchange, RequestSummary, shown_value};
use crate::request::Request;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::Certificate;
use shakedown_core::Secret;
use shakedown_core::duration::brief;
use shakedown_core::redact::MASK;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::Url;

const USER_AGENT: &str = concat!("shakedown/", env!("CARGO_PKG_VERSION"));

/// Servers commonly close an idle connection after five seconds; reusing one that they are about to close would lose a
/// request, which would then look like a fault of theirs.
const IDLE: Duration = Duration::from_secs(3);

/// How to reach a server.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The address that every path is appended to. User and password in it are sent as basic authentication.
    pub base_url: Url,
    /// Whether the server's certificate must be trusted.
    pub verify_tls: bool,
    /// A PEM file of further certificate authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// Headers of every request. Their values are never shown.
    pub headers: BTreeMap<String, Secret>,
    /// How long establishing a connection may take.
    pub connect_timeout: Duration,
}

impl HttpSettings {
    /// Only an address; everything else as most servers need it.
    pub fn new(base_url: Url) -> Self {
        Self {
            base_url,
            verify_tls: true,
            ca_file: None,
            headers: BTreeMap::new(),
            connect_timeout: Duration::from_secs(5),
        }
    }
}

/// A client of one server. It keeps connections open between requests and nothing else.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: reqwest::Client,
    base_url: Url,
    headers: HeaderMap,
    warnings: Vec<String>,
    settings: HttpSettings,
}

impl HttpClient {
    /// Reads the settings; connects to nothing.
    ///
    /// # Errors
    /// [`HttpErrorKind::Settings`], naming what cannot be used.
    pub fn new(settings: HttpSettings) -> Result<Self, HttpError> {
        let HttpSettings { base_url, verify_tls, ca_file, headers, connect_timeout } = settings.clone();
        let address = origin(&base_url);
        let unusable = |message: String| HttpError::new(HttpErrorKind::Settings, address.clone(), message);
        if !matches!(base_url.scheme(), "http" | "https") || base_url.host().is_none() {
            return Err(unusable(format!("`{}` is not an http or https address", clean(&base_url))));
        }
        let headers = sensitive(&headers).map_err(unusable)?;

        // The provider can be chosen only once per process, and whoever came first chose one that serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(IDLE);
        if base_url.scheme() == "http" {
            // Without TLS no authority is needed, and a machine that has none must not stand in the way.
            builder = builder.tls_certs_only([]);
        } else if !verify_tls {
            builder = builder.tls_danger_accept_invalid_certs(true);
        } else if let Some(path) = &ca_file {
            let certificates = authorities(path).map_err(unusable)?;
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder
            .build()
            .map_err(|error| unusable(format!("TLS cannot be set up: {}", classify(&error).1)))?;

        let mut warnings = Vec::new();
        if base_url.scheme() == "https" && !verify_tls {
            warnings.push("TLS certificates are not verified (verify_tls = false)".to_owned());
        }
        Ok(Self { client, base_url, headers, warnings, settings })
    }

    /// The base address, without credentials.
    pub fn address(&self) -> String {
        clean(&self.base_url).to_string()
    }

    /// How the server is reached, for those who speak to it by other means.
    pub const fn settings(&self) -> &HttpSettings {
        &self.settings
    }

    /// What the reader of a report should know of how the server is reached.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Sends one request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// Where no whole answer came back within the request's bounds.
    pub async fn send(&self, request: Request) -> Result<Exchange, HttpError> {
        let started = Instant::now();
        let deadline = started + request.timeout;
        let Request { method, path, query, headers, body, content_type, timeout, max_body } = request;
        let url = self.url(&path, &query);
        let name = format!("{method} {}", url.path());
        let failed = |kind, message: &str| HttpError::new(kind, origin(&url), format!("{name}: {message}"));

        let mut own = headers;
        if let Some(content_type) = content_type {
            own.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        let summary = self.summary(method.as_str(), &url, &own, body.clone());
        let mut all = self.headers.clone();
        all.extend(own);
        let mut outgoing = self.client.request(method, url.clone()).headers(all);
        if let Some(body) = body {
            outgoing = outgoing.body(body);
        }

        let mut response = match timeout_at(deadline, outgoing.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let (kind, words) = classify(&error);
                return Err(match kind {
                    HttpErrorKind::TimedOut => failed(kind, "no connection within the connect timeout"),
                    kind => failed(kind, &words),
                });
            }
            Err(_) => {
                return Err(failed(HttpErrorKind::TimedOut, &format!("no answer within {}", brief(timeout))));
            }
        };
        let headers_after = started.elapsed();

        let mut received = Vec::new();
        let broken = loop {
            match timeout_at(deadline, response.chunk()).await {
                Ok(Ok(None)) => break None,
                Ok(Ok(Some(chunk))) => {
                    let room = max_body - received.len();
                    received.extend_from_slice(&chunk[..chunk.len().min(room)]);
                    if chunk.len() > room {
                        break Some(failed(
                            HttpErrorKind::BodyTooLarge,
                            &format!("the body exceeds {max_body} bytes"),
                        ));
                    }
                }
                Ok(Err(error)) => {
                    let (kind, words) = classify(&error);
                    break Some(failed(
                        kind,
                        &format!("the body broke off after {} bytes: {words}", received.len()),
                    ));
                }
                Err(_) => {
                    let message = format!(
                        "the body did not end within {} ({} bytes so far)",
                        brief(timeout),
                        received.len()
                    );
                    break Some(failed(HttpErrorKind::TimedOut, &message));
                }
            }
        };
        let exchange = Exchange {
            request: summary,
            version: response.version(),
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            body: Bytes::from(received),
            truncated: broken.is_some(),
            elapsed: Elapsed { headers: headers_after, total: started.elapsed() },
        };
        match broken {
            None => Ok(exchange),
            Some(error) => Err(HttpError { partial: Some(Box::new(exchange)), ..error }),
        }
    }

    fn url(&self, path: &str, query: &[(String, String)]) -> Url {
        let mut url = self.base_url.clone();
        url.set_path(&format!("{}{path}", self.base_url.path().trim_end_matches('/')));
        url.set_fragment(None);
        url.set_query(None);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    fn summary(&self, method: &str, url: &Url, own: &HeaderMap, body: Option<Bytes>) -> RequestSummary {
        let masked = self.headers.keys().map(|name| (name.to_string(), MASK.to_owned()));
        let shown =
            own.iter().map(|(name, value)| (name.to_string(), shown_value(name.as_str(), value.as_bytes())));
        RequestSummary {
            method: method.to_owned(),
            url: clean(url).to_string(),
            headers: shown.chain(masked).collect(),
            body,
        }
    }
}

/// Scheme, host and port.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The address without user and password.
fn clean(url: &Url) -> Url {
    let mut clean = url.clone();
    // Both fail only for addresses that cannot carry credentials.
    let _ = clean.set_username("");
    let _ = clean.set_password(None);
    clean
}

/// Headers whose values the HTTP library will not show either.
fn sensitive(headers: &BTreeMap<String, Secret>) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let header: HeaderName = name.parse().map_err(|_| format!("`{name}` is not a header name"))?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| {
            format!("the value of the header `{name}` has characters that no header may have")
        })?;
        value.set_sensitive(true);
        map.insert(header, value);
    }
    Ok(map)
}

fn authorities(path: &PathBuf) -> Result<Vec<Certificate>, String> {
    let path_text = path.display();
    let pem =
        std::fs::read(path).map_err(|error| format!("ca_file `{path_text}` cannot be read: {error}"))?;
    let certificates = Certificate::from_pem_bundle(&pem)
        .map_err(|error| format!("ca_file `{path_text}` is not PEM: {}", classify(&error).1))?;
    if certificates.is_empty() {
        Err(format!("ca_file `{path_text}` holds no certificate"))
    } else {
        Ok(certificates)
    }
}
