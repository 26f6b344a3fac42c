//! A ready scenario: very many connections that are held while requests flow over them, one after the other.

use super::answer::Discard;
use super::dialer::Dialer;
use super::request::Request;
use super::wire::Wire;
use crate::failure::Failure;
use crate::record::lock;
use crate::scenario::{Iteration, Scenario, Session};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// The number of [`Held`]'s operation that makes a connection.
const CONNECT: usize = 0;
/// The number of [`Held`]'s operation that sends a request.
const REQUEST: usize = 1;

/// Holds a number of connections: the first arrivals of a plan make one each, at the plan's pace; every later one
/// sends a request over the connection that has rested longest.
///
/// Settings with [`Connections::Resting`](super::Connections::Resting) keep them small.
#[derive(Clone, Debug)]
pub struct Held {
    dialer: Dialer,
    request: Request,
    connections: u64,
    wires: Arc<Mutex<VecDeque<Wire>>>,
}

impl Held {
    /// Holds `connections` of them, counted over the whole plan.
    pub fn new(dialer: Dialer, request: Request, connections: u64) -> Self {
        Self { dialer, request, connections, wires: Arc::default() }
    }

    /// How many connections are held now and not in use.
    pub fn resting(&self) -> usize {
        lock(&self.wires).len()
    }

    async fn connect(&self) -> Result<(), Failure> {
        let mut wire = self.dialer.wire();
        wire.connect().await?;
        lock(&self.wires).push_back(wire);
        Ok(())
    }

    async fn ask(&self) -> Result<u64, Failure> {
        // With more requests under way than there are connections, another one is made.
        let wire = lock(&self.wires).pop_front();
        let mut wire = wire.unwrap_or_else(|| self.dialer.wire());
        let answer = wire.read(&self.request, &mut Discard).await;
        // One that failed is made anew when its turn comes again.
        lock(&self.wires).push_back(wire);
        Ok(answer?.success()?.bytes)
    }
}

#[async_trait]
impl Scenario for Held {
    fn operations(&self) -> Vec<String> {
        vec!["connect".to_owned(), "request".to_owned()]
    }

    async fn session(&self, _: u64) -> Result<Box<dyn Session>, Failure> {
        Ok(Box::new(self.clone()))
    }

    async fn teardown(&self) -> Result<(), String> {
        lock(&self.wires).clear();
        Ok(())
    }
}

#[async_trait]
impl Session for Held {
    async fn iterate(&mut self, iteration: &mut Iteration) -> Result<(), Failure> {
        if iteration.number() < self.connections {
            return iteration.time(CONNECT, self.connect()).await;
        }
        let bytes = iteration.time(REQUEST, self.ask()).await?;
        iteration.transferred(REQUEST, bytes, 0);
        Ok(())
    }
}
