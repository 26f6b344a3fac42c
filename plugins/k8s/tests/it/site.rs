//! A sandbox with a cluster and a Focus Server in it, and a runner of checks there.

use serde_json::{Value, json};
use shakedown_core::budget::Budget;
use shakedown_core::context::{Host, Progress};
use shakedown_core::ledger::Resource;
use shakedown_core::registry::{Entries, registered_checks};
use shakedown_core::target::{ConnectContext, LiveTarget};
use shakedown_core::{
    CheckError, Clock, Context, Evidence, EvidenceRef, Finding, Outcome, Registry, TargetError, async_trait,
};
use shakedown_sandbox::{Options, Sandbox};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Long enough never to pass where something does happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// The sandbox, with both targets connected.
pub(crate) struct Site {
    sandbox: Sandbox,
    host: Arc<Record>,
}

#[derive(Default)]
struct Record {
    targets: BTreeMap<&'static str, Arc<dyn LiveTarget>>,
    evidence: Mutex<Vec<String>>,
    created: Mutex<Vec<String>>,
}

#[async_trait]
impl Host for Record {
    async fn target(&self, kind: &str) -> Result<Arc<dyn Any + Send + Sync>, TargetError> {
        Ok(self.targets[kind].client())
    }

    fn attach(&self, _check: &str, evidence: Evidence) -> io::Result<EvidenceRef> {
        let content = String::from_utf8_lossy(&evidence.content).into_owned();
        self.evidence.lock().unwrap().push(content);
        Ok(EvidenceRef {
            name: evidence.name.clone(),
            path: evidence.name.clone(),
            media_type: evidence.media_type.to_owned(),
            bytes: evidence.content.len() as u64,
            truncated: false,
        })
    }

    fn created(&self, _check: &str, resource: Resource) -> io::Result<()> {
        self.created.lock().unwrap().push(resource.id);
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

impl Site {
    /// A sandbox with these faults. None where a part of it cannot be had; in CI that is a failure.
    pub(crate) async fn with(faults: &[&str]) -> Option<Self> {
        Self::of(&["focus-api", "k8s", "mongo"], faults).await
    }

    /// A sandbox with nothing but a cluster, with these faults.
    pub(crate) async fn cluster(faults: &[&str]) -> Self {
        Self::of(&["k8s"], faults).await.expect("the cluster needs nothing")
    }

    async fn of(kinds: &[&str], faults: &[&str]) -> Option<Self> {
        let registry = Registry::from_entries(Entries::linked()).unwrap();
        let kinds = kinds.iter().map(|&kind| kind.to_owned());
        let kinds: Option<BTreeSet<String>> = Some(kinds.collect());
        let options = json!({ "faults": faults, "recordings": 60, "planned_api": true });
        let options = Options { clock: Clock::system(), options, kinds };
        let sandbox = Sandbox::start(&registry, options).await.unwrap();
        if let Some(missing) = sandbox.unavailable().first() {
            #[expect(clippy::disallowed_methods, reason = "nobody passes arguments to a test")]
            let is_ci = std::env::var_os("CI").is_some();
            assert!(!is_ci, "{missing}");
            eprintln!("skipped: {missing}; to provide it: {}", missing.command);
            return None;
        }
        let mut targets = BTreeMap::new();
        for kind in ["focus-api", "k8s"] {
            if !sandbox.settings().contains_key(kind) {
                continue;
            }
            let spec = *registry.targets().iter().find(|spec| spec.kind == kind).unwrap();
            let cx = ConnectContext { timeout: PATIENCE, clock: Clock::system() };
            let target = (spec.connect)(sandbox.settings()[kind].clone(), cx).await.unwrap();
            targets.insert(kind, target);
        }
        Some(Self { sandbox, host: Arc::new(Record { targets, ..Record::default() }) })
    }

    /// Runs one check, without what it requires.
    pub(crate) async fn run(&self, id: &str, params: Value) -> Outcome {
        let spec = registered_checks().find(|spec| spec.id == id).unwrap_or_else(|| panic!("no check {id}"));
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
            deadline: Instant::now() + PATIENCE,
            cancelled: CancellationToken::new(),
            jobs: Budget::new(100, clock),
            host: Arc::clone(&self.host) as _,
        };
        let answer = tokio::time::timeout(PATIENCE, check.run(&cx)).await;
        answer.unwrap_or_else(|_| Err(CheckError::unclear("the deadline passed"))).into()
    }

    /// The client of a target.
    pub(crate) fn client(&self, kind: &str) -> Arc<dyn Any + Send + Sync> {
        self.host.targets[kind].client()
    }

    /// The ids of the jobs that checks have put on the ledger.
    pub(crate) fn created(&self) -> Vec<String> {
        self.host.created.lock().unwrap().clone()
    }

    /// All evidence there is, in one.
    pub(crate) fn evidence(&self) -> String {
        self.host.evidence.lock().unwrap().join("\n")
    }

    pub(crate) async fn stop(self) {
        self.sandbox.stop().await;
    }
}

/// The status, and the codes of the findings with those of cases.
pub(crate) fn brief(outcome: &Outcome) -> String {
    let codes: Vec<&str> = outcome.all_findings().map(|finding| finding.code.as_str()).collect();
    format!("{} {}", outcome.status, codes.join(" ")).trim_end().to_owned()
}
