//! The faults of the simulated Focus Server: each reproduces one way in which a real one misbehaves.

crate::faults::typed_faults! {
    "focus-api": Fault {
        /// The system waits for its fiber: live metadata is zeros and nulls, `/configure` answers 503 without a
        /// body.
        WaitingForFiber = "focus-api.waiting-for-fiber",
        /// Live metadata lacks `num_samples_per_trace` and `dtype`.
        MetadataMissingFields = "focus-api.metadata-missing-fields" keys ["PZ-13985"],
        /// Live metadata reports a negative channel spacing.
        MetadataInvalid = "focus-api.metadata-invalid",
        /// `/channels` reports a highest channel below the lowest.
        ChannelsReversed = "focus-api.channels-reversed",
        /// `/ack` answers 500.
        AckBroken = "focus-api.ack-broken",
        /// `/ack` takes 1.5 s.
        AckSlow = "focus-api.ack-slow",
        /// Time ranges in the future are accepted.
        AcceptsFuture = "focus-api.accepts-future" keys ["PZ-13984"],
        /// Ranges whose end lies before their start are accepted: times, channels and frequencies.
        AcceptsReversedRange = "focus-api.accepts-reversed-range",
        /// Channels that the fiber does not have are accepted.
        AcceptsChannelsOutOfRange = "focus-api.accepts-channels-out-of-range",
        /// Frequencies above half the pulse rate are accepted.
        AcceptsNyquist = "focus-api.accepts-nyquist",
        /// Any NFFT is accepted, also zero and negative ones.
        NfftUnchecked = "focus-api.nfft-unchecked",
        /// Any view type is accepted, also text.
        ViewUnchecked = "focus-api.view-unchecked",
        /// A height of zero or less is accepted.
        HeightsUnchecked = "focus-api.heights-unchecked",
        /// `/configure` answers 500 where a field is left out, or the frequency range is null.
        MissingField500 = "focus-api.missing-field-500" keys ["PZ-13266", "PZ-13267"],
        /// `/configure` answers 500 to a waterfall request that leaves out the optional fields.
        Waterfall500 = "focus-api.waterfall-500" keys ["PZ-13238"],
        /// A refusal says only "Bad request": no field, no value, no limit.
        VagueErrors = "focus-api.vague-errors",
        /// All live jobs are given the same stream port.
        SharedPort = "focus-api.shared-port" keys ["PZ-14018"],
        /// Valid live requests to `/configure` are answered with 500.
        ConfigureRefuses = "focus-api.configure-refuses",
        /// Historic requests to `/configure` are answered with 500, whether there are recordings or not.
        Historic500 = "focus-api.historic-500",
        /// Each `/configure` takes 900 ms.
        ConfigureSlow = "focus-api.configure-slow",
        /// `/configure` answers 500 to every second request that arrives while another is being served.
        ConfigureConcurrency500 = "focus-api.configure-5xx-under-concurrency" keys ["PZ-13986"],
        /// Only 40 jobs can run at once; more are refused with 503.
        LowCapacity = "focus-api.low-capacity" keys ["PZ-13986"],
        /// A single-channel view accepts a range of channels, and streams them all.
        SingleChannelRange = "focus-api.single-channel-range" keys ["PZ-13669"],
        /// The `status` of an accepted configuration is the empty string.
        EmptyStatus = "focus-api.empty-status" keys ["PZ-13667"],
        /// The stream port comes as text, and the list of frequencies as an empty object.
        WrongTypes = "focus-api.wrong-types" keys ["PZ-13271"],
        /// `frequencies_amount` is not the length of `frequencies_list`.
        CountMismatch = "focus-api.count-mismatch" keys ["PZ-13272"],
        /// The metadata of a job answers 404 for the first three seconds of its life.
        JobMetadataLate = "focus-api.job-metadata-late" keys ["PZ-13269"],
        /// Nothing listens at the server's address.
        Away = "focus-api.away",
        /// The server accepts connections and never answers.
        Silent = "focus-api.silent",
        /// Every answer is held back for two seconds.
        Slow = "focus-api.slow",
        /// The server answers bytes that are not HTTP.
        Garbage = "focus-api.garbage",
        /// The body of every answer to a GET never ends.
        EndlessBody = "focus-api.endless-body",
        /// Every request is redirected to its own address.
        RedirectLoop = "focus-api.redirect-loop",
        /// Every answer carries a header of 1 MiB.
        HugeHeaders = "focus-api.huge-headers",
    }
}

/// The faults that are on.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    /// Turns one on.
    pub(super) fn turn_on(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Whether it is on.
    pub(super) fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::registry::Entries;

    #[test]
    fn every_registered_fault_can_be_turned_on() {
        let ids: Vec<&str> = Entries::linked()
            .faults
            .iter()
            .filter(|fault| fault.part == "focus-api")
            .map(|fault| fault.id)
            .collect();
        assert!(ids.len() > 30, "{ids:?}");
        for id in ids {
            assert!(Fault::named(id).is_some(), "{id}");
        }
        assert_eq!(Fault::named("focus-api.no-such-fault"), None);
    }
}
