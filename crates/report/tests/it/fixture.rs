//! Runs made by hand.

use jiff::Timestamp;
use shakedown_core::event::{CheckInfo, Event, EventKind, RunInfo};
use shakedown_core::ledger::{Removal, Resource};
use shakedown_core::measurement::Threshold;
use shakedown_core::outcome::{ObstacleKind, SkipReason};
use shakedown_core::run::Run;
use shakedown_core::sink::Sink;
use shakedown_core::target::{TargetErrorKind, TargetInfo};
use shakedown_core::{
    Case, Cases, Cause, CheckError, Effect, EvidenceRef, Finding, Gate, Measurement, Observation, Outcome,
    Severity, Status, TargetError, Unit, Verdict,
};

/// Events in order, with their numbers and times.
#[derive(Default)]
pub(crate) struct Story {
    pub(crate) events: Vec<Event>,
}

impl Story {
    pub(crate) fn new() -> Self {
        let mut story = Self::default();
        story.push(EventKind::RunStarted { run: info() });
        story
    }

    pub(crate) fn push(&mut self, kind: EventKind) {
        let seq = self.events.len() as u64;
        let at = start() + jiff::SignedDuration::from_millis(250 * seq.cast_signed());
        self.events.push(Event { seq, at, kind });
    }

    pub(crate) fn check(&mut self, check: CheckInfo, outcome: Outcome) {
        let id = check.id.clone();
        self.push(EventKind::Planned { check });
        let attempts = u32::from(outcome.status != Status::Skipped);
        if attempts > 0 {
            self.push(EventKind::CheckStarted { check: id.clone(), attempt: 1 });
        }
        self.push(EventKind::CheckFinished { check: id, outcome, attempts, duration_ms: 12.0 });
    }

    /// Plans before anything is run, as every real run does.
    fn in_order(self) -> Self {
        let first = |kind: &EventKind| {
            matches!(
                kind,
                EventKind::RunStarted { .. } | EventKind::Planned { .. } | EventKind::LeftOut { .. }
            )
        };
        let (plan, rest): (Vec<_>, Vec<_>) = self.events.into_iter().partition(|event| first(&event.kind));
        let mut ordered = Self::default();
        plan.into_iter().chain(rest).for_each(|event| ordered.push(event.kind));
        ordered
    }

    pub(crate) fn run(&self) -> Run {
        let mut run = Run::begin(&self.events[0]).unwrap();
        self.events[1..].iter().for_each(|event| run.apply(event));
        run
    }

    pub(crate) fn tell(&self, sink: &mut dyn Sink) -> std::io::Result<()> {
        self.events.iter().try_for_each(|event| sink.event(event, &serde_json::to_string(event).unwrap()))
    }
}

pub(crate) fn start() -> Timestamp {
    "2025-11-21T09:00:00Z".parse().unwrap()
}

pub(crate) fn info() -> RunInfo {
    RunInfo {
        id: "20251121T090000Z-4f2a".to_owned(),
        version: "0.1.0".to_owned(),
        started: start(),
        project: "focus-server".to_owned(),
        jira: Some("PZ".to_owned()),
        jira_url: None,
        environment: "production".to_owned(),
        role: None,
        sandbox: false,
        faults: Vec::new(),
        selection: "tag(smoke)".to_owned(),
    }
}

/// The same run where Jira's address is known.
pub(crate) fn linked(mut run: Run) -> Run {
    run.info.jira_url = Some("https://jira.example.com".to_owned());
    run
}

pub(crate) fn check(id: &str, severity: Severity) -> CheckInfo {
    CheckInfo {
        id: id.to_owned(),
        title: format!("Title of {id}"),
        keys: Vec::new(),
        tags: vec!["smoke".to_owned()],
        target: Some("mongo".to_owned()),
        effect: Effect::Read,
        severity,
        gate: Gate::Required,
        file: format!("plugins/{}.rs", id.replace('.', "/")),
        required_by: None,
        proofs: Vec::new(),
    }
}

pub(crate) fn keyed(id: &str, severity: Severity, keys: &[&str]) -> CheckInfo {
    CheckInfo { keys: keys.iter().map(|&key| key.to_owned()).collect(), ..check(id, severity) }
}

pub(crate) fn passed(what: &str) -> Outcome {
    Verdict::of(Observation::seen(what)).into()
}

pub(crate) fn evidence(path: &str) -> EvidenceRef {
    EvidenceRef {
        name: path.rsplit('/').next().unwrap().to_owned(),
        path: path.to_owned(),
        media_type: "application/json".to_owned(),
        bytes: 312,
        truncated: false,
    }
}

/// A run in which everything happens that can happen to a check.
pub(crate) fn everything() -> Story {
    let mut story = Story::new();
    for check in ["load.capacity.200", "load.spike"] {
        let (check, reason) = (check.to_owned(), "production's policy forbids load".to_owned());
        story.push(EventKind::LeftOut { check, effect: Effect::Load, reason });
    }
    story.push(EventKind::TargetConnected {
        target: "mongo".to_owned(),
        info: TargetInfo {
            address: "db.example.com:27017".to_owned(),
            version: Some("7.0.5".to_owned()),
            warnings: vec!["TLS certificates are not verified".to_owned()],
            ..TargetInfo::default()
        },
    });
    story.check(keyed("mongo.connect", Severity::Critical, &["PZ-1"]), passed("connected to version 7.0.5"));
    story.check(keyed("mongo.indexes.required", Severity::Critical, &["PZ-2", "PZ-3"]), indexes());
    story.check(check("mongo.ping", Severity::Medium), slow_ping());
    flaky(&mut story);
    away(&mut story);
    story.check(
        check("k8s.pods", Severity::High),
        Outcome::skipped(
            SkipReason::TargetAway { target: "k8s".to_owned(), reported_by: "k8s.connect".to_owned() },
            "k8s is away",
        ),
    );
    for id in ["focus-api.configure.valid", "focus-api.configure.p95"] {
        let reason =
            SkipReason::Requirement { check: "focus-api.channels".to_owned(), status: Status::Failed };
        story.check(check(id, Severity::High), Outcome::skipped(reason, "focus-api.channels failed"));
    }
    story.check(keyed("focus-api.validation", Severity::Medium, &["PZ-20"]), table());
    let informational =
        CheckInfo { gate: Gate::Informational, ..check("focus-api.capacity", Severity::High) };
    let few = Finding::new("too-few-jobs", Cause::Capacity, "jobs", "12 at once instead of 200");
    story.check(informational, Verdict::of(Observation::seen("12 jobs")).with(few).into());
    let waiver = Gate::Waived {
        reason: "cleaned with the migration".to_owned(),
        ticket: "PZ-77".to_owned(),
        expires: "2026-12-31".to_owned(),
    };
    let stale = Finding::new("stale", Cause::Data, "recording 8c1f", "live for 117.3 h");
    story.check(
        CheckInfo { gate: waiver, ..check("mongo.recordings.stale", Severity::Critical) },
        Verdict::of(Observation::counted(3012, "recordings").unwrap()).with(stale).into(),
    );
    left_behind(&mut story);
    story.push(EventKind::RunFinished);
    story.in_order()
}

/// One job that is removed, and one that is not.
fn left_behind(story: &mut Story) {
    for id in ["12-3", "12-4"] {
        story.push(EventKind::Created { check: "focus-api.validation".to_owned(), resource: job(id) });
    }
    let removal = Some(Removal::Removed);
    story.push(EventKind::CleanedUp { resource: job("12-3"), removal, error: None });
    let error = Some("answered 500".to_owned());
    story.push(EventKind::CleanedUp { resource: job("12-4"), removal: None, error });
}

pub(crate) fn job(id: &str) -> Resource {
    Resource { target: "focus-api".to_owned(), kind: "job".to_owned(), id: id.to_owned(), ends_by: None }
}

fn indexes() -> Outcome {
    let missing = Finding::new(
        "index-missing",
        Cause::Environment,
        "recordings",
        "indexes on start_time, end_time and uuid (unique) are missing",
    )
    .expected("start_time, end_time, uuid (unique)", "only _id")
    .detail("history queries scan the whole collection: 10–60 s instead of 0.01–0.1 s")
    .detail("the server's own explain says COLLSCAN over 3012 documents")
    .remedy("let `fix` create them in the background, today", "about 15 minutes")
    .fix("mongo.create-indexes")
    .evidence(evidence("evidence/mongo.indexes.required/explain.json"));
    let deleted =
        Finding::new("index-missing", Cause::Environment, "recordings", "the index on deleted is missing")
            .warn();
    Verdict::of(Observation::seen("1 index")).with(deleted).with(missing).into()
}

fn slow_ping() -> Outcome {
    let p95 = Measurement::new("p95", 612.4, Unit::Milliseconds).held_to(Threshold::Below(500.0));
    Verdict::of(Observation::counted(20, "pings").unwrap())
        .judged(p95, |p95| Finding::new("slow", Cause::Environment, "ping", p95.to_string()).warn())
        .into()
}

fn flaky(story: &mut Story) {
    let id = "mongo.collections".to_owned();
    story.push(EventKind::Planned { check: check(&id, Severity::High) });
    story.push(EventKind::CheckStarted { check: id.clone(), attempt: 1 });
    let lost = TargetError::new("mongo", "db.example.com:27017", TargetErrorKind::Lost, "connection reset");
    story.push(EventKind::CheckRetried {
        check: id.clone(),
        attempt: 1,
        outcome: CheckError::from(lost).into(),
        wait_ms: 500,
    });
    story.push(EventKind::CheckStarted { check: id.clone(), attempt: 2 });
    let outcome = passed("4 collections");
    story.push(EventKind::CheckFinished { check: id, outcome, attempts: 2, duration_ms: 48.6 });
}

fn away(story: &mut Story) {
    let (address, message) = ("https://k8s.example.com:6443", "no answer within 5 s");
    story.push(EventKind::TargetLost {
        target: "k8s".to_owned(),
        address: address.to_owned(),
        kind: TargetErrorKind::TimedOut,
        message: message.to_owned(),
    });
    let error = TargetError::new("k8s", address, TargetErrorKind::TimedOut, message)
        .remedy("open an SSH tunnel and put it into the target, or set `unreachable = \"skip\"`");
    story.check(keyed("k8s.connect", Severity::High, &["PZ-9"]), CheckError::from(error).into());
}

fn table() -> Outcome {
    let row = |text: &str| Ok(Verdict::of(Observation::seen(text)));
    let accepted = Finding::new("accepted", Cause::Product, "nfftSelection = 0", "was accepted")
        .expected("422", "200")
        .evidence(evidence("evidence/focus-api.validation/nfft-0.json"));
    let mut cases = Cases::new();
    cases.push(Case::new("nfft = 256", &["PZ-21"], row("answered 200")));
    cases.push(Case::new("nfft = 0", &["PZ-22"], row("answered 200").map(|verdict| verdict.with(accepted))));
    cases.push(Case::new("nfft = 7", &[], Err(CheckError::unclear("answered 200 with half a body"))));
    cases.push(Case::new("nfft = 7", &[], Err(CheckError::not_applicable("only one row asks for 7"))));
    cases.verdict().into()
}

/// An answer that is missing because the process ended.
pub(crate) fn deadline() -> Outcome {
    Outcome::errored(ObstacleKind::Deadline, Cause::Environment, "no answer within 30 s")
}
