//! What `/configure` asks of a request: first its shape, then its values.

use super::body::{Fields, whole};
use super::errors::Refusal;
use super::faults::{Fault, Faults};
use super::live;
use serde_json::{Map, Value, json};

/// The sizes of a Fourier transform that the analyzer can do.
const NFFT: [i64; 10] = [128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];
const DEFAULT_NFFT: i64 = 1024;
/// How many channels one job may read.
const MOST_CHANNELS: i64 = 2222;
/// How many it may read under [`Fault::FewChannels`].
const FEW_CHANNELS: i64 = 100;
/// How many it may read where a fault accepts channels that do not exist: an answer has to fit into memory.
const ANY_CHANNELS: i64 = 100_000;
/// How far, in seconds, the clocks of server and client may be apart.
const CLOCK_SKEW: i64 = 5;

const MULTICHANNEL: i64 = 0;
const SINGLECHANNEL: i64 = 1;
const WATERFALL: i64 = 2;

/// Two ends, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) min: i64,
    pub(super) max: i64,
}

/// A request of the right shape.
#[derive(Debug)]
pub(super) struct Request {
    duration: Option<i64>,
    nfft: Option<i64>,
    height: i64,
    channels: Range,
    frequency: Option<Range>,
    start: Option<i64>,
    end: Option<i64>,
    view: i64,
    view_sent: Value,
}

/// What a job is to do: a request that can be served.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Order {
    pub(super) view: i64,
    /// What the answer says about the view type.
    pub(super) view_echo: Value,
    pub(super) nfft: i64,
    pub(super) channels: Range,
    pub(super) frequency: Range,
    /// The recorded time to play back, in epoch seconds; none for a live job.
    pub(super) history: Option<Range>,
    /// Whether the time range could not be: only a server with a fault gets here.
    pub(super) impossible_time: bool,
}

/// The fields whose absence a server with [`Fault::MissingField500`] does not survive.
pub(super) fn lacks_a_field(body: &Map<String, Value>) -> bool {
    let has = |parent: &Map<String, Value>, keys: &[&str]| keys.iter().all(|key| parent.contains_key(*key));
    let inner = |key: &str, keys: &[&str]| {
        body.get(key).and_then(Value::as_object).is_none_or(|inner| has(inner, keys))
    };
    let is_waterfall = body.get("view_type").and_then(view_number) == Some(WATERFALL);
    let whole = has(body, &["displayInfo", "channels", "view_type"])
        && inner("displayInfo", &["height"])
        && inner("channels", &["min", "max"])
        && inner("frequencyRange", &["min", "max"]);
    let spectral = has(body, &["displayTimeAxisDuration", "nfftSelection"])
        && body.get("frequencyRange").is_some_and(|range| !range.is_null());
    !whole || !(is_waterfall || spectral)
}

/// Gives the fields without which there is nothing to show a default.
pub(super) fn add_defaults(body: &mut Map<String, Value>) {
    let objects = [
        ("channels", json!({ "min": live::LOWEST_CHANNEL, "max": live::LOWEST_CHANNEL })),
        ("displayInfo", json!({ "height": 800 })),
    ];
    for (key, default) in objects {
        let present = body.entry(key).or_insert_with(|| json!({}));
        if let (Some(present), Some(default)) = (present.as_object_mut(), default.as_object()) {
            for (key, value) in default {
                // One bound stands in for the other, so that the range is never reversed.
                let other = present.values().next().cloned();
                present.entry(key.clone()).or_insert_with(|| other.unwrap_or_else(|| value.clone()));
            }
        }
    }
    body.entry("view_type").or_insert(json!(MULTICHANNEL));
}

/// Whether a waterfall request leaves out what only other views need.
pub(super) fn is_minimal_waterfall(body: &Map<String, Value>) -> bool {
    body.get("view_type").and_then(view_number) == Some(WATERFALL)
        && ["displayTimeAxisDuration", "nfftSelection", "frequencyRange"]
            .iter()
            .any(|key| !body.contains_key(*key))
}

/// A view type: a whole number, or one in digits.
fn view_number(value: &Value) -> Option<i64> {
    whole(value).or_else(|| value.as_str()?.parse().ok())
}

impl Request {
    /// Reads a body; the refusal lists every field that is missing or has the wrong type.
    pub(super) fn read(body: &Map<String, Value>, faults: &Faults) -> Result<Self, Refusal> {
        let mut fields = Fields::under(faults);
        let duration = fields.integer(body, &["displayTimeAxisDuration"], false);
        let nfft = fields.integer(body, &["nfftSelection"], false);
        let height = fields
            .object(body, &["displayInfo"], true)
            .and_then(|display| fields.integer(display, &["displayInfo", "height"], true));
        let channels = range(&mut fields, body, "channels", true);
        let frequency = range(&mut fields, body, "frequencyRange", false);
        let start = fields.integer(body, &["start_time"], false);
        let end = fields.integer(body, &["end_time"], false);
        let view_sent = fields.any(body, &["view_type"]).cloned().unwrap_or_default();
        let view = match view_number(&view_sent) {
            None if faults.has(Fault::ViewUnchecked) => MULTICHANNEL,
            None if body.contains_key("view_type") => {
                fields.problem("enum", &["view_type"], "Input should be 0, 1 or 2", view_sent.clone());
                MULTICHANNEL
            }
            view => view.unwrap_or_default(),
        };
        fields.finish()?;
        let (Some(height), Some(channels)) = (height, channels) else {
            // A required field that is absent is a problem, and was returned above.
            return Err(Refusal::Crash);
        };
        Ok(Self { duration, nfft, height, channels, frequency, start, end, view, view_sent })
    }

    /// Checks the values against the fiber and the time (epoch seconds). The refusal names the first field
    /// that cannot be used, what it is, and what it may be.
    pub(super) fn check(&self, now: i64, faults: &Faults) -> Result<Order, Refusal> {
        let view_known = matches!(self.view, MULTICHANNEL | SINGLECHANNEL | WATERFALL);
        if !view_known && !faults.has(Fault::ViewUnchecked) {
            return Err(Refusal::value(format!(
                "Invalid view_type {}: must be 0 (MULTICHANNEL), 1 (SINGLECHANNEL) or 2 (WATERFALL)",
                self.view
            )));
        }
        if self.view == WATERFALL && faults.has(Fault::NoWaterfall) {
            return Err(Refusal::value("Invalid view_type 2: WATERFALL is not served"));
        }
        self.check_display(faults)?;
        self.check_channels(faults)?;
        let nfft = self.check_nfft(faults)?;
        let frequency = self.check_frequency(faults)?;
        let (history, impossible_time) = self.check_time(now, faults)?;
        let view_echo =
            if faults.has(Fault::ViewUnchecked) { self.view_sent.clone() } else { Value::from(self.view) };
        let channels = self.channels;
        Ok(Order { view: self.view, view_echo, nfft, channels, frequency, history, impossible_time })
    }

    fn check_display(&self, faults: &Faults) -> Result<(), Refusal> {
        if self.height <= 0 && !faults.has(Fault::HeightsUnchecked) {
            let detail =
                format!("Invalid displayInfo.height {}: must be positive (greater than 0)", self.height);
            return Err(Refusal::value(detail));
        }
        match self.duration {
            Some(_) if self.view == WATERFALL => Err(Refusal::value(
                "Invalid displayTimeAxisDuration: must be absent or null for the WATERFALL view",
            )),
            Some(duration) if duration <= 0 => Err(Refusal::value(format!(
                "Invalid displayTimeAxisDuration {duration}: must be positive (greater than 0) seconds"
            ))),
            _ => Ok(()),
        }
    }

    fn check_channels(&self, faults: &Faults) -> Result<(), Refusal> {
        let Range { min, max } = self.channels;
        let (lowest, highest) = (live::LOWEST_CHANNEL, live::HIGHEST_CHANNEL);
        if !faults.has(Fault::AcceptsChannelsOutOfRange) {
            for (field, channel) in [("channels.min", min), ("channels.max", max)] {
                let why = if channel < 0 { "must not be negative, and " } else { "" };
                if !(lowest..=highest).contains(&channel) {
                    return Err(Refusal::value(format!(
                        "Invalid {field} {channel}: {why}must be within the channels {lowest} to {highest}"
                    )));
                }
            }
        }
        if min > max && !faults.has(Fault::AcceptsReversedChannels) {
            return Err(Refusal::value(format!(
                "Invalid channels: channels.min {min} must be less than or equal to channels.max {max}"
            )));
        }
        let count = max.saturating_sub(min).saturating_add(1);
        let most = if faults.has(Fault::FewChannels) {
            FEW_CHANNELS
        } else if faults.has(Fault::AcceptsChannelsOutOfRange) {
            ANY_CHANNELS
        } else {
            MOST_CHANNELS
        };
        if count.saturating_abs() > most {
            return Err(Refusal::value(format!(
                "Invalid channels: {min} to {max} are {count} channels, at most {most} are allowed"
            )));
        }
        if self.view == SINGLECHANNEL && min != max && !faults.has(Fault::SingleChannelRange) {
            return Err(Refusal::value(format!(
                "Invalid channels: SINGLECHANNEL requires channels.min ({min}) to equal channels.max ({max})"
            )));
        }
        Ok(())
    }

    fn check_nfft(&self, faults: &Faults) -> Result<i64, Refusal> {
        let default = if self.view == WATERFALL { 1 } else { DEFAULT_NFFT };
        let nfft = self.nfft.unwrap_or(default);
        if faults.has(Fault::NfftUnchecked) {
            return Ok(nfft);
        }
        let problem = match nfft {
            _ if faults.has(Fault::DefaultNfftOnly) && nfft != default => format!("must be {default}"),
            ..=0 => "must be positive (greater than 0)".to_owned(),
            1 if self.view == WATERFALL => return Ok(1),
            _ if self.view == WATERFALL => "must be 1, or absent, for the WATERFALL view".to_owned(),
            _ if NFFT.contains(&nfft) => return Ok(nfft),
            _ => "must be a power of two".to_owned(),
        };
        let allowed = if self.view == WATERFALL { String::new() } else { format!(", one of {NFFT:?}") };
        Err(Refusal::value(format!("Invalid nfftSelection {nfft}: {problem}{allowed}")))
    }

    fn check_frequency(&self, faults: &Faults) -> Result<Range, Refusal> {
        let nyquist = live::PRR / 2;
        let Some(range @ Range { min, max }) = self.frequency else {
            return Ok(Range { min: 0, max: nyquist });
        };
        if self.view == WATERFALL {
            return Err(Refusal::value(
                "Invalid frequencyRange: must be absent or null for the WATERFALL view",
            ));
        }
        for (field, frequency) in [("frequencyRange.min", min), ("frequencyRange.max", max)] {
            if frequency < 0 {
                return Err(Refusal::value(format!("Invalid {field} {frequency} Hz: must not be negative")));
            }
            if frequency > nyquist && faults.has(Fault::LimitUnnamed) {
                return Err(Refusal::value(format!("Invalid {field}: too high")));
            }
            if frequency > nyquist && !faults.has(Fault::AcceptsNyquist) {
                return Err(Refusal::value(format!(
                    "Invalid {field} {frequency} Hz: exceeds the Nyquist limit of {nyquist} Hz (prr {} / 2)",
                    live::PRR
                )));
            }
        }
        if min > 0 && self.view == MULTICHANNEL && faults.has(Fault::FrequenciesFromZeroOnly) {
            return Err(Refusal::value(format!("Invalid frequencyRange.min {min} Hz: must be 0")));
        }
        if min >= max && !faults.has(Fault::AcceptsReversedFrequencies) {
            return Err(Refusal::value(format!(
                "Invalid frequencyRange: min {min} Hz must be less than max {max} Hz"
            )));
        }
        Ok(range)
    }

    /// The recorded time that is asked for, and whether it is one that cannot be.
    fn check_time(&self, now: i64, faults: &Faults) -> Result<(Option<Range>, bool), Refusal> {
        match (self.start, self.end) {
            (None, None) => Ok((None, false)),
            (Some(start), Some(end)) => {
                let impossible = check_times(start, end, now, faults)?;
                Ok((Some(Range { min: start, max: end }), impossible))
            }
            (Some(_), None) | (None, Some(_)) if faults.has(Fault::AcceptsOddTimes) => Ok((None, false)),
            (Some(_), None) => {
                Err(Refusal::value("Invalid time range: end_time is missing, start_time is given"))
            }
            (None, Some(_)) => {
                Err(Refusal::value("Invalid time range: start_time is missing, end_time is given"))
            }
        }
    }
}

/// Checks that a range of epoch seconds runs forward, and not from before the epoch.
pub(super) fn check_order(start: i64, end: i64) -> Result<(), Refusal> {
    for (field, time) in [("start_time", start), ("end_time", end)] {
        if time < 0 {
            return Err(Refusal::value(format!("Invalid {field} {time}: must not be negative")));
        }
    }
    if start >= end {
        return Err(Refusal::value(format!(
            "Invalid time range: start_time {start} must be before end_time {end}"
        )));
    }
    Ok(())
}

/// Checks recorded time, in epoch seconds. Says whether the range cannot be, where a fault accepts such.
pub(super) fn check_times(start: i64, end: i64, now: i64, faults: &Faults) -> Result<bool, Refusal> {
    let reversed = start >= end;
    if start.min(end) < 0 && faults.has(Fault::AcceptsOddTimes) {
        return Ok(true);
    }
    if !(reversed && faults.has(Fault::AcceptsReversedRange)) {
        check_order(start, end)?;
    }
    let latest = now.saturating_add(CLOCK_SKEW);
    for (field, time) in [("start_time", start), ("end_time", end)] {
        if time > latest && !faults.has(Fault::AcceptsFuture) {
            return Err(Refusal::value(format!(
                "Invalid {field} {time}: must not be in the future (it is {now} now)"
            )));
        }
    }
    Ok(reversed || end > latest)
}

/// A pair of required bounds, `min` and `max`.
pub(super) fn range(
    fields: &mut Fields,
    body: &Map<String, Value>,
    key: &str,
    required: bool,
) -> Option<Range> {
    let object = fields.object(body, &[key], required)?;
    let min = fields.integer(object, &[key, "min"], true);
    let max = fields.integer(object, &[key, "max"], true);
    Some(Range { min: min?, max: max? })
}
