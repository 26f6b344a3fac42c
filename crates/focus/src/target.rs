//! The target: how a Focus Server is reached, and how jobs are removed from it.

use crate::client::FocusClient;
use crate::doors::{AuthSettings, Doors};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use shakedown_core::clock;
use shakedown_core::ledger::{Removal, Resource};
use shakedown_core::target::{ConnectContext, Connected, Rights, TargetInfo};
use shakedown_core::{
    HumanDuration, Secret, Target, TargetError, TargetErrorKind, async_trait, register_target,
};
use shakedown_http::{HttpClient, HttpError, HttpSettings, StatusCode, Url};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A Focus Server.
pub struct FocusApi;

register_target!(FocusApi, "Focus Server API");

/// How to reach a Focus Server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The address that paths such as `/ack` are appended to, for example `https://focus.example.com/focus-server`.
    #[schemars(with = "String", url)]
    base_url: BaseUrl,
    /// Whether the server's TLS certificate must be trusted.
    #[serde(default = "yes")]
    verify_tls: bool,
    /// A PEM file of further certificate authorities to trust.
    #[serde(default)]
    ca_file: Option<PathBuf>,
    /// Headers of every request, for example for authentication.
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    /// How requests are authenticated; without it, nobody asks whether they must be.
    #[serde(default)]
    auth: Option<AuthSettings>,
    /// An address at which plain HTTP must be refused or redirected; for an `https` address by default the port 80 of the
    /// same host, and the port of TLS itself.
    #[serde(default)]
    #[schemars(with = "Option<String>", url)]
    plain_url: Option<BaseUrl>,
    /// How long a job to which nobody connects may still live. So long it counts against `max_concurrent_jobs`.
    #[serde(default = "job_lifetime")]
    job_lifetime: HumanDuration,
}

const fn yes() -> bool {
    true
}

/// The server ends such a job after about 50 s; the rest is leeway.
const fn job_lifetime() -> HumanDuration {
    HumanDuration::secs(60)
}

/// An address that was read, so that a typo is found before anything connects.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl(pub Url);

impl TryFrom<String> for BaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // The text is not repeated: it may carry a password.
        let url: Url = text.parse().map_err(|error| format!("`base_url` is not an address: {error}"))?;
        if matches!(url.scheme(), "http" | "https") {
            Ok(Self(url))
        } else {
            Err(format!("`base_url` must begin with `http://` or `https://`, not `{}:`", url.scheme()))
        }
    }
}

#[async_trait]
impl Target for FocusApi {
    const KIND: &'static str = "focus-api";
    type Settings = Settings;
    type Client = FocusClient;

    /// Any answer to `GET /ack` will do: whether it is the right one is the question of a check.
    async fn connect(settings: Settings, cx: &ConnectContext) -> Result<Connected<FocusClient>, TargetError> {
        let unusable = |error: HttpError| error.for_target(Self::KIND);
        let mut headers = settings.headers;
        if let Some(auth) = settings.auth.as_ref().filter(|auth| auth.is_for_everything()) {
            headers.insert("authorization".to_owned(), auth.header());
        }
        let main = HttpSettings {
            verify_tls: settings.verify_tls,
            ca_file: settings.ca_file,
            headers,
            connect_timeout: cx.timeout,
            ..HttpSettings::new(settings.base_url.0)
        };
        let doors = Doors::new(&main, settings.auth, settings.plain_url).map_err(unusable)?;
        let http = HttpClient::new(main).map_err(unusable)?;
        let info = TargetInfo {
            address: http.address(),
            warnings: http.warnings().to_vec(),
            ..TargetInfo::default()
        };
        let client = FocusClient::new(http, settings.job_lifetime.0, cx.timeout).with_doors(doors);
        client.ack().await?;
        Ok(Connected { client, info })
    }

    async fn probe(client: &FocusClient) -> Result<(), TargetError> {
        client.ack().await.map(drop)
    }

    async fn time(client: &FocusClient) -> Result<Option<Timestamp>, TargetError> {
        let answer = client.ack().await?;
        Ok(answer.headers.get("date").and_then(|date| clock::http_date(date.to_str().ok()?)))
    }

    async fn rights(client: &FocusClient) -> Result<Rights, TargetError> {
        let missing = match client.ack().await?.status {
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                vec![format!("GET /ack is answered with {status}: give credentials in `auth` or `headers`")]
            }
            _ => Vec::new(),
        };
        Ok(Rights { missing, ..Rights::default() })
    }

    async fn remove(client: &FocusClient, resource: &Resource) -> Result<Removal, TargetError> {
        let by_itself = if resource.ends_by.is_some() { Removal::EndsByItself } else { Removal::Unsupported };
        // Ids come from the server; one that is more than a word could lead a path astray.
        let is_word =
            |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if resource.kind != FocusClient::JOB || !is_word(&resource.id) {
            return Ok(by_itself);
        }
        let exchange = client.delete_job(&resource.id).await?;
        match exchange.status {
            status if status.is_success() => Ok(Removal::Removed),
            // The deployed server knows no cancelling.
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(by_itself),
            status => Err(TargetError::new(
                Self::KIND,
                client.address(),
                TargetErrorKind::Protocol,
                format!("DELETE of job {} is answered with {status}", resource.id),
            )),
        }
    }
}

/// Bounds a request that no check waits for.
pub fn bounded(timeout: Duration) -> Duration {
    timeout.min(Duration::from_secs(15))
}
