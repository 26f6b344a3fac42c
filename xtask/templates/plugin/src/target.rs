//! The target: how __Title__ is reached.

use crate::client::Client;
use schemars::JsonSchema;
use serde::Deserialize;
use shakedown_core::target::{ConnectContext, Connected, TargetInfo};
use shakedown_core::{Secret, Target, TargetError, TargetErrorKind, async_trait, register_target};
use shakedown_http::{HttpClient, HttpSettings, Url};
use std::collections::BTreeMap;

/// __Title__.
pub struct Service;

register_target!(Service, "__Title__");

/// The table `[environments.E.targets.__name__]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The address that paths such as `/health` are appended to, for example `https://__name__.example.com`.
    #[schemars(url)]
    base_url: String,
    /// Headers of every request, for example for authentication.
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
}

#[async_trait]
impl Target for Service {
    const KIND: &'static str = "__name__";
    type Settings = Settings;
    type Client = Client;

    async fn connect(settings: Settings, cx: &ConnectContext) -> Result<Connected<Client>, TargetError> {
        let base_url: Url = settings.base_url.parse().map_err(|error| {
            // The text is not repeated: it may carry a password.
            TargetError::new(
                Self::KIND,
                "(settings)",
                TargetErrorKind::Settings,
                format!("`base_url`: {error}"),
            )
        })?;
        let http = HttpSettings {
            headers: settings.headers,
            connect_timeout: cx.timeout,
            ..HttpSettings::new(base_url)
        };
        let http = HttpClient::new(http).map_err(|error| error.for_target(Self::KIND))?;
        let info = TargetInfo {
            address: http.address(),
            warnings: http.warnings().to_vec(),
            ..TargetInfo::default()
        };
        let client = Client::new(http, cx.timeout);
        Self::probe(&client).await?;
        Ok(Connected { client, info })
    }

    async fn probe(client: &Client) -> Result<(), TargetError> {
        client.health(client.patience()).await.map(drop)
    }
}
