//! Which version the server has, and until when MongoDB supports it.

use crate::brief;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil::date};
use mongodb::bson::Document;
use shakedown_core::{Cause, CheckError, Finding, Observation, Verdict};

/// The last day of support of each major release, as published in MongoDB's software lifecycle schedules
/// (mongodb.com/legal/support-policy/lifecycles, read in 2026). A release that is not listed is newer than the table.
const SUPPORTED_UNTIL: [(Version, Date); 11] = [
    (Version([3, 0, 0]), date(2018, 2, 28)),
    (Version([3, 2, 0]), date(2018, 9, 30)),
    (Version([3, 4, 0]), date(2020, 1, 31)),
    (Version([3, 6, 0]), date(2021, 4, 30)),
    (Version([4, 0, 0]), date(2022, 4, 30)),
    (Version([4, 2, 0]), date(2023, 4, 30)),
    (Version([4, 4, 0]), date(2024, 2, 29)),
    (Version([5, 0, 0]), date(2024, 10, 31)),
    (Version([6, 0, 0]), date(2025, 7, 31)),
    (Version([7, 0, 0]), date(2027, 8, 31)),
    (Version([8, 0, 0]), date(2029, 10, 31)),
];

/// A version: major, minor, patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version([u32; 3]);

impl Version {
    /// Reads `6.0` or `6.0.5-rc1`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let release = text.split(['-', '+']).next()?;
        let numbers: Vec<u32> =
            release.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
        match *numbers.as_slice() {
            [major, minor] => Some(Self([major, minor, 0])),
            [major, minor, patch, ..] => Some(Self([major, minor, patch])),
            _ => None,
        }
    }

    /// The last day of its support, or of the major release that it belongs to: the releases between two major ones
    /// are supported until their successor comes, which no table can know.
    fn supported_until(self) -> Option<Date> {
        let known = SUPPORTED_UNTIL.iter().rev().find(|(release, _)| *release <= self);
        match known {
            Some((release, until)) if release.0[0] == self.0[0] => Some(*until),
            Some(_) => None,
            // Older than the oldest.
            None => Some(SUPPORTED_UNTIL[0].1),
        }
    }
}

pub(super) fn judge(
    build: &Document,
    min: &str,
    now: Timestamp,
    address: &str,
) -> Result<Verdict, CheckError> {
    let shown = build.get_str("version").map(|version| brief::line(version, 40));
    let shown =
        shown.map_err(|_| CheckError::not_applicable("the server does not say which version it is"))?;
    let Some(version) = Version::read(&shown) else {
        return Err(CheckError::unclear(format!("the server's version `{shown}` cannot be read")));
    };
    let verdict = Verdict::of(Observation::seen(format!("version {shown}")));
    let upgrade = "upgrade MongoDB, one major release after the other, after a backup";
    if let Some(least) = Version::read(min)
        && version < least
    {
        let finding = Finding::new(
            "version-too-old",
            Cause::Environment,
            address,
            format!("MongoDB {shown} is older than {min}, which is demanded here"),
        )
        .expected(format!("{min} or newer"), &shown)
        .remedy(upgrade, "a day");
        return Ok(verdict.with(finding));
    }
    let today = now.to_zoned(TimeZone::UTC).date();
    let ended = version.supported_until().filter(|until| *until < today);
    Ok(verdict.with_all(ended.map(|until| {
        Finding::new(
            "version-end-of-life",
            Cause::Environment,
            address,
            format!("MongoDB {shown} has had no support since {until}"),
        )
        .warn()
        .expected("a release that MongoDB supports", &shown)
        .detail("without support there are no corrections, also not of security holes")
        .remedy(upgrade, "a day")
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;
    use shakedown_core::Outcome;

    fn codes(version: &str, min: &str) -> String {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let outcome: Outcome = judge(&doc! { "version": version }, min, now, "db.example.com").into();
        let codes: Vec<&str> = outcome.findings.iter().map(|finding| finding.code.as_str()).collect();
        format!("{} {}", outcome.status, codes.join(" "))
    }

    #[test]
    fn support_ends_by_the_published_table() {
        assert_eq!(codes("4.4.29", ""), "warned version-end-of-life");
        assert_eq!(codes("2.6.12", ""), "warned version-end-of-life");
        assert_eq!(codes("6.0.20", ""), "warned version-end-of-life");
        assert_eq!(codes("7.0.31", ""), "passed ");
        assert_eq!(codes("8.2.11-rc0", ""), "passed ");
        assert_eq!(codes("9.0.0", ""), "passed ");
    }

    #[test]
    fn a_minimum_is_kept() {
        assert_eq!(codes("7.0.31", "8.0"), "failed version-too-old");
        assert_eq!(codes("8.0.0", "8.0"), "passed ");
        assert_eq!(codes("seven", ""), "errored ");
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(SUPPORTED_UNTIL.is_sorted());
        assert!(SUPPORTED_UNTIL.is_sorted_by_key(|(_, until)| *until));
    }
}
