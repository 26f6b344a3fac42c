//! How we get in: from the settings to a client that the server has answered.

use crate::client::K8sClient;
use crate::snapshots::Snapshots;
use crate::target::Settings;
use crate::trouble::{Place, Trouble};
use crate::{exec, guard, identity};
use http::Uri;
use jiff::Timestamp;
use kube::Config;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError, NamedContext};
use secrecy::ExposeSecret;
use shakedown_core::target::{ConnectContext, Connected, TargetInfo};
use shakedown_core::{TargetError, TargetErrorKind};
use shakedown_tunnel::{Tunnel, TunnelSettings};
use std::time::{Duration, Instant};

/// Connects and makes sure that the server answers us, all in all within the time that there is.
pub(crate) async fn open(
    settings: Settings,
    cx: &ConnectContext,
) -> Result<Connected<K8sClient>, TargetError> {
    let deadline = Instant::now() + cx.timeout;
    let left = || deadline.saturating_duration_since(Instant::now());
    check_namespace(&settings.namespace)?;
    let Way { mut config, mut place, expires } = way_in(&settings, left()).await?;
    config.connect_timeout = Some(cx.timeout);
    // Where we go is what the settings say, not what a variable of this machine says.
    config.proxy_url = None;
    let warnings = warnings(&config, expires);
    let authorities = (!config.accept_invalid_certs).then(|| config.root_cert.clone()).flatten();
    let tunnel = match &settings.tunnel {
        Some(tunnel) => Some(dig(tunnel, &mut config, &mut place, left()).await?),
        None => None,
    };
    let kube = guard::client(config).map_err(|error| {
        Trouble::of(&error, "make a client of the kubeconfig", &place).into_target(&place)
    })?;
    let mut client = K8sClient {
        kube,
        namespace: settings.namespace,
        components: settings.components,
        place,
        patience: left(),
        snapshots: Snapshots::default(),
        tunnel,
    };
    let version = client.ask_within(left(), "ask for the version", client.kube.apiserver_version()).await;
    let version = version.map_err(|trouble| trouble.into_target(&client.place))?;
    client.patience = left();
    let identity = identity::of(&client, authorities.as_deref()).await?;
    client.patience = cx.timeout;
    let address = client.place.address().to_owned();
    let info = TargetInfo { address, version: Some(version.git_version), identity, warnings };
    Ok(Connected { client, info })
}

/// What leads to the server.
struct Way {
    config: Config,
    place: Place,
    /// When the credential expires, where that is known.
    expires: Option<Timestamp>,
}

async fn way_in(settings: &Settings, within: Duration) -> Result<Way, TargetError> {
    match (&settings.kubeconfig, &settings.kubeconfig_text, settings.in_cluster) {
        (Some(path), None, false) => {
            let place = Place::new(path.display().to_string(), []);
            let kubeconfig = Kubeconfig::read_from(path).map_err(|error| unreadable(&error, &place))?;
            by_kubeconfig(kubeconfig, settings.context.as_deref(), place, within).await
        }
        (None, Some(text), false) => {
            let place = Place::new("(kubeconfig_text)", []);
            let kubeconfig =
                Kubeconfig::from_yaml(text.expose()).map_err(|error| unreadable(&error, &place))?;
            by_kubeconfig(kubeconfig, settings.context.as_deref(), place, within).await
        }
        (None, None, true) if settings.context.is_none() => in_cluster(),
        (None, None, true) => Err(unset("`context` belongs to a kubeconfig, and `in_cluster` uses none")),
        (None, None, false) => Err(unset("nothing says how to get in")),
        _ => Err(unset("more than one thing says how to get in")),
    }
}

fn unset(why: &str) -> TargetError {
    Place::new("(settings)", [])
        .error(TargetErrorKind::Settings, why)
        .remedy("set one of `kubeconfig`, `kubeconfig_text` and `in_cluster = true`")
}

/// The namespace becomes a part of every address.
fn check_namespace(name: &str) -> Result<(), TargetError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=63).contains(&name.len())
        && name.chars().all(plain)
        && !name.starts_with('-')
        && !name.ends_with('-')
    {
        return Ok(());
    }
    let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    let message = format!("`namespace` is `{shown}`, which is no name of a namespace");
    Err(Place::new("(settings)", [])
        .error(TargetErrorKind::Settings, message)
        .remedy("name the namespace of Focus Server in `namespace`: lower-case letters, digits and hyphens"))
}

fn in_cluster() -> Result<Way, TargetError> {
    let place = Place::new("kubernetes.default.svc:443", []);
    let config = Config::incluster_dns().map_err(|error| {
        let message = format!("this is no pod with a service account: {}", place.line(&error.to_string()));
        place
            .error(TargetErrorKind::Settings, message)
            .remedy("run in a pod with a service account, or name a `kubeconfig` instead of `in_cluster`")
    })?;
    Ok(Way { config, place, expires: None })
}

async fn by_kubeconfig(
    kubeconfig: Kubeconfig,
    context: Option<&str>,
    place: Place,
    within: Duration,
) -> Result<Way, TargetError> {
    let known: Vec<String> =
        kubeconfig.contexts.iter().map(|NamedContext { name, .. }| format!("`{name}`")).collect();
    let proxied = kubeconfig.clusters.iter().any(|named| {
        named
            .cluster
            .as_ref()
            .is_some_and(|cluster| cluster.proxy_url.as_deref().is_some_and(|url| !url.is_empty()))
    });
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|error| unfitting(&error, &known, &place))?;
    if proxied && config.proxy_url.is_some() {
        return Err(place
            .error(
                TargetErrorKind::Settings,
                "the kubeconfig leads through a proxy (`proxy-url`), which is not possible",
            )
            .remedy("use a context without `proxy-url`; `tunnel` leads through SSH hosts"));
    }
    let address = address(&config.cluster_url).ok_or_else(|| {
        let shown = place.line(&config.cluster_url.to_string());
        place.error(
            TargetErrorKind::Settings,
            format!("the kubeconfig's `server` is `{shown}`, which is no URL of a server"),
        )
    })?;
    let user = &mut config.auth_info;
    if user.auth_provider.is_some() {
        return Err(place
            .error(
                TargetErrorKind::Settings,
                "the kubeconfig's user has an `auth-provider`, which Kubernetes itself gave up",
            )
            .remedy("use a context whose user has a token, a certificate or an `exec` plugin"));
    }
    let place = named(&address, user);
    let expires = exec::fill_in(user, &place, within).await?;
    let place = named(&address, user);
    Ok(Way { config, place, expires })
}

/// The place at an address, with what the user's credentials are kept out of.
fn named(address: &str, user: &AuthInfo) -> Place {
    let secrets = [&user.token, &user.password, &user.client_key_data];
    let secrets = secrets.into_iter().flatten().map(ExposeSecret::expose_secret);
    let given =
        user.exec.iter().flat_map(|exec| exec.env.iter().flatten()).filter_map(|pair| pair.get("value"));
    Place::new(address, secrets.chain(given.map(String::as_str)))
}

/// Host and port of a URL.
fn address(url: &Uri) -> Option<String> {
    let (host, port) = (url.host()?, port(url)?);
    Some(format!("{host}:{port}"))
}

fn port(url: &Uri) -> Option<u16> {
    url.port_u16().or(match url.scheme_str()? {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    })
}

/// Opens the tunnel, and lets the client go through it without believing another name.
async fn dig(
    settings: &TunnelSettings,
    config: &mut Config,
    place: &mut Place,
    within: Duration,
) -> Result<Tunnel, TargetError> {
    let url = &config.cluster_url;
    let (Some(host), Some(port)) = (url.host(), port(url)) else {
        return Err(place.error(TargetErrorKind::Settings, "the kubeconfig's `server` names no host"));
    };
    let host = host.trim_matches(['[', ']']).to_owned();
    let tunnel = Tunnel::open(settings, &host, port, within)
        .await
        .map_err(|error| place.tunnel(&error, "cannot open "))?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let scheme = url.scheme_str().unwrap_or("https");
    let near = format!("{scheme}://{}{path}", tunnel.address());
    config.cluster_url =
        near.parse().map_err(|error| place.error(TargetErrorKind::Settings, format!("{near}: {error}")))?;
    config.tls_server_name.get_or_insert(host);
    Ok(tunnel)
}

fn warnings(config: &Config, expires: Option<Timestamp>) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.cluster_url.scheme_str() == Some("http") {
        warnings.push("nothing is encrypted: the kubeconfig's `server` is an http:// URL".to_owned());
    } else if config.accept_invalid_certs {
        warnings.push(
            "the server's TLS certificate is not verified (`insecure-skip-tls-verify`): anybody on the way can read the \
             credential"
                .to_owned(),
        );
    }
    if let Some(expires) = expires {
        warnings.push(format!(
            "the credential plugin's answer is good until {expires} and is not renewed during a run"
        ));
    }
    warnings
}

/// A kubeconfig that cannot be read. The parser's words may quote the text around the mistake, and with it a credential.
fn unreadable(error: &KubeconfigError, place: &Place) -> TargetError {
    let message = match error {
        KubeconfigError::ReadConfig(error, path) => format!("cannot read {}: {error}", path.display()),
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => format!(
                "the kubeconfig is no YAML of a kubeconfig: line {}, column {}",
                at.line(),
                at.column()
            ),
            None => "the kubeconfig is no YAML of a kubeconfig".to_owned(),
        },
        other => other.to_string(),
    };
    place.error(TargetErrorKind::Settings, message)
}

/// A kubeconfig that was read and does not lead anywhere.
fn unfitting(error: &KubeconfigError, contexts: &[String], place: &Place) -> TargetError {
    let listed = if contexts.is_empty() { "none".to_owned() } else { contexts.join(", ") };
    let (message, remedy) = match error {
        KubeconfigError::CurrentContextNotSet => (
            format!("the kubeconfig has no current context; its contexts: {listed}"),
            "name one of them in `context`".to_owned(),
        ),
        KubeconfigError::LoadContext(name) => (
            format!("the kubeconfig has no context `{name}`; its contexts: {listed}"),
            "name one of them in `context`".to_owned(),
        ),
        KubeconfigError::LoadClusterOfContext(name) => (
            format!(
                "the kubeconfig's context leads to a cluster `{name}`, which the kubeconfig does not have"
            ),
            "correct `cluster` of the context".to_owned(),
        ),
        other => (
            format!("the kubeconfig cannot be used: {}", place.line(&other.to_string())),
            "see that `kubectl` works with this kubeconfig and context".to_owned(),
        ),
    };
    place.error(TargetErrorKind::Settings, message).remedy(remedy)
}
