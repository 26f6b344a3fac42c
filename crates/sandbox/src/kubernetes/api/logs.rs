//! What a pod's container has logged, and goes on to log.

use super::Api;
use super::path::Target;
use super::query::Query;
use crate::kubernetes::error::ApiError;
use crate::kubernetes::logs::{Line, Log};
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use std::convert::Infallible;
use tokio_util::sync::CancellationToken;

/// Answers a pod's log.
pub(super) fn logs(api: &Api, target: &Target, name: &str, query: &Query) -> Result<Response, ApiError> {
    let container = Some(query.text("container")).filter(|container| !container.is_empty());
    let log = api.cluster.kubelet.log(target.place(), name, container, query.is_on("previous"))?;
    let wanted = Wanted::read(query, api.now())?;
    let mut text = wanted.text(&log.lines);
    let follows = query.is_on("follow");
    if !follows && let Some(limit) = query.number::<usize>("limitBytes")? {
        text.truncate(text.floor_char_boundary(limit));
    }
    let body = if follows {
        Body::from_stream(follow(text, log, wanted, api.shutdown.clone()))
    } else {
        text.into()
    };
    Ok(([(header::CONTENT_TYPE, "text/plain")], body).into_response())
}

/// Which lines are wanted, and how.
struct Wanted {
    with_times: bool,
    since: Option<Timestamp>,
    last: Option<usize>,
}

impl Wanted {
    fn read(query: &Query, now: Timestamp) -> Result<Self, ApiError> {
        let since = match (query.text("sinceTime"), query.seconds("sinceSeconds")?) {
            ("", None) => None,
            ("", Some(ago)) => Some(now - ago),
            (time, None) => {
                let unreadable = |_| ApiError::bad_request(format!("sinceTime: Invalid value: \"{time}\""));
                Some(time.parse().map_err(unreadable)?)
            }
            _ => {
                return Err(ApiError::bad_request(
                    "at most one of sinceTime or sinceSeconds may be specified",
                ));
            }
        };
        Ok(Self { with_times: query.is_on("timestamps"), since, last: query.number("tailLines")? })
    }

    fn text(&self, lines: &[Line]) -> String {
        let recent = lines.iter().filter(|(time, _)| self.since.is_none_or(|since| *time >= since)).count();
        // Lines are in the order of time, so the recent ones stand at the end.
        let shown = recent.min(self.last.unwrap_or(usize::MAX));
        lines[lines.len() - shown..].iter().map(|line| self.line(line)).collect()
    }

    fn line(&self, (time, text): &Line) -> String {
        if self.with_times { format!("{time:.9} {text}\n") } else { format!("{text}\n") }
    }
}

/// The lines there are, and those that come, until the container ends.
fn follow(
    first: String,
    log: Log,
    wanted: Wanted,
    shutdown: CancellationToken,
) -> impl stream::Stream<Item = Result<Bytes, Infallible>> {
    let first = stream::iter((!first.is_empty()).then(|| Ok(first.into())));
    let rest = stream::unfold((log, wanted, shutdown), |(mut log, wanted, shutdown)| async move {
        let lines = tokio::select! {
            lines = log.more() => lines?,
            () = shutdown.cancelled() => return None,
        };
        let text: String = lines.iter().map(|line| wanted.line(line)).collect();
        Some((Ok(text.into()), (log, wanted, shutdown)))
    });
    first.chain(rest)
}
