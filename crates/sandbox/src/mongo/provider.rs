//! Where the server comes from: an explicit URI, `mongod` on the PATH, or `secantusdb` from the package index.

use super::cache::Cache;
use super::server::Server;
use super::{BY_URI, Failure, KIND, PATIENCE, PrivateServer, install, unavailable, variable};
use mongodb::options::{ClientOptions, ServerAddress};
use mongodb::{Client, Database};
use shakedown_core::sandbox::Unavailable;
use std::net::SocketAddr;
use std::sync::Arc;

/// Names a MongoDB to use, like the option `mongo_uri`.
const URI_VARIABLE: &str = "SHAKEDOWN_SANDBOX_MONGO_URI";

/// The server behind the proxy.
pub(super) enum Upstream {
    /// Somebody's, named by a URI.
    Named {
        /// The URI, as given.
        uri: String,
        /// The host that it names.
        address: SocketAddr,
    },
    /// Our own, shared by the sandboxes of this process.
    Private(Arc<Server>),
}

impl Upstream {
    /// The first server of the chain that can be had. A URI that was given is used, or nothing is.
    pub(super) async fn find(option: Option<String>) -> Result<Self, Unavailable> {
        let uri = option.or_else(|| variable(URI_VARIABLE)?.into_string().ok());
        let Some(uri) = uri else {
            return Server::shared().await.map(Self::Private);
        };
        let address = address_of(&uri).await.map_err(|reason| {
            unavailable(format!("the URI given for {KIND} cannot be used: {reason}"), BY_URI.to_owned())
        })?;
        Ok(Self::Named { uri, address })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Named { address, .. } => *address,
            Self::Private(server) => server.address(),
        }
    }

    /// Whether it is our own, so that users can be made and broken.
    pub(super) const fn is_private(&self) -> bool {
        matches!(self, Self::Private(_))
    }

    /// The URI with which our owner's rights reach it, if it listened at `address`.
    pub(super) fn uri_at(&self, address: SocketAddr) -> String {
        match self {
            Self::Named { uri, .. } => with_host(uri, address),
            Self::Private(_) => format!("mongodb://{address}/?directConnection=true"),
        }
    }

    /// A client of its own for one database, around the proxy.
    pub(super) async fn connect(&self, database: &str) -> Result<Database, Failure> {
        let mut options = ClientOptions::parse(self.uri_at(self.address())).await?;
        options.server_selection_timeout = Some(PATIENCE);
        options.connect_timeout = Some(PATIENCE);
        Ok(Client::with_options(options)?.database(database))
    }

    /// Gives up our share of it.
    pub(super) async fn release(self) {
        if let Self::Private(server) = self {
            Server::release(server).await;
        }
    }
}

/// The one host of a URI, resolved.
async fn address_of(uri: &str) -> Result<SocketAddr, String> {
    if !uri.starts_with("mongodb://") {
        return Err("it does not start with `mongodb://`".to_owned());
    }
    let options = ClientOptions::parse(uri).await.map_err(|error| error.to_string())?;
    let [ServerAddress::Tcp { host, port }] = options.hosts.as_slice() else {
        return Err("it must name exactly one host and port".to_owned());
    };
    let (host, port) = (host.as_str(), port.unwrap_or(27017));
    let mut found =
        tokio::net::lookup_host((host, port)).await.map_err(|error| format!("{host}: {error}"))?;
    found.next().ok_or_else(|| format!("{host} has no address"))
}

/// The same URI for another host, which is then taken for itself and not for a member of a replica set.
fn with_host(uri: &str, address: SocketAddr) -> String {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("mongodb", uri));
    let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let login = authority.rfind('@').map_or("", |at| &authority[..=at]);
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let path = if path.is_empty() { "/" } else { path };
    let kept = query.split('&').filter(|option| {
        let name = option.split('=').next().unwrap_or_default().to_lowercase();
        !["", "directconnection", "replicaset"].contains(&name.as_str())
    });
    let query: Vec<&str> = ["directConnection=true"].into_iter().chain(kept).collect();
    format!("{scheme}://{login}{address}{path}?{}", query.join("&"))
}

impl PrivateServer {
    /// `mongod` where it is installed, else `secantusdb`.
    pub(super) async fn find(cache: &Cache) -> Result<Self, Unavailable> {
        match which::which("mongod") {
            Ok(mongod) => Ok(Self {
                name: "mongod",
                command: vec![mongod.into()],
                arguments: |port, storage| {
                    let data = storage.join("data").into();
                    let fixed =
                        ["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"];
                    let chosen = ["--port".into(), port.to_string().into(), "--dbpath".into(), data];
                    fixed.iter().map(Into::into).chain(chosen).collect()
                },
                ready: "aiting for connections",
            }),
            Err(_) => install::secantusdb(cache).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_host_leaves_the_rest_of_a_uri_alone() {
        let at = |uri| with_host(uri, "127.0.0.1:4000".parse().unwrap());
        assert_eq!(at("mongodb://db.example.com"), "mongodb://127.0.0.1:4000/?directConnection=true");
        assert_eq!(
            at("mongodb://me:p%40ss@db.example.com:27018/prisma?replicaSet=rs0&authSource=admin"),
            "mongodb://me:p%40ss@127.0.0.1:4000/prisma?directConnection=true&authSource=admin"
        );
    }

    #[tokio::test]
    async fn a_uri_must_name_one_host() {
        assert_eq!(address_of("mongodb://127.0.0.1:4000/x").await, Ok("127.0.0.1:4000".parse().unwrap()));
        assert!(
            address_of("mongodb://127.0.0.1:1,127.0.0.1:2").await.unwrap_err().contains("exactly one host")
        );
        assert!(address_of("localhost:27017").await.unwrap_err().contains("mongodb://"));
    }
}
