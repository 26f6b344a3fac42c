//! Gathers, when a check has failed or errored, what an engineer would look at next: the collectors of its targets, once
//! for each cause in a run.

use crate::attempt::Stage;
use crate::bounded::{Unanswered, bounded};
use crate::plan::Planned;
use jiff::Timestamp;
use shakedown_core::duration::brief;
use shakedown_core::event::EventKind;
use shakedown_core::finding::Weight;
use shakedown_core::target::LiveTarget;
use shakedown_core::{Cause, CollectContext, CollectorSpec, EvidenceRef, Outcome, Registry, Status};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// At most so many files are kept of one collector.
const MOST_FILES: usize = 20;

/// The collectors of a run, and what they have gathered.
pub(crate) struct Collectors {
    specs: Vec<&'static CollectorSpec>,
    /// When the run began.
    since: Timestamp,
    gathered: Mutex<BTreeMap<(&'static str, Cause), Gathered>>,
}

/// What was gathered of a target for a cause, once it was.
type Gathered = Arc<OnceCell<Vec<EvidenceRef>>>;

impl Collectors {
    pub(crate) fn new(registry: &Registry, since: Timestamp) -> Self {
        Self { specs: registry.collectors().to_vec(), since, gathered: Mutex::default() }
    }

    /// Puts what is gathered, or was gathered before of the same cause, into a bad outcome.
    pub(crate) async fn complete(&self, stage: &Stage, planned: &Planned, outcome: &mut Outcome) {
        let is_bad = matches!(outcome.status, Status::Failed | Status::Errored);
        if !is_bad || !stage.host.evidence.is_kept() || stage.interrupt.raised().is_some() {
            return;
        }
        let Some(cause) = cause_of(outcome) else { return };
        let mut evidence = Vec::new();
        for kind in planned.spec.targets() {
            // A target that is away has nothing to show.
            let Some(target) = stage.host.pool.live(kind).await else { continue };
            let cell = {
                let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(gathered.entry((kind, cause)).or_default())
            };
            let check = planned.spec.id;
            evidence.extend_from_slice(
                cell.get_or_init(|| self.gather(stage, check, kind, cause, &target)).await,
            );
        }
        let blamed = outcome.findings.iter_mut().find(|finding| finding.weight == Weight::Fail);
        blamed.map_or(&mut outcome.evidence, |finding| &mut finding.evidence).extend(evidence);
    }

    /// Asks every collector of a target.
    async fn gather(
        &self,
        stage: &Stage,
        check: &'static str,
        kind: &str,
        cause: Cause,
        target: &Arc<dyn LiveTarget>,
    ) -> Vec<EvidenceRef> {
        let collections = self.specs.iter().filter(|spec| spec.target == kind).map(|spec| async move {
            let cx = CollectContext {
                check,
                since: self.since,
                now: stage.clock.now(),
                deadline: Instant::now() + PATIENCE,
            };
            let gathered = match bounded(&stage.workers, PATIENCE, (spec.collect)(target.client(), cx)).await
            {
                Ok(gathered) => gathered.map_err(|error| error.to_string()),
                Err(Unanswered::Panicked) => Err("the collector panicked".to_owned()),
                Err(Unanswered::TimedOut) => Err(format!("no answer within {}", brief(PATIENCE))),
            };
            (spec.id, gathered)
        });
        let mut all = Vec::new();
        for (collector, gathered) in futures_util::future::join_all(collections).await {
            let place = format!("{kind}.{cause}");
            let kept: Result<Vec<EvidenceRef>, String> = gathered.and_then(|pieces| {
                let keep = |piece| stage.host.evidence.keep(&place, piece, stage.host.bus.redactor());
                pieces
                    .into_iter()
                    .take(MOST_FILES)
                    .map(keep)
                    .collect::<Result<_, _>>()
                    .map_err(|e| e.to_string())
            });
            let (evidence, error) = match kept {
                Ok(evidence) => (evidence, None),
                Err(error) => (Vec::new(), Some(error)),
            };
            all.extend_from_slice(&evidence);
            stage.host.bus.emit(EventKind::Collected {
                collector: collector.to_owned(),
                check: check.to_owned(),
                evidence,
                error,
            });
        }
        all
    }
}

/// Where the cause of a bad outcome lies: its first failing finding's, its cases included, or its obstacle's.
fn cause_of(outcome: &Outcome) -> Option<Cause> {
    let failing = outcome.all_findings().find(|finding| finding.weight == Weight::Fail);
    failing.map(|finding| finding.cause).or_else(|| Some(outcome.obstacle.as_ref()?.cause))
}
