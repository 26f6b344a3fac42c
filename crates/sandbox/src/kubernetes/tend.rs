//! The life of pods on their nodes: from the first look at one to its last container's end.

use super::containers::{ContainerRun, Stage};
use super::controllers::scheduler;
use super::keeper::{Keeper, Task};
use super::kinds::POD;
use super::objects::{is_ending, is_finished, items, number, place, set_condition, text, uid};
use super::orders::Ailment;
use super::process::Exit;
use super::recorder::{Happened, Source};
use super::store::{Place, time_text};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// How long a simulated container takes to end when it is told to.
const ENDS_WITHIN: Duration = Duration::from_millis(500);
/// How often a network that has no address is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// A pod on its node.
#[derive(Debug)]
pub(super) struct PodRun {
    containers: Vec<ContainerRun>,
    address: String,
    started: Timestamp,
    /// Since when it is being ended.
    ending: Option<Timestamp>,
}

impl PodRun {
    /// Takes a pod up. One that runs already goes on as it does.
    fn of(pod: &Value, address: String, now: Timestamp, at_once: bool) -> Self {
        let runs = text(pod, "/status/phase") == "Running";
        let containers = items(pod, "/spec/containers");
        Self {
            containers: containers
                .iter()
                .map(|container| ContainerRun::new(text(container, "/name"), runs, now, at_once))
                .collect(),
            address,
            started: now,
            ending: None,
        }
    }

    /// Ends its processes, and returns when they are gone.
    pub(super) async fn end(self) {
        for process in self.containers.into_iter().filter_map(|container| container.process) {
            process.end().await;
        }
    }

    /// Where it is in its life.
    fn phase(&self) -> &'static str {
        let all_done = self.containers.iter().all(|container| matches!(container.stage, Stage::Done { .. }));
        if all_done {
            let failed = |container: &ContainerRun| !matches!(container.stage, Stage::Done { code: 0 });
            return if self.containers.iter().any(failed) { "Failed" } else { "Succeeded" };
        }
        if self.containers.iter().all(ContainerRun::has_started) { "Running" } else { "Pending" }
    }
}

/// Looks at a pod: gives it a node, starts its containers, follows them, ends it.
pub(super) fn tend(keeper: &mut Keeper, place: &Place) {
    let Ok(pod) = keeper.store.get(&POD, &place.0, &place.1) else { return };
    if is_ending(&pod) {
        return end(keeper, &pod);
    }
    if is_finished(&pod) {
        return;
    }
    if text(&pod, "/spec/nodeName").is_empty() {
        return scheduler::bind(keeper, &pod);
    }
    let now = keeper.now();
    let mut run = take_up(keeper, &pod);
    let known = text(&pod, "/status/phase") == "Running" || !text(&pod, "/status/startTime").is_empty();
    let mut changed = !known;
    for (container, spec) in run.containers.iter_mut().zip(items(&pod, "/spec/containers")) {
        changed |= container.go_on(keeper, &pod, spec, now);
    }
    let ailment = keeper.orders.ailment(&pod);
    if ailment == Some(Ailment::NoAddress) {
        lacks_address(keeper, &pod);
        keeper.later(now + ASK_AGAIN, Task::Pod(place.clone()));
    }
    if changed || ailment == Some(Ailment::NotReady) {
        write(keeper, &pod, &run, now);
    }
    if let Some(due) = run.containers.iter().filter_map(ContainerRun::due).min() {
        keeper.later(due, Task::Pod(place.clone()));
    }
    keeper.runs.insert(uid(&pod).to_owned(), run);
}

/// Has the pods of a job end, with an exit code.
pub(super) fn release(keeper: &mut Keeper, pod: &Value, code: i64) {
    let now = keeper.now();
    if let Some(run) = keeper.runs.get_mut(uid(pod)) {
        for container in &mut run.containers {
            container.end_at(now, code);
        }
    }
    keeper.soon(Task::Pod(place(pod)));
}

/// What kept the containers of a pod from being made is over.
pub(super) fn recover(keeper: &mut Keeper, pod: &Value) {
    let now = keeper.now();
    if let Some(run) = keeper.runs.get_mut(uid(pod)) {
        for container in &mut run.containers {
            container.try_again(now);
        }
    }
    keeper.soon(Task::Pod(place(pod)));
}

/// Ends the containers of a pod as the kernel does when they use too much memory, and starts them again.
pub(super) fn kill_for_memory(keeper: &mut Keeper, pod: &Value) {
    let now = keeper.now();
    let mut run = take_up(keeper, pod);
    for (container, spec) in run.containers.iter_mut().zip(items(pod, "/spec/containers")) {
        container.run_out_of_memory(keeper, pod, spec, now);
    }
    write(keeper, pod, &run, now);
    keeper.runs.insert(uid(pod).to_owned(), run);
}

/// A process has ended.
pub(super) fn exited(keeper: &mut Keeper, exit: &Exit) {
    let now = keeper.now();
    let Some(run) = keeper.runs.get_mut(&exit.pod) else { return };
    for container in run.containers.iter_mut().filter(|container| container.name == exit.container) {
        container.process = None;
        container.end_at(now, exit.code);
    }
    if let Some(pod) = keeper.world.pod(&exit.pod) {
        keeper.soon(Task::Pod(pod));
    }
}

/// A pod is gone: with it go its processes and its logs.
pub(super) fn forget(keeper: &mut Keeper, pod: &str) {
    drop(keeper.runs.remove(pod));
    keeper.kubelet.logs.forget(pod);
}

fn take_up(keeper: &mut Keeper, pod: &Value) -> PodRun {
    if let Some(run) = keeper.runs.remove(uid(pod)) {
        return run;
    }
    let known = text(pod, "/status/podIP").to_owned();
    let address = if known.is_empty() { keeper.next_address() } else { known };
    PodRun::of(pod, address, keeper.now(), keeper.seeding.is_some())
}

/// Ends a pod that is being deleted: asks its containers, ends them when the grace is over, removes it.
fn end(keeper: &mut Keeper, pod: &Value) {
    let now = keeper.now();
    let grace = number(pod, "/metadata/deletionGracePeriodSeconds")
        .or_else(|| number(pod, "/spec/terminationGracePeriodSeconds"));
    let grace = Duration::from_secs(grace.and_then(|grace| u64::try_from(grace).ok()).unwrap_or(30));
    let mut run = take_up(keeper, pod);
    let live = !is_finished(pod) && run.containers.iter().any(ContainerRun::is_running);
    if run.ending.is_none() {
        run.ending = Some(now);
        for container in run.containers.iter().filter(|container| container.is_running()) {
            let message = format!("Stopping container {}", container.name);
            keeper.tell(&POD, pod, Happened::normal("Killing", &message), Source::Kubelet);
            if let Some(process) = &container.process {
                process.terminate();
            }
        }
    }
    let since = run.ending.unwrap_or(now);
    let processes = run.containers.iter().filter_map(|container| container.process.as_ref());
    let gone_at = if run.containers.iter().any(|container| container.process.is_some()) {
        if now >= since + grace {
            processes.for_each(super::process::Process::kill);
            // Its end is told of; this is only in case it is not.
            now + ENDS_WITHIN
        } else {
            since + grace
        }
    } else if live {
        since + grace.min(ENDS_WITHIN)
    } else {
        now
    };
    if gone_at > now {
        keeper.later(gone_at, Task::Pod(place(pod)));
        keeper.runs.insert(uid(pod).to_owned(), run);
        return;
    }
    let (home, name) = place(pod);
    // Somebody else may have removed it.
    let _ = keeper.store.remove(&POD, &home, &name);
}

fn lacks_address(keeper: &mut Keeper, pod: &Value) {
    let message = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for \
                   sandbox: plugin type=\"host-local\" failed (add): failed to allocate for range 0: no IP \
                   addresses available in range set: 198.51.100.2-198.51.100.254";
    keeper.tell(&POD, pod, Happened::warning("FailedCreatePodSandBox", message), Source::Kubelet);
}

/// Writes down how a pod is.
fn write(keeper: &mut Keeper, pod: &Value, run: &PodRun, now: Timestamp) {
    let phase = run.phase();
    let ails = keeper.orders.ailment(pod);
    let finished = matches!(phase, "Succeeded" | "Failed");
    let ready_if_running = ails != Some(Ailment::NotReady);
    let unready: Vec<&str> = run
        .containers
        .iter()
        .filter(|container| !(container.is_running() && ready_if_running))
        .map(|container| container.name.as_str())
        .collect();
    let statuses: Vec<Value> = run
        .containers
        .iter()
        .zip(items(pod, "/spec/containers"))
        .map(|(container, spec)| container.status(uid(pod), spec, ready_if_running))
        .collect();
    let (holds, reason, message) = if unready.is_empty() {
        ("True", "", String::new())
    } else if finished {
        ("False", "PodCompleted", String::new())
    } else {
        ("False", "ContainersNotReady", format!("containers with unready status: [{}]", unready.join(" ")))
    };
    let (home, name) = place(pod);
    // Where it is gone there is nothing to write down.
    let _ = keeper.store.modify(&POD, &home, &name, |pod| {
        let process = run.containers.iter().any(|container| container.process.is_some());
        let status = &mut pod["status"];
        status["phase"] = json!(phase);
        status["containerStatuses"] = json!(statuses);
        if status["startTime"].is_null() {
            status["startTime"] = json!(time_text(run.started));
        }
        if phase != "Pending" && status["podIP"].is_null() {
            let address = if process { "127.0.0.1" } else { run.address.as_str() };
            status["podIP"] = json!(address);
            status["podIPs"] = json!([{ "ip": address }]);
            status["hostIP"] = json!("127.0.0.1");
        }
        set_condition(status, "Initialized", "True", ("", ""), now);
        set_condition(status, "Ready", holds, (reason, &message), now);
        set_condition(status, "ContainersReady", holds, (reason, &message), now);
    });
    if !ready_if_running && phase == "Running" {
        let message = "Readiness probe failed: dial tcp 198.51.100.12:5672: connect: connection refused";
        keeper.tell(&POD, pod, Happened::warning("Unhealthy", message), Source::Kubelet);
    }
}
