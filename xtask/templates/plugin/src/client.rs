//! The client: what can be asked of __Title__. It is connected once in a run, and all checks share it.

use crate::target::Service;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shakedown_core::{Target, TargetError, TargetErrorKind};
use shakedown_http::{Exchange, HttpClient, Request, StatusCode};
use std::fmt;
use std::time::Duration;

/// Asks __Title__.
#[derive(Clone, Debug)]
pub struct Client {
    http: HttpClient,
    patience: Duration,
}

/// What `GET /health` answers. What else it says is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Health {
    /// How many jobs wait to be done.
    pub(crate) waiting: u32,
}

impl Client {
    /// A client that waits so long for an answer that no check waits for.
    pub(crate) const fn new(http: HttpClient, patience: Duration) -> Self {
        Self { http, patience }
    }

    /// How long to wait where no check says it.
    pub(crate) const fn patience(&self) -> Duration {
        self.patience
    }

    /// How it is, and the exchange that says so.
    pub(crate) async fn health(&self, timeout: Duration) -> Result<(Health, Exchange), TargetError> {
        self.get("/health", timeout).await
    }

    /// What stands at that path.
    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        timeout: Duration,
    ) -> Result<(T, Exchange), TargetError> {
        let sent = self.http.send(Request::get(path, timeout)).await;
        let exchange = sent.map_err(|error| error.for_target(Service::KIND))?;
        if exchange.status != StatusCode::OK {
            return Err(self.puzzled(exchange.summary()));
        }
        let answer = exchange.json().map_err(|error| self.puzzled(error))?;
        Ok((answer, exchange))
    }

    /// It answers, but not as it should.
    fn puzzled(&self, message: impl fmt::Display) -> TargetError {
        TargetError::new(Service::KIND, self.http.address(), TargetErrorKind::Protocol, message)
    }
}
