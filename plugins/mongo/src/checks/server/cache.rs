//! Whether the cache of the storage engine has room.

use crate::number;
use mongodb::bson::Document;
use shakedown_core::measurement::Threshold;
use shakedown_core::{Cause, CheckError, Finding, Measurement, Observation, Unit, Verdict};

pub(super) fn judge(
    status: &Document,
    max_used: u8,
    max_dirty: u8,
    address: &str,
) -> Result<Verdict, CheckError> {
    let bytes = |name| number::at(status, &["wiredTiger", "cache", name]);
    let used = bytes("bytes currently in the cache");
    let (Some(used), Some(all)) = (used, bytes("maximum bytes configured").filter(|&all| all > 0)) else {
        return Err(CheckError::not_applicable("the server does not tell how full its cache is"));
    };
    let seen = format!("{} of {} MB of the cache are in use", used >> 20, all >> 20);
    let mut verdict = Verdict::of(Observation::seen(seen));
    for (name, part, max) in [
        ("cache in use", Some(used), max_used),
        ("cache to be written", bytes("tracked dirty bytes in the cache"), max_dirty),
    ] {
        let Some(share) = part.and_then(|part| number::percent(part, all)) else { continue };
        let measured = Measurement::new(name, share, Unit::Percent).held_to(Threshold::Below(f64::from(max)));
        verdict = verdict.judged(measured, |_| {
            Finding::new("cache-pressure", Cause::Capacity, address, format!("{name}: {share:.0} %"))
                .warn()
                .expected(format!("less than {max} %"), format!("{share:.0} %"))
                .detail("from here on queries wait until there is room in the cache")
                .detail("possible causes: queries that read much without an index, many writes, a slow disk, a small cache")
                .remedy("see what the server is busy with, and give it more memory or a faster disk", "an hour")
        });
    }
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;
    use shakedown_core::{Outcome, Status};

    fn outcome(used: i64, dirty: i64) -> Outcome {
        let status = doc! { "wiredTiger": { "cache": {
            "bytes currently in the cache": used,
            "tracked dirty bytes in the cache": dirty,
            "maximum bytes configured": 1000_i64,
        } } };
        judge(&status, 95, 20, "db.example.com").into()
    }

    #[test]
    fn a_full_and_a_dirty_cache_are_told_apart() {
        assert_eq!(outcome(800, 50).status, Status::Passed);
        let messages =
            |outcome: Outcome| outcome.findings.into_iter().map(|it| it.message).collect::<Vec<_>>();
        assert_eq!(messages(outcome(960, 50)), ["cache in use: 96 %"]);
        assert_eq!(messages(outcome(800, 250)), ["cache to be written: 25 %"]);
        assert_eq!(Outcome::from(judge(&doc! {}, 95, 20, "db")).status, Status::Skipped);
    }
}
