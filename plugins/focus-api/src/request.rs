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
pub(crate) struct ConfigureRequest(Value);

impl ConfigureRequest {
    /// A valid live request for a few channels, beginning with the lowest that the server reports.
    pub(crate) fn live(fiber: &Fiber) -> Self {
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
    pub(crate) fn historic(self, start: i64, end: i64) -> Self {
        let window = (end - start).abs().div_euclid(WINDOWS) + 1;
        self.set("/start_time", start)
            .set("/end_time", end)
            .set("/displayTimeAxisDuration", window.max(DURATION))
    }

    /// The same with another value at a place such as `/channels/max`.
    pub(crate) fn set(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        if let Some(place) = self.0.pointer_mut(pointer) {
            *place = value.into();
        }
        self
    }

    /// The number at a place such as `/channels/max`.
    pub(crate) fn number(&self, pointer: &str) -> i64 {
        self.0.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
    }

    /// The text that is sent.
    pub(crate) fn text(&self) -> String {
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
    fn one_value_can_be_spoilt() {
        let spoilt = live(1, 10, 2000.0).set("/nfftSelection", -1);
        assert_eq!(spoilt.number("/nfftSelection"), -1);
    }
}
