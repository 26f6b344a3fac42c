//! What the formulas say of a view, and what its answer says.

use serde_json::Value;
use shakedown_core::{Cause, Finding, Measurement, Unit};
use shakedown_focus::document::whole;
use shakedown_focus::request::ConfigureRequest;

/// The request for a view, the fiber's pulse rate, and the answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) prr: f64,
    pub(super) nfft: i64,
    /// The first and the last channel that were asked for.
    pub(super) channels: (i64, i64),
    /// The least and the highest frequency that were asked for, in Hz.
    pub(super) frequency: (f64, f64),
    pub(super) answer: &'a Value,
}

/// What a formula says of a value, and what was answered.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) findings: Vec<Finding>,
    pub(super) measurements: Vec<Measurement>,
}

impl Held {
    fn one(name: &str, value: f64, unit: Unit) -> Self {
        Self { measurements: vec![Measurement::new(name, value, unit)], ..Self::default() }
    }

    fn with(mut self, finding: Option<Finding>) -> Self {
        self.findings.extend(finding);
        self
    }
}

fn finding(subject: &str, message: String, expected: f64, actual: f64) -> Finding {
    Finding::new("formula-broken", Cause::Product, subject, message)
        .expected(number(expected), number(actual))
        .remedy("compute it from the fiber's pulse rate, as live metadata gives it", "a day")
}

fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "transform sizes and counts are far below 2^53")]
const fn float(number: i64) -> f64 {
    number as f64
}

/// Whether a value is within a share of what is expected.
fn near(value: f64, expected: f64, tolerance: f64) -> bool {
    (value - expected).abs() <= expected.abs() * tolerance
}

impl<'a> View<'a> {
    pub(super) fn new(prr: f64, request: &ConfigureRequest, answer: &'a Value) -> Self {
        let at = |pointer: &str| request.number(pointer);
        Self {
            prr,
            nfft: at("/nfftSelection"),
            channels: (at("/channels/min"), at("/channels/max")),
            frequency: (float(at("/frequencyRange/min")), float(at("/frequencyRange/max"))),
            answer,
        }
    }

    /// The distance between two bins, `prr / NFFT`.
    fn step(&self) -> f64 {
        self.prr / float(self.nfft)
    }

    fn bins(&self) -> Option<Vec<f64>> {
        self.answer["frequencies_list"].as_array()?.iter().map(Value::as_f64).collect()
    }

    fn lines_dt(&self) -> Option<f64> {
        self.answer["lines_dt"].as_f64().filter(|dt| *dt > 0.0)
    }

    fn channel_count(&self) -> i64 {
        self.channels.1 - self.channels.0 + 1
    }

    /// The bins lie `prr / NFFT` apart, or a whole multiple of that where the server leaves some out.
    pub(super) fn frequency_step(&self, tolerance: f64) -> Option<Held> {
        let bins = self.bins()?;
        let steps: Vec<f64> = bins.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let first = *steps.first()?;
        let expected = self.step();
        let held = Held::one("frequency step", first, Unit::Hertz);
        let multiple = (first / expected).round();
        if !steps.iter().all(|step| near(*step, first, tolerance)) {
            let message = "the bins do not lie equally far apart".to_owned();
            return Some(held.with(Some(finding("frequencies_list", message, expected, first))));
        }
        let broken = multiple < 1.0 || !near(first, expected * multiple, tolerance);
        let message =
            format!("the bins lie {} Hz apart; prr / NFFT is {} Hz", number(first), number(expected));
        Some(held.with(if broken {
            Some(finding("frequencies_list", message, expected, first))
        } else {
            (multiple > 1.0).then(|| {
                let message = format!("the server leaves out bins: one of {multiple:.0} is there");
                Finding::new("bins-decimated", Cause::Expected, "frequencies_list", message).note()
            })
        }))
    }

    /// There are `NFFT / 2 + 1` bins, or those inside the requested range, or fewer of either where some are left out.
    pub(super) fn bin_count(&self) -> Option<Held> {
        let bins = self.bins()?;
        let count = i64::try_from(bins.len()).ok()?;
        let all = self.nfft / 2 + 1;
        let (low, high) = self.frequency;
        // An edge that falls between two bins may be rounded either way.
        let inside = (high - low) / self.step();
        let allowed = |factor: f64| {
            let near_range = (float(count) - inside / factor).abs() <= 2.0;
            let near_all = (float(count) - float(all - 1) / factor - 1.0).abs() < 1.0;
            near_range || near_all
        };
        let measured =
            bins.windows(2).next().map_or(1.0, |pair| ((pair[1] - pair[0]) / self.step()).round().max(1.0));
        let held = Held::one("bins", float(count), Unit::Count);
        let message =
            format!("there are {count} bins; NFFT / 2 + 1 is {all}, and {inside:.0} steps are in the range");
        Some(held.with(
            (!allowed(measured)).then(|| finding("frequencies_list", message, float(all), float(count))),
        ))
    }

    /// Lines follow each other after `(NFFT − overlap) / prr`.
    pub(super) fn line_time(&self, overlap: f64, tolerance: f64) -> Option<Held> {
        let dt = self.lines_dt()?;
        let expected = float(self.nfft) * (1.0 - overlap) / self.prr;
        let message = format!(
            "lines follow each other after {} s; with {:.0} % overlap the formula says {} s",
            number(dt),
            overlap * 100.0,
            number(expected)
        );
        let broken = (!near(dt, expected, tolerance)).then(|| finding("lines_dt", message, expected, dt));
        Some(Held::one("lines_dt", dt, Unit::Seconds).with(broken))
    }

    /// `1 / lines_dt` is between 0.1 and 1000 lines a second.
    pub(super) fn output_rate(&self) -> Option<Held> {
        let rate = 1.0 / self.lines_dt()?;
        let message = format!("{} lines a second are outside what is sane, 0.1 to 1000", number(rate));
        let insane = (!(0.1..=1000.0).contains(&rate)).then(|| finding("lines_dt", message, 1.0, rate));
        Some(Held::one("output rate", rate, Unit::PerSecond).with(insane))
    }

    /// The time that one transform looks at, `NFFT / prr`.
    pub(super) fn window(&self) -> Option<Held> {
        (self.prr > 0.0).then(|| Held::one("transform window", float(self.nfft) / self.prr, Unit::Seconds))
    }

    /// The overlap of successive transforms that follows from `lines_dt`, in percent.
    pub(super) fn overlap(&self) -> Option<Held> {
        let overlap = (1.0 - self.lines_dt()? * self.prr / float(self.nfft)) * 100.0;
        Some(Held::one("overlap", overlap, Unit::Percent))
    }

    /// Channels × bins × lines a second × 4 bytes, sane below 100 MB/s.
    pub(super) fn data_rate(&self) -> Option<Held> {
        let rate = self.frame()? / self.lines_dt()?;
        let message = format!("the view sends {:.0} MB/s; sane is less than 100", rate / 1e6);
        let much = (rate >= 1e8).then(|| {
            Finding::new("data-rate-high", Cause::Capacity, "lines_dt", message)
                .remedy("leave out bins, or send fewer lines", "days")
                .warn()
        });
        Some(Held::one("data a second", rate, Unit::Bytes).with(much))
    }

    /// Channels × bins × 4 bytes.
    pub(super) fn frame_memory(&self) -> Option<Held> {
        Some(Held::one("memory of a frame", self.frame()?, Unit::Bytes))
    }

    fn frame(&self) -> Option<f64> {
        let bins = i64::try_from(self.bins()?.len()).ok()?;
        Some(float(self.channel_count() * bins) * 4.0)
    }

    /// As many channels as were asked for.
    pub(super) fn channel_amount(&self) -> Option<Held> {
        let amount = whole(&self.answer["channel_amount"])?;
        let asked = self.channel_count();
        let message = format!("{amount} channels are answered; {asked} were asked for");
        let wrong =
            (amount != asked).then(|| finding("channel_amount", message, float(asked), float(amount)));
        Some(Held::one("channels", float(amount), Unit::Count).with(wrong))
    }

    /// Each channel has a stream, in the order of the channels; how they are grouped is the server's choice.
    pub(super) fn map(&self) -> Option<Held> {
        let map = self.answer["channel_to_stream_index"].as_object()?;
        let mut streams: Vec<(i64, i64)> = map
            .iter()
            .map(|(channel, stream)| Some((channel.parse().ok()?, whole(stream)?)))
            .collect::<Option<_>>()?;
        streams.sort_unstable();
        let (first, last) = self.channels;
        let complete = streams.iter().map(|(channel, _)| *channel).eq(first..=last);
        let missing = (!complete).then(|| {
            let message =
                format!("the map has {} entries, not one for each of {first} to {last}", streams.len());
            let expected = float(self.channel_count());
            finding(
                "channel_to_stream_index",
                message,
                expected,
                float(i64::try_from(map.len()).unwrap_or(i64::MAX)),
            )
        });
        let in_order = streams.is_sorted_by_key(|(_, stream)| *stream);
        let disorder = (!in_order).then(|| {
            let message = "the streams do not follow the order of the channels".to_owned();
            Finding::new("streams-unordered", Cause::Expected, "channel_to_stream_index", message).note()
        });
        Some(Held::default().with(missing).with(disorder))
    }

    /// A stream for each channel, or fewer where the server groups them.
    pub(super) fn streams(&self) -> Option<Held> {
        let streams = whole(&self.answer["stream_amount"])?;
        let channels = self.channel_count();
        let held = Held::one("streams", float(streams), Unit::Count);
        let message = format!("{streams} streams carry {channels} channels");
        Some(held.with(if (1..=channels).contains(&streams) {
            let grouped =
                || Finding::new("channels-grouped", Cause::Expected, "stream_amount", message).note();
            (streams != channels).then(grouped)
        } else {
            Some(finding("stream_amount", message, float(channels), float(streams)))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shakedown_core::finding::Weight;

    fn answer(prr: f64, nfft: i64, decimate: usize) -> Value {
        let step = prr / float(nfft);
        let bins: Vec<f64> = (0..=nfft / 2).step_by(decimate).map(|bin| float(bin) * step).collect();
        json!({
            "frequencies_list": bins, "lines_dt": float(nfft) / 2.0 / prr, "channel_amount": 3, "stream_amount": 3,
            "channel_to_stream_index": { "9": 0, "10": 1, "11": 2 },
        })
    }

    fn view(answer: &Value) -> View<'_> {
        View { prr: 2000.0, nfft: 512, channels: (9, 11), frequency: (0.0, 1000.0), answer }
    }

    fn weights(held: Option<Held>) -> Vec<Weight> {
        held.unwrap().findings.iter().map(|finding| finding.weight).collect()
    }

    #[test]
    fn what_follows_the_formulas_is_fine() {
        let answer = answer(2000.0, 512, 1);
        let view = view(&answer);
        for held in [
            view.frequency_step(0.1),
            view.bin_count(),
            view.line_time(0.5, 0.1),
            view.output_rate(),
            view.window(),
            view.overlap(),
            view.data_rate(),
            view.frame_memory(),
            view.channel_amount(),
            view.map(),
            view.streams(),
        ] {
            assert_eq!(weights(held), []);
        }
        let overlap = view.overlap().unwrap().measurements[0].value;
        assert!((overlap - 50.0).abs() < 1e-9, "{overlap}");
    }

    #[test]
    fn what_the_server_may_choose_is_noted() {
        let mut answer = answer(2000.0, 512, 4);
        answer["stream_amount"] = json!(1);
        answer["channel_to_stream_index"] = json!({ "9": 2, "10": 1, "11": 0 });
        let view = view(&answer);
        assert_eq!(weights(view.frequency_step(0.1)), [Weight::Note]);
        assert_eq!(weights(view.bin_count()), []);
        assert_eq!(weights(view.streams()), [Weight::Note]);
        assert_eq!(weights(view.map()), [Weight::Note]);
    }

    #[test]
    fn only_the_bins_of_the_range_will_do_too() {
        let mut answer = answer(2000.0, 512, 1);
        let bins: Vec<Value> = answer["frequencies_list"].as_array().unwrap()[26..=128].to_vec();
        answer["frequencies_list"] = json!(bins);
        let view = View { frequency: (100.0, 500.0), ..view(&answer) };
        assert_eq!(weights(view.bin_count()), []);
        assert_eq!(weights(View { frequency: (100.0, 900.0), ..view }.bin_count()), [Weight::Fail]);
    }

    #[test]
    fn the_numbers_of_another_pulse_rate_are_found() {
        let answer = answer(1000.0, 512, 1);
        let view = view(&answer);
        assert_eq!(weights(view.frequency_step(0.1)), [Weight::Fail]);
        assert_eq!(weights(view.line_time(0.5, 0.1)), [Weight::Fail]);
        let insane = json!({ "lines_dt": 20.0 });
        assert_eq!(weights(View { answer: &insane, ..view }.output_rate()), [Weight::Fail]);
        assert!(View { answer: &insane, ..view }.frequency_step(0.1).is_none());
    }

    #[test]
    fn channels_that_are_missing_or_too_many_are_found() {
        let mut answer = answer(2000.0, 512, 1);
        answer["channel_amount"] = json!(6);
        answer["channel_to_stream_index"] = json!({ "9": 0, "10": 1 });
        answer["stream_amount"] = json!(9);
        let view = view(&answer);
        assert_eq!(weights(view.channel_amount()), [Weight::Fail]);
        assert_eq!(weights(view.map()), [Weight::Fail]);
        assert_eq!(weights(view.streams()), [Weight::Fail]);
    }
}
