//! The way of the load engine to the Focus Server that the configuration names: the same address, headers and trust as
//! those of the functional checks, over connections of its own.

use shakedown_core::CheckError;
use shakedown_focus::client::FocusClient;
use shakedown_http::HttpSettings;
use shakedown_loadgen::http::{Dialer, WireSettings};
use std::time::Duration;

/// How long an answer may take before a request counts as failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// The way to the server, with [`PATIENCE`].
pub(crate) fn dialer(client: &FocusClient) -> Result<Dialer, CheckError> {
    patient_dialer(client, PATIENCE)
}

/// The way to the server, on which an answer may take this long.
pub(crate) fn patient_dialer(client: &FocusClient, patience: Duration) -> Result<Dialer, CheckError> {
    let HttpSettings { base_url, verify_tls, ca_file, headers, connect_timeout } = client.settings().clone();
    let unreadable =
        |error| CheckError::unclear(format!("the file of certificate authorities cannot be read: {error}"));
    let ca_pem = ca_file.map(std::fs::read).transpose().map_err(unreadable)?;
    let settings = WireSettings {
        verify_tls,
        ca_pem,
        headers,
        connect_timeout,
        timeout: patience,
        ..WireSettings::new(base_url)
    };
    Dialer::new(settings)
        .map_err(|why| CheckError::unclear(format!("the load engine cannot use the target: {why}")))
}
