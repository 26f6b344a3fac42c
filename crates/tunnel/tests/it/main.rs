//! Tunnels through real SSH servers.

mod host;

use host::{AMPLE, Host, Keys, config_of, echo, free_port, processes_with};
use shakedown_core::TargetErrorKind;
use shakedown_tunnel::{Tunnel, TunnelError, TunnelSettings};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn through(keys: &Keys, ports: &[u16]) -> TunnelSettings {
    TunnelSettings {
        hops: ports.iter().map(|port| format!("{}@127.0.0.1:{port}", keys.user)).collect(),
        identity_file: Some(keys.path("user")),
        known_hosts: Some(keys.path("known_hosts")),
        agent: false,
    }
}

async fn open(settings: &TunnelSettings, port: u16) -> Result<Tunnel, TunnelError> {
    Tunnel::open(settings, "127.0.0.1", port, AMPLE).await
}

async fn refusal(settings: &TunnelSettings, port: u16) -> TunnelError {
    match open(settings, port).await {
        Ok(_) => panic!("the tunnel is open"),
        Err(error) => error,
    }
}

async fn assert_echo(tunnel: &Tunnel) {
    let mut stream = TcpStream::connect(tunnel.address()).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    tokio::time::timeout(AMPLE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"hello");
}

/// Drops a tunnel and waits until none of its processes is left.
async fn assert_nothing_left(tunnel: Tunnel) {
    let port = tunnel.address().port();
    let config = config_of(&format!("127.0.0.1:{port}:"));
    drop(tunnel);
    let deadline = Instant::now() + AMPLE;
    while !processes_with(&config).is_empty() {
        assert!(Instant::now() < deadline, "ssh is still running with {config}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!std::path::Path::new(&config).exists(), "{config} is still there");
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err());
}

#[tokio::test]
async fn one_hop() {
    let Some(keys) = Keys::new().await else { return };
    let host = Host::start(&keys).await;
    let tunnel = open(&through(&keys, &[host.port]), echo().await).await.unwrap();
    assert_echo(&tunnel).await;
    assert_echo(&tunnel).await;
    assert!(tunnel.broken().await.is_none());
    assert_nothing_left(tunnel).await;
}

#[tokio::test]
async fn two_hops() {
    let Some(keys) = Keys::new().await else { return };
    let (first, second) = (Host::start(&keys).await, Host::start(&keys).await);
    let tunnel = open(&through(&keys, &[first.port, second.port]), echo().await).await.unwrap();
    assert_echo(&tunnel).await;
    assert_nothing_left(tunnel).await;
}

#[tokio::test]
async fn a_key_that_the_host_does_not_know() {
    let Some(keys) = Keys::new().await else { return };
    let host = Host::start(&keys).await;
    let mut settings = through(&keys, &[host.port]);
    settings.identity_file = Some(keys.path("stranger"));
    let error = refusal(&settings, echo().await).await;
    assert_eq!(error.kind, TargetErrorKind::Unauthorised, "{error}");
    assert!(
        error.message.contains("does not accept our key") && error.remedy().contains("authorized_keys"),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_that_is_no_key() {
    let Some(keys) = Keys::new().await else { return };
    let host = Host::start(&keys).await;
    let mut settings = through(&keys, &[host.port]);
    settings.identity_file = Some(keys.path("known_hosts"));
    let error = refusal(&settings, echo().await).await;
    assert!(matches!(error.kind, TargetErrorKind::Settings), "{error}");
}

#[tokio::test]
async fn a_host_whose_key_is_not_known() {
    let Some(keys) = Keys::new().await else { return };
    let host = Host::start(&keys).await;
    std::fs::write(keys.path("known_hosts"), "").unwrap();
    let error = refusal(&through(&keys, &[host.port]), echo().await).await;
    assert_eq!(error.kind, TargetErrorKind::Settings, "{error}");
    assert!(error.message.contains("not in `known_hosts`"), "{error}");
}

#[tokio::test]
async fn a_second_host_whose_key_is_not_known() {
    let Some(keys) = Keys::new().await else { return };
    let (first, second) = (Host::start(&keys).await, Host::start(&keys).await);
    std::fs::write(keys.path("known_hosts"), "").unwrap();
    keys.know(first.port, "host");
    let error = refusal(&through(&keys, &[first.port, second.port]), echo().await).await;
    assert_eq!(error.kind, TargetErrorKind::Settings, "{error}");
    std::fs::write(keys.path("known_hosts"), "").unwrap();
    keys.know(second.port, "host");
    let error = refusal(&through(&keys, &[first.port, second.port]), echo().await).await;
    assert_eq!(error.kind, TargetErrorKind::Settings, "the rule holds for the first hop as well: {error}");
}

#[tokio::test]
async fn a_host_that_shows_another_key() {
    let Some(keys) = Keys::new().await else { return };
    let host = Host::start(&keys).await;
    std::fs::write(keys.path("known_hosts"), "").unwrap();
    keys.know(host.port, "stranger");
    let error = refusal(&through(&keys, &[host.port]), echo().await).await;
    assert_eq!(error.kind, TargetErrorKind::Settings, "{error}");
    assert!(error.message.contains("not the one that `known_hosts` has"), "{error}");
}

#[tokio::test]
async fn nothing_listens_at_the_end() {
    let Some(keys) = Keys::new().await else { return };
    let host = Host::start(&keys).await;
    let tunnel = open(&through(&keys, &[host.port]), free_port().await).await.unwrap();
    let mut stream = TcpStream::connect(tunnel.address()).await.unwrap();
    let mut nothing = Vec::new();
    let _ = tokio::time::timeout(AMPLE, stream.read_to_end(&mut nothing)).await.unwrap();
    let error = tunnel.broken().await.unwrap();
    assert_eq!(error.kind, TargetErrorKind::Refused, "{error}");
    assert!(error.message.contains("the last host is refused there"), "{error}");
    assert!(tunnel.broken().await.is_none(), "it is told once");
    assert_nothing_left(tunnel).await;
}

#[tokio::test]
async fn no_host_listens() {
    let Some(keys) = Keys::new().await else { return };
    let error = refusal(&through(&keys, &[free_port().await]), echo().await).await;
    assert_eq!(error.kind, TargetErrorKind::Refused, "{error}");
}

#[tokio::test]
async fn a_host_that_goes_away_breaks_the_tunnel() {
    let Some(keys) = Keys::new().await else { return };
    let host = Host::start(&keys).await;
    let tunnel = open(&through(&keys, &[host.port]), echo().await).await.unwrap();
    assert_echo(&tunnel).await;
    host.end().await;
    let deadline = Instant::now() + AMPLE;
    let error = loop {
        if let Some(error) = tunnel.broken().await {
            break error;
        }
        assert!(Instant::now() < deadline, "nobody notices");
    };
    assert_eq!(error.kind, TargetErrorKind::Lost, "{error}");
}

#[tokio::test]
async fn a_host_that_says_nothing_is_given_up_in_time() {
    let Some(keys) = Keys::new().await else { return };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let settings = through(&keys, &[listener.local_addr().unwrap().port()]);
    let late = Tunnel::open(&settings, "127.0.0.1", 1, Duration::from_millis(400)).await;
    assert_eq!(late.unwrap_err().kind, TargetErrorKind::TimedOut);
}

#[tokio::test]
async fn a_host_that_speaks_another_protocol() {
    let Some(keys) = Keys::new().await else { return };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let error = refusal(&through(&keys, &[port]), 1).await;
    assert_eq!(error.kind, TargetErrorKind::Lost, "{error}");
}
