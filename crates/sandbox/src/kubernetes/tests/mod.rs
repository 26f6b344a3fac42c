//! The life of the cluster, on a clock that is moved by hand and without a task that keeps it.

mod faults;
mod focus;
mod jobs;
mod processes;
mod workloads;

use super::breakage;
use super::cluster::found;
use super::faults::Fault;
use super::keeper::Keeper;
use super::kinds::{EVENT, Kind, POD};
use super::objects::{items, label, name, text};
use super::seed::PANDA;
use super::store::Store;
use crate::options::SandboxOptions;
use jiff::Timestamp;
use serde_json::Value;
use shakedown_core::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How finely time passes.
const STEP: Duration = Duration::from_millis(100);

struct Life {
    keeper: Keeper,
    clock: Clock,
    store: Arc<Store>,
}

impl Life {
    fn healthy() -> Self {
        Self::with(&SandboxOptions::default())
    }

    fn with(options: &SandboxOptions) -> Self {
        let clock = Clock::manual(Timestamp::from_second(1_763_886_600).unwrap());
        let (mut keeper, _) = found(&clock, options, &CancellationToken::new()).unwrap();
        keeper.settle_all();
        let store = Arc::clone(&keeper.store);
        Self { keeper, clock, store }
    }

    /// A cluster a second after a fault was turned on.
    fn broken(fault: Fault) -> Self {
        let mut life = Self::healthy();
        breakage::inject(&mut life.keeper, fault);
        life.pass(1);
        life
    }

    /// Lets so many seconds pass.
    fn pass(&mut self, seconds: u32) {
        self.keeper.settle_all();
        for _ in 0..seconds * 10 {
            self.clock.advance(STEP);
            self.keeper.settle_all();
        }
    }

    /// The version of the last change.
    fn version(&self) -> u64 {
        self.store.list(&POD, None).1
    }

    fn get(&self, kind: &'static Kind, name: &str) -> Arc<Value> {
        self.store.get(kind, PANDA, name).unwrap()
    }

    fn list(&self, kind: &'static Kind) -> Vec<Arc<Value>> {
        self.store.list(kind, Some(PANDA)).0
    }

    /// The pods with a label.
    fn pods(&self, key: &str, value: &str) -> Vec<Arc<Value>> {
        self.list(&POD).into_iter().filter(|pod| label(pod, key) == value).collect()
    }

    fn pods_of(&self, component: &str) -> Vec<Arc<Value>> {
        self.pods("app.kubernetes.io/name", component)
    }

    /// The only pod of a component.
    fn pod_of(&self, component: &str) -> Arc<Value> {
        let pods = self.pods_of(component);
        assert_eq!(pods.len(), 1, "{component}: {pods:?}");
        Arc::clone(&pods[0])
    }

    /// What warns, as `Reason Object`.
    fn warnings(&self) -> Vec<String> {
        let events = self.list(&EVENT);
        let warning = events.iter().filter(|event| event["type"] == "Warning");
        warning
            .map(|event| format!("{} {}", text(event, "/reason"), text(event, "/involvedObject/kind")))
            .collect()
    }

    fn log(&self, pod: &Value, previous: bool) -> String {
        let log = self.keeper.kubelet.log(PANDA, name(pod), None, previous).unwrap();
        log.lines.into_iter().map(|(_, line)| line + "\n").collect()
    }
}

/// The status of the only container of a pod.
fn container(pod: &Value) -> &Value {
    &items(pod, "/status/containerStatuses")[0]
}
