//! How a server is reached.

use shakedown_core::Secret;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use url::Url;

/// Which version of HTTP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: negotiated where there is TLS, and spoken without asking where there is none.
    Http2,
    /// What the server prefers where there is TLS, and HTTP/1.1 where there is none.
    Negotiated,
}

/// What becomes of a connection after an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connections {
    /// It is kept for the next request of the same user.
    #[default]
    Kept,
    /// It is kept, but its buffers are given back: for very many connections that are mostly idle. HTTP/1.1 only;
    /// an HTTP/2 connection keeps what it has.
    Resting,
    /// It is closed: each request makes its own.
    Fresh,
}

/// How a server is reached. Secrets in it are never printed.
#[derive(Clone)]
pub struct WireSettings {
    /// The address that every path is appended to. User and password in it are sent as basic authentication.
    pub url: Url,
    /// Whether the server's certificate must be trusted.
    pub verify_tls: bool,
    /// Further certificate authorities to trust, as PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// Headers of every request.
    pub headers: BTreeMap<String, Secret>,
    /// Which version of HTTP is spoken.
    pub protocol: Protocol,
    /// What becomes of a connection after an answer.
    pub connections: Connections,
    /// Addresses of this machine to connect from, in turn; none leaves the choice to the system. How many connections one of
    /// them has ports for: [`Needs`](crate::limits::Needs).
    pub source_addresses: Vec<IpAddr>,
    /// How long making a connection may take, TLS included.
    pub connect_timeout: Duration,
    /// How long a whole answer may take, counted from the moment that there is a connection.
    pub timeout: Duration,
    /// How many bytes of a body are read at most; a longer one is a failure.
    pub most_bytes: u64,
}

impl WireSettings {
    /// Only an address; everything else as most servers need it.
    pub fn new(url: Url) -> Self {
        Self {
            url,
            verify_tls: true,
            ca_pem: None,
            headers: BTreeMap::new(),
            protocol: Protocol::default(),
            connections: Connections::default(),
            source_addresses: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            most_bytes: 64 << 20,
        }
    }
}

impl fmt::Debug for WireSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireSettings")
            .field("server", &self.url.origin().ascii_serialization())
            .field("verify_tls", &self.verify_tls)
            .field("headers", &self.headers.keys())
            .field("protocol", &self.protocol)
            .field("connections", &self.connections)
            .field("source_addresses", &self.source_addresses)
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("most_bytes", &self.most_bytes)
            .finish_non_exhaustive()
    }
}
