//! What has happened, newest first.

use super::pods::left_out;
use super::{age, noted, patience};
use crate::client::K8sClient;
use crate::target::Kubernetes;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use shakedown_core::collect::{CollectContext, Collector};
use shakedown_core::{Evidence, TargetError, async_trait, register_collector};
use std::cmp::Reverse;
use std::fmt::Write as _;

/// Older events are not read.
const MOST: usize = 500;

register_collector! {
    /// The events of the namespace, newest first.
    pub(crate) struct Events: "k8s.events"
}

#[async_trait]
impl Collector for Events {
    type Target = Kubernetes;

    async fn collect(client: &K8sClient, cx: &CollectContext) -> Result<Vec<Evidence>, TargetError> {
        let events = client.events_within(patience(cx)).await.map_err(noted(client))?;
        Ok(vec![Evidence::text("events.txt", listing(&events, &client.namespace, cx.now))])
    }
}

fn listing(events: &[Event], namespace: &str, now: Timestamp) -> String {
    let mut sorted: Vec<&Event> = events.iter().collect();
    sorted.sort_by_key(|event| Reverse(last_seen(event)));
    let warnings = events.iter().filter(|event| event.type_.as_deref() == Some("Warning")).count();
    let mut text = format!(
        "{} events in the namespace {namespace}, {warnings} of them warnings, newest first\n\n",
        events.len()
    );
    for event in sorted.into_iter().take(MOST) {
        let _ = writeln!(text, "{}", line(event, now));
    }
    text + &left_out(events.len(), MOST, "events")
}

/// When an event was seen last. Which field says so depends on who wrote it.
pub(super) fn last_seen(event: &Event) -> Option<Timestamp> {
    let series =
        event.series.as_ref().and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    let once = event.event_time.as_ref().map(|time| time.0);
    let first =
        event.first_timestamp.as_ref().or(event.metadata.creation_timestamp.as_ref()).map(|time| time.0);
    series.max(last).max(once).or(first)
}

/// An event on one line.
pub(super) fn line(event: &Event, now: Timestamp) -> String {
    let when = last_seen(event)
        .map_or_else(|| "some time".to_owned(), |time| age(now.duration_since(time).as_secs()));
    let about = &event.involved_object;
    let times = event.series.as_ref().and_then(|series| series.count).or(event.count).unwrap_or(1);
    let times = if times > 1 { format!(" ({times} times)") } else { String::new() };
    format!(
        "{when} ago  {}  {}  {}/{}  {}{times}",
        event.type_.as_deref().unwrap_or("Normal"),
        event.reason.as_deref().unwrap_or("-"),
        about.kind.as_deref().unwrap_or("-"),
        about.name.as_deref().unwrap_or("-"),
        crate::trouble::line(event.message.as_deref().unwrap_or_default(), 400),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use serde_json::{Value, json};

    fn event(reason: &str, times: &Value) -> Event {
        let mut event = json!({
            "metadata": {}, "involvedObject": { "kind": "Pod", "name": "a" }, "reason": reason, "type": "Warning",
            "message": "said\nso",
        });
        event.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn whatever_field_has_the_time_the_newest_comes_first() {
        let events = [
            event("Old", &json!({ "lastTimestamp": "2025-11-01T10:00:00Z" })),
            event("Timeless", &json!({})),
            event("New", &json!({ "eventTime": "2025-11-01T10:30:00.000000Z" })),
            event(
                "Series",
                &json!({ "eventTime": "2025-11-01T09:00:00.000000Z", "series": { "count": 3, "lastObservedTime": "2025-11-01T10:20:00.000000Z" } }),
            ),
        ];
        let now = "2025-11-01T11:00:00Z".parse().unwrap();
        assert_snapshot!(listing(&events, "panda", now), @r"
        4 events in the namespace panda, 4 of them warnings, newest first

        30m0s ago  Warning  New  Pod/a  said\nso
        40m0s ago  Warning  Series  Pod/a  said\nso (3 times)
        1h0m ago  Warning  Old  Pod/a  said\nso
        some time ago  Warning  Timeless  Pod/a  said\nso
        ");
    }
}
