//! A runner of one check.

use crate::server::Server;
use jiff::Timestamp;
use serde_json::{Value, json};
use shakedown_core::budget::Budget;
use shakedown_core::context::{Host, Progress};
use shakedown_core::ledger::Resource;
use shakedown_core::registry::{Entries, registered_checks};
use shakedown_core::target::{ConnectContext, LiveTarget};
use shakedown_core::{
    CheckError, CheckSpec, Clock, Context, Evidence, EvidenceRef, Finding, Outcome, TargetError, Verdict,
    async_trait,
};
use std::any::Any;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// What a run of one check can use, and what it left behind.
pub(crate) struct Bench {
    pub(crate) clock: Clock,
    pub(crate) jobs: Budget,
    host: Arc<Record>,
}

#[derive(Default)]
struct Record {
    client: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
    created: Mutex<Vec<Resource>>,
    evidence: Mutex<Vec<Evidence>>,
    found: Mutex<Vec<(String, Finding)>>,
}

#[async_trait]
impl Host for Record {
    async fn target(&self, _kind: &str) -> Result<Arc<dyn Any + Send + Sync>, TargetError> {
        Ok(self.client.lock().unwrap().clone().unwrap())
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

    fn removed(&self, _check: &str, _resource: &Resource) -> io::Result<()> {
        Ok(())
    }

    fn progress(&self, _check: &str, _progress: Progress) {}

    fn findings_so_far(&self) -> Vec<(String, Finding)> {
        self.found.lock().unwrap().clone()
    }
}

/// Connects as the runner would.
pub(crate) async fn connect(settings: Value) -> Result<Arc<dyn LiveTarget>, TargetError> {
    let entries = Entries::linked();
    let spec = entries.targets.iter().find(|spec| spec.kind == "focus-api").unwrap();
    (spec.connect)(settings, ConnectContext { timeout: Duration::from_secs(10), clock: Clock::system() })
        .await
}

pub(crate) fn spec(id: &str) -> &'static CheckSpec {
    registered_checks().find(|spec| spec.id == id).unwrap_or_else(|| panic!("{id} is not registered"))
}

impl Bench {
    pub(crate) async fn at(server: &Server) -> Self {
        Self::with_jobs(server, 500).await
    }

    pub(crate) async fn with_jobs(server: &Server, limit: usize) -> Self {
        Self::on(server.settings(), limit).await
    }

    /// A bench for whatever these settings lead to.
    pub(crate) async fn on(settings: Value, limit: usize) -> Self {
        let target = connect(settings).await.unwrap();
        let clock = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let host = Arc::new(Record::default());
        *host.client.lock().unwrap() = Some(target.client());
        Self { jobs: Budget::new(limit, clock.clone()), clock, host }
    }

    pub(crate) fn knows(&self, check: &str, finding: Finding) {
        self.host.found.lock().unwrap().push((check.to_owned(), finding));
    }

    pub(crate) fn created(&self) -> Vec<Resource> {
        self.host.created.lock().unwrap().clone()
    }

    pub(crate) fn evidence(&self, name: &str) -> String {
        let all = self.host.evidence.lock().unwrap();
        let found = all.iter().find(|evidence| evidence.name == name);
        String::from_utf8(found.unwrap_or_else(|| panic!("no evidence {name}")).content.clone()).unwrap()
    }

    pub(crate) async fn answer(&self, id: &str, params: Value) -> Result<Verdict, CheckError> {
        let spec = spec(id);
        let check = (spec.build)(&params).unwrap();
        let cx = Context {
            check: spec.id,
            effect: spec.effect,
            target: spec.target,
            also: spec.also,
            environment: "lab".into(),
            role: None,
            limits: shakedown_core::Limits::default(),
            run: "test".into(),
            clock: self.clock.clone(),
            deadline: Instant::now() + Duration::from_mins(1),
            cancelled: CancellationToken::new(),
            jobs: self.jobs.clone(),
            host: Arc::clone(&self.host) as _,
        };
        tokio::time::timeout(Duration::from_mins(1), check.run(&cx)).await.expect("the check ends")
    }

    pub(crate) async fn run(&self, id: &str) -> Outcome {
        self.answer(id, json!({})).await.into()
    }

    /// The codes of the findings, with those of cases.
    pub(crate) async fn codes(&self, id: &str) -> Vec<String> {
        self.run(id).await.all_findings().map(|finding| finding.code.clone()).collect()
    }
}
