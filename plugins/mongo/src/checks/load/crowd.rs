//! Many connections at once: a client of its own whose pool is to be full before anything is asked.

use crate::checks::indexes::explain::Query;
use crate::client::MongoClient;
use crate::trouble::Trouble;
use futures_util::future::join_all;
use mongodb::Client;
use mongodb::event::EventHandler;
use mongodb::event::cmap::CmapEvent;
use shakedown_core::CheckError;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;

/// The connections.
pub(super) struct Crowd {
    client: Client,
    census: watch::Receiver<Census>,
}

/// What the pool tells of its connections.
#[derive(Debug, Default)]
struct Census {
    /// The ids of those that are open.
    open: BTreeSet<u32>,
    most: usize,
    /// How long each took to be made, in milliseconds.
    connects: Vec<f64>,
}

impl Census {
    fn heed(&mut self, event: &CmapEvent) {
        match event {
            CmapEvent::ConnectionReady(ready) => {
                self.open.insert(ready.connection_id);
                self.most = self.most.max(self.open.len());
                self.connects.push(ready.duration.as_secs_f64() * 1000.0);
            }
            CmapEvent::ConnectionClosed(closed) => {
                self.open.remove(&closed.connection_id);
            }
            _ => {}
        }
    }
}

impl Crowd {
    /// Begins to make so many connections, all at once, with the settings of the target's client.
    pub(super) fn gather(mongo: &MongoClient, connections: u32) -> Result<Self, CheckError> {
        let (sender, census) = watch::channel(Census::default());
        let mut options = mongo.options.clone();
        options.sdam_event_handler = None;
        options.cmap_event_handler =
            Some(EventHandler::callback(move |event| sender.send_modify(|census| census.heed(&event))));
        options.min_pool_size = Some(connections);
        options.max_pool_size = Some(connections);
        options.max_connecting = Some(connections);
        let client = Client::with_options(options)
            .map_err(|error| CheckError::from(Trouble::of(&error, "make another client", &mongo.place)))?;
        Ok(Self { client, census })
    }

    /// Waits until so many are there, or until the time is over.
    pub(super) async fn complete(&self, connections: u32, within: Duration) {
        let mut census = self.census.clone();
        let all = census.wait_for(|census| census.open.len() >= connections as usize);
        // How many there are is asked for next, whatever came first.
        let _ = tokio::time::timeout(within, all).await;
    }

    /// How many there were at once, at most.
    pub(super) fn most(&self) -> usize {
        self.census.borrow().most
    }

    /// How long each took to be made, in milliseconds.
    pub(super) fn connects(&self) -> Vec<f64> {
        self.census.borrow().connects.clone()
    }

    /// Sends as many queries, all at once. Says why any of them was not served.
    pub(super) async fn ask(
        &self,
        mongo: &MongoClient,
        count: u32,
        queries: &[Query],
        within: Duration,
    ) -> Vec<Result<(), String>> {
        let database = self.client.database(mongo.place.database());
        let asked = (0..count).zip(queries.iter().cycle());
        let answers = asked.map(|(_, query)| query.run_in(mongo, &database, within));
        let answers = join_all(answers).await;
        answers.into_iter().map(|answer| answer.map_err(|trouble| trouble.words())).collect()
    }

    /// Closes all.
    pub(super) async fn disperse(self) {
        self.client.shutdown().immediate(true).await;
    }
}
