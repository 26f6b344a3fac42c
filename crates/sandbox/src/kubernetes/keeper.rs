//! Keeps the cluster alive: one task that hears of every change, and has the controller concerned look at it.
//!
//! A controller is a function that looks at one object and brings the cluster closer to what that object asks for.
//! Between two looks the keeper takes note of what has changed, so that no controller acts on what is past.

use super::chores::{self, Chore};
use super::controllers::{deployments, garbage, jobs, replica_sets, services, stateful_sets};
use super::kinds::{DEPLOYMENT, JOB, Kind, POD, REPLICA_SET, SERVICE, STATEFUL_SET};
use super::kubelet::Kubelet;
use super::objects::{controller, name, namespace, place, text, uid};
use super::orders::Orders;
use super::process::Exit;
use super::recorder::{Happened, Recorder, Source};
use super::seed::PANDA;
use super::store::{Change, Place, Store, Subscription, What};
use super::tend::{self, PodRun};
use super::world::World;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use shakedown_core::Clock;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::unconstrained;
use tokio_util::sync::CancellationToken;

/// How often the clock is looked at.
const ROUND: Duration = Duration::from_millis(50);
/// How many tasks are done before others get their turn.
const BATCH: usize = 100;

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    Pod(Place),
    ReplicaSet(Place),
    Deployment(Place),
    StatefulSet(Place),
    Job(Place),
    Service(Place),
    Chore(Chore),
}

/// Something that is to be done between two looks.
pub(super) type Request = Box<dyn FnOnce(&mut Keeper) + Send>;

/// What the controllers work with.
pub(super) struct Keeper {
    pub(super) store: Arc<Store>,
    pub(super) kubelet: Arc<Kubelet>,
    pub(super) clock: Clock,
    pub(super) world: World,
    pub(super) orders: Orders,
    /// The containers that run, by the UID of their pod.
    pub(super) runs: HashMap<String, PodRun>,
    /// What is remembered of jobs, by their UID.
    pub(super) ledgers: HashMap<String, jobs::Ledger>,
    /// Our own executables: a container whose command begins with one of them is a real process.
    pub(super) executables: Vec<String>,
    pub(super) exits: mpsc::UnboundedSender<Exit>,
    pub(super) shutdown: CancellationToken,
    /// The time to which the cluster is set while it is being made.
    pub(super) seeding: Option<Timestamp>,
    recorder: Recorder,
    changes: Subscription,
    queue: BTreeSet<Task>,
    timers: BTreeMap<Timestamp, BTreeSet<Task>>,
    addresses: u32,
}

impl Keeper {
    /// A keeper of a store. The other end tells it of processes that have ended.
    pub(super) fn new(
        store: Arc<Store>,
        kubelet: Arc<Kubelet>,
        clock: Clock,
        executables: Vec<String>,
        shutdown: CancellationToken,
    ) -> (Self, mpsc::UnboundedReceiver<Exit>) {
        let (exits, exited) = mpsc::unbounded_channel();
        let keeper = Self {
            recorder: Recorder::new(Arc::clone(&store)),
            changes: store.subscribe(),
            store,
            kubelet,
            clock,
            world: World::default(),
            orders: Orders::default(),
            runs: HashMap::new(),
            ledgers: HashMap::new(),
            executables,
            exits,
            shutdown,
            seeding: None,
            queue: BTreeSet::new(),
            timers: BTreeMap::new(),
            addresses: 0,
        };
        (keeper, exited)
    }

    /// What time it is: while the cluster is being made, that of its making.
    pub(super) fn now(&self) -> Timestamp {
        self.seeding.unwrap_or_else(|| self.clock.now())
    }

    /// Looks at something as soon as possible.
    pub(super) fn soon(&mut self, task: Task) {
        self.queue.insert(task);
    }

    /// Looks at something when the time has come.
    pub(super) fn later(&mut self, at: Timestamp, task: Task) {
        self.timers.entry(at).or_default().insert(task);
    }

    /// Records that something has happened to an object, unless that was before anybody looked.
    pub(super) fn tell(&mut self, kind: &Kind, object: &Value, what: Happened<'_>, source: Source) {
        if self.seeding.is_none() {
            self.recorder.record(kind, object, what, source, self.clock.now());
        }
    }

    /// The next address of a pod.
    pub(super) fn next_address(&mut self) -> String {
        self.addresses += 1;
        let number = self.addresses + 10;
        format!("10.{}.{}.{}", 42 + number / 62_500, number / 250 % 250, number % 250 + 2)
    }

    /// Works until nothing is left to do now, or a batch is done. Says whether something is left.
    pub(super) fn settle(&mut self) -> bool {
        for _ in 0..BATCH {
            self.take_note();
            let now = self.now();
            while let Some(entry) = self.timers.first_entry()
                && *entry.key() <= now
            {
                self.queue.extend(entry.remove());
            }
            let Some(task) = self.queue.pop_first() else { return false };
            self.look_at(task);
        }
        true
    }

    /// Works until nothing is left to do now.
    pub(super) fn settle_all(&mut self) {
        while self.settle() {}
    }

    /// Works until the sandbox ends.
    pub(super) async fn run(
        mut self,
        mut requests: mpsc::UnboundedReceiver<Request>,
        mut exited: mpsc::UnboundedReceiver<Exit>,
    ) {
        let shutdown = self.shutdown.clone();
        loop {
            while self.settle() {
                tokio::task::yield_now().await;
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(request) = requests.recv() => request(&mut self),
                Some(exit) = exited.recv() => tend::exited(&mut self, &exit),
                change = self.changes.next() => self.heed(&change),
                () = tokio::time::sleep(ROUND) => {}
            }
        }
        for run in self.runs.into_values() {
            run.end().await;
        }
    }

    /// Takes note of everything that has changed.
    fn take_note(&mut self) {
        // A task that has done much is told that nothing is there, so that it yields: that would be taken for true.
        while let Some(change) = unconstrained(self.changes.next()).now_or_never() {
            self.heed(&change);
        }
    }

    /// Takes note of a change, and of whom it concerns.
    fn heed(&mut self, change: &Change) {
        self.world.apply(change);
        let object = &change.object;
        if let Some(task) = task_of(change.kind, place(object)) {
            self.queue.insert(task);
        }
        for seen in [Some(object), change.before.as_ref()].into_iter().flatten() {
            if let Some(task) = task_of_owner(seen) {
                self.queue.insert(task);
            }
            if change.kind == &POD {
                self.heed_services(seen);
            }
        }
        if change.what == What::Deleted {
            if change.kind == &POD {
                tend::forget(self, uid(object));
            } else if change.kind == &JOB {
                self.ledgers.remove(uid(object));
                self.orders.forget(name(object));
            }
            garbage::remove_dependents(self, object);
        } else if change.what == What::Added {
            garbage::remove_orphan(self, change.kind, object);
        }
    }

    fn heed_services(&mut self, pod: &Value) {
        for service in self.world.services_of(pod) {
            self.queue.insert(Task::Service(service));
        }
    }

    fn look_at(&mut self, task: Task) {
        match task {
            Task::Pod(place) => tend::tend(self, &place),
            Task::ReplicaSet(place) => replica_sets::look(self, &place),
            Task::Deployment(place) => deployments::look(self, &place),
            Task::StatefulSet(place) => stateful_sets::look(self, &place),
            Task::Job(place) => jobs::look(self, &place),
            Task::Service(place) => services::look(self, &place),
            Task::Chore(chore) => chores::look(self, chore),
        }
    }

    /// The pods of a component, which is named by the label that its chart gives it.
    pub(super) fn pods_of(&self, component: &str) -> Vec<Arc<Value>> {
        self.world.selected(PANDA, &json!({ "app.kubernetes.io/name": component }))
    }

    /// The pods of a job of the Focus Server's namespace.
    pub(super) fn pods_of_job(&self, job: &str) -> Vec<Arc<Value>> {
        self.world.selected(PANDA, &json!({ "job-name": job }))
    }
}

/// Who looks at an object of a kind.
fn task_of(kind: &Kind, place: Place) -> Option<Task> {
    let task = match kind {
        kind if kind == &POD => Task::Pod,
        kind if kind == &REPLICA_SET => Task::ReplicaSet,
        kind if kind == &DEPLOYMENT => Task::Deployment,
        kind if kind == &STATEFUL_SET => Task::StatefulSet,
        kind if kind == &JOB => Task::Job,
        kind if kind == &SERVICE => Task::Service,
        _ => return None,
    };
    Some(task(place))
}

/// Who looks at the owner of an object.
fn task_of_owner(object: &Value) -> Option<Task> {
    let owner = controller(object)?;
    let kinds = [&REPLICA_SET, &DEPLOYMENT, &STATEFUL_SET, &JOB];
    let kind = kinds.into_iter().find(|kind| owner["kind"] == kind.kind)?;
    task_of(kind, (namespace(object).to_owned(), text(owner, "/name").to_owned()))
}
