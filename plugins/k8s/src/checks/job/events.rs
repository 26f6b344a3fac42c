//! What the cluster last said of an object, for messages.

use crate::checks::events::last_seen;
use crate::client::K8sClient;
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use shakedown_core::{CheckError, Context, TargetErrorKind};

/// How many events are told of one object.
const MOST: usize = 3;

/// The events of an object, oldest first.
pub(super) async fn of(
    cx: &Context,
    k8s: &K8sClient,
    kind: &str,
    name: &str,
    uid: Option<&str>,
) -> Result<Vec<Event>, CheckError> {
    let only =
        ListParams::default().fields(&format!("involvedObject.kind={kind},involvedObject.name={name}"));
    let what = format!("list the events of the {kind} {name}");
    let mut events = k8s.all(cx, &what, &k8s.here::<Event>(), only).await?;
    // An object of the same name that there was before has events, too.
    events.retain(|event| uid.is_none() || event.involved_object.uid.as_deref() == uid);
    events.sort_by_key(last_seen);
    Ok(events)
}

/// The newest events of an object, a line each, newest first; a line that says so where they may not be read.
pub(super) async fn lines(
    cx: &Context,
    k8s: &K8sClient,
    kind: &str,
    name: &str,
    uid: Option<&str>,
) -> Result<Vec<String>, CheckError> {
    match of(cx, k8s, kind, name, uid).await {
        Ok(events) if events.is_empty() => Ok(vec![format!("no events of the {kind}")]),
        Ok(events) => Ok(events.iter().rev().take(MOST).map(line).collect()),
        Err(CheckError::Target(error)) if error.kind == TargetErrorKind::Forbidden => {
            Ok(vec![format!("the events of the {kind} may not be read")])
        }
        Err(error) => Err(error),
    }
}

/// "event FailedCreate (× 3): exceeded quota".
fn line(event: &Event) -> String {
    let reason = event.reason.as_deref().unwrap_or("(no reason)");
    let times = match event.count {
        Some(count) if count > 1 => format!(" (× {count})"),
        _ => String::new(),
    };
    let message = event.message.as_deref().unwrap_or_default().trim();
    format!("event {reason}{times}: {}", crate::trouble::line(message, 300))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::object;
    use serde_json::json;

    #[test]
    fn an_event_is_one_line() {
        let event: Event = object(json!({
            "metadata": {}, "involvedObject": {}, "reason": "FailedCreate", "count": 3,
            "message": "exceeded quota:\npods\n",
        }));
        assert_eq!(line(&event), r"event FailedCreate (× 3): exceeded quota:\npods");
    }
}
