//! The life of one container: made, run, ended, and run again where its pod wants that.

use super::keeper::Keeper;
use super::kinds::POD;
use super::objects::{items, name, namespace, pairs, text, uid};
use super::orders::Ailment;
use super::process::{Exit, Process};
use super::recorder::{Happened, Source};
use super::store::time_text;
use super::voices;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// How long a container takes to be made.
const MADE_WITHIN: Duration = Duration::from_millis(300);
/// How long the work of a job takes that says nothing of it.
const WORK: Duration = Duration::from_secs(3);
/// How long a container runs that is to be restarted all the time.
const RESTARTS_AFTER: Duration = Duration::from_secs(2);
/// How long a container runs that is to fail.
const FAILS_AFTER: Duration = Duration::from_secs(1);
/// How long Kubernetes backs off at first, and at most.
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
const LONGEST_BACKOFF: Duration = Duration::from_mins(5);
/// How often a container in a crash loop has been restarted when that is noticed.
const CRASHED: i64 = 6;

/// Where a container is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is being made.
    Creating { until: Timestamp },
    /// It cannot be made, for a reason that is shown.
    Stuck { reason: &'static str, message: String },
    /// It runs until it ends by itself, if it does.
    Running { since: Timestamp, ends: Option<(Timestamp, i64)> },
    /// It has ended and will be started again.
    Backoff { until: Timestamp, message: String },
    /// It has ended for good.
    Done { code: i64 },
}

/// A container on its node.
#[derive(Debug)]
pub(super) struct ContainerRun {
    pub(super) name: String,
    pub(super) stage: Stage,
    pub(super) process: Option<Process>,
    restarts: i64,
    /// How the life before ended or, of one that has ended for good, how it did.
    last: Option<Value>,
}

impl ContainerRun {
    pub(super) fn new(name: &str, runs: bool, now: Timestamp, at_once: bool) -> Self {
        let stage = if runs {
            Stage::Running { since: now, ends: None }
        } else {
            Stage::Creating { until: if at_once { now } else { now + MADE_WITHIN } }
        };
        Self { name: name.to_owned(), stage, process: None, restarts: 0, last: None }
    }

    /// Whether it runs.
    pub(super) const fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running { .. })
    }

    /// Whether it runs or has run.
    pub(super) const fn has_started(&self) -> bool {
        !matches!(self.stage, Stage::Creating { .. } | Stage::Stuck { .. })
    }

    /// When it is to be looked at again.
    pub(super) fn due(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Creating { until } | Stage::Backoff { until, .. } => Some(*until),
            Stage::Running { ends, .. } => ends.map(|(at, _)| at),
            Stage::Stuck { .. } | Stage::Done { .. } => None,
        }
    }

    /// It is to end, if it runs.
    pub(super) const fn end_at(&mut self, at: Timestamp, code: i64) {
        if let Stage::Running { ends, .. } = &mut self.stage {
            *ends = Some((at, code));
        }
    }

    /// What kept it from being made is over.
    pub(super) fn try_again(&mut self, now: Timestamp) {
        if matches!(self.stage, Stage::Stuck { .. }) {
            self.stage = Stage::Creating { until: now };
        }
    }

    /// Does what is due. Says whether anything has changed.
    pub(super) fn go_on(&mut self, keeper: &mut Keeper, pod: &Value, spec: &Value, now: Timestamp) -> bool {
        let mut changed = self.catch_ailment(keeper, pod, spec, now);
        while self.due().is_some_and(|due| due <= now) {
            changed = true;
            match self.stage.clone() {
                Stage::Running { ends: Some((_, code)), .. } => self.has_ended(keeper, pod, spec, code, now),
                Stage::Backoff { .. } => {
                    self.restarts += 1;
                    self.start(keeper, pod, spec, now);
                }
                _ => self.start(keeper, pod, spec, now),
            }
        }
        changed
    }

    /// The kernel ends it for the memory it uses; it is started again.
    pub(super) fn run_out_of_memory(
        &mut self,
        keeper: &mut Keeper,
        pod: &Value,
        spec: &Value,
        now: Timestamp,
    ) {
        self.last = Some(self.terminated(137, Some("OOMKilled"), now));
        self.restarts += 1;
        self.start(keeper, pod, spec, now);
    }

    /// What the pod says of it.
    pub(super) fn status(&self, pod: &str, spec: &Value, ready_if_running: bool) -> Value {
        let image = text(spec, "/image");
        let running = self.is_running();
        let (state, last) = match &self.stage {
            Stage::Creating { .. } => (json!({ "waiting": { "reason": "ContainerCreating" } }), None),
            Stage::Stuck { reason, message } if message.is_empty() => {
                (json!({ "waiting": { "reason": reason } }), None)
            }
            Stage::Stuck { reason, message } => {
                (json!({ "waiting": { "reason": reason, "message": message } }), None)
            }
            Stage::Running { since, .. } => {
                (json!({ "running": { "startedAt": time_text(*since) } }), self.last.clone())
            }
            Stage::Backoff { message, .. } => {
                let waiting = json!({ "waiting": { "reason": "CrashLoopBackOff", "message": message } });
                (waiting, self.last.clone())
            }
            Stage::Done { .. } => (json!({ "terminated": self.last }), None),
        };
        let mut status = json!({
            "name": self.name,
            "image": image,
            "imageID": "",
            "ready": running && ready_if_running,
            "started": running,
            "restartCount": self.restarts,
            "state": state,
            "lastState": last.map_or_else(|| json!({}), |last| json!({ "terminated": last })),
        });
        if self.has_started() {
            status["imageID"] = json!(format!("{image}@sha256:{}", digest(image)));
            status["containerID"] =
                json!(format!("containerd://{}", digest(&format!("{pod}{}{}", self.name, self.restarts))));
        }
        status
    }

    /// A running container catches what ails its component.
    fn catch_ailment(&mut self, keeper: &mut Keeper, pod: &Value, spec: &Value, now: Timestamp) -> bool {
        let Stage::Running { since, ends } = self.stage else { return false };
        match keeper.orders.ailment(pod) {
            Some(Ailment::CrashLoop) => {
                self.has_ended(keeper, pod, spec, 1, now);
                true
            }
            Some(Ailment::Restarts) if ends.is_none() => {
                self.stage = Stage::Running { since, ends: Some((now, 1)) };
                true
            }
            _ => false,
        }
    }

    fn start(&mut self, keeper: &mut Keeper, pod: &Value, spec: &Value, now: Timestamp) {
        let ailment = keeper.orders.ailment(pod);
        let image = text(spec, "/image");
        if ailment == Some(Ailment::ImagePull) {
            let failed = format!(
                "Failed to pull image \"{image}\": rpc error: code = NotFound desc = failed to pull and unpack \
                 image \"{image}\": not found"
            );
            keeper.tell(&POD, pod, Happened::warning("Failed", &failed), Source::Kubelet);
            let message = format!("Back-off pulling image \"{image}\"");
            keeper.tell(&POD, pod, Happened::normal("BackOff", &message), Source::Kubelet);
            self.stage = Stage::Stuck { reason: "ImagePullBackOff", message };
            return;
        }
        if ailment == Some(Ailment::NoAddress) {
            self.stage = Stage::Stuck { reason: "ContainerCreating", message: String::new() };
            return;
        }
        for (reason, message) in [
            ("Pulled", format!("Container image \"{image}\" already present on machine")),
            ("Created", format!("Created container: {}", self.name)),
            ("Started", format!("Started container {}", self.name)),
        ] {
            keeper.tell(&POD, pod, Happened::normal(reason, &message), Source::Kubelet);
        }
        let journal = keeper.kubelet.logs.begin(uid(pod), &self.name);
        let command = command(spec);
        self.stage = Stage::Running { since: now, ends: None };
        if command.first().is_some_and(|first| keeper.executables.contains(first)) {
            let exit = Exit { pod: uid(pod).to_owned(), container: self.name.clone(), code: 0 };
            let ended = (exit, keeper.exits.clone());
            let variables = variables(pod, spec);
            match Process::spawn(&command, variables, journal.clone(), keeper.clock.clone(), ended) {
                Ok(process) => self.process = Some(process),
                Err(error) => {
                    journal.write(now, format!("failed to start {}: {error}", command[0]));
                    self.end_at(now, 127);
                }
            }
            return;
        }
        if ailment != Some(Ailment::Silent) {
            for line in voices::at_start(pod, spec, ailment) {
                journal.write(now, line);
            }
        }
        let ends = lifetime(keeper, pod, &command, ailment).map(|(lasts, code)| (now + lasts, code));
        self.stage = Stage::Running { since: now, ends };
    }

    fn has_ended(&mut self, keeper: &mut Keeper, pod: &Value, spec: &Value, code: i64, now: Timestamp) {
        self.last = Some(self.terminated(code, None, now));
        let ailment = keeper.orders.ailment(pod);
        let policy = text(pod, "/spec/restartPolicy");
        if policy == "Never" || policy == "OnFailure" && code == 0 {
            if let Some(journal) = keeper.kubelet.logs.of(uid(pod), &self.name, false) {
                journal.close();
            }
            self.stage = Stage::Done { code };
            return;
        }
        if ailment == Some(Ailment::CrashLoop) {
            // As often as it takes: nobody saw the restarts before.
            self.restarts = self.restarts.max(CRASHED);
            for _ in 0..2 {
                let journal = keeper.kubelet.logs.begin(uid(pod), &self.name);
                for line in voices::at_start(pod, spec, ailment) {
                    journal.write(now, line);
                }
            }
        } else if self.restarts == 0 || ailment == Some(Ailment::Restarts) {
            self.restarts += 1;
            self.start(keeper, pod, spec, now);
            return;
        }
        let doublings = u32::try_from(self.restarts - 1).unwrap_or_default().min(5);
        let wait = (FIRST_BACKOFF * 2_u32.pow(doublings)).min(LONGEST_BACKOFF);
        let of_pod = format!("{}_{}({})", name(pod), namespace(pod), uid(pod));
        let told = format!("Back-off restarting failed container {} in pod {of_pod}", self.name);
        keeper.tell(&POD, pod, Happened::warning("BackOff", &told), Source::Kubelet);
        let message =
            format!("back-off {}s restarting failed container={} pod={of_pod}", wait.as_secs(), self.name);
        self.stage = Stage::Backoff { until: now + wait, message };
    }

    fn terminated(&self, code: i64, reason: Option<&str>, now: Timestamp) -> Value {
        let since = match self.stage {
            Stage::Running { since, .. } => since,
            _ => now,
        };
        json!({
            "exitCode": code,
            "reason": reason.unwrap_or(if code == 0 { "Completed" } else { "Error" }),
            "startedAt": time_text(since),
            "finishedAt": time_text(now),
            "containerID": format!("containerd://{}", digest(&format!("{}{}", self.name, self.restarts))),
        })
    }
}

/// How long a simulated container runs, and its exit code; none for one that runs until it is ended.
fn lifetime(
    keeper: &Keeper,
    pod: &Value,
    command: &[String],
    ailment: Option<Ailment>,
) -> Option<(Duration, i64)> {
    match ailment {
        Some(Ailment::CrashLoop) => return Some((Duration::ZERO, 1)),
        Some(Ailment::Restarts) => return Some((RESTARTS_AFTER, 1)),
        Some(Ailment::Fails) => return Some((FAILS_AFTER, 1)),
        _ if keeper.orders.holds(pod) => return None,
        _ => {}
    }
    let program = command.first().map(|first| first.rsplit('/').next().unwrap_or_default());
    match program {
        Some("true") => Some((Duration::ZERO, 0)),
        Some("false") => Some((Duration::ZERO, 1)),
        Some("sleep") => {
            let seconds = command.get(1).and_then(|seconds| seconds.parse().ok());
            seconds.map(|seconds| (Duration::from_secs(seconds), 0))
        }
        _ if text(pod, "/spec/restartPolicy") == "Always" => None,
        _ => Some((WORK, 0)),
    }
}

/// The command with its arguments.
fn command(spec: &Value) -> Vec<String> {
    let words = items(spec, "/command").iter().chain(items(spec, "/args"));
    words.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The environment of a container: values as they stand, and those of the pod's own fields.
fn variables(pod: &Value, spec: &Value) -> Vec<(String, String)> {
    let value = |variable: &Value| {
        let field = text(variable, "/valueFrom/fieldRef/fieldPath");
        if field.is_empty() { text(variable, "/value").to_owned() } else { of_field(pod, field).to_owned() }
    };
    items(spec, "/env").iter().map(|variable| (text(variable, "/name").to_owned(), value(variable))).collect()
}

/// The field of a pod at a path such as `metadata.labels['app']`.
fn of_field<'a>(pod: &'a Value, path: &str) -> &'a str {
    if let Some((map, key)) = path.split_once("['") {
        let key = key.trim_end_matches("']");
        let map = pod.pointer(&format!("/{}", map.replace('.', "/"))).unwrap_or(&Value::Null);
        return pairs(map).find(|(name, _)| *name == key).map(|(_, value)| value).unwrap_or_default();
    }
    text(pod, &format!("/{}", path.replace('.', "/")))
}

/// Sixty-four hexadecimal digits that are always the same for the same text.
fn digest(of: &str) -> String {
    let letters = |salt: u8| {
        of.bytes().fold(0xcbf2_9ce4_8422_2325_u64 ^ u64::from(salt), |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    };
    let [a, b, c, d] = [0, 1, 2, 3].map(letters);
    format!("{a:016x}{b:016x}{c:016x}{d:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_come_from_values_and_from_fields() {
        let pod = json!({ "metadata": {
            "name": "p", "annotations": { "batch.kubernetes.io/job-completion-index": "3" },
        } });
        let field = |path: &str| json!({ "fieldRef": { "fieldPath": path } });
        let spec = json!({ "env": [
            { "name": "A", "value": "1" },
            { "name": "POD", "valueFrom": field("metadata.name") },
            { "name": "INDEX", "valueFrom": field("metadata.annotations['batch.kubernetes.io/job-completion-index']") },
            { "name": "NONE", "valueFrom": field("metadata.labels['app']") },
        ] });
        let read = variables(&pod, &spec);
        let shown: Vec<String> = read.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["A=1", "POD=p", "INDEX=3", "NONE="]);
    }
}
