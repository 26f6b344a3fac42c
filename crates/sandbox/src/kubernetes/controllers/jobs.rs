//! Jobs: pods that run until enough of them have succeeded, or too many have failed.

use super::pods;
use crate::kubernetes::keeper::{Keeper, Task};
use crate::kubernetes::kinds::{JOB, POD};
use crate::kubernetes::objects::{
    holds, is_ending, is_finished, items, name, number, set_condition, text, uid,
};
use crate::kubernetes::recorder::{Happened, Source};
use crate::kubernetes::store::{Place, generated_suffix, time_text};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const SOURCE: Source = Source::Controller("job-controller");
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// How long a job waits after its first failure before it tries again, and at most.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// What is remembered of a job's pods, also when they are gone.
#[derive(Debug, Default)]
pub(in crate::kubernetes) struct Ledger {
    succeeded: BTreeSet<String>,
    failed: BTreeSet<String>,
    done_indexes: BTreeSet<i64>,
    last_failure: Option<Timestamp>,
    completed: Option<Timestamp>,
}

/// How a job stands.
enum End {
    Complete,
    Failed(&'static str, String),
}

pub(in crate::kubernetes) fn look(keeper: &mut Keeper, place: &Place) {
    let Ok(job) = keeper.store.get(&JOB, &place.0, &place.1) else { return };
    let now = keeper.now();
    let all = keeper.world.owned(uid(&job), &POD);
    let mut ledger = keeper.ledgers.remove(uid(&job)).unwrap_or_default();
    ledger.read(&all, now);
    if holds(&job, "Complete") || holds(&job, "Failed") {
        outlive(keeper, place, &job, &mut ledger, now);
        keeper.ledgers.insert(uid(&job).to_owned(), ledger);
        return;
    }
    let live: Vec<Arc<Value>> = all.into_iter().filter(|pod| !is_ending(pod) && !is_finished(pod)).collect();
    let end = end_of(&job, &live, &ledger, now);
    let mut made = 0;
    if end.is_some() || job["spec"]["suspend"] == true {
        for pod in &live {
            pods::end(keeper, pod);
        }
    } else {
        made = start(keeper, place, &job, &live, &ledger, now);
        if let Some(limit) = number(&job, "/spec/activeDeadlineSeconds") {
            let since = text(&job, "/status/startTime").parse().unwrap_or(now);
            keeper.later(since + seconds(limit), Task::Job(place.clone()));
        }
    }
    let active = if end.is_some() { 0 } else { live.len() + made };
    write(keeper, place, &live, active, &ledger, end.as_ref(), now);
    if let Some(end) = &end {
        match end {
            End::Complete => keeper.tell(&JOB, &job, Happened::normal("Completed", "Job completed"), SOURCE),
            End::Failed(reason, message) => {
                keeper.tell(&JOB, &job, Happened::warning(reason, message), SOURCE);
            }
        }
        ledger.completed = Some(now);
        keeper.soon(Task::Job(place.clone()));
    }
    keeper.ledgers.insert(uid(&job).to_owned(), ledger);
}

impl Ledger {
    /// Takes note of the pods that have ended.
    fn read(&mut self, pods: &[Arc<Value>], now: Timestamp) {
        for pod in pods {
            match text(pod, "/status/phase") {
                "Succeeded" if self.succeeded.insert(uid(pod).to_owned()) => {
                    self.done_indexes.extend(index(pod));
                }
                "Failed" if !is_ending(pod) && self.failed.insert(uid(pod).to_owned()) => {
                    self.last_failure = Some(now);
                }
                _ => {}
            }
        }
    }

    /// When a failure has been waited for long enough.
    fn again_at(&self) -> Option<Timestamp> {
        let doublings = u32::try_from(self.failed.len().checked_sub(1)?).unwrap_or(u32::MAX).min(4);
        Some(self.last_failure? + (FIRST_BACKOFF * 2_u32.pow(doublings)).min(LONGEST_BACKOFF))
    }

    /// The indexes that are done, `0-2,4`.
    fn indexes(&self) -> String {
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for index in &self.done_indexes {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == *index => *last = *index,
                _ => ranges.push((*index, *index)),
            }
        }
        let shown = |(first, last): &(i64, i64)| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        };
        ranges.iter().map(shown).collect::<Vec<_>>().join(",")
    }
}

fn index(pod: &Value) -> Option<i64> {
    pod["metadata"]["annotations"][INDEX].as_str()?.parse().ok()
}

fn is_indexed(job: &Value) -> bool {
    text(job, "/spec/completionMode") == "Indexed"
}

fn seconds(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or_default())
}

fn count(job: &Value, field: &str, usual: usize) -> usize {
    job["spec"][field].as_i64().map_or(usual, |count| usize::try_from(count).unwrap_or_default())
}

/// Whether a job has come to its end, and to which.
fn end_of(job: &Value, live: &[Arc<Value>], ledger: &Ledger, now: Timestamp) -> Option<End> {
    let done = if is_indexed(job) { ledger.done_indexes.len() } else { ledger.succeeded.len() };
    if done >= count(job, "completions", 1) {
        return Some(End::Complete);
    }
    let restarts = |pod: &Arc<Value>| {
        items(pod, "/status/containerStatuses")
            .iter()
            .filter_map(|status| status["restartCount"].as_u64())
            .sum::<u64>()
    };
    let restarted: u64 = live.iter().map(restarts).sum::<u64>();
    let failures = ledger.failed.len().saturating_add(usize::try_from(restarted).unwrap_or(usize::MAX));
    if failures > count(job, "backoffLimit", 6) {
        let message = "Job has reached the specified backoff limit".to_owned();
        return Some(End::Failed("BackoffLimitExceeded", message));
    }
    let limit = number(job, "/spec/activeDeadlineSeconds")?;
    let since: Timestamp = text(job, "/status/startTime").parse().ok()?;
    (now >= since + seconds(limit))
        .then(|| End::Failed("DeadlineExceeded", "Job was active longer than specified deadline".to_owned()))
}

/// Starts the pods that may run now; says how many.
fn start(
    keeper: &mut Keeper,
    place: &Place,
    job: &Value,
    live: &[Arc<Value>],
    ledger: &Ledger,
    now: Timestamp,
) -> usize {
    if let Some(again) = ledger.again_at()
        && again > now
    {
        keeper.later(again, Task::Job(place.clone()));
        return 0;
    }
    let completions = count(job, "completions", 1);
    let done = if is_indexed(job) { ledger.done_indexes.len() } else { ledger.succeeded.len() };
    let most = count(job, "parallelism", 1).min(completions.saturating_sub(done));
    let taken: BTreeSet<i64> = live.iter().filter_map(|pod| index(pod)).collect();
    let last = i64::try_from(completions).unwrap_or(i64::MAX);
    let mut free = (0..last).filter(|index| !ledger.done_indexes.contains(index) && !taken.contains(index));
    let mut made = 0;
    for running in live.len()..most {
        if !keeper.orders.allows_another(place, running) {
            pods::refuse(keeper, &JOB, job, SOURCE);
            break;
        }
        let mut pod = pods::from_template(&JOB, job, now);
        if is_indexed(job) {
            let Some(index) = free.next() else { break };
            give_index(&mut pod, name(job), index);
        }
        if !pods::create(keeper, &JOB, job, pod, SOURCE) {
            break;
        }
        made += 1;
    }
    made
}

/// Tells a pod which part of the work is its own.
fn give_index(pod: &mut Value, job: &str, index: i64) {
    pod["metadata"]["name"] = json!(format!("{job}-{index}-{}", generated_suffix()));
    pod["metadata"]["annotations"][INDEX] = json!(index.to_string());
    pod["metadata"]["labels"][INDEX] = json!(index.to_string());
    pod["spec"]["hostname"] = json!(format!("{job}-{index}"));
    for container in pod["spec"]["containers"].as_array_mut().into_iter().flatten() {
        let variable = json!({
            "name": "JOB_COMPLETION_INDEX",
            "valueFrom": { "fieldRef": { "fieldPath": format!("metadata.annotations['{INDEX}']") } },
        });
        if let Some(variables) = container["env"].as_array_mut() {
            variables.push(variable);
        } else {
            container["env"] = json!([variable]);
        }
    }
}

/// A job that has ended is kept as long as it says, and its pods with it.
fn outlive(keeper: &mut Keeper, place: &Place, job: &Value, ledger: &mut Ledger, now: Timestamp) {
    let Some(kept) = number(job, "/spec/ttlSecondsAfterFinished") else { return };
    let written = || {
        let ended = items(job, "/status/conditions").iter().find(|condition| {
            condition["status"] == "True"
                && (condition["type"] == "Complete" || condition["type"] == "Failed")
        });
        ended.and_then(|condition| text(condition, "/lastTransitionTime").parse().ok()).unwrap_or(now)
    };
    let until = *ledger.completed.get_or_insert_with(written) + seconds(kept);
    if now >= until {
        // Somebody else may have removed it.
        let _ = keeper.store.remove(&JOB, &place.0, &place.1);
    } else {
        keeper.later(until, Task::Job(place.clone()));
    }
}

fn write(
    keeper: &Keeper,
    place: &Place,
    live: &[Arc<Value>],
    active: usize,
    ledger: &Ledger,
    end: Option<&End>,
    now: Timestamp,
) {
    let ready = if end.is_some() { 0 } else { live.iter().filter(|pod| holds(pod, "Ready")).count() };
    // Where it is gone by now nobody asks.
    let _ = keeper.store.modify(&JOB, &place.0, &place.1, |job| {
        let indexed = is_indexed(job);
        let status = &mut job["status"];
        if status["startTime"].is_null() {
            status["startTime"] = json!(time_text(now));
        }
        status["active"] = json!(active);
        status["ready"] = json!(ready);
        status["succeeded"] = json!(if indexed { ledger.done_indexes.len() } else { ledger.succeeded.len() });
        status["failed"] = json!(ledger.failed.len());
        status["terminating"] = json!(0);
        status["uncountedTerminatedPods"] = json!({});
        if indexed {
            status["completedIndexes"] = json!(ledger.indexes());
        }
        match end {
            Some(End::Complete) => {
                status["completionTime"] = json!(time_text(now));
                let why = ("CompletionsReached", "Reached expected number of succeeded pods");
                set_condition(status, "SuccessCriteriaMet", "True", why, now);
                set_condition(status, "Complete", "True", why, now);
            }
            Some(End::Failed(reason, message)) => {
                set_condition(status, "FailureTarget", "True", (reason, message), now);
                set_condition(status, "Failed", "True", (reason, message), now);
            }
            None => {}
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_written_as_ranges() {
        let ledger = Ledger { done_indexes: [0, 1, 2, 4, 7, 8].into(), ..Ledger::default() };
        assert_eq!(ledger.indexes(), "0-2,4,7-8");
        assert_eq!(Ledger::default().indexes(), "");
    }

    #[test]
    fn failures_are_waited_for_longer_and_longer() {
        let at = Timestamp::UNIX_EPOCH;
        let after = |failures: usize| {
            let failed = (0..failures).map(|number| number.to_string()).collect();
            let ledger = Ledger { failed, last_failure: Some(at), ..Ledger::default() };
            ledger.again_at().map(Timestamp::as_second)
        };
        assert_eq!(
            [after(0), after(1), after(2), after(4), after(9)],
            [None, Some(1), Some(2), Some(8), Some(10)]
        );
    }
}
