//! The server's other doors: one that demands a token, and one that only redirects plain HTTP.
//!
//! At the usual address the server is open, as it is within a cluster.

use super::errors::Refusal;
use super::faults::Fault;
use super::routes;
use super::server::Server;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use uuid::Uuid;

/// The tokens of one server.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    valid: String,
    expired: String,
}

impl Tokens {
    /// Issues them.
    fn issue() -> Self {
        let token = || Uuid::new_v4().simple().to_string();
        Self { valid: token(), expired: token() }
    }
}

/// Where the doors are.
#[derive(Debug)]
pub(super) struct Front {
    guarded: SocketAddr,
    plain: SocketAddr,
    tokens: Tokens,
}

impl Front {
    /// Opens both on free ports, until the server shuts down.
    pub(super) async fn open(server: &Arc<Server>) -> io::Result<Self> {
        let tokens = Tokens::issue();
        let guard = from_fn_with_state((Arc::clone(server), tokens.clone()), guard);
        let guarded = serve(server, routes::router(Arc::clone(server)).layer(guard)).await?;
        let redirect = from_fn_with_state(Arc::clone(server), redirect);
        let plain = serve(server, routes::router(Arc::clone(server)).layer(redirect)).await?;
        Ok(Self { guarded, plain, tokens })
    }

    /// Adds to the settings of the target what is to be known of them.
    pub(super) fn describe(&self, settings: &mut Value) {
        let url = |address: SocketAddr| format!("http://{address}{}/", routes::PREFIX);
        settings["plain_url"] = json!(url(self.plain));
        settings["auth"] = json!({
            "base_url": url(self.guarded),
            "token": self.tokens.valid,
            "expired_token": self.tokens.expired,
        });
    }
}

async fn serve(server: &Server, router: axum::Router) -> io::Result<SocketAddr> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = socket.local_addr()?;
    let shutdown = server.shutdown.clone();
    tokio::spawn(async move {
        let serving = axum::serve(socket, router);
        if let Err(error) = serving.with_graceful_shutdown(shutdown.cancelled_owned()).await {
            tracing::error!(%error, "a door of the simulated Focus Server has failed");
        }
    });
    Ok(address)
}

async fn guard(
    State((server, tokens)): State<(Arc<Server>, Tokens)>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let faults = server.faults();
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = shown.and_then(|shown| shown.strip_prefix("Bearer ")).unwrap_or_default();
    let is_known = token == tokens.valid || token == tokens.expired && faults.has(Fault::AcceptsExpiredToken);
    if is_known || faults.has(Fault::AuthNotEnforced) {
        return Ok(next.run(request).await);
    }
    let why = if token == tokens.expired { "The token has expired" } else { "Not authenticated" };
    Err(Refusal::Detail(StatusCode::UNAUTHORIZED, why.to_owned()))
}

async fn redirect(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    if server.faults().has(Fault::PlainHttpServed) {
        return next.run(request).await;
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let location = format!("https://focus.example.com{path}");
    (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response()
}
