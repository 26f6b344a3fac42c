//! The simulated fiber: its channels and its metadata.

use super::errors::answer;
use super::faults::{Fault, Faults};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

/// Pulses per second.
pub(super) const PRR: i64 = 2000;
pub(super) const LOWEST_CHANNEL: i64 = 1;
pub(super) const HIGHEST_CHANNEL: i64 = 2337;
/// How many there are.
pub(super) const CHANNELS: i64 = HIGHEST_CHANNEL - LOWEST_CHANNEL + 1;

/// What stands in place of texts while no fiber is connected.
const WAITING: &str = "waiting for fiber";

/// `GET /channels`.
pub(super) fn channels(faults: &Faults) -> Response {
    let (lowest, highest) = if faults.has(Fault::ChannelsReversed) {
        (HIGHEST_CHANNEL, LOWEST_CHANNEL)
    } else {
        (LOWEST_CHANNEL, HIGHEST_CHANNEL)
    };
    answer(StatusCode::OK, &json!({ "lowest_channel": lowest, "highest_channel": highest }))
}

/// What the system says of its fiber: `GET /live_metadata`, and the `metadata` of jobs.
pub(super) fn metadata(faults: &Faults) -> Value {
    let mut metadata = if faults.has(Fault::WaitingForFiber) {
        json!({
            "prr": 0.0, "dx": null, "number_of_channels": 0,
            "fiber_start_meters": null, "fiber_length_meters": null, "sw_version": WAITING,
            "fiber_description": WAITING, "num_samples_per_trace": 0, "dtype": null,
        })
    } else {
        json!({
            "prr": 2000.0, "dx": 1.0209, "number_of_channels": CHANNELS,
            "fiber_start_meters": 0, "fiber_length_meters": 2386, "sw_version": "10.7.5",
            "fiber_description": "Sandbox fiber", "num_samples_per_trace": CHANNELS,
            "dtype": "float32",
        })
    };
    if faults.has(Fault::MetadataInvalid) {
        metadata["dx"] = json!(-1.0);
    }
    if faults.has(Fault::MetadataMissingFields)
        && let Some(fields) = metadata.as_object_mut()
    {
        fields.remove("num_samples_per_trace");
        fields.remove("dtype");
    }
    metadata
}
