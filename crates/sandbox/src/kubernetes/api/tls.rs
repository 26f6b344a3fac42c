//! TLS before the API: an authority of its own, a certificate for the loopback interface, and the kubeconfig that
//! trusts it.

use axum::serve::Listener;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How many connections may wait to be served.
const WAITING: usize = 64;

/// What kind of thing goes wrong while certificates are made.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The authority that clients trust, and what the server shows.
pub(in crate::kubernetes) struct Identity {
    /// The authority's certificate, as PEM.
    pub(in crate::kubernetes) authority: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    /// Makes one for the loopback interface.
    pub(in crate::kubernetes) fn make() -> Result<Self, Failure> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.distinguished_name.push(DnType::CommonName, "shakedown sandbox authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = authority.self_signed(&key)?;
        let issuer = Issuer::new(authority, key);

        let names = ["localhost", "127.0.0.1", "kubernetes.default.svc"].map(str::to_owned);
        let mut server = CertificateParams::new(names)?;
        server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server_key = KeyPair::generate()?;
        let server = server.signed_by(&server_key, &issuer)?;

        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(vec![server.der().clone(), certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { authority: certificate.pem(), config: Arc::new(config) })
    }

    /// The kubeconfig of a user who shows a token. It is written as JSON, which is YAML too.
    pub(in crate::kubernetes) fn kubeconfig(
        &self,
        address: SocketAddr,
        token: &str,
        namespace: &str,
    ) -> Value {
        let name = "shakedown-sandbox";
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": name, "cluster": {
                "server": format!("https://{address}"),
                "certificate-authority-data": BASE64_STANDARD.encode(&self.authority),
            } }],
            "users": [{ "name": name, "user": { "token": token } }],
            "contexts": [{ "name": name, "context": { "cluster": name, "user": name, "namespace": namespace } }],
            "current-context": name,
        })
    }

    /// Accepts connections at a socket and shakes hands with each, until the shutdown.
    pub(in crate::kubernetes) fn listen(
        &self,
        socket: TcpListener,
        shutdown: CancellationToken,
    ) -> io::Result<Door> {
        let address = socket.local_addr()?;
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
        let (sender, ready) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = accept(socket, acceptor, sender) => {}
            }
        });
        Ok(Door { address, ready })
    }
}

/// Where connections come in with which hands have been shaken.
pub(in crate::kubernetes) struct Door {
    address: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl Listener for Door {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // After the shutdown nobody comes.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Shakes hands in a task for each connection, so that a slow client holds up no other.
async fn accept(
    socket: TcpListener,
    acceptor: TlsAcceptor,
    ready: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    loop {
        let Ok((stream, address)) = socket.accept().await else {
            // Most likely too many open files; accepting again at once would only spin.
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (acceptor, ready) = (acceptor.clone(), ready.clone());
        tokio::spawn(async move {
            // A client that does not finish, or talks something else, is its own affair.
            if let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await {
                let _ = ready.send((stream, address)).await;
            }
        });
    }
}
