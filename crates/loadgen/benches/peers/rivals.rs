//! The peers: `wrk` and `oha`, asked for requests per second.

use crate::Trouble;
use crate::process::{CLIENT_CORE, output, pinned};
use std::time::Duration;

/// How many connections each keeps busy.
pub(crate) const CONNECTIONS: usize = 64;
/// How much longer than its measurement a program may take.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

pub(crate) fn wrk(address: &str, during: Duration) -> Result<f64, Trouble> {
    let mut command = pinned(CLIENT_CORE, "wrk");
    command.args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{}s", during.as_secs())]);
    let text = output(command.arg(format!("http://{address}/")), during + GRACE)?;
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    rate.and_then(|rate| rate.trim().parse().ok()).ok_or_else(|| format!("wrk says no rate:\n{text}"))
}

pub(crate) fn oha(program: &str, address: &str, during: Duration) -> Result<f64, Trouble> {
    let mut command = pinned(CLIENT_CORE, program);
    command.args(["--no-tui", "--output-format", "json", "-c", &CONNECTIONS.to_string()]);
    command.args(["-z", &format!("{}s", during.as_secs())]);
    let text = output(command.arg(format!("http://{address}/")), during + GRACE)?;
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| format!("oha says no JSON ({error}):\n{text}"))?;
    json["summary"]["requestsPerSec"].as_f64().ok_or_else(|| format!("oha says no rate:\n{text}"))
}
