//! Scenarios of plain HTTP that any worker process can run.

use crate::arrivals::Share;
use crate::http::{Connections, Dialer, Endpoint, Held, WireSettings};
use crate::limits::Needs;
use serde::Deserialize;
use shakedown_core::HumanDuration;
use std::net::IpAddr;
use url::Url;

/// What is asked for, and how. It holds no secret: it travels as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebParams {
    /// The servers' addresses; worker *i* asks the *i*-th, and begins anew behind the last.
    urls: Vec<String>,
    /// The path below the address, with its query.
    #[serde(default)]
    path: String,
    /// Addresses of this machine to connect from, shared out among the workers; none leaves the choice to the system.
    #[serde(default)]
    source_addresses: Vec<IpAddr>,
    /// How long a whole answer may take.
    #[serde(default = "half_a_minute")]
    timeout: HumanDuration,
    /// How many connections all workers together hold; for `http.held`.
    #[serde(default)]
    connections: u64,
}

const fn half_a_minute() -> HumanDuration {
    HumanDuration::secs(30)
}

crate::register_scenario! {
    /// Asks for one path. Each user keeps a connection.
    "http.get": WebParams => |params, share| {
        let dialer = params.dialer(share, Connections::Kept)?;
        let request = dialer.get(&params.path)?;
        Ok(Endpoint::new(dialer, "get", request))
    },
    creates: false,
}

crate::register_scenario! {
    /// Holds very many connections: the first arrivals make one each, every later one asks for one path over the
    /// connection that has rested longest.
    "http.held": WebParams => |params, share| {
        if params.connections == 0 {
            return Err("`connections` must be at least 1".to_owned());
        }
        let source_addresses = params.sources(share).len() as u64;
        let needs = Needs { source_addresses, ..Needs::kept(share.of_the_first(params.connections)) };
        needs.check().map_err(|shortfall| format!("worker {}: {shortfall}", share.index))?;
        let dialer = params.dialer(share, Connections::Resting)?;
        let request = dialer.get(&params.path)?;
        Ok(Held::new(dialer, request, params.connections))
    },
    creates: false,
}

impl WebParams {
    fn dialer(&self, share: Share, connections: Connections) -> Result<Dialer, String> {
        let Some(url) = self.urls.iter().cycle().nth(share.index as usize) else {
            return Err("`urls` must name at least one address".to_owned());
        };
        let url: Url = url.parse().map_err(|error| format!("`{url}` is no address: {error}"))?;
        Dialer::new(WireSettings {
            connections,
            timeout: self.timeout.0,
            source_addresses: self.sources(share),
            ..WireSettings::new(url)
        })
    }

    /// The addresses that a worker connects from. With fewer addresses than workers, all share them.
    fn sources(&self, share: Share) -> Vec<IpAddr> {
        let addresses = self.source_addresses.iter().zip(0_u64..);
        let own: Vec<IpAddr> =
            addresses.filter(|(_, k)| share.owns(*k)).map(|(address, _)| *address).collect();
        if own.is_empty() { self.source_addresses.clone() } else { own }
    }
}

#[cfg(test)]
mod tests {
    use crate::arrivals::Share;
    use crate::workers::registry::build;
    use serde_json::json;

    fn why(name: &str, params: &serde_json::Value) -> String {
        build(name, params, Share { index: 1, of: 2 })
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn what_cannot_be_asked_is_said_beforehand() {
        let url = "http://127.0.0.1:1";
        assert_eq!(
            why("http.get", &json!({ "urls": [url], "path": "ack", "source_addresses": ["127.0.0.2"] })),
            ""
        );
        insta::assert_snapshot!(why("http.get", &json!({ "urls": [] })), @"scenario `http.get` refuses its parameters: `urls` must name at least one address");
        insta::assert_snapshot!(why("http.get", &json!({ "urls": ["ftp://example.com"] })), @"scenario `http.get` refuses its parameters: `ftp:` is not an http or https address with a host");
        insta::assert_snapshot!(why("http.held", &json!({ "urls": [url] })), @"scenario `http.held` refuses its parameters: `connections` must be at least 1");
        let many = why("http.held", &json!({ "urls": [url], "connections": u64::MAX / 2 }));
        assert!(
            many.contains("worker 1: generator-limited: ") && many.ends_with("over more processes"),
            "{many}"
        );
    }
}
