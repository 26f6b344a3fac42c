//! A runner of one check, at the sandbox's MongoDB or anywhere else.

use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use serde_json::{Value, json};
use shakedown_core::budget::Budget;
use shakedown_core::context::{Host, Progress};
use shakedown_core::ledger::Resource;
use shakedown_core::registry::{Entries, registered_checks};
use shakedown_core::target::{ConnectContext, LiveTarget};
use shakedown_core::{
    CheckError, CheckSpec, Clock, Context, Evidence, EvidenceRef, Finding, Outcome, Registry, TargetError,
    async_trait,
};
use shakedown_sandbox::{Options, Sandbox};
use std::any::Any;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Long enough never to pass where something does happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A sandbox with nothing but MongoDB. None where that cannot be had; in CI that is a failure.
pub(crate) async fn sandbox(options: Value) -> Option<Sandbox> {
    sandbox_of(&["mongo"], options).await
}

async fn sandbox_of(kinds: &[&str], options: Value) -> Option<Sandbox> {
    let registry = Registry::from_entries(Entries::linked()).unwrap();
    let kinds = Some(kinds.iter().map(|&kind| kind.to_owned()).collect());
    let sandbox =
        Sandbox::start(&registry, Options { clock: Clock::system(), options, kinds }).await.unwrap();
    let Some(missing) = sandbox.unavailable().first() else {
        return Some(sandbox);
    };
    #[expect(clippy::disallowed_methods, reason = "nobody passes arguments to a test")]
    let is_ci = std::env::var_os("CI").is_some();
    assert!(!is_ci, "{missing}");
    eprintln!("skipped: {missing}; to provide it: {}", missing.command);
    None
}

/// A sandbox with these faults, and a runner of checks there.
pub(crate) async fn broken(faults: &[&str]) -> Option<(Sandbox, Bench)> {
    let sandbox = sandbox(json!({ "faults": faults })).await?;
    let bench = Bench::at(settings(&sandbox)).await.unwrap();
    Some((sandbox, bench))
}

/// The same with a Focus Server beside MongoDB.
pub(crate) async fn with_focus(faults: &[&str]) -> Option<(Sandbox, Bench)> {
    let options = json!({ "faults": faults, "recordings": 60 });
    let sandbox = sandbox_of(&["mongo", "focus-api"], options).await?;
    let mut bench = Bench::at(settings(&sandbox)).await.unwrap();
    let focus = connect_to("focus-api", sandbox.settings()["focus-api"].clone(), PATIENCE).await.unwrap();
    Arc::get_mut(&mut bench.host).expect("nobody runs a check yet").focus = Some(focus.client());
    Some((sandbox, bench))
}

/// The settings with which the plugin reaches a sandbox.
pub(crate) fn settings(sandbox: &Sandbox) -> Value {
    sandbox.settings()["mongo"].clone()
}

/// The sandbox's database, for a test to change it.
pub(crate) async fn database(sandbox: &Sandbox) -> Database {
    let settings = settings(sandbox);
    let options = ClientOptions::parse(settings["uri"].as_str().unwrap()).await.unwrap();
    Client::with_options(options).unwrap().database(settings["database"].as_str().unwrap())
}

/// Connects as the runner would.
pub(crate) async fn connect(settings: Value, timeout: Duration) -> Result<Arc<dyn LiveTarget>, TargetError> {
    connect_to("mongo", settings, timeout).await
}

async fn connect_to(
    kind: &str,
    settings: Value,
    timeout: Duration,
) -> Result<Arc<dyn LiveTarget>, TargetError> {
    let entries = Entries::linked();
    let spec = entries.targets.iter().find(|spec| spec.kind == kind).unwrap();
    (spec.connect)(settings, ConnectContext { timeout, clock: Clock::system() }).await
}

/// Why connecting fails.
pub(crate) async fn refusal(settings: Value) -> TargetError {
    match connect(settings, PATIENCE).await {
        Ok(_) => panic!("connected"),
        Err(error) => error,
    }
}

/// What a run of one check can use, and what it left behind.
pub(crate) struct Bench {
    pub(crate) target: Arc<dyn LiveTarget>,
    host: Arc<Record>,
    /// How long a check may take.
    pub(crate) deadline: Duration,
}

struct Record {
    client: Arc<dyn Any + Send + Sync>,
    /// The client of Focus Server, where there is one.
    focus: Option<Arc<dyn Any + Send + Sync>>,
    evidence: Mutex<Vec<Evidence>>,
}

#[async_trait]
impl Host for Record {
    async fn target(&self, kind: &str) -> Result<Arc<dyn Any + Send + Sync>, TargetError> {
        let focus = self.focus.as_ref().filter(|_| kind == "focus-api");
        Ok(Arc::clone(focus.unwrap_or(&self.client)))
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

    fn created(&self, _check: &str, _resource: Resource) -> io::Result<()> {
        Ok(())
    }

    fn removed(&self, _check: &str, _resource: &Resource) -> io::Result<()> {
        Ok(())
    }

    fn progress(&self, _check: &str, _progress: Progress) {}

    fn findings_so_far(&self) -> Vec<(String, Finding)> {
        Vec::new()
    }
}

pub(crate) fn spec(id: &str) -> &'static CheckSpec {
    registered_checks().find(|spec| spec.id == id).unwrap_or_else(|| panic!("{id} is not registered"))
}

/// Every check of the plugin.
pub(crate) fn all_checks() -> Vec<&'static str> {
    let mut ids: Vec<_> =
        registered_checks().map(|spec| spec.id).filter(|id| id.starts_with("mongo.")).collect();
    ids.sort_unstable();
    ids
}

impl Bench {
    pub(crate) async fn at(settings: Value) -> Result<Self, TargetError> {
        let target = connect(settings, PATIENCE).await?;
        let host = Arc::new(Record { client: target.client(), focus: None, evidence: Mutex::default() });
        Ok(Self { target, host, deadline: Duration::from_mins(1) })
    }

    /// The evidence of that name.
    pub(crate) fn evidence(&self, name: &str) -> String {
        let all = self.host.evidence.lock().unwrap();
        let found = all.iter().find(|evidence| evidence.name == name);
        String::from_utf8(found.unwrap_or_else(|| panic!("no evidence {name}")).content.clone()).unwrap()
    }

    /// All evidence there is, in one.
    pub(crate) fn all_evidence(&self) -> String {
        let all = self.host.evidence.lock().unwrap();
        all.iter().map(|evidence| String::from_utf8_lossy(&evidence.content).into_owned()).collect()
    }

    pub(crate) async fn run_with(&self, id: &str, params: Value) -> Outcome {
        let spec = spec(id);
        let check = (spec.build)(&params).unwrap();
        let clock = Clock::system();
        let cx = Context {
            check: spec.id,
            effect: spec.effect,
            target: spec.target,
            also: spec.also,
            environment: "lab".into(),
            role: None,
            limits: shakedown_core::Limits::default(),
            run: "test".into(),
            clock: clock.clone(),
            deadline: Instant::now() + self.deadline,
            cancelled: CancellationToken::new(),
            jobs: Budget::new(100, clock),
            host: Arc::clone(&self.host) as _,
        };
        // As the runner does: whoever does not end by itself is dropped.
        let answer = tokio::time::timeout(self.deadline, check.run(&cx)).await;
        answer.unwrap_or_else(|_| Err(CheckError::unclear("the deadline passed"))).into()
    }

    pub(crate) async fn run(&self, id: &str) -> Outcome {
        self.run_with(id, json!({})).await
    }
}

/// The status, and the codes of the findings with those of cases.
pub(crate) fn brief(outcome: &Outcome) -> String {
    let codes: Vec<&str> = outcome.all_findings().map(|finding| finding.code.as_str()).collect();
    format!("{} {}", outcome.status, codes.join(" ")).trim_end().to_owned()
}

/// The finding with this code.
pub(crate) fn finding(outcome: &Outcome, code: &str) -> Finding {
    let found = outcome.all_findings().find(|finding| finding.code == code).cloned();
    found.unwrap_or_else(|| panic!("no `{code}`: {outcome:#?}"))
}
