//! The bench at a sandbox's Focus Server, for checks that put load on it.

use serde_json::Value;
use shakedown_core::budget::Budget;
use shakedown_core::{CheckError, Clock, Limits, Outcome, Verdict};
use shakedown_testkit::{Bench, Truth, codes};
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;
use std::time::Duration;

/// How often a check is asked for which this machine is too busy.
const TRIES: u32 = 10;

/// A bench that knows what the server had done before a check was asked.
pub(crate) struct Site {
    bench: Bench,
    before: Mutex<Option<Truth>>,
}

impl Deref for Site {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

impl DerefMut for Site {
    fn deref_mut(&mut self) -> &mut Bench {
        &mut self.bench
    }
}

impl Site {
    /// A sandbox with a Focus Server that has these faults. None where a part of it cannot be had; in CI that is a
    /// failure.
    pub(crate) async fn with(faults: &[&str]) -> Option<Self> {
        let mut bench = Bench::sandbox(&["focus-api"], faults).await?;
        bench.jobs = Budget::new(200, Clock::system());
        bench.limits = Limits { requests_per_second: 1000.0, requests_in_flight: 500 };
        bench.deadline = Duration::from_mins(2);
        Some(Self { bench, before: Mutex::default() })
    }

    /// What a check answers. On a machine that is too busy to put load on, it is asked again.
    pub(crate) async fn answer(&self, id: &str, params: Value) -> Result<Verdict, CheckError> {
        for _ in 0..TRIES {
            *self.before.lock().unwrap() = Some(self.truth());
            match self.bench.answer(id, params.clone()).await {
                Err(CheckError::Unclear(why)) if why.starts_with("generator-limited") => {
                    eprintln!("{id}: {why}");
                }
                answer => return answer,
            }
        }
        panic!("this machine is too busy to test load on");
    }

    /// What the server said that it did before the check that was asked last.
    pub(crate) fn truth_before(&self) -> Truth {
        self.before.lock().unwrap().clone().expect("a check was asked")
    }

    /// The same, as it is reported.
    pub(crate) async fn run(&self, id: &str, params: Value) -> Outcome {
        self.answer(id, params).await.into()
    }

    /// The codes of the findings, with those of cases.
    pub(crate) async fn codes(&self, id: &str, params: Value) -> Vec<String> {
        codes(&self.run(id, params).await)
    }

    /// Ends the sandbox.
    pub(crate) async fn close(self) {
        self.bench.stop().await;
    }
}
