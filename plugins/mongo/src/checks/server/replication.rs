//! Whether the members of a replica set are there, and keep up with each other.

use crate::{brief, number};
use mongodb::bson::{Bson, Document};
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Cause, CheckError, Finding, HumanDuration, Measurement, Observation, Unit, Verdict, duration,
};
use std::time::Duration;

/// More members than this are not told one by one; a replica set has at most 50.
const MOST: usize = 50;

/// A member as the set sees it.
struct Member {
    name: String,
    state: String,
    /// Milliseconds since 1970 of the last operation that it has.
    applied: Option<i64>,
    reachable: bool,
}

impl Member {
    fn read(document: &Document) -> Self {
        let text = |name| {
            document.get_str(name).map_or_else(|_| "(unnamed)".to_owned(), |text| brief::line(text, 100))
        };
        let applied = match document.get("optimeDate") {
            Some(Bson::DateTime(date)) => Some(date.timestamp_millis()),
            _ => None,
        };
        Self {
            name: text("name"),
            state: text("stateStr"),
            applied,
            reachable: document.get("health").and_then(number::whole) != Some(0),
        }
    }

    fn is(&self, state: &str) -> bool {
        self.reachable && self.state == state
    }
}

pub(super) fn judge(status: &Document, max_lag: HumanDuration) -> Result<Verdict, CheckError> {
    let members: Vec<Member> = status
        .get_array("members")
        .map_err(|_| CheckError::not_applicable("the server does not name the members of its replica set"))?
        .iter()
        .filter_map(Bson::as_document)
        .take(MOST)
        .map(Member::read)
        .collect();
    let set = format!("replica set `{}`", brief::line(status.get_str("set").unwrap_or("(unnamed)"), 100));
    let mut verdict = Verdict::of(Observation::counted(members.len() as u64, "members of the replica set")?);

    for member in members.iter().filter(|member| !fit(member)) {
        let state = if member.reachable { member.state.clone() } else { "not reachable".to_owned() };
        verdict = verdict.with(
            Finding::new(
                "replica-member-down",
                Cause::Environment,
                &set,
                format!("{} is {state}", member.name),
            )
            .warn()
            .expected("PRIMARY, SECONDARY or ARBITER", &state)
            .detail("with fewer members the set may be left without a primary by the next failure")
            .remedy("see the log of that member, and start it or let it synchronise again", "an hour"),
        );
    }
    let Some(primary) = members.iter().find(|member| member.is("PRIMARY")) else {
        return Ok(verdict.with(
            Finding::new(
                "replica-no-primary",
                Cause::Environment,
                &set,
                "the set has no primary: nothing can be written",
            )
            .expected("one PRIMARY", format!("{} members, none of them PRIMARY", members.len()))
            .remedy(
                "start the members that are down, until a majority of them can choose a primary",
                "30 minutes",
            ),
        ));
    };
    for member in members.iter().filter(|member| member.is("SECONDARY")) {
        if let (Some(ahead), Some(behind)) = (primary.applied, member.applied) {
            verdict = lag(verdict, &set, &member.name, ahead.saturating_sub(behind).max(0), max_lag);
        }
    }
    Ok(verdict)
}

fn fit(member: &Member) -> bool {
    ["PRIMARY", "SECONDARY", "ARBITER"].iter().any(|state| member.is(state))
}

fn lag(verdict: Verdict, set: &str, member: &str, milliseconds: i64, max: HumanDuration) -> Verdict {
    let behind = duration::brief(Duration::from_millis(milliseconds.unsigned_abs()));
    #[expect(clippy::cast_precision_loss, reason = "milliseconds between two dates are far below 2^53")]
    let measured = Measurement::new(format!("lag of {member}"), milliseconds as f64, Unit::Milliseconds)
        .held_to(Threshold::AtMost(max.0.as_secs_f64() * 1000.0));
    verdict.judged(measured, |_| {
        Finding::new("replica-lagging", Cause::Capacity, set, format!("{member} is {behind} behind the primary"))
            .warn()
            .expected(format!("at most {max}"), &behind)
            .detail("possible causes: a slow disk or network, a long operation, or a member that is delayed on purpose")
            .remedy("see the load and the log of that member", "30 minutes")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{DateTime, doc};
    use shakedown_core::Outcome;

    fn member(name: &str, state: &str, second: i64) -> Document {
        doc! {
            "name": name, "stateStr": state, "health": 1.0, "optimeDate": DateTime::from_millis(second * 1000),
        }
    }

    fn codes(members: &[Document]) -> String {
        let status = doc! { "set": "rs0", "members": members };
        let outcome: Outcome = judge(&status, HumanDuration::millis(10_000)).into();
        let codes: Vec<String> =
            outcome.findings.iter().map(|finding| format!("{}: {}", finding.code, finding.message)).collect();
        format!("{} {}", outcome.status, codes.join(", "))
    }

    #[test]
    fn a_set_that_keeps_up_is_well() {
        let set =
            [member("a:1", "PRIMARY", 100), member("b:1", "SECONDARY", 91), member("c:1", "ARBITER", 0)];
        assert_eq!(codes(&set), "passed ");
    }

    #[test]
    fn who_is_behind_or_down_is_named() {
        let mut down = member("c:1", "(not reachable/healthy)", 0);
        down.insert("health", 0.0);
        let set = [member("a:1", "PRIMARY", 1000), member("b:1", "SECONDARY", 940), down];
        assert_eq!(
            codes(&set),
            "warned replica-member-down: c:1 is not reachable, replica-lagging: b:1 is 1m 00s behind the primary"
        );
        let set = [member("a:1", "SECONDARY", 1), member("b:1", "RECOVERING", 1)];
        assert!(codes(&set).starts_with("failed replica-member-down: b:1 is RECOVERING, replica-no-primary"));
    }

    #[test]
    fn nothing_to_see_is_no_pass() {
        assert!(codes(&[]).starts_with("errored"));
        assert_eq!(
            Outcome::from(judge(&doc! {}, HumanDuration::millis(1))).status,
            shakedown_core::Status::Skipped
        );
    }
}
