//! What is asked of the nodes: the logs of containers, and how much they use.

use super::error::ApiError;
use super::kinds::{NODE, POD};
use super::load::FocusLoad;
use super::logs::{Journal, Log, Logs};
use super::metrics::{self, Usage};
use super::objects::{items, name, text, uid};
use super::store::Store;
use serde_json::Value;
use shakedown_core::Clock;
use std::sync::Arc;

/// The agents on the nodes, as far as the API server asks them.
#[derive(Debug)]
pub(crate) struct Kubelet {
    store: Arc<Store>,
    clock: Clock,
    pub(super) logs: Logs,
    /// What the Focus Server has to do.
    pub(super) load: FocusLoad,
}

impl Kubelet {
    pub(super) fn new(store: Arc<Store>, clock: Clock) -> Arc<Self> {
        Arc::new(Self { store, clock, logs: Logs::default(), load: FocusLoad::default() })
    }

    /// The log of a container; of the only one, where none is named.
    ///
    /// # Errors
    /// There is no such pod or container, or it has not started, or has had no life before this one.
    pub(crate) fn log(
        &self,
        namespace: &str,
        pod: &str,
        container: Option<&str>,
        previous: bool,
    ) -> Result<Log, ApiError> {
        let object = self.store.get(&POD, namespace, pod)?;
        let container = choose(&object, container)?;
        if let Some(journal) = self.logs.of(uid(&object), container, previous) {
            let no_life_yet = text(state(&object, container), "/waiting/reason") == "ContainerCreating";
            if !no_life_yet {
                return Ok(Log::of(journal));
            }
        }
        if previous {
            let why = format!("previous terminated container \"{container}\" in pod \"{pod}\" not found");
            return Err(ApiError::bad_request(why));
        }
        let state = state(&object, container);
        if state.get("running").is_some() {
            return Ok(Log::of(self.quiet(state)));
        }
        let why = match text(state, "/waiting/reason") {
            "ImagePullBackOff" | "ErrImagePull" => "trying and failing to pull image".to_owned(),
            "" => "ContainerCreating".to_owned(),
            reason => reason.to_owned(),
        };
        Err(ApiError::bad_request(format!(
            "container \"{container}\" in pod \"{pod}\" is waiting to start: {why}"
        )))
    }

    /// How much every running pod and every node uses now.
    pub(crate) fn usage(&self) -> Usage {
        let (pods, _) = self.store.list(&POD, None);
        let (nodes, _) = self.store.list(&NODE, None);
        metrics::usage(&pods, &nodes, &self.load, self.clock.now())
    }

    /// The log of a container that has run since before anybody looked, and has had nothing to say.
    fn quiet(&self, state: &Value) -> Arc<Journal> {
        let journal = Journal::new();
        let since = text(state, "/running/startedAt").parse().unwrap_or_else(|_| self.clock.now());
        journal.write(since, "INFO started");
        journal
    }
}

/// The container that is meant.
fn choose<'a>(pod: &'a Value, wanted: Option<&str>) -> Result<&'a str, ApiError> {
    let all = || items(pod, "/spec/containers").iter().map(|container| text(container, "/name"));
    match wanted {
        Some(wanted) => all().find(|name| *name == wanted).ok_or_else(|| {
            ApiError::bad_request(format!("container {wanted} is not valid for pod {}", name(pod)))
        }),
        None if all().count() > 1 => {
            let names = all().collect::<Vec<_>>().join(" ");
            Err(ApiError::bad_request(format!(
                "a container name must be specified for pod {}, choose one of: [{names}]",
                name(pod)
            )))
        }
        None => {
            all().next().ok_or_else(|| ApiError::bad_request(format!("pod {} has no container", name(pod))))
        }
    }
}

/// The state of a container.
fn state<'a>(pod: &'a Value, container: &str) -> &'a Value {
    items(pod, "/status/containerStatuses")
        .iter()
        .find(|status| status["name"] == container)
        .map_or(&Value::Null, |status| &status["state"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::kinds::NAMESPACE;
    use jiff::Timestamp;
    use serde_json::json;

    fn kubelet(statuses: &Value, containers: &Value) -> Arc<Kubelet> {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let store = Store::new(clock.clone());
        store.create(&NAMESPACE, json!({ "metadata": { "name": "panda" } })).unwrap();
        let pod = json!({
            "metadata": { "name": "p", "namespace": "panda", "uid": "u" },
            "spec": { "containers": containers },
            "status": { "phase": "Running", "containerStatuses": statuses },
        });
        store.create(&POD, pod).unwrap();
        Kubelet::new(store, clock)
    }

    #[test]
    fn what_cannot_be_read_is_refused_as_the_real_one_does() {
        let waiting = json!([{ "name": "a", "state": { "waiting": { "reason": "ImagePullBackOff" } } }]);
        let kubelet = kubelet(&waiting, &json!([{ "name": "a" }, { "name": "b" }]));
        let refusal = |container, previous| kubelet.log("panda", "p", container, previous).unwrap_err();
        insta::assert_snapshot!(refusal(None, false), @"a container name must be specified for pod p, choose one of: [a b]");
        insta::assert_snapshot!(refusal(Some("c"), false), @"container c is not valid for pod p");
        insta::assert_snapshot!(refusal(Some("a"), false), @r#"container "a" in pod "p" is waiting to start: trying and failing to pull image"#);
        insta::assert_snapshot!(refusal(Some("a"), true), @r#"previous terminated container "a" in pod "p" not found"#);
        let gone = kubelet.log("panda", "q", None, false).unwrap_err();
        assert_eq!(gone.code, 404);
    }

    #[test]
    fn a_quiet_container_has_a_log_too() {
        let running =
            json!([{ "name": "a", "state": { "running": { "startedAt": "1970-01-01T00:00:05Z" } } }]);
        let log = kubelet(&running, &json!([{ "name": "a" }])).log("panda", "p", None, false).unwrap();
        assert_eq!(log.lines, [(Timestamp::from_second(5).unwrap(), "INFO started".to_owned())]);
    }
}
