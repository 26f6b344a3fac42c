//! Somebody who reads: `GET` of one path after another.

use crate::wire;
use async_trait::async_trait;
use serde_json::Value;
use shakedown_core::CheckError;
use shakedown_focus::client::FocusClient;
use shakedown_loadgen::Failure;
use shakedown_loadgen::http::{Answer, Dialer, Request, Wire};
use shakedown_loadgen::scenario::{Iteration, Scenario, Session};

/// How many answers there are for each whose content is looked at.
const SAMPLED: u64 = 10;

/// How an arrival finds its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// By its number, in turn.
    InTurn,
    /// By the phase: every second phase reads another path. Those between are pauses.
    ByPhase,
}

/// The scenario: each path is an operation of its own.
#[derive(Clone)]
pub(crate) struct Reads {
    dialer: Dialer,
    paths: Vec<String>,
    choice: Choice,
}

impl Reads {
    /// Reads these paths.
    pub(crate) fn of(client: &FocusClient, paths: &[&str], choice: Choice) -> Result<Self, CheckError> {
        let paths = paths.iter().map(|&path| path.to_owned()).collect();
        Ok(Self { dialer: wire::dialer(client)?, paths, choice })
    }

    /// The name of the operation that reads a path.
    pub(crate) fn operation(path: &str) -> String {
        format!("GET {path}")
    }
}

#[async_trait]
impl Scenario for Reads {
    fn operations(&self) -> Vec<String> {
        self.paths.iter().map(|path| Self::operation(path)).collect()
    }

    async fn session(&self, _number: u64) -> Result<Box<dyn Session>, Failure> {
        let requests = self.paths.iter().map(|path| self.dialer.get(path)).collect::<Result<_, _>>();
        let requests = requests.map_err(Failure::Other)?;
        Ok(Box::new(Reader { wire: self.dialer.wire(), requests, choice: self.choice }))
    }
}

struct Reader {
    wire: Wire,
    requests: Vec<Request>,
    choice: Choice,
}

#[async_trait]
impl Session for Reader {
    async fn iterate(&mut self, iteration: &mut Iteration) -> Result<(), Failure> {
        let number = iteration.number();
        let paths = self.requests.len().max(1);
        let chosen = match self.choice {
            Choice::InTurn => usize::try_from(number % paths as u64).unwrap_or(0),
            Choice::ByPhase => (iteration.phase() / 2).min(paths - 1),
        };
        let (wire, request) = (&mut self.wire, &self.requests[chosen]);
        let answer = iteration.time(chosen, async { read(wire, request, number).await }).await?;
        iteration.transferred(chosen, answer.bytes, 0);
        Ok(())
    }
}

async fn read(wire: &mut Wire, request: &Request, number: u64) -> Result<Answer, Failure> {
    let answer = wire.send(request).await?.success()?;
    // A server under load may begin to answer with nothing, or with a page of its proxy. `/ack` may say nothing.
    if number.is_multiple_of(SAMPLED) && !answer.body.is_empty() {
        serde_json::from_slice::<Value>(&answer.body)
            .map_err(|error| Failure::Content(format!("the answer is no JSON: {error}")))?;
    }
    Ok(answer)
}
