//! What a connection does when all is well: versions, TLS, reuse, source addresses, streaming.

use crate::http_server::{AMPLE, Server, answer, read_head};
use bytes::Bytes;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use shakedown_core::Secret;
use shakedown_loadgen::Failure;
use shakedown_loadgen::http::{Answer, Connections, Dialer, Lines, Protocol, Reader, WireSettings};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

async fn ask(dialer: &Dialer) -> Result<Answer, Failure> {
    let request = dialer.get("/").unwrap();
    timeout(AMPLE, dialer.wire().send(&request)).await.expect("an outcome in bounded time")
}

/// Serves HTTP/2, answering with the path and the authority that were asked for.
async fn serve_http2(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let body = format!("{} {}", request.uri().path(), request.uri().authority().unwrap().as_str());
        if request.uri().path() == "/reset" {
            respond.send_reset(h2::Reason::INTERNAL_ERROR);
            continue;
        }
        let mut sender = respond.send_response(http::Response::new(()), false).unwrap();
        sender.send_data(Bytes::from(body), true).unwrap();
    }
}

/// A server behind a certificate of its own making, and that certificate.
async fn behind_tls(protocols: &[&[u8]]) -> (Server, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Server::start(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            // A client that does not trust it hangs up.
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                serve_http2(stream).await;
            } else {
                while read_head(&mut stream).await.is_some() {
                    let _ = stream.write_all(answer("first version").as_bytes()).await;
                }
            }
        }
    })
    .await;
    (server, cert.pem())
}

fn over_tls(server: &Server, ca_pem: Option<&str>, protocol: Protocol) -> WireSettings {
    let url = format!("https://localhost:{}", server.port).parse().unwrap();
    WireSettings { url, ca_pem: ca_pem.map(|pem| pem.as_bytes().to_vec()), protocol, ..server.settings() }
}

#[tokio::test]
async fn an_unknown_authority_is_a_failure_of_tls() {
    let (server, pem) = behind_tls(&[b"http/1.1"]).await;
    let stranger = Dialer::new(over_tls(&server, None, Protocol::Http1));
    // A machine that trusts nobody at all says so at once.
    if let Ok(stranger) = stranger {
        assert_eq!(ask(&stranger).await.unwrap_err().class(), "tls");
    }
    let (_, other) = behind_tls(&[]).await;
    let misled = Dialer::new(over_tls(&server, Some(&other), Protocol::Http1)).unwrap();
    assert_eq!(ask(&misled).await.unwrap_err().class(), "tls");

    let trusting = Dialer::new(over_tls(&server, Some(&pem), Protocol::Http1)).unwrap();
    assert_eq!(ask(&trusting).await.unwrap().body, "first version");
    let careless = WireSettings { verify_tls: false, ..over_tls(&server, None, Protocol::Http1) };
    assert_eq!(ask(&Dialer::new(careless).unwrap()).await.unwrap().body, "first version");
}

#[tokio::test]
async fn plain_http_where_tls_was_expected_is_a_failure_of_tls() {
    let server = Server::answering_once("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let mut settings = over_tls(&server, None, Protocol::Http1);
    settings.verify_tls = false;
    // A greeting of TLS has no blank line, so the server sees the end of it only when the client gives up.
    settings.connect_timeout = crate::http_server::SHORT;
    let class = ask(&Dialer::new(settings).unwrap()).await.unwrap_err().class().into_owned();
    assert!(["tls", "connect-timeout"].contains(&class.as_str()), "{class}");
}

#[tokio::test]
async fn the_second_version_is_negotiated() {
    let (both, pem) = behind_tls(&[b"h2", b"http/1.1"]).await;
    for (protocol, body) in [
        (Protocol::Http1, "first version".to_owned()),
        (Protocol::Http2, format!("/ localhost:{}", both.port)),
        (Protocol::Negotiated, format!("/ localhost:{}", both.port)),
    ] {
        let dialer = Dialer::new(over_tls(&both, Some(&pem), protocol)).unwrap();
        assert_eq!(ask(&dialer).await.unwrap().body, body, "{protocol:?}");
    }
    let (old, pem) = behind_tls(&[b"http/1.1"]).await;
    let dialer = Dialer::new(over_tls(&old, Some(&pem), Protocol::Negotiated)).unwrap();
    assert_eq!(ask(&dialer).await.unwrap().body, "first version");
    let dialer = Dialer::new(over_tls(&old, Some(&pem), Protocol::Http2)).unwrap();
    let class = ask(&dialer).await.unwrap_err().class().into_owned();
    assert!(["tls", "protocol"].contains(&class.as_str()), "{class}");
}

#[tokio::test]
async fn the_second_version_without_tls_is_known_beforehand() {
    let server = Server::start(|stream, _| serve_http2(stream)).await;
    let settings = WireSettings { protocol: Protocol::Http2, ..server.settings() };
    let dialer = Dialer::new(settings).unwrap();
    let (request, mut wire) = (dialer.get("/a").unwrap(), dialer.wire());
    for _ in 0..3 {
        let answer = timeout(AMPLE, wire.send(&request)).await.unwrap().unwrap();
        assert_eq!(answer.body, format!("/a 127.0.0.1:{}", server.port));
    }
    let reset = dialer.get("/reset").unwrap();
    assert_eq!(timeout(AMPLE, wire.send(&reset)).await.unwrap().unwrap_err(), Failure::Reset);
    assert_eq!(timeout(AMPLE, wire.send(&request)).await.unwrap().unwrap().status, 200);
    // A reset stream leaves the others of its connection alone, but its user begins anew.
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn connections_are_kept_rested_or_fresh() {
    for (connections, expected) in
        [(Connections::Kept, 1), (Connections::Resting, 1), (Connections::Fresh, 5)]
    {
        let server = Server::answering(answer("ok")).await;
        let dialer = Dialer::new(WireSettings { connections, ..server.settings() }).unwrap();
        let (request, mut wire) = (dialer.get("/").unwrap(), dialer.wire());
        for _ in 0..5 {
            let answer = timeout(AMPLE, wire.send(&request)).await.unwrap().unwrap();
            assert_eq!((answer.status, answer.body.as_ref()), (200, b"ok".as_ref()));
        }
        assert_eq!(server.connections(), expected, "{connections:?}");
    }
}

#[tokio::test]
async fn a_rested_connection_that_the_server_closed_is_made_anew() {
    let server = Server::answering_once(answer("once")).await;
    let settings = WireSettings { connections: Connections::Resting, ..server.settings() };
    let dialer = Dialer::new(settings).unwrap();
    let (request, mut wire) = (dialer.get("/").unwrap(), dialer.wire());
    wire.send(&request).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(timeout(AMPLE, wire.send(&request)).await.unwrap().unwrap().body, "once");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_connection_comes_from_the_addresses_in_turn() {
    let sources = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sources);
    let server = Server::start(move |mut stream, _| {
        seen.lock().unwrap().push(stream.peer_addr().unwrap().ip().to_string());
        async move {
            read_head(&mut stream).await;
            let _ = stream.write_all(answer("ok").as_bytes()).await;
        }
    })
    .await;
    let mut settings = server.settings();
    settings.source_addresses = ["127.0.0.2", "127.0.0.3"].map(|address| address.parse().unwrap()).to_vec();
    let dialer = Dialer::new(settings).unwrap();
    for _ in 0..4 {
        ask(&dialer).await.unwrap();
    }
    assert_eq!(*sources.lock().unwrap(), ["127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"]);

    let mut settings = server.settings();
    settings.source_addresses = vec!["192.0.2.1".parse().unwrap()];
    let failure = ask(&Dialer::new(settings).unwrap()).await.unwrap_err();
    assert!(!failure.is_own_limit(), "{failure}");
    insta::assert_snapshot!(failure, @"no connection: the source address 192.0.2.1 is not one of this machine");
}

#[tokio::test]
async fn what_is_sent_is_what_the_settings_say() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let server = Server::start(move |mut stream, _| {
        let seen = Arc::clone(&seen);
        async move {
            while let Some(head) = read_head(&mut stream).await {
                seen.lock().unwrap().push(head);
                let _ = stream.write_all(answer("ok").as_bytes()).await;
            }
        }
    })
    .await;
    let mut settings = server.settings();
    settings.url = format!("http://user:pa%20ss@127.0.0.1:{}/base/", server.port).parse().unwrap();
    settings.headers.insert("x-token".to_owned(), Secret::new("hunter2"));
    let shown = format!("{settings:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("pa%20ss"), "{shown}");
    let dialer = Dialer::new(settings).unwrap();
    let request = dialer.post("/jobs?limit=1", "application/json", "{}").unwrap();
    let shown = format!("{request:?} {dialer:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("dXNlcjp"), "{shown}");
    dialer.wire().send(&request).await.unwrap();
    let head = heads.lock().unwrap()[0].replace(&server.port.to_string(), "PORT");
    insta::assert_snapshot!(head.replace("\r\n", "\n").trim_end(), @r#"
POST /base/jobs?limit=1 HTTP/1.1
host: 127.0.0.1:PORT
user-agent: shakedown/0.1.0
authorization: Basic dXNlcjpwYSBzcw==
x-token: hunter2
content-type: application/json
content-length: 2
"#);
}

#[tokio::test]
async fn a_stream_is_counted_in_bytes_and_rows() {
    let rows = "{\"row\":1}\n".repeat(50_000);
    let server = Server::answering(answer(&rows)).await;
    let dialer = server.dialer();
    let request = dialer.get("/").unwrap();
    let mut wire = dialer.wire();
    let answer = timeout(AMPLE, wire.read(&request, &mut Lines::default())).await.unwrap().unwrap();
    assert_eq!((answer.rows, answer.bytes), (50_000, 500_000));
    assert!(answer.body.is_empty() && answer.first_byte <= answer.elapsed && wire.is_connected());
}

/// Stops after the first piece.
struct Enough(usize);

impl Reader for Enough {
    fn chunk(&mut self, bytes: Bytes) -> ControlFlow<()> {
        self.0 += bytes.len();
        ControlFlow::Break(())
    }
}

#[tokio::test]
async fn a_stream_can_be_left() {
    let server = Server::answering(answer(&"x".repeat(10 << 20))).await;
    let dialer = server.dialer();
    let (request, mut wire, mut reader) = (dialer.get("/").unwrap(), dialer.wire(), Enough(0));
    let answer = timeout(AMPLE, wire.read(&request, &mut reader)).await.unwrap().unwrap();
    assert!(answer.bytes < 10 << 20 && answer.bytes == reader.0 as u64);
    assert!(!wire.is_connected(), "the rest of the body would be taken for the next answer");
}
