//! One bounded attempt to connect, and what its failures are called.

use crate::answer;
use crate::brief;
use crate::client::MongoClient;
use crate::monitor::{LONGEST_MESSAGE, Monitor};
use crate::place::{Place, unusable_uri};
use crate::target::Settings;
use crate::tls;
use crate::trouble;
use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::ClientOptions;
use shakedown_core::target::{Connected, TargetInfo};
use shakedown_core::{TargetError, TargetErrorKind, duration};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// The longest that choosing a server may take, unless the URI names a shorter time.
const SELECTION: Duration = Duration::from_secs(5);

/// Connects, and makes sure that the server answers and knows us.
pub(crate) async fn open(settings: Settings, limit: Duration) -> Result<Connected<MongoClient>, TargetError> {
    let start = Instant::now();
    let unparsed = Place::unparsed(settings.uri.expose(), &settings.database);
    if !is_database_name(&settings.database) {
        let name = brief::line(&settings.database, 80);
        let message = format!("`{name}` is not a name that a database can have");
        return Err(unparsed.error(TargetErrorKind::Settings, message).remedy("correct `database`"));
    }
    // A `mongodb+srv` URI asks the name server, so that even reading it needs a limit.
    let mut options = match timeout(limit, ClientOptions::parse(settings.uri.expose())).await {
        Ok(Ok(options)) => options,
        Ok(Err(error)) => return Err(unreadable(&error, &settings, &unparsed)),
        Err(_) => return Err(late(&unparsed, limit)),
    };
    let place = Place::of(&options, &settings.uri, &settings.database);
    tls::apply(&mut options, &settings).map_err(|(key, why)| {
        place.error(TargetErrorKind::Settings, why).remedy(format!("correct `{key}`"))
    })?;
    hurry(&mut options, limit);
    let place = Place::of(&options, &settings.uri, &settings.database);
    let warnings = tls::warnings(&options);
    let hosts = options.hosts.iter().map(ToString::to_string).collect::<BTreeSet<_>>().len();
    let monitor = Monitor::of(&mut options);
    let driver = Client::with_options(options.clone()).map_err(|error| {
        let kind = trouble::kind_of(&error, &place).unwrap_or(TargetErrorKind::Settings);
        place.error(kind, trouble::words(&error))
    })?;
    let mut client = MongoClient {
        database: driver.database(&settings.database),
        base_path: settings.base_path,
        place,
        monitor,
        patience: limit,
        connected_in: Duration::ZERO,
        recordings: OnceCell::new(),
        options,
    };
    let version =
        match timeout(limit.saturating_sub(start.elapsed()), answer::on_ample_stack(greet(&client, hosts)))
            .await
        {
            Ok(version) => version?,
            Err(_) => return Err(late(&client.place, limit)),
        };
    client.connected_in = start.elapsed();
    let info =
        TargetInfo { address: client.place.address().to_owned(), version, warnings, ..TargetInfo::default() };
    Ok(Connected { client, info })
}

/// Makes sure that the server answers, and asks for its version. Gives up as soon as every host has failed once.
async fn greet(client: &MongoClient, hosts: usize) -> Result<Option<String>, TargetError> {
    let fail = |error: Error| {
        let error = client.monitor.reveal(error);
        trouble::target_error(&error, "", &client.place)
            .unwrap_or_else(|| client.place.error(TargetErrorKind::Protocol, trouble::words(&error)))
    };
    tokio::select! {
        pinged = client.database.run_command(doc! { "ping": 1 }) => { pinged.map_err(fail)?; }
        failure = client.monitor.all_failed(hosts) => return Err(fail(failure)),
    }
    if let Some(bytes) = client.monitor.boasted() {
        // Such a server could make us take in that much.
        let message = format!(
            "the server announces messages of up to {bytes} bytes; MongoDB sends at most {LONGEST_MESSAGE}"
        );
        return Err(client.place.error(TargetErrorKind::Protocol, message));
    }
    if client.place.anonymous {
        // A server that demands a login answers a ping all the same.
        let list = doc! { "listCollections": 1, "nameOnly": true, "authorizedCollections": true };
        client.database.run_command(list).await.map_err(fail)?;
    }
    match client.database.run_command(doc! { "buildInfo": 1 }).await {
        Ok(info) => Ok(version(&info)),
        // Who may not know the version may still read recordings.
        Err(error) if matches!(&*error.kind, ErrorKind::Command(_)) => Ok(None),
        Err(error) => Err(fail(error)),
    }
}

fn version(info: &Document) -> Option<String> {
    info.get_str("version").ok().map(|version| brief::line(version, 40))
}

fn late(place: &Place, limit: Duration) -> TargetError {
    place.error(TargetErrorKind::TimedOut, format!("no answer within {}", duration::brief(limit)))
}

fn unreadable(error: &Error, settings: &Settings, place: &Place) -> TargetError {
    match &*error.kind {
        ErrorKind::DnsResolve { .. } | ErrorKind::Io(_) => {
            place.error(TargetErrorKind::Dns, trouble::words(error))
        }
        _ => {
            let message = unusable_uri(settings.uri.expose(), &trouble::words(error));
            place.error(TargetErrorKind::Settings, message)
        }
    }
}

/// Keeps every step below the limit, so that the driver's own words reach the user before time is up.
fn hurry(options: &mut ClientOptions, limit: Duration) {
    let below = limit.mul_f64(0.9);
    let shorter = |own: Option<Duration>| Some(own.map_or(below, |own| own.min(below)));
    options.server_selection_timeout = shorter(options.server_selection_timeout.or(Some(SELECTION)));
    options.connect_timeout = shorter(options.connect_timeout);
    options.app_name.get_or_insert_with(|| "shakedown".to_owned());
}

/// What MongoDB itself demands of a name.
fn is_database_name(name: &str) -> bool {
    !name.is_empty() && name.len() < 64 && !name.contains(['/', '\\', '.', ' ', '"', '$', '\0'])
}
