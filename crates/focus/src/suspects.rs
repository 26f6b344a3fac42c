//! What else is known to be wrong while the server fails: suspects, not culprits.

use shakedown_core::finding::Weight;
use shakedown_core::{Cause, Finding};

/// How many are named.
const MOST: usize = 5;

/// Whether a finding may be why a server fails: wrong data is shown wrongly, what a server runs on makes it fail.
pub fn may_cause(finding: &Finding) -> bool {
    finding.weight == Weight::Fail && matches!(finding.cause, Cause::Environment | Cause::Capacity)
}

/// One line for each failure of the environment that other plugins have found so far, at most [`MOST`].
pub fn lines(found: &[(String, Finding)]) -> Vec<String> {
    let elsewhere = found
        .iter()
        .filter(|(check, finding)| !check.starts_with("focus-api.") && may_cause(finding))
        .map(|(check, finding)| {
            format!("suspect, not proven: {} `{}` ({check})", finding.subject, finding.code)
        });
    // Several findings of one check often share subject and code.
    let mut lines: Vec<String> = Vec::new();
    for line in elsewhere {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let more = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    if more > 0 {
        lines.push(format!("and {more} further findings of other checks"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_other_plugins_are_suspects() {
        let found =
            |check: &str, code| (check.to_owned(), Finding::new(code, Cause::Environment, "recordings", "m"));
        let mut all = vec![
            found("mongo.indexes.required", "index-missing"),
            found("mongo.indexes.required", "index-missing"),
            found("focus-api.channels.ok", "channel-range"),
        ];
        let (check, warning) = found("mongo.ping", "slow");
        all.push((check, warning.warn()));
        let stale = Finding::new("stale-recording", Cause::Data, "a recording", "m");
        all.push(("mongo.recordings.stale".to_owned(), stale));
        assert_eq!(lines(&all), ["suspect, not proven: recordings `index-missing` (mongo.indexes.required)"]);
        all.extend((0..7).map(|number| found(&format!("k8s.pods.{number}"), "restarts")));
        assert_eq!(lines(&all).last().map(String::as_str), Some("and 3 further findings of other checks"));
    }
}
