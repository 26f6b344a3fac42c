//! Workers that are played: what the coordinator makes of what they say.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shakedown_core::measurement::Threshold as Bound;
use shakedown_core::{Clock, HumanDuration, Limits, async_trait};
use shakedown_loadgen::interval::Interval;
use shakedown_loadgen::report::OperationReport;
use shakedown_loadgen::threshold::Kept;
use shakedown_loadgen::workers::protocol::{Assignment, Closing, Order, VERSION, Word};
use shakedown_loadgen::workers::{
    Coordinator, CoordinatorError, Hold, Link, Shipment, Transport, Waits, worker,
};
use shakedown_loadgen::{Completeness, Load, Metric, Plan, Report, Statistic, Threshold};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::Notify;

const LIMITS: Limits = Limits { requests_per_second: 100.0, requests_in_flight: 10 };

/// Waits for what is to happen anyway.
const PATIENCE: Duration = Duration::from_mins(1);

/// Two seconds in which the plan itself begins nothing: what is reported is what was said.
fn plan() -> Plan {
    Plan { drain: HumanDuration::secs(1), ..Plan::single(Load::Pause { during: HumanDuration::secs(2) }) }
}

/// One end of a conversation.
struct Party {
    from: BufReader<ReadHalf<DuplexStream>>,
    to: WriteHalf<DuplexStream>,
}

impl Party {
    fn new(stream: DuplexStream) -> Self {
        let (from, to) = tokio::io::split(stream);
        Self { from: BufReader::new(from), to }
    }

    /// What is said next; nothing where the other side is gone.
    async fn hears<T: serde::de::DeserializeOwned>(&mut self) -> Option<T> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.from.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            if !line.trim().is_empty() {
                return Some(serde_json::from_str(&line).unwrap());
            }
        }
    }

    /// Says it. That nobody listens any more is no failure.
    async fn says(&mut self, message: &impl serde::Serialize) {
        self.writes(&format!("{}\n", serde_json::to_string(message).unwrap())).await;
    }

    async fn writes(&mut self, text: &str) {
        drop(self.to.write_all(text.as_bytes()).await);
    }

    async fn greets(&mut self, version: u32) {
        self.says(&Word::Hello { version, pid: 1, clock: Timestamp::UNIX_EPOCH }).await;
    }

    /// Behaves until it is ready, with a clock that is ahead by so many seconds.
    async fn prepares(&mut self, ahead: i64) {
        self.greets(VERSION).await;
        loop {
            match self.hears().await.expect("the coordinator is gone") {
                Order::Ping { number } => {
                    let clock = Clock::system().now() + SignedDuration::from_secs(ahead);
                    self.says(&Word::Pong { number, clock }).await;
                }
                Order::Assignment(_) => {
                    return self.says(&Word::Ready { operations: vec!["get".to_owned()] }).await;
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Behaves until it is to start; returns when that is.
    async fn starts(&mut self, ahead: i64) -> Timestamp {
        self.prepares(ahead).await;
        match self.hears().await.expect("the coordinator is gone") {
            Order::Start { at } => at,
            other => panic!("{other:?}"),
        }
    }

    /// Reports so many attempts of this length in one second, and ends.
    async fn brings(&mut self, worker: u32, attempts: u64, milliseconds: u64) {
        let interval = interval(worker, 0, attempts, milliseconds);
        self.says(&Word::Interval(Box::new(interval))).await;
        self.ends(1, attempts).await;
    }

    async fn ends(&mut self, intervals: u64, started: u64) {
        self.says(&Word::Done(Box::new(Closing { intervals, started, aborted: None, teardown: None }))).await;
    }

    /// Stays until the other side is gone.
    async fn stays(&mut self) {
        while self.hears::<Value>().await.is_some() {}
    }
}

fn interval(worker: u32, sequence: u64, attempts: u64, milliseconds: u64) -> Interval {
    let mut get = OperationReport::named("get");
    let took = Duration::from_millis(milliseconds);
    (0..attempts).for_each(|_| get.succeeded.record(took, took));
    let (planned, started) = (attempts, attempts);
    Interval {
        worker,
        sequence,
        from: 0.0,
        to: 1.0,
        planned,
        started,
        operations: vec![get],
        ..Interval::default()
    }
}

/// Workers that are played by a function of their number and their end of the stream.
struct Played<F>(F);

#[async_trait]
impl<F, P> Transport for Played<F>
where
    F: Fn(u32, Party) -> P + Send + Sync,
    P: Future<Output = ()> + Send + 'static,
{
    async fn open(&self, index: u32) -> Result<Link, String> {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let (from, to) = tokio::io::split(ours);
        tokio::spawn((self.0)(index, Party::new(theirs)));
        Ok(Link { from: Box::new(from), to: Box::new(to), hold: Box::new(Free) })
    }

    fn by_name(&self) -> bool {
        false
    }
}

/// Nothing to end: who plays a worker ends with its stream.
struct Free;

#[async_trait]
impl Hold for Free {
    async fn release(&mut self) {}
}

async fn run<F, P>(plan: Plan, workers: u32, script: F) -> Result<Report, CoordinatorError>
where
    F: Fn(u32, Party) -> P + Send + Sync,
    P: Future<Output = ()> + Send + 'static,
{
    run_with(Waits { greeting: PATIENCE, setup: PATIENCE, ..waits() }, plan, workers, script).await
}

/// Short ones: here nobody who is honest needs long.
fn waits() -> Waits {
    let seconds = Duration::from_secs;
    Waits { greeting: seconds(1), silence: seconds(3), ending: seconds(3), ..Waits::default() }
}

async fn run_with<F, P>(waits: Waits, plan: Plan, workers: u32, script: F) -> Result<Report, CoordinatorError>
where
    F: Fn(u32, Party) -> P + Send + Sync,
    P: Future<Output = ()> + Send + 'static,
{
    let played = Played(script);
    let run = Coordinator::new(plan, LIMITS, workers).waiting(waits).run(&played, Shipment::default());
    tokio::time::timeout(PATIENCE, run).await.expect("it came to no end")
}

async fn refused<F, P>(script: F) -> String
where
    F: Fn(u32, Party) -> P + Send + Sync,
    P: Future<Output = ()> + Send + 'static,
{
    run(plan(), 1, script).await.unwrap_err().to_string()
}

#[tokio::test]
async fn another_version_is_refused() {
    let why = refused(async |_, mut party: Party| {
        party.greets(VERSION + 1).await;
        party.stays().await;
    });
    insta::assert_snapshot!(why.await, @"worker 0 cannot take part: it speaks version 2 of the protocol, not 1; all workers must be of the same build");
}

#[tokio::test]
async fn a_worker_that_is_none_is_refused() {
    let silent = run_with(waits(), plan(), 1, async |_, mut party: Party| party.stays().await);
    insta::assert_snapshot!(silent.await.unwrap_err(), @"worker 0 cannot take part: it did not introduce itself within 1s");
    let gone = refused(async |_, party: Party| drop(party));
    insta::assert_snapshot!(gone.await, @"worker 0 cannot take part: it closed the connection");
    let chatter = refused(async |_, mut party: Party| {
        for _ in 0..1000 {
            party.writes("Good morning!\n").await;
        }
        party.stays().await;
    });
    insta::assert_snapshot!(chatter.await, @"worker 0 cannot take part: it sent `Good morning!`, which is no message: expected value at line 1 column 1");
    let hasty = refused(async |_, mut party: Party| {
        party.says(&Word::Alive).await;
        party.stays().await;
    });
    insta::assert_snapshot!(hasty.await, @"worker 0 cannot take part: it said Alive, which was not its turn");
    let unable = refused(async |_, mut party: Party| {
        party.says(&Word::Failed { why: "no memory\nleft".to_owned() }).await;
        party.stays().await;
    });
    insta::assert_snapshot!(unable.await, @r"worker 0 cannot take part: no memory\nleft");
}

#[tokio::test]
async fn what_a_program_says_before_it_is_a_worker_is_skipped() {
    let report = run(plan(), 1, async |_, mut party: Party| {
        party.writes("\nrunning 1 test\ntest workers::is_a_worker ... \n").await;
        party.starts(0).await;
        party.brings(0, 5, 10).await;
        party.stays().await;
    });
    let report = report.await.unwrap();
    assert_eq!((report.complete, report.phases[0].started), (Completeness::Whole, 5));
}

/// Worker 0 does its part; what becomes of worker 1, which misbehaves once it has started.
async fn gap<P>(misbehave: impl Fn(Party) -> P + Send + Sync + Clone + 'static) -> String
where
    P: Future<Output = ()> + Send + 'static,
{
    let report = run(plan(), 2, move |worker, mut party: Party| {
        let misbehave = misbehave.clone();
        async move {
            party.starts(0).await;
            if worker == 0 {
                party.brings(0, 7, 10).await;
                party.stays().await;
            } else {
                misbehave(party).await;
            }
        }
    });
    let report = report.await.unwrap();
    assert_eq!(report.workers.len(), 2);
    assert_eq!((report.workers[0].lost.as_ref(), report.workers[0].started), (None, 7));
    assert!(report.workers[1].lost.is_some());
    assert!(report.phases[0].started >= 7);
    match report.complete {
        Completeness::Degraded(why) => why,
        Completeness::Whole => panic!("a worker is missing"),
    }
}

#[tokio::test]
async fn whatever_a_worker_does_its_gap_is_named() {
    let garbage = gap(async |mut party: Party| {
        party.writes("{\"interval\": 5}\n").await;
        party.stays().await;
    });
    let silence = gap(async |mut party: Party| party.stays().await);
    let failure =
        gap(async |mut party: Party| party.says(&Word::Failed { why: "out of sockets".to_owned() }).await);
    let foreign = gap(async |mut party: Party| {
        party.says(&Word::Interval(Box::new(interval(0, 0, 3, 10)))).await;
        party.stays().await;
    });
    let skipped = gap(async |mut party: Party| {
        party.says(&Word::Interval(Box::new(interval(1, 1, 3, 10)))).await;
        party.stays().await;
    });
    let miscounted = gap(async |mut party: Party| {
        party.says(&Word::Interval(Box::new(interval(1, 0, 3, 10)))).await;
        party.ends(2, 5).await;
        party.stays().await;
    });
    let out_of_turn = gap(async |mut party: Party| {
        party.says(&Word::Created { what: json!("a job") }).await;
        party.stays().await;
    });
    let endless = gap(async |mut party: Party| {
        loop {
            party.says(&Word::Alive).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let all = tokio::join!(garbage, silence, failure, foreign, skipped, miscounted, out_of_turn, endless);
    let all = [all.0, all.1, all.2, all.3, all.4, all.5, all.6, all.7].join("\n");
    insta::assert_snapshot!(all, @r#"
    worker 1: missing since 0.0 s: it sent `{"interval": 5}`, which is no message: invalid type: integer `5`, expected struct Interval at line 1 column 14 (process 1)
    worker 1: missing since 0.0 s: nothing was heard of it for 3s (process 1)
    worker 1: missing since 0.0 s: it failed: out of sockets (process 1)
    worker 1: missing since 0.0 s: it sent interval 0 of worker 0 where its own interval 0 was due (process 1)
    worker 1: missing since 0.0 s: it sent interval 1 of worker 1 where its own interval 0 was due (process 1)
    worker 1: missing since 1.0 s: it says that it sent 2 intervals with 5 arrivals, but 1 with 3 came (process 1)
    worker 1: missing since 0.0 s: it said Created { what: String("a job") }, which was not its turn (process 1)
    worker 1: missing since 0.0 s: it did not come to its end (process 1)
    "#);
}

#[tokio::test]
async fn a_worker_that_is_given_up_is_cut_off_at_once() {
    let cut_off = Arc::new(Notify::new());
    let report = run(plan(), 2, move |worker, mut party: Party| {
        let cut_off = Arc::clone(&cut_off);
        async move {
            party.starts(0).await;
            if worker == 0 {
                // The other one is gone before this one ends.
                while tokio::time::timeout(Duration::from_millis(20), cut_off.notified()).await.is_err() {
                    party.says(&Word::Alive).await;
                }
                party.brings(0, 7, 10).await;
            } else {
                party.writes("what?\n").await;
            }
            party.stays().await;
            cut_off.notify_one();
        }
    });
    let report = report.await.unwrap();
    assert_eq!(report.workers[0].lost, None, "it ended in its own time");
    assert!(report.workers[1].lost.is_some());
}

#[tokio::test]
async fn a_threshold_on_an_operation_that_nobody_knows_is_refused() {
    let mut plan = plan();
    plan.thresholds = vec![Threshold::new(Metric::Errors, Bound::AtMost(5.0)).of("gte")];
    let refused = run(plan, 1, async |_, mut party: Party| {
        party.prepares(0).await;
        party.stays().await;
    });
    insta::assert_snapshot!(refused.await.unwrap_err(), @"the plan cannot be run: threshold `errors of gte ≤ 5 %`: the scenario has no operation `gte`; it has `get`");
}

#[tokio::test]
async fn thresholds_are_held_against_the_whole_not_its_parts() {
    let at_most = |metric, bound| Threshold::new(metric, Bound::AtMost(bound)).of("get");
    let mut plan = plan();
    let median = || Metric::Latency(Statistic::Percentile(50.0));
    plan.thresholds = vec![
        at_most(median(), 20.0),
        at_most(Metric::Latency(Statistic::Percentile(95.0)), 500.0),
        Threshold::new(Metric::Rate, Bound::AtLeast(100.0)),
    ];
    let report = run(plan, 2, async |worker, mut party: Party| {
        party.starts(0).await;
        // The medians of the parts are 10 and 1000 ms; their mean would be 505, and half of them breaks the threshold.
        let (attempts, milliseconds) = if worker == 0 { (90, 10) } else { (10, 1000) };
        party.brings(worker, attempts, milliseconds).await;
        party.stays().await;
    });
    let report = report.await.unwrap();
    assert_eq!(
        report.verdicts.iter().map(|verdict| verdict.kept).collect::<Vec<_>>(),
        [Kept::Kept, Kept::Broken, Kept::Kept]
    );
    let [median, p95, rate] = [0, 1, 2].map(|at: usize| report.verdicts[at].value.unwrap());
    assert!((median - 10.0).abs() < 0.1 && (p95 - 1000.0).abs() < 2.0, "{median} {p95}");
    assert!((rate - 100.0).abs() < 1e-9, "neither had more than 90/s: {rate}");
}

#[tokio::test]
async fn all_start_at_one_instant_whatever_their_clocks_show() {
    let (sender, mut starts) = tokio::sync::mpsc::unbounded_channel();
    let report = run(plan(), 3, move |worker, mut party: Party| {
        let sender = sender.clone();
        async move {
            let ahead = (i64::from(worker) - 1) * 3600;
            let at = party.starts(ahead).await;
            sender.send(at - SignedDuration::from_secs(ahead)).unwrap();
            party.brings(worker, 1, 1).await;
            party.stays().await;
        }
    });
    let report = report.await.unwrap();
    // An hour stands out, however slow this machine is.
    let minute = SignedDuration::from_mins(1);
    for _ in 0..3 {
        let at = starts.recv().await.unwrap();
        assert!(at.duration_since(report.started).abs() < minute, "{at} for {}", report.started);
    }
    let offsets = report.workers.iter().map(|worker| worker.clock_offset.unwrap());
    for (offset, expected) in offsets.zip([-3_600_000.0, 0.0, 3_600_000.0]) {
        assert!((offset - expected).abs() < 60_000.0, "{offset} ms for {expected}");
    }
}

#[tokio::test]
async fn a_worker_without_a_coordinator_ends_and_cleans_up() {
    let directory = tempfile::tempdir().unwrap();
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let (input, output) = tokio::io::split(theirs);
    let working = tokio::spawn(worker(input, output, Clock::system()));
    let mut coordinator = Party::new(ours);
    assert!(matches!(coordinator.hears().await, Some(Word::Hello { version: VERSION, .. })));
    let scenario = Shipment { name: "test.naps".to_owned(), params: json!({ "traces": directory.path() }) };
    let hour = Load::Users { count: 2, during: HumanDuration::secs(3600) };
    let plan = Plan { drain: HumanDuration::secs(1), ..Plan::single(hour) };
    let part = Assignment { plan, scenario, index: 0, of: 1, limits: LIMITS };
    coordinator.says(&Order::Assignment(Box::new(part))).await;
    assert!(matches!(coordinator.hears().await, Some(Word::Ready { operations }) if operations == ["nap"]));
    coordinator.says(&Order::Start { at: Clock::system().now() }).await;
    while !matches!(coordinator.hears().await, Some(Word::Interval(_))) {}
    drop(coordinator);
    let outcome = tokio::time::timeout(PATIENCE, working).await.expect("it works on").unwrap();
    insta::assert_snapshot!(outcome.unwrap_err(), @"the coordinator was lost: it closed the connection");
    let left = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, 2, "a trace of the setup, and one of the teardown");
}
