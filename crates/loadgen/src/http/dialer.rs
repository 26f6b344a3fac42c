//! The way to a server: its addresses, TLS, and the connections that are made.

use super::link::Link;
use super::request::Request;
use super::settings::{Protocol, WireSettings};
use super::stream::Stream;
use super::{tls, wire::Wire};
use crate::failure::{ConnectFailure, Failure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Uri};
use rustls::pki_types::ServerName;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

const AGENT: &str = concat!("shakedown/", env!("CARGO_PKG_VERSION"));

/// The way to one server. Clones share it.
#[derive(Clone, Debug)]
pub struct Dialer(Arc<Way>);

struct Way {
    settings: WireSettings,
    host: Host<String>,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    headers: HeaderMap,
    /// The server's addresses, resolved once: a resolver is not what is measured.
    addresses: OnceCell<Vec<SocketAddr>>,
    made: AtomicUsize,
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.settings.fmt(f)
    }
}

impl Dialer {
    /// Reads the settings; connects to nothing.
    ///
    /// # Errors
    /// A lower-case fragment that names what cannot be used.
    pub fn new(settings: WireSettings) -> Result<Self, String> {
        let url = &settings.url;
        let host = url.host().filter(|_| matches!(url.scheme(), "http" | "https"));
        let (Some(host), Some(port)) = (host.map(|host| host.to_owned()), url.port_or_known_default()) else {
            return Err(format!("`{}:` is not an http or https address with a host", url.scheme()));
        };
        let tls = if url.scheme() == "https" {
            Some((tls::connector(&settings)?, server_name(&host)?))
        } else {
            None
        };
        let headers = headers(&settings)?;
        let way =
            Way { host, port, tls, headers, addresses: OnceCell::new(), made: AtomicUsize::new(0), settings };
        Ok(Self(Arc::new(way)))
    }

    /// A connection of one user. Nothing is connected before it is needed.
    pub fn wire(&self) -> Wire {
        Wire::new(self.clone())
    }

    /// A request for a path below the server's address, with its query.
    ///
    /// # Errors
    /// Where the path cannot stand in an address.
    pub fn get(&self, path: &str) -> Result<Request, String> {
        self.request(Method::GET, path)
    }

    /// A request that posts a body.
    ///
    /// # Errors
    /// Where path or type cannot stand in a request.
    pub fn post(&self, path: &str, content_type: &str, body: impl Into<Bytes>) -> Result<Request, String> {
        let mut request = self.request(Method::POST, path)?.with_body(body);
        let content_type = HeaderValue::from_str(content_type)
            .map_err(|_| format!("`{content_type}` is not a content type such as \"application/json\""))?;
        request.headers.insert(CONTENT_TYPE, content_type);
        Ok(request)
    }

    /// A request with any method and without a body.
    ///
    /// # Errors
    /// Where the path cannot stand in an address.
    pub fn request(&self, method: Method, path: &str) -> Result<Request, String> {
        let settings = &self.0.settings;
        let unusable = |error| format!("`{path}` is not a path such as \"/channels?first=1\": {error}");
        let full = format!("{}{path}", settings.url.path().trim_end_matches('/'));
        let full: Uri = full.parse().map_err(unusable)?;
        let origin = settings.url.origin().ascii_serialization();
        let address = format!("{origin}{full}").parse().map_err(unusable)?;
        let headers = self.0.headers.clone();
        Ok(Request { method, path: full, address, headers, body: Bytes::new(), timeout: None })
    }

    pub(super) fn settings(&self) -> &WireSettings {
        &self.0.settings
    }

    /// Makes a connection within its time.
    pub(super) async fn dial(&self) -> Result<Link, Failure> {
        timeout(self.0.settings.connect_timeout, self.0.dial())
            .await
            .unwrap_or(Err(Failure::Connect(ConnectFailure::TimedOut)))
    }
}

impl Way {
    async fn dial(&self) -> Result<Link, Failure> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let addresses = self.addresses.get_or_try_init(|| self.resolve()).await?;
        let tcp = self.connect(addresses, number).await?;
        // Answers of a busy server must not wait for acknowledgements of small packets.
        tcp.set_nodelay(true).map_err(|error| Failure::of_connecting(&error))?;
        let Some((connector, name)) = &self.tls else {
            let is_http2 = self.settings.protocol == Protocol::Http2;
            return Link::new(Stream::Plain(tcp), is_http2).await;
        };
        let stream = connector.connect(name.clone(), tcp).await.map_err(|error| of_handshake(&error))?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(tls::HTTP2);
        if self.settings.protocol == Protocol::Http2 && !is_http2 {
            return Err(Failure::Protocol("the server does not offer HTTP/2".to_owned()));
        }
        Link::new(Stream::Tls(Box::new(stream)), is_http2).await
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>, Failure> {
        let name = match &self.host {
            Host::Ipv4(address) => return Ok(vec![SocketAddr::from((*address, self.port))]),
            Host::Ipv6(address) => return Ok(vec![SocketAddr::from((*address, self.port))]),
            Host::Domain(name) => name,
        };
        let unknown = |reason: String| Failure::Connect(ConnectFailure::Dns(reason));
        let found = lookup_host((name.as_str(), self.port)).await;
        let found: Vec<_> = found.map_err(|error| unknown(error.to_string()))?.collect();
        if found.is_empty() { Err(unknown(format!("`{name}` has no address"))) } else { Ok(found) }
    }

    /// Connects to the first address that accepts, beginning with another one each time.
    async fn connect(&self, addresses: &[SocketAddr], number: usize) -> Result<TcpStream, Failure> {
        let mut failure = Failure::Connect(ConnectFailure::Unreachable);
        for turn in 0..addresses.len() {
            let address = addresses[(number + turn) % addresses.len()];
            match self.connect_to(address, number).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = Failure::of_connecting(&error),
            }
            if failure.is_own_limit() {
                break;
            }
        }
        Err(failure)
    }

    async fn connect_to(&self, address: SocketAddr, number: usize) -> io::Result<TcpStream> {
        let sources = &self.settings.source_addresses;
        let fits = |source: &&IpAddr| source.is_ipv4() == address.is_ipv4();
        let count = sources.iter().filter(fits).count();
        if count == 0 {
            return TcpStream::connect(address).await;
        }
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if let Some(source) = sources.iter().filter(fits).nth(number % count) {
            socket.bind(SocketAddr::new(*source, 0)).map_err(|error| of_binding(*source, error))?;
        }
        socket.connect(address).await
    }
}

/// A source address that is not this machine's is a mistake in the settings, not a lack of ports.
fn of_binding(source: IpAddr, error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::AddrNotAvailable {
        io::Error::other(format!("the source address {source} is not one of this machine"))
    } else {
        error
    }
}

/// Whatever ends a handshake, other than the network, is a failure of TLS.
fn of_handshake(error: &io::Error) -> Failure {
    match Failure::of(error) {
        Failure::Truncated => {
            Failure::Tls("the server closed the connection during the handshake".to_owned())
        }
        Failure::Protocol(reason) | Failure::Other(reason) => Failure::Tls(reason),
        failure => failure,
    }
}

fn server_name(host: &Host<String>) -> Result<ServerName<'static>, String> {
    Ok(match host {
        Host::Ipv4(address) => ServerName::from(IpAddr::from(*address)),
        Host::Ipv6(address) => ServerName::from(IpAddr::from(*address)),
        Host::Domain(name) => ServerName::try_from(name.clone())
            .map_err(|_| format!("`{name}` cannot be the name of a TLS server"))?,
    })
}

/// The headers of every request: those of the settings, and those that every server needs.
fn headers(settings: &WireSettings) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let url = &settings.url;
    let host = url.port().map_or_else(
        || url.host_str().unwrap_or_default().to_owned(),
        |port| format!("{}:{port}", url.host_str().unwrap_or_default()),
    );
    let host = HeaderValue::from_str(&host).map_err(|_| format!("`{host}` cannot be a host"))?;
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    if let Some(credentials) = basic(url) {
        headers.insert(AUTHORIZATION, secret("authorization", &credentials)?);
    }
    for (name, value) in &settings.headers {
        let header: HeaderName = name.parse().map_err(|_| format!("`{name}` is not a header name"))?;
        headers.insert(header, secret(name, value.expose())?);
    }
    Ok(headers)
}

fn secret(name: &str, value: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| format!("the value of the header `{name}` has characters that no header may have"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// User and password of an address, as basic authentication has them.
fn basic(url: &Url) -> Option<String> {
    let plain = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair = plain(url.username());
    pair.push(b':');
    pair.extend(plain(url.password().unwrap_or_default()));
    Some(format!("Basic {}", BASE64_STANDARD.encode(pair)))
}
