//! The target `mongo`: its settings, and what the runner asks of it.

use crate::client::MongoClient;
use crate::connection;
use crate::permitted;
use crate::place::KIND;
use crate::trouble::Trouble;
use jiff::Timestamp;
use mongodb::bson::doc;
use schemars::JsonSchema;
use serde::Deserialize;
use shakedown_core::target::{ConnectContext, Connected, Rights};
use shakedown_core::{Secret, Target, TargetError, async_trait};

/// The MongoDB that Focus Server keeps its recordings in.
pub struct Mongo;

/// `[environments.E.targets.mongo]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where it is and how to log in: `mongodb://USER:PASSWORD@HOST:PORT/?authSource=DATABASE`.
    pub uri: Secret,
    /// The database of Focus Server.
    #[serde(default = "default_database")]
    pub database: String,
    /// The base path whose recordings are examined; `base_paths` maps it to a GUID.
    #[serde(default = "default_base_path")]
    pub base_path: String,
    /// A file with the certificate authorities to trust, in PEM. Naming one turns TLS on.
    #[serde(default)]
    pub tls_ca_file: Option<String>,
    /// A file with a certificate for the client and its private key, in PEM. Naming one turns TLS on; with
    /// `authMechanism=MONGODB-X509` in `uri` the certificate is the login as well.
    #[serde(default)]
    pub tls_certificate_key_file: Option<String>,
}

fn default_database() -> String {
    "prisma".to_owned()
}

fn default_base_path() -> String {
    "/prisma/root/recordings".to_owned()
}

#[async_trait]
impl Target for Mongo {
    const KIND: &'static str = KIND;
    type Settings = Settings;
    type Client = MongoClient;

    async fn connect(settings: Settings, cx: &ConnectContext) -> Result<Connected<MongoClient>, TargetError> {
        connection::open(settings, cx.timeout).await
    }

    async fn probe(client: &MongoClient) -> Result<(), TargetError> {
        match client.ping(client.patience).await {
            // A server that refuses a ping is there all the same.
            Ok(_) | Err(Trouble::Refused { .. }) => Ok(()),
            Err(Trouble::Target(error)) => Err(error),
        }
    }

    async fn time(client: &MongoClient) -> Result<Option<Timestamp>, TargetError> {
        let hello = client.database.run_command(doc! { "hello": 1 });
        let answer = client.ask_within(client.patience, "ask for the time", hello).await;
        let told = answer.map_err(|trouble| trouble.of_target(&client.place))?;
        let told = told.get_datetime("localTime").ok().map(|time| time.timestamp_millis());
        Ok(told.and_then(|millis| Timestamp::from_millisecond(millis).ok()))
    }

    async fn rights(client: &MongoClient) -> Result<Rights, TargetError> {
        let mut rights = Rights::default();
        let line = |error: TargetError| format!("{}; {}", error.message, error.remedy.unwrap_or_default());
        for asked in [
            permitted::to_data(client, client.patience).await?,
            permitted::to_health(client, client.patience).await?,
        ] {
            rights.granted.extend(asked.granted);
            rights.missing.extend(asked.refused.into_iter().map(line));
        }
        Ok(rights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::{Clock, TargetErrorKind};
    use std::time::Duration;
    use tokio::net::TcpListener;

    fn settings(uri: &str) -> Settings {
        serde_json::from_value(serde_json::json!({ "uri": uri })).unwrap()
    }

    async fn refusal(settings: Settings, timeout: Duration) -> TargetError {
        let cx = ConnectContext { timeout, clock: Clock::system() };
        match Mongo::connect(settings, &cx).await {
            Ok(_) => panic!("connected"),
            Err(error) => error,
        }
    }

    const AMPLE: Duration = Duration::from_secs(20);

    #[test]
    fn settings_have_defaults_and_refuse_what_they_do_not_know() {
        let settings = settings("mongodb://u:p@db.example.com");
        assert_eq!(
            (settings.database.as_str(), settings.base_path.as_str()),
            ("prisma", "/prisma/root/recordings")
        );
        assert!(!format!("{settings:?}").contains("u:p"));
        let unknown = serde_json::json!({ "uri": "mongodb://db.example.com", "databse": "x" });
        assert!(serde_json::from_value::<Settings>(unknown).unwrap_err().to_string().contains("databse"));
    }

    #[tokio::test]
    async fn nothing_listens_there() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error =
            refusal(settings(&format!("mongodb://reader:hunter22@{address}/?authSource=prisma")), AMPLE)
                .await;
        assert_eq!(
            (error.kind, error.address.as_str()),
            (TargetErrorKind::Refused, address.to_string().as_str())
        );
        assert!(!format!("{error:?}").contains("hunter22"));
        assert!(error.remedy.unwrap().contains("start MongoDB"));
    }

    #[tokio::test]
    async fn a_server_that_never_answers_is_given_up_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let error = refusal(settings(&format!("mongodb://{address}")), Duration::from_millis(300)).await;
        assert_eq!(error.kind, TargetErrorKind::TimedOut);
    }

    /// A server that answers every connection with `reply` and hangs up.
    async fn talker(reply: &'static [u8]) -> std::net::SocketAddr {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(reply).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn a_server_of_another_protocol_is_told_apart() {
        let address =
            talker(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        let error = refusal(settings(&format!("mongodb://{address}")), AMPLE).await;
        assert_eq!(error.kind, TargetErrorKind::Protocol, "{error}");
        let error = refusal(settings(&format!("mongodb://{address}/?tls=true")), AMPLE).await;
        assert_eq!(error.kind, TargetErrorKind::Tls, "{error}");
    }

    #[tokio::test]
    async fn unusable_settings_are_told_without_their_secrets() {
        for uri in
            ["mongodb://u:p/secret@db.example.com", "localhost:27017", "mongodb://", "mongodb://h/?tls=maybe"]
        {
            let error = refusal(settings(uri), AMPLE).await;
            assert_eq!(error.kind, TargetErrorKind::Settings, "{uri}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let mut wrong = settings("mongodb://db.example.com");
        wrong.database = "pri sma".to_owned();
        assert!(refusal(wrong, AMPLE).await.message.contains("`pri sma` is not a name"));
        let mut wrong = settings("mongodb://db.example.com");
        wrong.tls_ca_file = Some("/does/not/exist.pem".to_owned());
        let error = refusal(wrong, AMPLE).await;
        assert_eq!(error.kind, TargetErrorKind::Settings, "{error}");
        assert!(error.message.contains("exist.pem"), "{error}");
    }
}
