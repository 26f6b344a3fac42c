//! A ready scenario: plain requests, chosen by weight, one of them an arrival.

use super::answer::{Answer, Discard, Reader, Sampling};
use super::dialer::Dialer;
use super::request::Request;
use super::wire::Wire;
use crate::arrivals::mixed;
use crate::failure::Failure;
use crate::scenario::{Iteration, Scenario, Session};
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;

type MakeReader = dyn Fn() -> Box<dyn Reader> + Send + Sync;

/// Plain requests of one server, chosen by weight. Each user has a connection of its own.
#[derive(Clone)]
pub struct Endpoint {
    dialer: Dialer,
    operations: Arc<[Operation]>,
    weights: u64,
    seed: u64,
    sampling: Option<Sampling>,
    reader: Option<Arc<MakeReader>>,
}

#[derive(Clone, Debug)]
struct Operation {
    name: String,
    weight: u64,
    request: Request,
}

impl Endpoint {
    /// Nothing but this request, under this name.
    pub fn new(dialer: Dialer, name: impl Into<String>, request: Request) -> Self {
        let only = Operation { name: name.into(), weight: 1, request };
        Self::of(dialer, Arc::new([only]), 1)
    }

    /// These requests, each with its name and as often as its weight says.
    ///
    /// # Errors
    /// Where the weights add up to nothing.
    pub fn mixed(
        dialer: Dialer,
        requests: impl IntoIterator<Item = (u32, String, Request)>,
    ) -> Result<Self, String> {
        let operation = |(weight, name, request)| Operation { name, weight: u64::from(weight), request };
        let operations: Arc<[Operation]> = requests.into_iter().map(operation).collect();
        let weights = operations.iter().map(|operation| operation.weight).sum();
        if weights == 0 {
            return Err("no request has a weight above 0".to_owned());
        }
        Ok(Self::of(dialer, operations, weights))
    }

    fn of(dialer: Dialer, operations: Arc<[Operation]>, weights: u64) -> Self {
        Self { dialer, operations, weights, seed: 1, sampling: None, reader: None }
    }

    /// Another order of the same mix.
    #[must_use]
    pub const fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Has the content of some answers checked. A wrong one is a failure of its request.
    #[must_use]
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = Some(sampling);
        self
    }

    /// Counts rows in the bodies that are not sampled.
    #[must_use]
    pub fn counting(mut self, reader: impl Fn() -> Box<dyn Reader> + Send + Sync + 'static) -> Self {
        self.reader = Some(Arc::new(reader));
        self
    }

    /// The operation of an arrival: as random as the weights ask, and the same in every run.
    fn choose(&self, number: u64) -> usize {
        let mut point = mixed(self.seed, number) % self.weights;
        for (index, operation) in self.operations.iter().enumerate() {
            match point.checked_sub(operation.weight) {
                Some(rest) => point = rest,
                None => return index,
            }
        }
        0
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("dialer", &self.dialer)
            .field("operations", &self.operations)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Scenario for Endpoint {
    fn operations(&self) -> Vec<String> {
        self.operations.iter().map(|operation| operation.name.clone()).collect()
    }

    async fn session(&self, _: u64) -> Result<Box<dyn Session>, Failure> {
        Ok(Box::new(User { wire: self.dialer.wire(), endpoint: self.clone() }))
    }
}

struct User {
    endpoint: Endpoint,
    wire: Wire,
}

#[async_trait]
impl Session for User {
    async fn iterate(&mut self, iteration: &mut Iteration) -> Result<(), Failure> {
        let Self { endpoint, wire } = self;
        let index = endpoint.choose(iteration.number());
        let request = &endpoint.operations[index].request;
        let timed = iteration.start(index).await;
        let asked = ask(endpoint, wire, request).await;
        iteration.finish(timed, asked.as_ref().err());
        let answer = asked?;
        iteration.transferred(index, answer.bytes, answer.rows);
        Ok(())
    }
}

async fn ask(endpoint: &Endpoint, wire: &mut Wire, request: &Request) -> Result<Answer, Failure> {
    if let Some(sampling) = endpoint.sampling.as_ref().filter(|sampling| sampling.is_due()) {
        let answer = wire.send(request).await?.success()?;
        sampling.check(&answer)?;
        return Ok(answer);
    }
    match &endpoint.reader {
        Some(reader) => wire.read(request, &mut *reader()).await?.success(),
        None => wire.read(request, &mut Discard).await?.success(),
    }
}
