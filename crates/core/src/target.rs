//! What checks talk to: a target has a kind, typed settings, and a client that is connected once per run and shared.

use crate::check::Source;
use crate::clock::Clock;
use crate::ledger::{Removal, Resource};
use crate::level::words;
use async_trait::async_trait;
use jiff::Timestamp;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Why a target could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TargetErrorKind {
    /// Nothing listens there.
    Refused,
    /// It did not answer in time.
    TimedOut,
    /// Its name does not resolve.
    Dns,
    /// The TLS handshake failed.
    Tls,
    /// The connection broke.
    Lost,
    /// It does not know us.
    Unauthorised,
    /// It knows us and does not let us.
    Forbidden,
    /// It answers, but not in its protocol.
    Protocol,
    /// The settings cannot be used.
    Settings,
    /// It is another one than the configuration pins.
    Mistaken,
}
words!(TargetErrorKind {
    Refused => "connection refused", TimedOut => "timed out", Dns => "name not resolved", Tls => "TLS failed",
    Lost => "connection lost", Unauthorised => "not authenticated", Forbidden => "not permitted",
    Protocol => "protocol violated", Settings => "unusable settings", Mistaken => "mistaken identity",
});

impl TargetErrorKind {
    /// Whether this says that the target as a whole is away, so that asking again is pointless.
    pub const fn is_away(self) -> bool {
        !matches!(self, Self::Forbidden | Self::Protocol | Self::Mistaken)
    }
}

/// A target could not be used: which, where, and why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{target} at {address}: {kind}: {message}")]
pub struct TargetError {
    /// The target's kind, for example `mongo`.
    pub target: String,
    /// Its address, without credentials.
    pub address: String,
    /// Why.
    pub kind: TargetErrorKind,
    /// The error's own words, without credentials.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl TargetError {
    /// An error without a remedy.
    pub fn new(
        target: &str,
        address: impl fmt::Display,
        kind: TargetErrorKind,
        message: impl fmt::Display,
    ) -> Self {
        Self {
            target: target.to_owned(),
            address: address.to_string(),
            kind,
            message: message.to_string(),
            remedy: None,
        }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// What a target says of itself once it is connected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetInfo {
    /// Its address, without credentials.
    pub address: String,
    /// The version it reports, where it reports one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What tells this one from all others, for example `uid`; a configuration may pin it. Lower case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub identity: BTreeMap<String, String>,
    /// What the reader of a report should know, for example "TLS certificates are not verified".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What credentials permit, one line each, as far as the target tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// What they permit.
    pub granted: Vec<String>,
    /// What they lack for the checks to work; empty where all is well.
    pub missing: Vec<String>,
}

/// What connecting may use.
#[derive(Clone, Debug)]
pub struct ConnectContext {
    /// How long connecting may take, all in all.
    pub timeout: Duration,
    /// The clock.
    pub clock: Clock,
}

/// A client, and what it found out while connecting.
pub struct Connected<C> {
    /// The client that checks share.
    pub client: C,
    /// What the target says of itself.
    pub info: TargetInfo,
}

/// A kind of system that checks talk to.
///
/// ```
/// use shakedown_core::target::{ConnectContext, Connected, TargetInfo};
/// use shakedown_core::{Clock, Target, TargetError, TargetErrorKind, async_trait, register_target};
/// use std::net::{TcpListener, TcpStream};
///
/// /// The moon.
/// struct Moon;
///
/// /// The table `[environments.E.targets.moon]`.
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Settings {
///     /// Host and port.
///     address: String,
/// }
///
/// struct Client(String);
///
/// #[async_trait]
/// impl Target for Moon {
///     const KIND: &'static str = "moon";
///     type Settings = Settings;
///     type Client = Client;
///
///     async fn connect(settings: Settings, _: &ConnectContext) -> Result<Connected<Client>, TargetError> {
///         let client = Client(settings.address);
///         Self::probe(&client).await?;
///         let info = TargetInfo { address: client.0.clone(), ..TargetInfo::default() };
///         Ok(Connected { client, info })
///     }
///
///     async fn probe(Client(address): &Client) -> Result<(), TargetError> {
///         let away = |error| TargetError::new(Self::KIND, address, TargetErrorKind::Refused, error);
///         TcpStream::connect(address).map(drop).map_err(away)
///     }
/// }
/// register_target!(Moon, "The moon");
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let moon = TcpListener::bind("127.0.0.1:0").unwrap();
/// let settings = Settings { address: moon.local_addr().unwrap().to_string() };
/// let cx = ConnectContext { timeout: std::time::Duration::from_secs(5), clock: Clock::system() };
/// let client = Moon::connect(settings, &cx).await.unwrap().client;
/// drop(moon);
/// assert_eq!(Moon::probe(&client).await.unwrap_err().kind, TargetErrorKind::Refused);
/// # });
/// ```
#[async_trait]
pub trait Target: Send + Sync + 'static {
    /// The name in `[environments.E.targets.KIND]` and in a check's `target`; the plugin's own name.
    const KIND: &'static str;
    /// The table in the configuration. Secrets are [`Secret`](crate::Secret) fields; unknown keys must be denied.
    type Settings: DeserializeOwned + JsonSchema + Send;
    /// What checks get from [`Context::target`](crate::Context::target).
    type Client: Send + Sync + 'static;

    /// Connects and makes sure that the target answers. Called once per run.
    async fn connect(
        settings: Self::Settings,
        cx: &ConnectContext,
    ) -> Result<Connected<Self::Client>, TargetError>;

    /// Whether the target still answers; asked when a check reports it away.
    async fn probe(client: &Self::Client) -> Result<(), TargetError>;

    /// For `doctor`: the target's own time to the second or better, where it tells.
    async fn time(_client: &Self::Client) -> Result<Option<Timestamp>, TargetError> {
        Ok(None)
    }

    /// For `doctor` and `validate --live`: what the credentials permit of what checks do, and what they lack.
    async fn rights(_client: &Self::Client) -> Result<Rights, TargetError> {
        Ok(Rights::default())
    }

    /// Removes something that a run created. Targets whose checks create nothing leave this as it is.
    async fn remove(_client: &Self::Client, _resource: &Resource) -> Result<Removal, TargetError> {
        Ok(Removal::Unsupported)
    }
}

/// A connected target, its type erased.
#[async_trait]
pub trait LiveTarget: Send + Sync {
    /// The client, to be downcast.
    fn client(&self) -> Arc<dyn Any + Send + Sync>;
    /// What the target says of itself.
    fn info(&self) -> &TargetInfo;
    /// See [`Target::probe`].
    async fn probe(&self) -> Result<(), TargetError>;
    /// See [`Target::time`].
    async fn time(&self) -> Result<Option<Timestamp>, TargetError>;
    /// See [`Target::rights`].
    async fn rights(&self) -> Result<Rights, TargetError>;
    /// See [`Target::remove`].
    async fn remove(&self, resource: &Resource) -> Result<Removal, TargetError>;
}

struct Live<T: Target> {
    client: Arc<T::Client>,
    info: TargetInfo,
}

#[async_trait]
impl<T: Target> LiveTarget for Live<T> {
    fn client(&self) -> Arc<dyn Any + Send + Sync> {
        Arc::clone(&self.client) as _
    }

    fn info(&self) -> &TargetInfo {
        &self.info
    }

    async fn probe(&self) -> Result<(), TargetError> {
        T::probe(&self.client).await
    }

    async fn time(&self) -> Result<Option<Timestamp>, TargetError> {
        T::time(&self.client).await
    }

    async fn rights(&self) -> Result<Rights, TargetError> {
        T::rights(&self.client).await
    }

    async fn remove(&self, resource: &Resource) -> Result<Removal, TargetError> {
        T::remove(&self.client, resource).await
    }
}

/// A future that is about to connect a target.
pub type Connecting = Pin<Box<dyn Future<Output = Result<Arc<dyn LiveTarget>, TargetError>> + Send>>;

/// A registered target: const data and factories.
pub struct TargetSpec {
    /// See [`Target::KIND`].
    pub kind: &'static str,
    /// What it is, for a reader.
    pub title: &'static str,
    /// The crate that registered it.
    pub source: Source,
    /// The JSON Schema of its settings.
    pub schema: fn() -> Schema,
    /// Whether settings can be read; the error says which field and why.
    pub validate: fn(&Value) -> Result<(), String>,
    /// Connects with these settings.
    pub connect: fn(Value, ConnectContext) -> Connecting,
}

impl TargetSpec {
    /// The specification of a target type.
    pub const fn of<T: Target>(title: &'static str, source: Source) -> Self {
        Self {
            kind: T::KIND,
            title,
            source,
            schema: || schemars::schema_for!(T::Settings),
            validate: |settings| {
                T::Settings::deserialize(settings).map(drop).map_err(|error| error.to_string())
            },
            connect: |settings, cx| {
                Box::pin(async move {
                    let settings = T::Settings::deserialize(settings).map_err(|error| {
                        TargetError::new(T::KIND, "(settings)", TargetErrorKind::Settings, error)
                    })?;
                    let Connected { client, info } = T::connect(settings, &cx).await?;
                    Ok(Arc::new(Live::<T> { client: Arc::new(client), info }) as Arc<dyn LiveTarget>)
                })
            },
        }
    }
}

inventory::collect!(TargetSpec);
