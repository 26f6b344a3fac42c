//! Incidents: named sets of faults that replay something that happened.

use shakedown_core::register_incident;

register_incident! {
    /// The production run of November 2025.
    ///
    /// The recordings collection has only its `_id` index, one recording has been open for 117.3 hours, start times
    /// are stored in several types, `/configure` answers 500 to some requests when several run at once, and the
    /// Kubernetes API does not answer from where the run was started. The unrecognized recordings have fields of their
    /// own and channel 0 is refused, as they should be: neither is a problem.
    "production-2025-11": [
        "mongo.index-missing",
        "mongo.stale-recording",
        "mongo.naive-dates",
        "focus-api.configure-5xx-under-concurrency",
        "k8s.silent",
    ]
}
