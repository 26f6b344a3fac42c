//! How many connections the server has, of how many.

use crate::number;
use mongodb::bson::Document;
use shakedown_core::measurement::Threshold;
use shakedown_core::{Cause, CheckError, Finding, Measurement, Observation, Unit, Verdict};

/// Whether the server says that it takes no further connection.
pub(super) fn none_left(status: &Document) -> bool {
    number::at(status, &["connections", "available"]).is_some_and(|available| available <= 0)
}

/// `takes_more` is whether the server took another connection, where it said that it could not.
pub(super) fn judge(
    status: &Document,
    takes_more: Option<&Result<(), String>>,
    max_share: u8,
    address: &str,
) -> Result<Verdict, CheckError> {
    let count = |name| number::at(status, &["connections", name]);
    let (Some(current), Some(available)) = (count("current"), count("available")) else {
        return Err(CheckError::not_applicable("the server does not say how many connections it can take"));
    };
    if matches!(takes_more, Some(Ok(()))) {
        return Err(CheckError::not_applicable(
            "the server says that it can take no further connection, and takes one: it does not count what it can take",
        ));
    }
    let all = current.saturating_add(available.max(0));
    let Some(share) = number::percent(current, all) else {
        return Err(CheckError::not_applicable("the server counts no connections"));
    };
    let seen = format!("{current} of {all} connections are in use");
    let measured = Measurement::new("connections in use", share, Unit::Percent)
        .held_to(Threshold::Below(f64::from(max_share)));
    Ok(Verdict::of(Observation::seen(&seen)).judged(measured, |_| {
        let finding = Finding::new("connections-scarce", Cause::Capacity, address, format!("{seen}, or {share:.0} %"))
            .expected(format!("less than {max_share} %"), &seen)
            .detail("when none is left, Focus Server and everybody else are refused")
            .detail("possible causes: clients that open connections without closing them, too large pools, a low limit")
            .remedy("see which clients hold the connections, and raise `maxIncomingConnections` or the limit on open files", "30 minutes");
        match takes_more {
            Some(Err(why)) => finding.detail(why),
            _ => finding,
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;
    use shakedown_core::{Outcome, Status};

    fn outcome(current: i32, available: i32, takes_more: Option<&Result<(), String>>) -> Outcome {
        let status = doc! { "connections": { "current": current, "available": available } };
        judge(&status, takes_more, 80, "db.example.com").into()
    }

    #[test]
    fn the_share_decides() {
        assert_eq!(outcome(10, 90, None).status, Status::Passed);
        assert_eq!(outcome(80, 20, None).status, Status::Failed);
        let full = outcome(100, 0, Some(&Err("cannot connect once more: refused".to_owned())));
        assert_eq!((full.status, full.findings[0].details.len()), (Status::Failed, 3));
    }

    #[test]
    fn a_server_that_does_not_count_is_not_believed() {
        assert_eq!(outcome(3, 0, Some(&Ok(()))).status, Status::Skipped);
        assert_eq!(Outcome::from(judge(&doc! {}, None, 80, "db")).status, Status::Skipped);
        assert!(none_left(&doc! { "connections": { "available": 0 } }));
        assert!(!none_left(&doc! {}));
    }
}
