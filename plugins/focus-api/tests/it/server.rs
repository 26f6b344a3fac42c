//! A small server that speaks for the contract, as [`contract`](crate::contract) says it. What a test wants otherwise it
//! says with a twist. It is no part of the sandbox: a check that passes here and there does not lean on one server.

use crate::contract::{Style, answers};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

/// Answers in place of the contract's, or leaves it to that.
type Twist = Box<dyn Fn(&str, &Value) -> Option<(u16, Value)> + Send + Sync>;

pub(crate) struct Server {
    pub(crate) url: String,
    /// Where the certificate authority is, with TLS.
    authority: Option<TempDir>,
    task: JoinHandle<()>,
    desk: Arc<Desk>,
}

/// What the server knows.
pub(crate) struct Desk {
    twist: Twist,
    pub(crate) style: Style,
    prefix: &'static str,
    pub(crate) jobs: AtomicU64,
    serving: AtomicU64,
    /// Whether it breaks connections instead of answering.
    away: AtomicBool,
    /// The answers to accepted configurations, in the order of the jobs.
    pub(crate) started: Mutex<Vec<Value>>,
    streams: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        self.desk.streams.lock().unwrap().drain(..).for_each(|stream| stream.abort());
    }
}

impl Desk {
    /// Opens the stream of a job: a server of HTTP/2 that knows nothing. Returns its port.
    pub(crate) fn open_stream(&self) -> u16 {
        let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let port = socket.local_addr().unwrap().port();
        let socket = TcpListener::from_std(socket).unwrap();
        let stream = tokio::spawn(async move { axum::serve(socket, Router::new()).await.unwrap() });
        self.streams.lock().unwrap().push(stream);
        port
    }
}

impl Server {
    pub(crate) async fn healthy() -> Self {
        Self::with(|_, _| None).await
    }

    /// A server on which `twist`, given `METHOD /path` and the body, goes before the contract. A status of 0 stands for
    /// 500 to requests that come in while another is served.
    pub(crate) async fn with(
        twist: impl Fn(&str, &Value) -> Option<(u16, Value)> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (desk, app) = desk(Box::new(twist), Style::Usual, "/focus-server");
        let url = format!("http://{}/focus-server", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, authority: None, task, desk }
    }

    /// One that is correct in every way that one does not expect: TLS of a private authority, HTTP/2, a long prefix,
    /// bodies in chunks, and answers in the other spellings that the contract leaves open.
    pub(crate) async fn unusual() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let authority = tempfile::tempdir().unwrap();
        std::fs::write(authority.path().join("ca.pem"), cert.pem()).unwrap();
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("https://localhost:{}/api/v1/focus", socket.local_addr().unwrap().port());
        let (desk, app) = desk(Box::new(|_, _| None), Style::Unusual, "/api/v1/focus");
        let listener = Tls { socket, acceptor: TlsAcceptor::from(Arc::new(config)) };
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, authority: Some(authority), task, desk }
    }

    /// Breaks every connection that is used, for this long.
    pub(crate) async fn restart(&self, away: Duration) {
        self.desk.away.store(true, Ordering::SeqCst);
        tokio::time::sleep(away).await;
        self.desk.away.store(false, Ordering::SeqCst);
    }

    /// How to connect to it.
    pub(crate) fn settings(&self) -> Value {
        let mut settings = json!({ "base_url": self.url });
        if let Some(authority) = &self.authority {
            settings["ca_file"] = json!(authority.path().join("ca.pem"));
        }
        settings
    }
}

fn desk(twist: Twist, style: Style, prefix: &'static str) -> (Arc<Desk>, Router) {
    let desk = Arc::new(Desk {
        twist,
        style,
        prefix,
        jobs: AtomicU64::new(0),
        serving: AtomicU64::new(0),
        away: AtomicBool::new(false),
        started: Mutex::default(),
        streams: Mutex::default(),
    });
    (Arc::clone(&desk), Router::new().fallback(answer).with_state(desk))
}

/// Accepts TLS.
struct Tls {
    socket: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if let Ok((connection, address)) = self.socket.accept().await
                && let Ok(stream) = self.acceptor.accept(connection).await
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.socket.local_addr()
    }
}

async fn answer(State(desk): State<Arc<Desk>>, request: Request<Body>) -> Response {
    if desk.away.load(Ordering::SeqCst) {
        let broken = Err::<Bytes, _>(std::io::Error::other("restarting"));
        return Body::from_stream(futures_util::stream::iter([broken])).into_response();
    }
    let path = request.uri().path().strip_prefix(desk.prefix).unwrap_or("outside").to_owned();
    let route = format!("{} {path}", request.method());
    let is_json = request.headers().get("content-type").is_some_and(|value| value == "application/json");
    let bytes = to_bytes(request.into_body(), 4 << 20).await.unwrap();
    // What is not JSON, or not declared as such, is refused as what it then is: no object with the fields that are needed.
    let body: Value =
        if is_json { serde_json::from_slice(&bytes).unwrap_or_default() } else { Value::default() };
    let others = desk.serving.fetch_add(1, Ordering::SeqCst);
    let (status, answer) = match (desk.twist)(&route, &body) {
        Some((0, answer)) => {
            // Long enough that requests sent together are also served together.
            tokio::time::sleep(Duration::from_millis(30)).await;
            if others > 0 { (500, answer) } else { answers(&desk, &route, &body) }
        }
        Some(twisted) => twisted,
        None => answers(&desk, &route, &body),
    };
    desk.serving.fetch_sub(1, Ordering::SeqCst);
    let status = StatusCode::from_u16(status).unwrap();
    // The time of the bench's clock.
    let date = ("date", "Fri, 15 Jan 2027 08:00:00 GMT");
    if answer.is_null() {
        return (status, [date]).into_response();
    }
    let text = answer.to_string();
    let body = match desk.style {
        Style::Usual => Body::from(text),
        Style::Unusual => {
            let chunks: Vec<_> = text
                .as_bytes()
                .chunks(text.len().div_ceil(64).max(7))
                .map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk)))
                .collect();
            Body::from_stream(futures_util::stream::iter(chunks))
        }
    };
    (status, [("content-type", "application/json"), date], body).into_response()
}
