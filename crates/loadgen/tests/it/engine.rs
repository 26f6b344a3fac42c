//! The engine, run against scenarios that count what is done to them.

use crate::counting::{Act, Counting, Shared};
use shakedown_core::HumanDuration;
use shakedown_core::limits::Limits;
use shakedown_core::measurement::Threshold as Bound;
use shakedown_loadgen::arrivals::Share;
use shakedown_loadgen::fold::Fold;
use shakedown_loadgen::interval::Interval;
use shakedown_loadgen::threshold::{Metric, Threshold};
use shakedown_loadgen::{
    Arrivals, Engine, EngineError, Load, Mix, OperationReport, Phase, PhaseReport, Plan, Report, Scenario,
};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const WIDE: Limits = Limits { requests_per_second: f64::INFINITY, requests_in_flight: 64 };

fn rate(per_second: f64, milliseconds: u64) -> Load {
    Load::Rate { per_second, during: HumanDuration::millis(milliseconds), arrivals: Arrivals::Even }
}

fn single(load: Load) -> Plan {
    Plan { drain: HumanDuration::secs(10), ..Plan::single(load) }
}

async fn run(plan: Plan, limits: Limits, scenario: &Arc<Counting>) -> Report {
    let engine = Engine::new(plan, limits);
    tokio::time::timeout(Duration::from_mins(1), engine.run(Arc::new(Shared(Arc::clone(scenario)))))
        .await
        .unwrap()
        .unwrap()
}

fn adds_up(phase: &PhaseReport) {
    assert_eq!(phase.planned, phase.started + phase.missed, "{phase:?}");
    let attempts: u64 = phase.operations.iter().map(OperationReport::attempts).sum();
    assert_eq!(phase.started, attempts + phase.abandoned, "each iteration has one attempt, or was abandoned");
}

fn count(report: &Report, outcome: &str) -> u64 {
    let first = report.operation("first").unwrap();
    if outcome == "succeeded" {
        first.succeeded.count
    } else {
        first.failed.get(outcome).map_or(0, |tally| tally.count)
    }
}

#[tokio::test]
async fn what_may_be_in_flight_may_have_a_connection() {
    let scenario = Counting::new(|_| Act::Sleep(1));
    let limits = Limits { requests_in_flight: 1000, ..WIDE };
    let report = run(single(rate(50.0, 200)), limits, &scenario).await;
    let limit = report.generator.descriptor_limit;
    assert!(limit.is_some_and(|limit| limit > 2000) || !cfg!(target_os = "linux"), "{limit:?} descriptors");
}

#[tokio::test]
async fn an_open_load_sends_exactly_what_was_planned() {
    let scenario = Counting::new(|_| Act::Sleep(1));
    let plan = Plan::of([
        Phase::unmeasured("warm-up", rate(50.0, 200)),
        Phase::measured("ramp", Load::Ramp { from: 0.0, to: 200.0, during: HumanDuration::millis(500) }),
        Phase::measured(
            "random",
            Load::Rate { per_second: 200.0, during: HumanDuration::millis(300), arrivals: Arrivals::Poisson },
        ),
    ]);
    let report = run(plan, WIDE, &scenario).await;
    report.phases.iter().for_each(adds_up);
    assert_eq!(report.phase("warm-up").unwrap().planned, 10);
    assert_eq!(report.phase("ramp").unwrap().planned, 50);
    assert!(report.phases.iter().all(|phase| phase.missed + phase.abandoned == 0));
    let started: u64 = report.phases.iter().map(|phase| phase.started).sum();
    assert_eq!(scenario.numbers(), (0..started).collect());
    let first = report.operation("first").unwrap();
    assert_eq!(first.attempts(), started - 10, "the warm-up does not count");
    assert_eq!((first.bytes, first.rows), (100 * first.attempts(), 2 * first.attempts()));
    assert_eq!(report.timeline.iter().map(|second| second.started).sum::<u64>(), started);
    assert_eq!(scenario.closed.load(SeqCst), scenario.sessions.lock().unwrap().len());
    assert_eq!(report.teardown.as_deref(), Some("one thing is left"));
    assert_eq!(report.aborted, None);
    scenario.clean();
}

#[tokio::test]
async fn a_stall_shows_in_the_latency_of_all_who_had_to_wait() {
    // Two sessions, one arrival each 10 ms; both sessions stand still for 300 ms once.
    let scenario = Counting::new(|number| Act::Sleep(if number == 20 || number == 21 { 300 } else { 0 }));
    let limits = Limits { requests_in_flight: 2, ..WIDE };
    let report = run(single(rate(100.0, 800)), limits, &scenario).await;
    adds_up(&report.phases[0]);
    let first = &report.operation("first").unwrap().succeeded;
    assert_eq!(first.count, 80);
    // Some 29 arrivals came due meanwhile and waited 290, 280, … 10 ms. Their service took next to nothing.
    let waited = first.latency.share_above(Duration::from_millis(100)).unwrap() * 80.0;
    let served = first.service.share_above(Duration::from_millis(100)).unwrap() * 80.0;
    assert!(waited >= 19.0, "{waited} of them show it");
    assert!(served < waited - 10.0, "{served} were served slowly");
    assert!(first.latency.mean() > first.service.mean());
}

#[tokio::test]
async fn what_cannot_be_begun_in_time_is_missed_and_what_does_not_end_is_abandoned() {
    let scenario = Counting::new(|number| if number < 3 { Act::Hang } else { Act::Sleep(0) });
    let limits = Limits { requests_in_flight: 3, ..WIDE };
    let plan = Plan {
        patience: HumanDuration::millis(50),
        drain: HumanDuration::millis(100),
        ..single(rate(100.0, 500))
    };
    let report = run(plan, limits, &scenario).await;
    let phase = &report.phases[0];
    adds_up(phase);
    assert_eq!((phase.planned, phase.started, phase.missed, phase.abandoned), (50, 3, 47, 3));
    assert_eq!(phase.most_in_flight, 3);
    assert_eq!(report.timeline.iter().map(|second| second.missed).sum::<u64>(), 47);
    scenario.clean();
}

#[tokio::test]
async fn users_begin_anew_when_they_have_their_answer() {
    let scenario = Counting::new(|_| Act::Sleep(5));
    let report =
        run(single(Load::Users { count: 4, during: HumanDuration::millis(300) }), WIDE, &scenario).await;
    let phase = &report.phases[0];
    adds_up(phase);
    assert!(phase.started >= 8, "{} iterations", phase.started);
    assert_eq!((phase.most_in_flight, scenario.most_active.load(SeqCst)), (4, 4));
    assert_eq!(*scenario.sessions.lock().unwrap(), [0, 1, 2, 3]);
    let succeeded = &report.operation("first").unwrap().succeeded;
    assert_eq!(succeeded.latency, succeeded.service, "there is no other intended start");
}

#[tokio::test]
async fn users_that_ramp_never_are_more_than_planned() {
    let scenario = Counting::new(|_| Act::Sleep(3));
    let during = HumanDuration::millis(200);
    let plan = Plan::of([
        Phase::measured("up", Load::RampUsers { from: 1, to: 6, during }),
        Phase::measured("hold", Load::Users { count: 6, during }),
        Phase::measured("down", Load::RampUsers { from: 6, to: 0, during }),
    ]);
    let report = run(plan, WIDE, &scenario).await;
    report.phases.iter().for_each(adds_up);
    assert!(report.phases.iter().all(|phase| phase.started > 0));
    assert_eq!(scenario.most_active.load(SeqCst), 6);
    assert_eq!(scenario.sessions.lock().unwrap().len(), 6, "the same users go on");
    let _ = scenario.numbers();
}

#[tokio::test]
async fn a_burst_begins_all_at_once() {
    let scenario = Counting::new(|_| Act::Gate);
    let plan = single(Load::Burst { count: 20 });
    let running = tokio::spawn({
        let scenario = Arc::clone(&scenario);
        async move { run(plan, WIDE, &scenario).await }
    });
    until(|| scenario.active.load(SeqCst) == 20).await;
    scenario.gate.add_permits(20);
    let report = running.await.unwrap();
    adds_up(&report.phases[0]);
    assert_eq!((report.phases[0].planned, report.phases[0].most_in_flight), (20, 20));
}

#[tokio::test]
async fn iterations_are_shared_by_the_users() {
    // Nobody finishes before all three have begun: a user that starts late would find nothing left to do.
    let scenario = Counting::new(|number| if number < 3 { Act::Gate } else { Act::Sleep(0) });
    let running = tokio::spawn({
        let scenario = Arc::clone(&scenario);
        async move { run(single(Load::Iterations { users: 3, count: 1000 }), WIDE, &scenario).await }
    });
    until(|| scenario.active.load(SeqCst) == 3).await;
    scenario.gate.add_permits(3);
    let report = running.await.unwrap();
    adds_up(&report.phases[0]);
    assert_eq!(scenario.numbers(), (0..1000).collect());
    assert_eq!(scenario.sessions.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn no_limit_is_ever_exceeded() {
    let scenario = Counting::new(|_| Act::Sleep(0));
    let limits = Limits { requests_per_second: 40.0, requests_in_flight: 5 };
    let plan = Plan::of([
        Phase::measured("users", Load::Users { count: 5, during: HumanDuration::millis(1500) }),
        Phase::measured("burst", Load::Burst { count: 5 }),
        Phase::measured("rate", rate(40.0, 1000)),
    ]);
    let report = run(plan, limits, &scenario).await;
    report.phases.iter().for_each(adds_up);
    assert!(scenario.most_active.load(SeqCst) <= 5);
    let begun = scenario.begun.lock().unwrap();
    assert!(begun.len() >= 80, "{} requests", begun.len());
    // Between the gate and this count lie some steps, during which the machine may do something else.
    let window = Duration::from_millis(900);
    for (first, begins) in begun.iter().enumerate() {
        let within =
            begun[first..].iter().take_while(|at| at.saturating_duration_since(*begins) < window).count();
        assert!(within <= 40, "{within} requests within a second");
    }
}

#[tokio::test]
async fn a_plan_beyond_the_limits_sends_nothing() {
    let scenario = Counting::new(|_| Act::Sleep(0));
    let limits = Limits { requests_per_second: 40.0, requests_in_flight: 5 };
    let error = Engine::new(single(rate(41.0, 1000)), limits)
        .run(Arc::new(Shared(Arc::clone(&scenario))))
        .await
        .unwrap_err();
    insta::assert_snapshot!(error, @"the plan cannot be run: phase `load`: 41 arrivals/s exceed the limit of 40 requests/s");
    assert_eq!((scenario.numbers().len(), scenario.torn_down.load(SeqCst)), (0, 0));
}

#[tokio::test]
async fn a_threshold_on_an_operation_that_is_not_there_sends_nothing() {
    let scenario = Counting::new(|_| Act::Sleep(0));
    let threshold = Threshold {
        metric: Metric::Errors,
        operation: Some("frist".to_owned()),
        phase: None,
        window: None,
        bound: Bound::AtMost(5.0),
        abort: false,
    };
    let plan = Plan { thresholds: vec![threshold], ..single(rate(10.0, 1000)) };
    let error = Engine::new(plan, WIDE).run(Arc::new(Shared(Arc::clone(&scenario)))).await.unwrap_err();
    insta::assert_snapshot!(error, @"the plan cannot be run: threshold `errors of frist ≤ 5 %`: the scenario has no operation `frist`; did you mean `first`?");
    assert_eq!((scenario.numbers().len(), scenario.torn_down.load(SeqCst)), (0, 0));
}

#[tokio::test]
async fn failures_have_classes_and_a_panic_is_one_of_them() {
    let scenario = Counting::new(|number| match number % 4 {
        0 => Act::Sleep(0),
        1 => Act::Fail,
        2 => Act::FailUntimed,
        _ => Act::Panic,
    });
    let report = run(single(Load::Iterations { users: 1, count: 40 }), WIDE, &scenario).await;
    adds_up(&report.phases[0]);
    let counts = ["succeeded", "throttled", "content", "other"].map(|outcome| count(&report, outcome));
    assert_eq!(counts, [10, 10, 10, 10]);
    let first = report.operation("first").unwrap();
    assert_eq!((first.retry_after.count(), first.success_rate()), (10, Some(0.25)));
    assert_eq!(scenario.sessions.lock().unwrap().len(), 10, "a session that has panicked is not used again");
    scenario.clean();
}

#[tokio::test]
async fn an_arrival_without_a_session_has_failed() {
    let scenario = Counting::new(|_| Act::Sleep(0));
    scenario.refuses.store(true, SeqCst);
    let report = run(single(rate(100.0, 200)), WIDE, &scenario).await;
    adds_up(&report.phases[0]);
    assert_eq!(count(&report, "status-503"), 20);
}

#[tokio::test]
async fn what_goes_on_for_long_is_told_when_it_is_over() {
    let scenario = Counting::new(|_| Act::Stream);
    let report = run(single(rate(50.0, 200)), WIDE, &scenario).await;
    adds_up(&report.phases[0]);
    assert_eq!((count(&report, "succeeded"), report.phases[0].abandoned), (10, 0));
}

#[tokio::test]
async fn a_failed_setup_is_torn_down() {
    let scenario =
        Arc::new(Counting { setup: Err("no room".to_owned()), ..Counting::with(|_| Act::Sleep(0)) });
    let error = Engine::new(single(rate(10.0, 100)), WIDE)
        .run(Arc::new(Shared(Arc::clone(&scenario))))
        .await
        .unwrap_err();
    assert!(matches!(&error, EngineError::Setup(why) if why == "no room"), "{error}");
    scenario.clean();
    assert_eq!(scenario.numbers().len(), 0);
}

#[tokio::test]
async fn a_cancelled_load_drains_and_is_torn_down() {
    let scenario = Counting::new(|_| Act::Stream);
    let token = CancellationToken::new();
    let plan = single(Load::Users { count: 3, during: HumanDuration::secs(3600) });
    let engine = Engine::new(plan, WIDE).cancelled_by(token.clone());
    let running = tokio::spawn(engine.run(Arc::new(Shared(Arc::clone(&scenario)))));
    until(|| scenario.active.load(SeqCst) == 3).await;
    token.cancel();
    let report = running.await.unwrap().unwrap();
    assert_eq!(report.aborted.as_deref(), Some("cancelled"));
    adds_up(&report.phases[0]);
    assert_eq!((count(&report, "succeeded"), report.phases[0].abandoned), (3, 0));
    assert_eq!(scenario.closed.load(SeqCst), 3);
    scenario.clean();
}

#[tokio::test]
async fn a_dropped_load_is_torn_down_too() {
    let scenario = Counting::new(|_| Act::Hang);
    let engine = Engine::new(single(Load::Users { count: 3, during: HumanDuration::secs(3600) }), WIDE);
    let running = tokio::spawn(engine.run(Arc::new(Shared(Arc::clone(&scenario)))));
    until(|| scenario.active.load(SeqCst) == 3).await;
    running.abort();
    until(|| scenario.torn_down.load(SeqCst) == 1).await;
    scenario.clean();
}

#[tokio::test]
async fn a_threshold_that_nothing_can_keep_ends_the_load() {
    use shakedown_core::measurement::Threshold as Bound;
    use shakedown_loadgen::threshold::{Kept, Metric, Threshold};
    let scenario = Counting::new(|_| Act::Fail);
    let errors = Threshold::new(Metric::Errors, Bound::AtMost(1.0)).or_abort();
    let plan = Plan { thresholds: vec![errors], ..single(rate(50.0, 60_000)) };
    let report = run(plan, WIDE, &scenario).await;
    adds_up(&report.phases[0]);
    assert!(report.aborted.is_some());
    assert!(report.phases[0].planned < 3000, "it ended early");
    assert_eq!(report.verdicts[0].kept, Kept::Broken);
    scenario.clean();
}

#[tokio::test]
async fn workers_share_a_plan_and_their_intervals_make_one_report() {
    let plan = Plan::of([
        Phase::measured("rate", rate(100.0, 300)),
        Phase::measured("users", Load::Users { count: 3, during: HumanDuration::millis(100) }),
        Phase::measured("shared", Load::Iterations { users: 2, count: 101 }),
        Phase::measured("burst", Load::Burst { count: 7 }),
    ]);
    let mut numbers = BTreeSet::new();
    let mut sessions = Vec::new();
    let intervals: Arc<Mutex<Vec<Interval>>> = Arc::default();
    let mut given = 0;
    for index in 0..3 {
        let scenario = Counting::new(|_| Act::Sleep(1));
        let engine = Engine::new(plan.clone(), WIDE).share(Share { index, of: 3 }).on_interval({
            let intervals = Arc::clone(&intervals);
            move |interval| intervals.lock().unwrap().push(interval.clone())
        });
        engine.run(Arc::new(Shared(Arc::clone(&scenario)))).await.unwrap();
        given += scenario.numbers().len();
        numbers.extend(scenario.numbers());
        sessions.extend(scenario.sessions.lock().unwrap().clone());
    }
    assert_eq!(numbers.len(), given, "no number is given on two workers");
    let several = sessions.len();
    assert_eq!(sessions.into_iter().collect::<BTreeSet<_>>().len(), several);

    let mut fold =
        Fold::new(plan, vec!["first".to_owned(), "second".to_owned()], jiff::Timestamp::UNIX_EPOCH);
    intervals.lock().unwrap().iter().for_each(|interval| fold.add(interval));
    let report = fold.report(Duration::from_secs(1));
    report.phases.iter().for_each(adds_up);
    let planned = |name| report.phase(name).unwrap().planned;
    assert_eq!((planned("rate"), planned("shared"), planned("burst")), (30, 101, 7));
    assert_eq!(report.workers.len(), 3);
    assert_eq!(report.complete, shakedown_loadgen::Completeness::Whole);
}

#[tokio::test]
async fn a_mix_does_each_part_by_its_weight() {
    let (often, seldom) = (Counting::new(|_| Act::Sleep(0)), Counting::new(|_| Act::Sleep(0)));
    let part = |scenario: &Arc<Counting>| Arc::new(Shared(Arc::clone(scenario))) as Arc<dyn Scenario>;
    let mix = Mix::new([(3, part(&often)), (1, part(&seldom))]);
    let plan = single(Load::Iterations { users: 2, count: 400 });
    let report = Engine::new(plan, WIDE).run(Arc::new(mix)).await.unwrap();
    adds_up(&report.phases[0]);
    let (often_done, seldom_done) = (often.numbers().len(), seldom.numbers().len());
    assert_eq!(often_done + seldom_done, 400);
    assert!(often_done > 2 * seldom_done && seldom_done > 50, "{often_done} and {seldom_done}");
    often.clean();
    seldom.clean();
}

#[tokio::test]
async fn it_tells_how_it_is_doing() {
    let told: Arc<Mutex<Vec<_>>> = Arc::default();
    let scenario = Counting::new(|_| Act::Sleep(2));
    let engine = Engine::new(single(rate(50.0, 1300)), WIDE).on_progress({
        let told = Arc::clone(&told);
        move |progress| told.lock().unwrap().push(progress.clone())
    });
    let report = engine.run(Arc::new(Shared(Arc::clone(&scenario)))).await.unwrap();
    let told = told.lock().unwrap();
    assert!(told.len() >= 3, "{}", told.len());
    assert!(told.is_sorted_by_key(|progress| progress.started));
    let last = told.last().unwrap();
    assert_eq!((last.phase.as_str(), last.target_rate), ("load", Some(50.0)));
    assert!(last.started > 0 && last.p95.is_some() && last.errors == Some(0.0));
    assert!(report.generator.memory > 0 && report.generator.lag.count() > 0);
    assert!(report.timeline.iter().any(|second| second.lag_p99.is_some()));
}

#[tokio::test]
async fn a_report_does_not_grow_with_the_number_of_requests() {
    let of = async |count| {
        let report =
            run(single(Load::Iterations { users: 2, count }), WIDE, &Counting::new(|_| Act::Sleep(0))).await;
        assert_eq!(report.operation("first").unwrap().attempts(), count);
        let timeline = report.timeline.len();
        (serde_json::to_string(&report).unwrap().len(), timeline)
    };
    let (few, _) = of(500).await;
    let (many, seconds) = of(50_000).await;
    // Entries of the timeline, and histograms that fill up to their fixed number of places.
    assert!(
        many < few + 20_000 + seconds * 1000,
        "{few} bytes of 500 requests, {many} of 50,000 in {seconds} s"
    );
}

async fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "it did not come to be");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
