//! Watches: what changes, as it changes.

use super::Api;
use super::form::Form;
use super::path::Target;
use super::query::Query;
use crate::kubernetes::error::ApiError;
use crate::kubernetes::faults::Fault;
use crate::kubernetes::kinds::Kind;
use crate::kubernetes::selectors::Selector;
use crate::kubernetes::store::{Change, Subscription, What};
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde_json::{Value, json};
use shakedown_core::Clock;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long a watch lasts that does not say how long.
const DEFAULT: Duration = Duration::from_mins(30);
/// How often a watch says how far it is, where that is wanted.
const BOOKMARKS: Duration = Duration::from_secs(5);

/// A watch under way.
struct Watch {
    kind: &'static Kind,
    namespace: Option<String>,
    selector: Selector,
    form: Form,
    clock: Clock,
    /// What is to be said next.
    lines: VecDeque<Bytes>,
    changes: Subscription,
    /// The version of the last change that was seen.
    version: u64,
    end: Instant,
    /// When the next bookmark is due; none, where they are not wanted.
    bookmark: Option<Instant>,
    is_over: bool,
    shutdown: CancellationToken,
}

/// Begins a watch.
pub(super) fn watch(api: &Api, target: &Target, query: &Query, form: Form) -> Result<Response, ApiError> {
    let now = Instant::now();
    let mut watch = Watch {
        kind: target.kind,
        namespace: target.namespace.clone(),
        selector: query.selector(target.kind)?,
        form,
        clock: api.clock().clone(),
        lines: VecDeque::new(),
        changes: api.store().subscribe(),
        version: 0,
        end: now + query.seconds("timeoutSeconds")?.unwrap_or(DEFAULT),
        bookmark: query.is_on("allowWatchBookmarks").then(|| now + BOOKMARKS),
        is_over: false,
        shutdown: api.shutdown.clone(),
    };
    let from = query.number::<u64>("resourceVersion")?.unwrap_or_default();
    let wants_all = query.is_on("sendInitialEvents");
    if api.has(Fault::WatchExpired) {
        watch.fail(&ApiError::expired(format!("too old resource version: {from} ({})", from + 1)));
    } else if from == 0 || wants_all {
        watch.begin_with_all(api, wants_all);
    } else {
        match api.store().subscribe_after(from) {
            Ok((past, changes)) => {
                watch.version = from;
                watch.changes = changes;
                for change in &past {
                    watch.tell(change);
                }
            }
            Err(expired) => watch.fail(&expired),
        }
    }
    let lines = stream::unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((Ok::<_, Infallible>(line), watch))
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(lines)).into_response())
}

impl Watch {
    /// What is to be said next; none at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            if self.is_over {
                return None;
            }
            let bookmark = self.bookmark.unwrap_or(self.end);
            tokio::select! {
                change = self.changes.next() => self.tell(&change),
                () = sleep_until(bookmark), if self.bookmark.is_some() => {
                    self.bookmark = Some(Instant::now() + BOOKMARKS);
                    self.tell_version(false);
                }
                () = sleep_until(self.end) => {
                    if self.bookmark.is_some() {
                        self.tell_version(false);
                    }
                    self.is_over = true;
                }
                () = self.shutdown.cancelled() => self.is_over = true,
            }
        }
    }

    /// Begins with everything that is there.
    fn begin_with_all(&mut self, api: &Api, says_when_done: bool) {
        let selector = self.selector.clone();
        let wanted = |object: &Value| selector.matches(object);
        let page = api.store().page(self.kind, self.namespace.as_deref(), None, usize::MAX, wanted);
        for entry in &page.entries {
            match self.form {
                Form::Whole => self.push_text("ADDED", entry.text()),
                _ => self.push("ADDED", &entry.object),
            }
        }
        self.version = page.version;
        if says_when_done {
            self.tell_version(true);
        }
    }

    /// Passes a change on, where it is about objects that are meant. One that comes to be meant appears as added, one
    /// that is no longer meant as deleted.
    fn tell(&mut self, change: &Change) {
        // What was there at the beginning has been said already.
        if change.version <= self.version {
            return;
        }
        self.version = change.version;
        let place = change.object["metadata"]["namespace"].as_str();
        if change.kind != self.kind || self.namespace.is_some() && self.namespace.as_deref() != place {
            return;
        }
        let was_meant = change.before.as_ref().is_some_and(|before| self.selector.matches(before));
        let is_meant = change.what != What::Deleted && self.selector.matches(&change.object);
        match (was_meant, is_meant) {
            (false, true) => self.push("ADDED", &change.object),
            (true, true) => self.push("MODIFIED", &change.object),
            (true, false) => self.push("DELETED", &change.object),
            (false, false) => {}
        }
    }

    /// Says how far the watch is, so that the next one can begin there.
    fn tell_version(&mut self, is_all_said: bool) {
        let mut object = json!({
            "kind": self.kind.kind,
            "apiVersion": self.kind.api_version(),
            "metadata": { "resourceVersion": self.version.to_string() },
        });
        if is_all_said {
            object["metadata"]["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        self.push("BOOKMARK", &object);
    }

    /// Ends with an error.
    fn fail(&mut self, error: &ApiError) {
        self.push_text("ERROR", &error.status().to_string());
        self.is_over = true;
    }

    fn push(&mut self, what: &str, object: &Value) {
        let text = self.form.one(self.kind, object, self.clock.now());
        self.push_text(what, &text);
    }

    fn push_text(&mut self, what: &str, object: &str) {
        self.lines.push_back(format!("{{\"type\":\"{what}\",\"object\":{object}}}\n").into());
    }
}
