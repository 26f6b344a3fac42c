//! What coordinator and worker say to each other. Every message is one line of JSON.
//!
//! ```text
//! worker        Hello             who it is, and which version it speaks
//! coordinator   Ping …            several times
//! worker        Pong …            for the offset between the clocks
//! coordinator   Assignment        the whole plan, the scenario, and which part of it is the worker's
//! worker        Ready             the scenario is set up
//! coordinator   Start             an instant in the future, by the worker's own clock
//! worker        Interval …        what each interval brought; `Alive` in between
//! worker        Done | Failed     at the end
//! coordinator   Abort             at any time; closing the stream means the same
//! ```
//!
//! A worker knows nothing of the others. It owns the arrivals whose number leaves its index when divided by the number of
//! workers, so that nothing has to be agreed while they run.

use crate::arrivals::Share;
use crate::interval::Interval;
use crate::plan::Plan;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shakedown_core::Limits;

/// The version of the protocol. Both sides must speak the same.
pub const VERSION: u32 = 1;

/// What the coordinator says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Answer at once with [`Word::Pong`].
    Ping {
        /// To be repeated in the answer.
        number: u32,
    },
    /// What is to be done.
    Assignment(Box<Assignment>),
    /// Begin.
    Start {
        /// When, by the worker's clock.
        at: Timestamp,
    },
    /// End now: begin nothing more, drain, clean up, and say [`Word::Done`].
    Abort {
        /// Why.
        why: String,
    },
}

/// What a worker is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Assignment {
    /// The whole plan.
    pub plan: Plan,
    /// What to run; a worker that was given its scenario in another way disregards it.
    pub scenario: Shipment,
    /// Which worker it is, from 0.
    pub index: u32,
    /// How many workers there are.
    pub of: u32,
    /// What the policy allows all workers together; a worker keeps to the part that it owns.
    pub limits: Limits,
}

impl Assignment {
    /// Which of the arrivals are the worker's.
    pub const fn share(&self) -> Share {
        Share { index: self.index, of: self.of }
    }
}

/// A scenario by its name, to be built where it runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shipment {
    /// The name that it is registered by.
    pub name: String,
    /// Its parameters.
    pub params: Value,
}

/// What a worker says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// Its first message.
    Hello {
        /// The version that it speaks.
        version: u32,
        /// Its process.
        pid: u32,
        /// What its clock shows.
        clock: Timestamp,
    },
    /// Answers [`Order::Ping`].
    Pong {
        /// The number of the question.
        number: u32,
        /// What its clock shows.
        clock: Timestamp,
    },
    /// The scenario is set up; it waits for [`Order::Start`].
    Ready {
        /// The names of the scenario's operations.
        operations: Vec<String>,
    },
    /// Nothing new, but it is there.
    Alive,
    /// What an interval brought.
    Interval(Box<Interval>),
    /// It has made something that must be removed again. No scenario that does so is shipped today.
    Created {
        /// What, in the words of the plugin.
        what: Value,
    },
    /// It has ended, and cleaned up.
    Done(Box<Closing>),
    /// It could not begin, or not go on.
    Failed {
        /// Why.
        why: String,
    },
}

/// What a worker says of itself at the end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Closing {
    /// How many intervals it has sent, so that a missing one is noticed.
    pub intervals: u64,
    /// How many arrivals it has begun, by its own count.
    pub started: u64,
    /// Why it ended before its time.
    pub aborted: Option<String>,
    /// What its scenario could not clean up behind itself.
    pub teardown: Option<String>,
}
