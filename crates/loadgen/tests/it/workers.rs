//! Several workers: as threads, as processes, and as programs that misbehave.

use crate::http_server::{Server, answer};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use serde_json::{Value, json};
use shakedown_core::measurement::Threshold as Bound;
use shakedown_core::{Clock, HumanDuration, Limits, async_trait};
use shakedown_loadgen::threshold::Kept;
use shakedown_loadgen::workers::{
    Coordinator, CoordinatorError, Processes, Shipment, Threads, Transport, Waits, worker_main,
};
use shakedown_loadgen::{
    Arrivals, Completeness, Failure, Iteration, Load, Metric, Phase, Plan, Progress, Report, Scenario,
    Session, Threshold, register_scenario,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LIMITS: Limits = Limits { requests_per_second: 2_000.0, requests_in_flight: 400 };

/// Much more than anything takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// What every arrival does here: a wait, and an outcome that follows from its number.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Naps {
    /// How long an arrival takes.
    millis: u64,
    /// The phase, by its index, in which every arrival fails.
    fails_in: Option<usize>,
    /// What each arrival brings.
    rows: u64,
    /// Where each worker leaves a file named after its process: `up-…` after the setup, `down-…` after the teardown.
    traces: Option<PathBuf>,
    #[serde(skip)]
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// How many naps go on, and how many did at most.
    asleep: usize,
    most_asleep: usize,
    arrivals: Vec<u64>,
    sessions: Vec<u64>,
    setups: u32,
    teardowns: u32,
}

struct Napper(Naps);

#[async_trait]
impl Scenario for Naps {
    fn operations(&self) -> Vec<String> {
        vec!["nap".to_owned()]
    }

    async fn setup(&self) -> Result<(), String> {
        self.seen.lock().unwrap().setups += 1;
        self.trace("up");
        Ok(())
    }

    async fn session(&self, number: u64) -> Result<Box<dyn Session>, Failure> {
        self.seen.lock().unwrap().sessions.push(number);
        Ok(Box::new(Napper(self.clone())))
    }

    async fn teardown(&self) -> Result<(), String> {
        self.seen.lock().unwrap().teardowns += 1;
        self.trace("down");
        Ok(())
    }
}

impl Seen {
    fn falls_asleep(&mut self) {
        self.asleep += 1;
        self.most_asleep = self.most_asleep.max(self.asleep);
    }
}

impl Naps {
    fn trace(&self, what: &str) {
        if let Some(traces) = &self.traces {
            std::fs::write(traces.join(format!("{what}-{}", std::process::id())), "").unwrap();
        }
    }
}

#[async_trait]
impl Session for Napper {
    async fn iterate(&mut self, iteration: &mut Iteration) -> Result<(), Failure> {
        let Naps { millis, fails_in, rows, seen, .. } = &self.0;
        seen.lock().unwrap().arrivals.push(iteration.number());
        let fails = *fails_in == Some(iteration.phase());
        let outcome = iteration.time(0, async {
            seen.lock().unwrap().falls_asleep();
            tokio::time::sleep(Duration::from_millis(*millis)).await;
            seen.lock().unwrap().asleep -= 1;
            if fails { Err(Failure::Status(503)) } else { Ok(()) }
        });
        outcome.await?;
        iteration.transferred(0, 0, *rows);
        Ok(())
    }
}

register_scenario! {
    /// Waits.
    "test.naps": Naps => |naps, _| Ok(naps),
    creates: false,
}

register_scenario! {
    /// Would have to be cleaned up.
    "test.leaves-traces": Naps => |naps, _| Ok(naps),
    creates: true,
}

fn rate(per_second: f64, millis: u64, arrivals: Arrivals) -> Load {
    Load::Rate { per_second, during: HumanDuration::millis(millis), arrivals }
}

fn naps(params: Value) -> Shipment {
    Shipment { name: "test.naps".to_owned(), params }
}

fn waits() -> Waits {
    Waits { greeting: PATIENCE, setup: PATIENCE, silence: PATIENCE, ..Waits::default() }
}

/// Processes that are this test binary again.
fn processes() -> Processes {
    Processes::again(["--exact", "workers::is_a_worker", "--ignored", "--nocapture", "--test-threads=1"])
        .unwrap()
}

#[test]
#[ignore = "other tests run it in processes of their own"]
fn is_a_worker() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(worker_main(Clock::system())).unwrap();
}

/// Waits for what is to happen anyway.
async fn until(happened: impl Fn() -> bool) {
    let wait = async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it did not happen");
}

/// The processes that have left such a trace.
fn traces(directory: &Path, what: &str) -> Vec<i32> {
    let names =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pids: Vec<_> =
        names.filter_map(|name| name.strip_prefix(what)?.strip_prefix('-')?.parse().ok()).collect();
    pids.sort_unstable();
    pids
}

async fn run(
    coordinator: Coordinator,
    transport: &dyn Transport,
    scenario: Shipment,
) -> Result<Report, CoordinatorError> {
    run_with(waits(), coordinator, transport, scenario).await
}

async fn run_with(
    waits: Waits,
    coordinator: Coordinator,
    transport: &dyn Transport,
    scenario: Shipment,
) -> Result<Report, CoordinatorError> {
    let run = coordinator.waiting(waits).run(transport, scenario);
    tokio::time::timeout(PATIENCE, run).await.expect("it came to no end")
}

/// What does not depend on time: by phase, what was planned, started and missed, and how each attempt ended.
type Totals = BTreeMap<String, (u64, u64, u64, u64, BTreeMap<String, u64>, u64)>;

fn totals(report: &Report) -> Totals {
    let phase = |phase: &shakedown_loadgen::PhaseReport| {
        let total = phase.total();
        let failed = total.failed.iter().map(|(class, tally)| (class.clone(), tally.count)).collect();
        (phase.planned, phase.started, phase.missed, total.succeeded.count, failed, total.rows)
    };
    report.phases.iter().map(|one| (one.name.clone(), phase(one))).collect()
}

/// Open phases of all kinds, with nothing in them that depends on how fast this machine is.
fn varied() -> Plan {
    let ramp = Load::Ramp { from: 10.0, to: 60.0, during: HumanDuration::millis(1_200) };
    Plan {
        patience: HumanDuration::secs(50),
        seed: 7,
        ..Plan::of([
            Phase::unmeasured("warm-up", rate(20.0, 500, Arrivals::Even)),
            Phase::measured("poisson", rate(60.0, 1_500, Arrivals::Poisson)),
            Phase::measured("ramp", ramp),
            Phase::measured("burst", Load::Burst { count: 37 }),
        ])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_bring_what_one_brings() {
    let of = async |workers: u32| {
        let scenario = Naps { millis: 5, fails_in: Some(2), rows: 3, ..Naps::default() };
        let threads = Threads::new(Arc::new(scenario.clone()), Clock::system());
        let report =
            run(Coordinator::new(varied(), LIMITS, workers), &threads, Shipment::default()).await.unwrap();
        assert_eq!(report.complete, Completeness::Whole);
        assert_eq!((report.aborted.as_ref(), report.workers.len()), (None, workers as usize));
        (totals(&report), scenario)
    };
    let (one, alone) = of(1).await;
    let (three, shared) = of(3).await;
    assert_eq!(one, three);
    assert_eq!(one.keys().collect::<Vec<_>>(), ["burst", "poisson", "ramp", "warm-up"]);
    assert!(
        one.values().all(|(planned, started, missed, ..)| *missed == 0 && planned == started && *planned > 0)
    );
    let seen = shared.seen.lock().unwrap();
    assert_eq!(seen.arrivals.len(), alone.seen.lock().unwrap().arrivals.len());
    assert_eq!(seen.arrivals.iter().collect::<BTreeSet<_>>().len(), seen.arrivals.len(), "each arrival once");
    assert_eq!(seen.sessions.iter().collect::<BTreeSet<_>>().len(), seen.sessions.len(), "each user once");
    assert_eq!((seen.setups, seen.teardowns), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_their_iterations_add_up() {
    let plan = Plan::of([
        Phase::measured("shared", Load::Iterations { users: 5, count: 41 }),
        Phase::measured("users", Load::Users { count: 7, during: HumanDuration::secs(1) }),
    ]);
    let scenario = Naps { millis: 20, ..Naps::default() };
    let threads = Threads::new(Arc::new(scenario.clone()), Clock::system());
    let report = run(Coordinator::new(plan, LIMITS, 3), &threads, Shipment::default()).await.unwrap();
    assert_eq!(report.complete, Completeness::Whole);
    let [shared, users] = ["shared", "users"].map(|name| report.phase(name).unwrap());
    assert_eq!((shared.planned, shared.started, shared.total().attempts()), (41, 41, 41));
    assert!(users.started >= 7 && users.started == users.total().attempts());
    let seen = scenario.seen.lock().unwrap();
    assert_eq!(seen.arrivals.len() as u64, shared.started + users.started);
    assert_eq!(seen.arrivals.iter().collect::<BTreeSet<_>>().len(), seen.arrivals.len(), "each number once");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_together_keep_within_the_policy() {
    // Ten at a time would be needed, and seven are allowed; no worker may have more than three of them.
    let limits = Limits { requests_per_second: 200.0, requests_in_flight: 7 };
    let plan =
        Plan { patience: HumanDuration::millis(300), ..Plan::single(rate(50.0, 2_000, Arrivals::Even)) };
    let scenario = Naps { millis: 200, ..Naps::default() };
    let threads = Threads::new(Arc::new(scenario.clone()), Clock::system());
    let report = run(Coordinator::new(plan, limits, 3), &threads, Shipment::default()).await.unwrap();
    let most = scenario.seen.lock().unwrap().most_asleep;
    assert!((3..=7).contains(&most), "{most}");
    let phase = &report.phases[0];
    assert_eq!((phase.planned, phase.started + phase.missed), (100, 100), "nothing is hidden");
    assert!(phase.missed > 0, "what seven could not do was missed");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_bring_what_threads_bring() {
    let scenario = json!({ "millis": 5, "fails_in": 2, "rows": 3 });
    let apart =
        run(Coordinator::new(varied(), LIMITS, 2), &processes(), naps(scenario.clone())).await.unwrap();
    let threads = Threads::new(Arc::new(Naps::deserialize(scenario).unwrap()), Clock::system());
    let together = run(Coordinator::new(varied(), LIMITS, 2), &threads, Shipment::default()).await.unwrap();
    assert_eq!(totals(&apart), totals(&together));
    assert_eq!(apart.complete, Completeness::Whole);
    for worker in &apart.workers {
        assert!(worker.clock_offset.is_some_and(f64::is_finite), "{worker:?}");
        assert!(worker.started > 0 && worker.intervals > 0);
    }
}

/// 20 arrivals per second for so long.
fn steady(seconds: u64) -> Plan {
    let plan = Plan::single(rate(20.0, seconds * 1000, Arrivals::Even));
    Plan { drain: HumanDuration::secs(5), ..plan }
}

/// Runs two processes, does something to one of them once both are at work, and returns its id and the report.
async fn struck(signal: Signal) -> (i32, Report) {
    let directory = tempfile::tempdir().unwrap();
    let (begun, working) = tokio::sync::watch::channel(0);
    let harmless = Threshold::new(Metric::Errors, Bound::AtMost(50.0));
    let coordinator = Coordinator::new(Plan { thresholds: vec![harmless], ..steady(7) }, LIMITS, 2)
        .on_progress(move |progress| begun.send_modify(|started| *started = progress.started));
    let scenario = naps(json!({ "millis": 1, "traces": directory.path() }));
    let processes = processes();
    let striking = async {
        working.clone().wait_for(|started| *started >= 20).await.unwrap();
        let victim = traces(directory.path(), "up")[0];
        kill_process(Pid::from_raw(victim).unwrap(), signal).unwrap();
        victim
    };
    let waits = Waits { silence: Duration::from_secs(3), ..waits() };
    let (victim, report) = tokio::join!(striking, run_with(waits, coordinator, &processes, scenario));
    let up = traces(directory.path(), "up");
    let down = traces(directory.path(), "down");
    assert_eq!(up.len(), 2);
    assert_eq!(
        down,
        up.into_iter().filter(|pid| *pid != victim).collect::<Vec<_>>(),
        "the other one cleaned up"
    );
    (victim, report.unwrap())
}

/// The report names who is missing, since when, and what it owned; and has all that came from the others.
#[track_caller]
fn assert_gap(victim: i32, report: &Report, why: &str) {
    let Completeness::Degraded(gap) = &report.complete else {
        panic!("a part is missing: {:?}", report.complete)
    };
    assert!(gap.contains(&format!("(process {victim})")) && gap.contains(why), "{gap}");
    assert!(
        gap.contains("missing since ") && gap.contains("of the 70 planned arrivals that it owned"),
        "{gap}"
    );
    let [lost] = &report.workers.iter().filter(|worker| worker.lost.is_some()).collect::<Vec<_>>()[..] else {
        panic!("one worker is missing: {:?}", report.workers);
    };
    assert!(lost.started < 70, "{lost:?}");
    let other = report.workers.iter().find(|worker| worker.lost.is_none()).unwrap();
    assert_eq!(other.started, 70);
    assert_eq!(report.phases[0].started, other.started + lost.started);
    let verdict = &report.verdicts[0];
    assert_eq!(
        (verdict.kept, verdict.note.as_deref()),
        (Kept::NoData, Some("a part of the load is missing"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_leaves_a_marked_gap() {
    let (victim, report) = struck(Signal::KILL).await;
    assert_gap(victim, &report, "it closed the connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stands_still_is_given_up_and_ended() {
    let (victim, report) = struck(Signal::STOP).await;
    assert_gap(victim, &report, "nothing was heard of it for 3s");
    // Nothing of it is left: it was killed, and its end was noticed.
    until(|| kill_process(Pid::from_raw(victim).unwrap(), Signal::CONT).is_err()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hopeless_threshold_ends_all_workers() {
    let mut plan = steady(15);
    plan.thresholds = vec![Threshold::new(Metric::Errors, Bound::AtMost(5.0)).of("nap").or_abort()];
    let scenario = Naps { fails_in: Some(0), ..Naps::default() };
    let threads = Threads::new(Arc::new(scenario.clone()), Clock::system());
    let report = run(Coordinator::new(plan.clone(), LIMITS, 3), &threads, Shipment::default()).await.unwrap();
    let why = report.aborted.unwrap();
    assert!(
        why.starts_with("errors of nap ≤ 5 % can no longer be kept: ") && why.ends_with("attempts failed"),
        "{why}"
    );
    assert_eq!(report.complete, Completeness::Whole);
    assert!((15..300).contains(&report.phases[0].started), "{}", report.phases[0].started);
    assert_eq!(scenario.seen.lock().unwrap().teardowns, 3);

    let directory = tempfile::tempdir().unwrap();
    let scenario = naps(json!({ "fails_in": 0, "traces": directory.path() }));
    let report = run(Coordinator::new(plan, LIMITS, 2), &processes(), scenario).await.unwrap();
    assert_eq!(report.aborted.as_deref().map(|why| why.starts_with("errors of nap ≤ 5 %")), Some(true));
    assert_eq!(traces(directory.path(), "down"), traces(directory.path(), "up"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_is_reported() {
    let scenario = Naps::default();
    let threads = Threads::new(Arc::new(scenario.clone()), Clock::system());
    let token = tokio_util::sync::CancellationToken::new();
    let cancel = token.clone();
    let coordinator =
        Coordinator::new(steady(40), LIMITS, 2).cancelled_by(token).on_progress(move |progress| {
            if progress.started >= 10 {
                cancel.cancel();
            }
        });
    let report = run(coordinator, &threads, Shipment::default()).await.unwrap();
    assert_eq!(report.aborted.as_deref(), Some("cancelled"));
    assert!(report.phases[0].started >= 10);
    assert_eq!(scenario.seen.lock().unwrap().teardowns, 2);

    let token = tokio_util::sync::CancellationToken::new();
    token.cancel();
    let coordinator = Coordinator::new(steady(1), LIMITS, 2).cancelled_by(token);
    let refused = run(coordinator, &threads, Shipment::default()).await;
    assert!(matches!(refused, Err(CoordinatorError::Cancelled)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shared_or_shipped_is_refused_before_anything_starts() {
    let refused = async |plan, workers, scenario| {
        run(Coordinator::new(plan, LIMITS, workers), &processes(), scenario).await.unwrap_err().to_string()
    };
    let called = |name: &str| Shipment { name: name.to_owned(), params: json!({}) };
    insta::assert_snapshot!(refused(steady(1), 2, called("test.nasp")).await, @"no scenario is called `test.nasp`; did you mean `test.naps`?");
    insta::assert_snapshot!(refused(steady(1), 2, called("test.leaves-traces")).await, @"scenario `test.leaves-traces` makes things that must be removed again, so that it cannot run in another process");
    insta::assert_snapshot!(refused(steady(1), 2, naps(json!({ "milis": 5 }))).await, @"scenario `test.naps` refuses its parameters: unknown field `milis`, expected one of `millis`, `fails_in`, `rows`, `traces`");
    insta::assert_snapshot!(refused(steady(1), 0, naps(json!({}))).await, @"the load cannot be shared: there must be at least one worker");
    insta::assert_snapshot!(refused(steady(1), 401, naps(json!({}))).await, @"the load cannot be shared: 401 workers are more than the 400 requests that the policy allows in flight");
    insta::assert_snapshot!(refused(Plan::single(rate(2001.0, 1000, Arrivals::Even)), 2, naps(json!({}))).await, @"the plan cannot be run: phase `load`: 2001 arrivals/s exceed the limit of 2000 requests/s");
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_coordinator_ends_all_workers() {
    let directory = tempfile::tempdir().unwrap();
    let hour = Plan { drain: HumanDuration::millis(100), ..steady(3600) };
    let (begun, working) = tokio::sync::watch::channel(0);
    let coordinator = |begun: tokio::sync::watch::Sender<u64>| {
        let tell = move |progress: &Progress| begun.send_modify(|started| *started = progress.started);
        Coordinator::new(hour.clone(), LIMITS, 2).waiting(waits()).on_progress(tell)
    };
    let at_work = async |mut working: tokio::sync::watch::Receiver<u64>| {
        let begun = async { working.wait_for(|started| *started >= 5).await.map(drop) };
        tokio::time::timeout(PATIENCE, begun).await.unwrap().unwrap();
    };
    let processes = processes();
    let scenario = naps(json!({ "traces": directory.path() }));
    tokio::select! {
        report = coordinator(begun).run(&processes, scenario) => panic!("{report:?}"),
        () = at_work(working) => {}
    }
    let pids = traces(directory.path(), "up");
    assert_eq!(pids.len(), 2);
    for pid in pids {
        until(|| kill_process(Pid::from_raw(pid).unwrap(), Signal::CONT).is_err()).await;
    }

    let scenario = Naps::default();
    let threads = Threads::new(Arc::new(scenario.clone()), Clock::system());
    let (begun, working) = tokio::sync::watch::channel(0);
    tokio::select! {
        report = coordinator(begun).run(&threads, Shipment::default()) => panic!("{report:?}"),
        () = at_work(working) => {}
    }
    until(|| scenario.seen.lock().unwrap().teardowns == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_hold_connections_and_send_requests_over_them() {
    let server = Server::answering(answer("hello")).await;
    let url = format!("http://127.0.0.1:{}", server.port);
    let connecting = Phase::unmeasured("connect", rate(40.0, 1_000, Arrivals::Even));
    let plan = Plan::of([connecting, Phase::measured("load", rate(60.0, 1_000, Arrivals::Even))]);
    let params = json!({
        "urls": [url], "path": "ack", "connections": 40, "source_addresses": ["127.0.0.2", "127.0.0.3"],
    });
    let held = Shipment { name: "http.held".to_owned(), params };
    let report = run(Coordinator::new(plan, LIMITS, 2), &processes(), held).await.unwrap();
    assert_eq!((report.complete.clone(), server.connections()), (Completeness::Whole, 40));
    let request = report.operation("request").unwrap();
    assert_eq!((request.succeeded.count(), request.failures(), request.bytes), (60, 0, 300));

    let get = Shipment { name: "http.get".to_owned(), params: json!({ "urls": [url], "path": "ack" }) };
    let plan = Plan::single(Load::Iterations { users: 4, count: 100 });
    let report = run(Coordinator::new(plan, LIMITS, 2), &processes(), get).await.unwrap();
    assert_eq!(report.operation("get").unwrap().succeeded.count(), 100);
    assert_eq!(server.connections(), 44);
}
