//! Events: what has happened to objects, told once and counted, and bounded in number.

use super::kinds::{EVENT, Kind};
use super::objects::{name, namespace, text, uid};
use super::store::{Store, time_text};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// How many events are kept.
const MOST: usize = 5_000;

/// Who tells of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Kubelet,
    Scheduler,
    Controller(&'static str),
}

impl Source {
    const fn component(self) -> &'static str {
        match self {
            Self::Kubelet => "kubelet",
            Self::Scheduler => "default-scheduler",
            Self::Controller(name) => name,
        }
    }
}

/// What has happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Happened<'a> {
    pub(super) warning: bool,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
}

impl<'a> Happened<'a> {
    pub(super) const fn normal(reason: &'a str, message: &'a str) -> Self {
        Self { warning: false, reason, message }
    }

    pub(super) const fn warning(reason: &'a str, message: &'a str) -> Self {
        Self { warning: true, reason, message }
    }
}

/// Records events in the store.
#[derive(Debug)]
pub(super) struct Recorder {
    store: Arc<Store>,
    /// The name of the event of something that has happened before, by object, reason and message.
    told: HashMap<(String, String), String>,
    /// The oldest first.
    order: VecDeque<(String, String, (String, String))>,
    count: u64,
    /// Whether nothing is recorded: what the cluster did before anybody looked is forgotten.
    pub(super) mute: bool,
}

impl Recorder {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store, told: HashMap::new(), order: VecDeque::new(), count: 0, mute: false }
    }

    /// Records that something has happened to an object; what has happened before is counted.
    pub(super) fn record(
        &mut self,
        kind: &Kind,
        object: &Value,
        what: Happened<'_>,
        source: Source,
        now: Timestamp,
    ) {
        if self.mute {
            return;
        }
        let home = if namespace(object).is_empty() { "default" } else { namespace(object) };
        let key = (uid(object).to_owned(), format!("{} {}", what.reason, what.message));
        if let Some(known) = self.told.get(&key) {
            let again = self.store.modify(&EVENT, home, known, |event| {
                event["count"] = json!(event["count"].as_i64().unwrap_or(1) + 1);
                event["lastTimestamp"] = json!(time_text(now));
            });
            if again.is_ok() {
                return;
            }
        }
        self.count += 1;
        let event_name = format!("{}.{:016x}", name(object), self.count + 0x17a0_0000_0000_0000);
        // Where the namespace is gone there is nobody to tell.
        if self.store.create(&EVENT, event(kind, object, (home, &event_name), what, source, now)).is_ok() {
            self.told.insert(key.clone(), event_name.clone());
            self.order.push_back((home.to_owned(), event_name, key));
            self.drop_old();
        }
    }

    fn drop_old(&mut self) {
        while self.order.len() > MOST {
            let Some((home, event, key)) = self.order.pop_front() else { return };
            if self.told.get(&key) == Some(&event) {
                self.told.remove(&key);
            }
            // Somebody else may have deleted it.
            let _ = self.store.remove(&EVENT, &home, &event);
        }
    }
}

/// The object that tells of it.
pub(super) fn event(
    kind: &Kind,
    object: &Value,
    (home, event_name): (&str, &str),
    what: Happened<'_>,
    source: Source,
    now: Timestamp,
) -> Value {
    let component = source.component();
    let mut from = json!({ "component": component });
    if source == Source::Kubelet {
        from["host"] = json!(text(object, "/spec/nodeName"));
    }
    json!({
        "metadata": { "name": event_name, "namespace": home, "creationTimestamp": time_text(now) },
        "involvedObject": {
            "apiVersion": kind.api_version(),
            "kind": kind.kind,
            "name": name(object),
            "namespace": namespace(object),
            "uid": uid(object),
            "resourceVersion": text(object, "/metadata/resourceVersion"),
        },
        "type": if what.warning { "Warning" } else { "Normal" },
        "reason": what.reason,
        "message": what.message,
        "source": from,
        "firstTimestamp": time_text(now),
        "lastTimestamp": time_text(now),
        "count": 1,
        "eventTime": null,
        "reportingComponent": component,
        "reportingInstance": "",
    })
}
