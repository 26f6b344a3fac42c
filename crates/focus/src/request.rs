//! Requests to `/configure`: valid ones, and how to make them invalid in exactly one way.

use crate::client::Fiber;
use serde_json::{Value, json};

/// How many channels a request asks for, where the fiber has as many: enough to see streams, too few to be a burden.
const CHANNELS: i64 = 10;
/// The highest frequency it asks for, in Hz, where the fiber can tell it apart.
const FREQUENCY: i64 = 500;
/// How many windows of `displayTimeAxisDuration` a historic range may span.
const WINDOWS: i64 = 30;
/// The window of live requests, in seconds, and the shortest of historic ones.
const DURATION: i64 = 30;

/// A request body.
#[derive(Clone, Debug)]
pub struct ConfigureRequest(Value);

impl ConfigureRequest {
    /// A valid live request for a few channels, beginning with the lowest that the server reports.
    pub fn live(fiber: &Fiber) -> Self {
        let lowest = fiber.channels.lowest;
        Self(json!({
            "displayTimeAxisDuration": DURATION,
            "nfftSelection": 1024,
            "displayInfo": { "height": 800 },
            "channels": { "min": lowest, "max": (lowest + CHANNELS - 1).min(fiber.channels.highest) },
            "frequencyRange": { "min": 0, "max": FREQUENCY.min(fiber.nyquist()) },
            "start_time": null,
            "end_time": null,
            "view_type": 0,
        }))
    }

    /// The same for recorded time, in epoch seconds, with a window wide enough that the range does not span too many.
    #[must_use]
    pub fn historic(self, start: i64, end: i64) -> Self {
        let window = (end - start).abs().div_euclid(WINDOWS) + 1;
        self.set("/start_time", start)
            .set("/end_time", end)
            .set("/displayTimeAxisDuration", window.max(DURATION))
    }

    /// The same with another value at a place such as `/channels/max`.
    #[must_use]
    pub fn set(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        if let Some(place) = self.0.pointer_mut(pointer) {
            *place = value.into();
        }
        self
    }

    /// The same with as many channels as this, beginning with the same one, where the fiber has as many.
    #[must_use]
    pub fn channels(self, fiber: &Fiber, count: i64) -> Self {
        let last = self.number("/channels/min") + count - 1;
        self.set("/channels/max", last.min(fiber.channels.highest))
    }

    /// The same for one channel: the lowest of its range.
    #[must_use]
    pub fn single(self) -> Self {
        let lowest = self.number("/channels/min");
        self.set("/channels/max", lowest).set("/view_type", 1)
    }

    /// The same as a waterfall, which knows neither duration nor frequencies.
    #[must_use]
    pub fn waterfall(self) -> Self {
        self.set("/view_type", 2)
            .set("/nfftSelection", 1)
            .set("/displayTimeAxisDuration", Value::Null)
            .set("/frequencyRange", Value::Null)
    }

    /// The same without what stands at a place such as `/channels` or `/displayInfo/height`.
    #[must_use]
    pub fn without(mut self, pointer: &str) -> Self {
        let (parent, key) = pointer.rsplit_once('/').unwrap_or_default();
        if let Some(Value::Object(fields)) = self.0.pointer_mut(parent) {
            fields.remove(key);
        }
        self
    }

    /// The same with a field that the contract does not know.
    #[must_use]
    pub fn with_extra(mut self, key: &str, value: impl Into<Value>) -> Self {
        if let Value::Object(fields) = &mut self.0 {
            fields.insert(key.to_owned(), value.into());
        }
        self
    }

    /// The number at a place such as `/channels/max`.
    pub fn number(&self, pointer: &str) -> i64 {
        self.0.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
    }

    /// The text that is sent.
    pub fn text(&self) -> String {
        self.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::Channels;

    fn live(lowest: i64, highest: i64, prr: f64) -> ConfigureRequest {
        ConfigureRequest::live(&Fiber { channels: Channels { lowest, highest }, prr })
    }

    #[test]
    fn a_live_request_fits_the_fiber() {
        insta::assert_snapshot!(live(3, 2337, 2000.0).text(), @r#"{"channels":{"max":12,"min":3},"displayInfo":{"height":800},"displayTimeAxisDuration":30,"end_time":null,"frequencyRange":{"max":500,"min":0},"nfftSelection":1024,"start_time":null,"view_type":0}"#);
        let small = live(7, 8, 500.0);
        assert_eq!((small.number("/channels/max"), small.number("/frequencyRange/max")), (8, 250));
    }

    #[test]
    fn a_historic_range_spans_no_more_than_thirty_windows() {
        let hour = live(1, 10, 2000.0).historic(1000, 4600);
        assert!(hour.number("/displayTimeAxisDuration") * WINDOWS >= 3600);
        assert_eq!((hour.number("/start_time"), hour.number("/end_time")), (1000, 4600));
        let minute = live(1, 10, 2000.0).historic(1000, 1060);
        assert_eq!(minute.number("/displayTimeAxisDuration"), DURATION);
    }

    #[test]
    fn views_have_what_they_need_and_no_more() {
        let single = live(3, 2337, 2000.0).single();
        assert_eq!((single.number("/channels/max"), single.number("/view_type")), (3, 1));
        insta::assert_snapshot!(live(3, 9, 2000.0).waterfall().without("/start_time").without("/displayInfo/height").text(), @r#"{"channels":{"max":9,"min":3},"displayInfo":{},"displayTimeAxisDuration":null,"end_time":null,"frequencyRange":null,"nfftSelection":1,"view_type":2}"#);
        let fiber = Fiber { channels: Channels { lowest: 3, highest: 50 }, prr: 2000.0 };
        let wide = ConfigureRequest::live(&fiber);
        assert_eq!(wide.clone().channels(&fiber, 200).number("/channels/max"), 50);
        assert_eq!(wide.channels(&fiber, 4).number("/channels/max"), 6);
    }

    #[test]
    fn one_value_can_be_spoilt() {
        let spoilt = live(1, 10, 2000.0).set("/nfftSelection", -1);
        assert_eq!(spoilt.number("/nfftSelection"), -1);
    }
}
