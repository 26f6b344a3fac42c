//! TLS before the sandbox's server: whom the client trusts, and whom the server does.

use crate::bench::{at, refusal, sandbox, settings};
use crate::liar::{Liar, Say};
use mongodb::bson::doc;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use serde_json::{Value, json};
use shakedown_core::TargetErrorKind;
use shakedown_testkit::brief;
use std::fs;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A private certificate authority, and a directory for what it signs.
struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
    files: TempDir,
}

/// A certificate, and its key.
struct Identity {
    certificate: Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let files = tempfile::tempdir().unwrap();
        fs::write(files.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { certificate, issuer: Issuer::new(params, key), files }
    }

    fn path(&self, name: &str) -> String {
        self.files.path().join(name).to_str().unwrap().to_owned()
    }

    fn sign(&self, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Identity {
        params.extended_key_usages.push(usage);
        let key = KeyPair::generate().unwrap();
        Identity { certificate: params.signed_by(&key, &self.issuer).unwrap(), key }
    }

    /// A server with that name, trusted until that year.
    fn server(&self, name: &str, until: i32) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(until, 1, 1);
        self.sign(params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client, as a file with certificate and key.
    fn client(&self) -> String {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "client of a test");
        let client = self.sign(params, ExtendedKeyUsagePurpose::ClientAuth);
        fs::write(
            self.files.path().join("client.pem"),
            format!("{}{}", client.certificate.pem(), client.key.serialize_pem()),
        )
        .unwrap();
        self.path("client.pem")
    }

    /// The configuration of a server with that identity; with `clients` it lets only those in that we have signed.
    fn configure(&self, identity: &Identity, clients: bool) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = if clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.certificate.der().clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
        builder.with_single_cert(vec![identity.certificate.der().clone()], key).unwrap()
    }
}

/// Listens with TLS, and relays to `upstream` without.
async fn terminate(config: ServerConfig, upstream: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let mut server = TcpStream::connect(upstream).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    address
}

/// The settings of a sandbox, led to another address under a name that a certificate can have.
fn through(settings: &Value, address: SocketAddr, options: &str) -> Value {
    let uri = settings["uri"].as_str().unwrap();
    let (login, rest) = uri.rsplit_once('@').unwrap();
    let (_, query) = rest.split_once('/').unwrap();
    let mut other = settings.clone();
    other["uri"] = json!(format!("{login}@localhost:{}/{query}{options}", address.port()));
    other
}

fn upstream(settings: &Value) -> SocketAddr {
    let (_, rest) = settings["uri"].as_str().unwrap().rsplit_once('@').unwrap();
    rest.split('/').next().unwrap().parse().unwrap()
}

fn with(mut settings: Value, key: &str, value: &str) -> Value {
    settings[key] = json!(value);
    settings
}

#[tokio::test]
async fn only_a_server_of_a_trusted_authority_and_the_right_name_is_talked_to() {
    let Some(sandbox) = sandbox(json!({ "recordings": 20 })).await else { return };
    let (authority, plain) = (Authority::new(), settings(&sandbox));
    let start = async |name: &str, until: i32| {
        terminate(authority.configure(&authority.server(name, until), false), upstream(&plain)).await
    };
    let good = start("localhost", 2100).await;

    let bench = at(with(through(&plain, good, ""), "tls_ca_file", &authority.path("ca.pem"))).await.unwrap();
    assert_eq!(brief(&bench.run("mongo.connect").await), "passed");
    assert!(bench.target("mongo").info().warnings.is_empty());

    let stranger = refusal(through(&plain, good, "&tls=true")).await;
    assert_eq!(stranger.kind, TargetErrorKind::Tls, "{stranger}");
    assert!(stranger.remedy.unwrap().contains("`tls_ca_file`"));

    for (name, until) in [("other.example.com", 2100), ("localhost", 2020)] {
        let address = start(name, until).await;
        let error =
            refusal(with(through(&plain, address, ""), "tls_ca_file", &authority.path("ca.pem"))).await;
        assert_eq!(error.kind, TargetErrorKind::Tls, "{name} until {until}: {error}");
        assert!(error.message.contains("certificate"), "{error}");
    }

    let careless = at(through(&plain, good, "&tls=true&tlsInsecure=true")).await.unwrap();
    insta::assert_snapshot!(careless.target("mongo").info().warnings.join("\n"), @"TLS certificates are not verified: anybody can pose as the server");

    let without = refusal(through(&plain, good, "")).await;
    assert!(matches!(without.kind, TargetErrorKind::Lost | TargetErrorKind::Protocol), "{without}");
    sandbox.stop().await;
}

#[tokio::test]
async fn a_server_may_demand_a_certificate_of_the_client() {
    let Some(sandbox) = sandbox(json!({ "recordings": 20 })).await else { return };
    let (authority, plain) = (Authority::new(), settings(&sandbox));
    let server = authority.configure(&authority.server("localhost", 2100), true);
    let address = terminate(server, upstream(&plain)).await;
    let trusting = with(through(&plain, address, ""), "tls_ca_file", &authority.path("ca.pem"));

    let bench = at(with(trusting.clone(), "tls_certificate_key_file", &authority.client())).await.unwrap();
    assert_eq!(brief(&bench.run("mongo.connect").await), "passed");

    let nobody = refusal(trusting.clone()).await;
    assert_eq!(nobody.kind, TargetErrorKind::Tls, "{nobody}");
    assert!(nobody.remedy.unwrap().contains("`tls_certificate_key_file`"));

    let other = Authority::new();
    let stranger = refusal(with(trusting, "tls_certificate_key_file", &other.client())).await;
    assert_eq!(stranger.kind, TargetErrorKind::Tls, "{stranger}");
    sandbox.stop().await;
}

#[tokio::test]
async fn a_certificate_can_be_the_login() {
    let authority = Authority::new();
    for known in [true, false] {
        let seen = Arc::new(Mutex::new(None));
        let note = Arc::clone(&seen);
        let server = Liar::start(move |command| {
            command.contains_key("authenticate").then(|| {
                *note.lock().unwrap() = Some(command.clone());
                Say::Document(if known {
                    doc! { "ok": 1.0, "user": "CN=client of a test", "dbname": "$external" }
                } else {
                    doc! { "ok": 0.0, "code": 18, "codeName": "AuthenticationFailed", "errmsg": "Authentication failed." }
                })
            })
        })
        .await;
        let config = authority.configure(&authority.server("localhost", 2100), true);
        let address = terminate(config, server.address).await;
        let uri = format!(
            "mongodb://localhost:{}/?directConnection=true&authMechanism=MONGODB-X509&authSource=$external",
            address.port()
        );
        let settings = json!({
            "uri": uri,
            "tls_ca_file": authority.path("ca.pem"),
            "tls_certificate_key_file": authority.client(),
        });
        if known {
            let bench = at(settings).await.unwrap();
            assert_eq!(brief(&bench.run("mongo.connect").await), "passed");
        } else {
            let error = refusal(settings).await;
            assert_eq!(error.kind, TargetErrorKind::Unauthorised, "{error}");
        }
        let asked = seen.lock().unwrap().take().expect("it logs in");
        assert_eq!(asked.get_str("mechanism").unwrap(), "MONGODB-X509");
    }
}

#[tokio::test]
async fn files_that_are_of_no_use_are_named() {
    let authority = Authority::new();
    fs::write(authority.path("empty.pem"), "no certificate").unwrap();
    for (key, file, problem) in [
        ("tls_ca_file", "none.pem", "cannot be read"),
        ("tls_ca_file", "empty.pem", "no section `CERTIFICATE`"),
        ("tls_certificate_key_file", "none.pem", "cannot be read"),
        ("tls_certificate_key_file", "ca.pem", "no section `PRIVATE KEY`"),
    ] {
        let settings = json!({ "uri": "mongodb://127.0.0.1:1", key: authority.path(file) });
        let error = refusal(settings).await;
        assert_eq!(error.kind, TargetErrorKind::Settings, "{error}");
        assert!(error.message.contains(problem) && error.message.contains(file), "{error}");
        assert_eq!(error.remedy.unwrap(), format!("correct `{key}`"));
    }
}
