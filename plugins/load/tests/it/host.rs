//! A runner of one check, at a sandbox.

use jiff::Timestamp;
use serde_json::{Value, json};
use shakedown_core::budget::Budget;
use shakedown_core::context::{Host, Progress};
use shakedown_core::ledger::Resource;
use shakedown_core::observe::Observed;
use shakedown_core::registry::{Entries, registered_checks};
use shakedown_core::target::{ConnectContext, LiveTarget};
use shakedown_core::{
    CheckError, CheckSpec, Clock, Context, Evidence, EvidenceRef, Finding, Limits, Outcome, Registry,
    TargetError, Verdict, async_trait,
};
use shakedown_sandbox::{Options, Sandbox, Truth};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Long enough never to pass where something does happen.
const PATIENCE: Duration = Duration::from_mins(2);

/// How often a check is asked for which this machine is too busy.
const TRIES: u32 = 10;

/// A sandbox, its targets connected, and what checks that ran there left behind.
pub(crate) struct Site {
    sandbox: Sandbox,
    host: Arc<Record>,
    before: Mutex<Option<Truth>>,
    /// How many jobs the policy allows at once.
    pub(crate) jobs: Budget,
    /// What load may not exceed.
    pub(crate) limits: Limits,
    /// What the environment is for.
    pub(crate) role: Option<&'static str>,
    /// Cancelled by a test that interrupts a check.
    pub(crate) cancelled: CancellationToken,
}

#[derive(Default)]
struct Record {
    targets: BTreeMap<&'static str, Arc<dyn LiveTarget>>,
    evidence: Mutex<Vec<Evidence>>,
    created: Mutex<Vec<Resource>>,
    removed: Mutex<Vec<Resource>>,
    observed: Mutex<Vec<Vec<Observed>>>,
    checkpoint: Mutex<Option<(Value, Timestamp)>>,
    found: Mutex<Vec<(String, Finding)>>,
}

#[async_trait]
impl Host for Record {
    async fn target(&self, kind: &str) -> Result<Arc<dyn Any + Send + Sync>, TargetError> {
        Ok(self.targets[kind].client())
    }

    fn attach(&self, _check: &str, evidence: Evidence) -> io::Result<EvidenceRef> {
        let reference = EvidenceRef {
            name: evidence.name.clone(),
            path: evidence.name.clone(),
            media_type: evidence.media_type.to_owned(),
            bytes: evidence.content.len() as u64,
            truncated: false,
        };
        self.evidence.lock().unwrap().push(evidence);
        Ok(reference)
    }

    fn created(&self, _check: &str, resource: Resource) -> io::Result<()> {
        self.created.lock().unwrap().push(resource);
        Ok(())
    }

    fn removed(&self, _check: &str, resource: &Resource) -> io::Result<()> {
        self.removed.lock().unwrap().push(resource.clone());
        Ok(())
    }

    /// What a test put there, one set after another; the last one again and again.
    async fn observe(&self) -> Vec<Observed> {
        let mut observed = self.observed.lock().unwrap();
        if observed.len() > 1 { observed.remove(0) } else { observed.first().cloned().unwrap_or_default() }
    }

    fn checkpoint(&self, _check: &str, state: Value) {
        *self.checkpoint.lock().unwrap() = Some((state, Clock::system().now()));
    }

    fn resumed(&self, _check: &str) -> Option<(Value, Timestamp)> {
        self.checkpoint.lock().unwrap().clone()
    }

    fn progress(&self, _check: &str, _progress: Progress) {}

    fn findings_so_far(&self) -> Vec<(String, Finding)> {
        self.found.lock().unwrap().clone()
    }
}

/// How a check is registered.
pub(crate) fn spec(id: &str) -> &'static CheckSpec {
    registered_checks().find(|spec| spec.id == id).unwrap_or_else(|| panic!("{id} is not registered"))
}

impl Site {
    /// A sandbox with a Focus Server that has these faults. None where a part of it cannot be had; in CI that is a
    /// failure.
    pub(crate) async fn with(faults: &[&str]) -> Option<Self> {
        let registry = Registry::from_entries(Entries::linked()).unwrap();
        let kinds: BTreeSet<String> = ["focus-api".to_owned()].into();
        let options = json!({ "faults": faults, "recordings": 60, "planned_api": true });
        let options = Options { clock: Clock::system(), options, kinds: Some(kinds) };
        let sandbox = Sandbox::start(&registry, options).await.unwrap();
        if let Some(missing) = sandbox.unavailable().first() {
            #[expect(clippy::disallowed_methods, reason = "nobody passes arguments to a test")]
            let is_ci = std::env::var_os("CI").is_some();
            assert!(!is_ci, "{missing}");
            eprintln!("skipped: {missing}; to provide it: {}", missing.command);
            return None;
        }
        let mut targets = BTreeMap::new();
        for spec in registry.targets() {
            let Some(settings) = sandbox.settings().get(spec.kind) else { continue };
            let cx = ConnectContext { timeout: PATIENCE, clock: Clock::system() };
            targets.insert(spec.kind, (spec.connect)(settings.clone(), cx).await.unwrap());
        }
        Some(Self {
            sandbox,
            host: Arc::new(Record { targets, ..Record::default() }),
            before: Mutex::default(),
            jobs: Budget::new(200, Clock::system()),
            limits: Limits { requests_per_second: 1000.0, requests_in_flight: 500 },
            role: None,
            cancelled: CancellationToken::new(),
        })
    }

    /// Turns a fault on.
    pub(crate) async fn inject(&self, fault: &str) {
        self.sandbox.inject(fault).await.unwrap();
    }

    /// What the server says that it did.
    pub(crate) fn truth(&self) -> Truth {
        self.sandbox.truth().expect("the Focus Server runs")
    }

    /// What the observers see from now on, one set each time they are asked.
    pub(crate) fn observes(&self, sets: Vec<Vec<Observed>>) {
        *self.host.observed.lock().unwrap() = sets;
    }

    /// The jobs that were put on the ledger and not taken off it.
    pub(crate) fn left_behind(&self) -> Vec<String> {
        let removed = self.host.removed.lock().unwrap().clone();
        let created = self.host.created.lock().unwrap();
        created.iter().filter(|one| !removed.contains(one)).map(|one| one.id.clone()).collect()
    }

    /// How many jobs were put on the ledger.
    pub(crate) fn created(&self) -> usize {
        self.host.created.lock().unwrap().len()
    }

    /// The last evidence of that name.
    pub(crate) fn evidence(&self, name: &str) -> String {
        let all = self.host.evidence.lock().unwrap();
        let found = all.iter().rev().find(|evidence| evidence.name == name);
        String::from_utf8(found.unwrap_or_else(|| panic!("no evidence {name}")).content.clone()).unwrap()
    }

    /// The environment in which a check runs here.
    pub(crate) fn context(&self, spec: &CheckSpec) -> Context {
        Context {
            check: spec.id,
            effect: spec.effect,
            target: spec.target,
            also: spec.also,
            environment: "lab".into(),
            role: self.role.map(Into::into),
            run: "test".into(),
            clock: Clock::system(),
            deadline: Instant::now() + PATIENCE,
            cancelled: self.cancelled.clone(),
            jobs: self.jobs.clone(),
            limits: self.limits,
            host: Arc::clone(&self.host) as _,
        }
    }

    /// What a check answers. On a machine that is too busy to put load on, it is asked again.
    pub(crate) async fn answer(&self, id: &str, params: Value) -> Result<Verdict, CheckError> {
        let spec = spec(id);
        for _ in 0..TRIES {
            let check = (spec.build)(&params).unwrap();
            let cx = self.context(spec);
            *self.before.lock().unwrap() = self.sandbox.truth();
            let answer = tokio::time::timeout(PATIENCE, check.run(&cx)).await.expect("the check ends");
            match answer {
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
        self.run(id, params).await.all_findings().map(|finding| finding.code.clone()).collect()
    }

    /// Ends the sandbox.
    pub(crate) async fn close(self) {
        self.sandbox.stop().await;
    }
}
