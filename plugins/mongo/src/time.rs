//! The one place that makes an instant of what a document holds: a date, an epoch number or ISO text.

use jiff::{Timestamp, civil};
use mongodb::bson::{Bson, DateTime, Document, doc};

/// Numbers of a smaller magnitude are seconds since 1970, greater ones milliseconds: 10¹¹ s is the year 5138, 10¹¹ ms
/// the year 1973.
const SECONDS_END: f64 = 1e11;

/// The instant that a value means, in UTC; `None` where it means none. Text without an offset is taken as UTC.
pub(crate) fn instant(value: &Bson) -> Option<Timestamp> {
    match value {
        Bson::DateTime(date) => Timestamp::from_millisecond(date.timestamp_millis()).ok(),
        Bson::Int32(number) => epoch(f64::from(*number)),
        #[expect(clippy::cast_precision_loss, reason = "epoch numbers that mean a date are far below 2^53")]
        Bson::Int64(number) => epoch(*number as f64),
        Bson::Double(number) => epoch(*number),
        Bson::Decimal128(number) => epoch(number.to_string().parse().ok()?),
        Bson::Timestamp(stamp) => Timestamp::from_second(i64::from(stamp.time)).ok(),
        Bson::String(text) => iso(text.trim()),
        _ => None,
    }
}

fn epoch(number: f64) -> Option<Timestamp> {
    if !number.is_finite() {
        return None;
    }
    let milliseconds = if number.abs() < SECONDS_END { number * 1000.0 } else { number };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, and so far out there is no date"
    )]
    let milliseconds = milliseconds.round() as i64;
    Timestamp::from_millisecond(milliseconds).ok()
}

fn iso(text: &str) -> Option<Timestamp> {
    if let Ok(aware) = text.parse::<Timestamp>() {
        return Some(aware);
    }
    let naive: civil::DateTime = text.parse().ok()?;
    naive.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// The server's own [`instant`]: an aggregation expression that makes a date of a field, or null where it means none.
/// Text is cut first, since some servers take very long to see that a long one is no date.
pub(crate) fn on_server(field: &str) -> Document {
    let field = format!("${field}");
    let kind = doc! { "$type": &field };
    let convert =
        |input: Bson, to: &str| doc! { "$convert": { "input": input, "to": to, "onError": Bson::Null } };
    let scaled = doc! { "$cond": [
        { "$lt": [{ "$abs": "$$number" }, SECONDS_END] },
        { "$multiply": ["$$number", 1000] },
        "$$number",
    ] };
    let number = doc! { "$let": {
        "vars": { "number": convert(field.as_str().into(), "double") },
        "in": convert(scaled.into(), "date"),
    } };
    let text = doc! { "$trim": { "input": { "$substrCP": [&field, 0, 64] } } };
    doc! { "$switch": {
        "branches": [
            { "case": { "$eq": [&kind, "date"] }, "then": &field },
            { "case": { "$in": [&kind, ["int", "long", "double", "decimal"]] }, "then": number },
            { "case": { "$eq": [&kind, "string"] }, "then": convert(text.into(), "date") },
            { "case": { "$eq": [&kind, "timestamp"] }, "then": convert(field.as_str().into(), "date") },
        ],
        "default": Bson::Null,
    } }
}

/// An instant as the server compares it, to the millisecond.
pub(crate) fn date(instant: Timestamp) -> DateTime {
    DateTime::from_millis(instant.as_millisecond())
}

/// An instant for a reader, to the second: `2025-11-04T10:42:00Z`.
pub(crate) fn utc(instant: Timestamp) -> String {
    format!("{instant:.0}")
}

/// How long before `now` something was, for a reader: `117.3 h`.
pub(crate) fn age(then: Timestamp, now: Timestamp) -> String {
    format!("{:.1} h", now.duration_since(then).as_secs_f64() / 3600.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{Decimal128, Timestamp as BsonTimestamp, doc};

    const NEW_YEAR: i64 = 1_735_689_600; // 2025-01-01T00:00:00Z

    #[test]
    fn every_form_of_the_same_instant_is_the_same_instant() {
        let expected = Timestamp::from_second(NEW_YEAR).unwrap();
        let forms = [
            Bson::DateTime(DateTime::from_millis(NEW_YEAR * 1000)),
            Bson::Int32(i32::try_from(NEW_YEAR).unwrap()),
            Bson::Int64(NEW_YEAR),
            Bson::Int64(NEW_YEAR * 1000),
            Bson::Double(1_735_689_600.0),
            Bson::Double(1_735_689_600_000.0),
            Bson::Decimal128("1735689600".parse::<Decimal128>().unwrap()),
            Bson::Timestamp(BsonTimestamp { time: u32::try_from(NEW_YEAR).unwrap(), increment: 0 }),
        ];
        for form in forms {
            assert_eq!(instant(&form), Some(expected), "{form:?}");
        }
        for text in [
            "2025-01-01T00:00:00Z",
            "2025-01-01T02:00:00+02:00",
            "2025-01-01T02:00:00.000+02:00",
            "2025-01-01T00:00:00+00:00",
            "2025-01-01T00:00:00",
            "2025-01-01T00:00:00.000000",
            "2025-01-01 00:00:00",
            " 2025-01-01 ",
        ] {
            assert_eq!(instant(&Bson::from(text)), Some(expected), "{text}");
        }
    }

    #[test]
    fn fractions_of_a_second_count() {
        assert_eq!(instant(&Bson::Double(1.5)).unwrap().as_millisecond(), 1500);
        assert_eq!(instant(&Bson::from("1970-01-01T00:00:01.5")).unwrap().as_millisecond(), 1500);
    }

    #[test]
    fn what_is_no_instant_is_none_and_never_a_panic() {
        for value in [
            Bson::Null,
            Bson::Boolean(true),
            Bson::Double(f64::NAN),
            Bson::Double(f64::INFINITY),
            Bson::Double(f64::MAX),
            Bson::Int64(i64::MAX),
            Bson::Int64(i64::MIN),
            Bson::DateTime(DateTime::MAX),
            Bson::Decimal128("NaN".parse::<Decimal128>().unwrap()),
            Bson::from(""),
            Bson::from("yesterday"),
            Bson::from("2025-02-30T00:00:00Z"),
            Bson::Array(vec![Bson::Int64(NEW_YEAR)]),
            Bson::Document(doc! { "$date": NEW_YEAR }),
        ] {
            assert_eq!(instant(&value), None, "{value:?}");
        }
    }

    #[test]
    fn ages_and_instants_read_well() {
        let now = Timestamp::from_second(NEW_YEAR).unwrap();
        let then = now - jiff::SignedDuration::from_secs(422_280);
        assert_eq!(age(then, now), "117.3 h");
        assert_eq!(utc(then), "2024-12-27T02:42:00Z");
        assert_eq!(instant(&Bson::DateTime(date(then))), Some(then));
    }
}
