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
        /// Ranges of time whose end lies before their start are accepted.
        AcceptsReversedRange = "focus-api.accepts-reversed-range",
        /// Ranges of channels that run backwards are accepted.
        AcceptsReversedChannels = "focus-api.accepts-reversed-channels",
        /// Ranges of frequencies that run backwards are accepted.
        AcceptsReversedFrequencies = "focus-api.accepts-reversed-frequencies",
        /// Times before 1970 are accepted, and half a range of time is taken for none.
        AcceptsOddTimes = "focus-api.accepts-odd-times",
        /// Times of which nothing was recorded are played back.
        AcceptsEmptyWindow = "focus-api.accepts-empty-window",
        /// Fields without which there is nothing to show are given a default.
        DefaultsMissingFields = "focus-api.defaults-missing-fields",
        /// In a view of many channels, only ranges of frequencies that begin at 0 Hz are served.
        FrequenciesFromZeroOnly = "focus-api.frequencies-from-zero-only",
        /// Only an NFFT of 1024 is served.
        DefaultNfftOnly = "focus-api.default-nfft-only",
        /// No more than 100 channels are served at once.
        FewChannels = "focus-api.few-channels",
        /// The waterfall is not served.
        NoWaterfall = "focus-api.no-waterfall",
        /// Booleans are taken for 1 and 0, and fractions are cut.
        LaxTypes = "focus-api.lax-types",
        /// Bodies are read as JSON, whatever their content type.
        AnyContentType = "focus-api.any-content-type",
        /// Text that is not JSON is answered with 500.
        BrokenJson500 = "focus-api.broken-json-500",
        /// Half of a character, a surrogate by itself, is answered with 500.
        Surrogate500 = "focus-api.surrogate-500",
        /// Numbers that do not fit into 32 bits are answered with 500.
        Overflow500 = "focus-api.overflow-500",
        /// A deep structure takes the server down for three seconds.
        DeepNestingCrash = "focus-api.deep-nesting-crash",
        /// Operators of the database's query language are evaluated where numbers belong.
        OperatorsEvaluated = "focus-api.operators-evaluated",
        /// Refusals are pages that repeat what was sent.
        ReflectsScript = "focus-api.reflects-script",
        /// Every origin is allowed, with credentials.
        TrustsAnyOrigin = "focus-api.trusts-any-origin",
        /// Paths that climb out of the server's folder are served.
        ServesFiles = "focus-api.serves-files",
        /// Refusals carry a stack trace.
        StackTraceLeaked = "focus-api.stack-trace-leaked",
        /// Unknown paths and methods are answered with pages, other errors with JSON.
        MixedErrorFormats = "focus-api.mixed-error-formats",
        /// When the same refused configuration comes more than ten times within three seconds, it is answered with 500.
        Burst500 = "focus-api.burst-500",
        /// Where a token is demanded, everybody is let in.
        AuthNotEnforced = "focus-api.auth-not-enforced",
        /// Where a token is demanded, an expired one will do.
        AcceptsExpiredToken = "focus-api.accepts-expired-token",
        /// The address that redirects plain HTTP serves it.
        PlainHttpServed = "focus-api.plain-http-served",
        /// Refusing a configuration takes 1.5 s.
        SlowRefusals = "focus-api.slow-refusals",
        /// A configuration that is refused starts a job all the same.
        RefusalLeaksJob = "focus-api.refusal-leaks-job",
        /// A valid configuration that follows at once on one with an NFFT of 0 is answered with 500.
        RefusalPoisons = "focus-api.refusal-poisons",
        /// Valid live requests are answered with 503 and no body, although the fiber is there.
        Bare503 = "focus-api.bare-503",
        /// The database does not answer, and historic requests say so at once.
        DatabaseDown = "focus-api.database-down",
        /// The database does not answer, and historic requests say so after six seconds.
        SlowOutage = "focus-api.slow-outage" keys ["PZ-13640"],
        /// Every 25th read is answered with 504 by a gateway.
        FlakyGateway = "focus-api.flaky-gateway",
        /// Every 20th read is held back for five seconds.
        Stalls = "focus-api.stalls",
        /// Every 20th read takes the server down for a moment.
        Restarts = "focus-api.restarts",
        /// Channels that the fiber does not have are accepted.
        AcceptsChannelsOutOfRange = "focus-api.accepts-channels-out-of-range",
        /// Frequencies above half the pulse rate are accepted.
        AcceptsNyquist = "focus-api.accepts-nyquist",
        /// Frequencies above half the pulse rate are refused without saying what the limit is.
        LimitUnnamed = "focus-api.limit-unnamed",
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
        /// Only 150 jobs can run at once; more are refused with 503.
        Capacity150 = "focus-api.capacity-150" keys ["PZ-13986"],
        /// No more than five configurations a second are served; others are answered with 429, and with `Retry-After`
        /// of a second.
        Throttles = "focus-api.throttles",
        /// `/configure` takes at least 120 ms, and answers 500 to a quarter of the requests beyond five at once or six
        /// a second, to half of those beyond six or seven, and so on.
        ErrorsUnderLoad = "focus-api.errors-under-load",
        /// Configurations are served one after another, and each takes 150 ms.
        Queues = "focus-api.queues",
        /// The memory of the server's pod grows by 48 MiB with each job, and is not given back when the job ends.
        Leaks = "focus-api.leaks",
        /// Each configuration that has been served makes all later ones 20 ms slower.
        Degrades = "focus-api.degrades",
        /// Half a second after configurations begin to come in, and every three seconds from then on, everything stops
        /// for a second. When none has come for a second, that begins anew.
        Freezes = "focus-api.freezes",
        /// The connection of every fourth configuration is reset.
        Resets = "focus-api.resets",
        /// Every fifth job vanishes 400 ms after it was configured: its port is closed, and its metadata answers 404.
        LosesJobs = "focus-api.loses-jobs",
        /// Every tenth row of a waterfall is left out.
        RowsLost = "focus-api.rows-lost",
        /// All waterfalls together are given no more than 100 rows a second.
        RowsCapped = "focus-api.rows-capped",
        /// Every second task of the planned interface makes rows half as often: each covers 40 ms instead of 20.
        RowsUneven = "focus-api.rows-uneven",
        /// `/configure` takes at least 120 ms. Once there have been more than five configurations at once, all later
        /// ones take 1.5 s, and every second one is answered with 503.
        NoRecovery = "focus-api.no-recovery",
        /// Configurations of channels above the lowest 50 take twenty times as long.
        Unfair = "focus-api.unfair",
        /// Configurations of 500 channels and more take three seconds.
        LargeSlow = "focus-api.large-slow",
        /// Configurations of 100 channels and more with an NFFT of 2048 and more take at least 150 ms, and are answered
        /// with 500 where another configuration is being served.
        HeavyRefused = "focus-api.heavy-refused",
        /// Cancelling a job answers 200, and the job goes on, where five have been cancelled within the last second.
        CancelStuck = "focus-api.cancel-stuck",
        /// No more than five historic jobs can run at once; more are refused with 503.
        FewHistoric = "focus-api.few-historic",
        /// Reads take 30 ms, and 400 ms while more than four are being served.
        ReadsCrowded = "focus-api.reads-crowded",
        /// For a second after a configuration has come in, reads take 400 ms longer.
        ReadsWait = "focus-api.reads-wait",
        /// Live jobs end two seconds after they were configured.
        LiveDrops = "focus-api.live-drops",
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
        /// `/ack` is answered with 200, whatever the method.
        AckAnyMethod = "focus-api.ack-any-method",
        /// `/ack` answers 500 where a header has a script, a path upwards or a quote in it.
        AckHeaderCrash = "focus-api.ack-header-crash",
        /// `/ack` takes 40 ms, and answers 503 while eight others wait.
        AckCrowded = "focus-api.ack-crowded",
        /// `/channels` reports a million channels.
        ChannelsImplausible = "focus-api.channels-implausible",
        /// Each answer of `/channels` and of `/live_metadata` has another number of channels.
        ReadsUnsteady = "focus-api.reads-unsteady",
        /// `/live_metadata` answers 500.
        MetadataCrash = "focus-api.metadata-crash",
        /// The metadata of every job answers 404.
        JobMetadataUnknown = "focus-api.job-metadata-unknown" keys ["PZ-13563"],
        /// The metadata of a job is that of another one.
        JobMetadataForeign = "focus-api.job-metadata-foreign",
        /// The metadata of a job that never was is answered with 200.
        JobMetadataForAnybody = "focus-api.job-metadata-for-anybody",
        /// Recordings are listed that do not touch the range.
        RecordingsOutOfRange = "focus-api.recordings-out-of-range",
        /// Recordings are listed for a range that does not run forward.
        RecordingsUnchecked = "focus-api.recordings-unchecked",
        /// The port of a job is closed.
        StreamClosed = "focus-api.stream-closed",
        /// The port of a job accepts connections and says nothing.
        StreamMute = "focus-api.stream-mute",
        /// A stream is closed a moment after a client has connected.
        StreamDrops = "focus-api.stream-drops",
        /// Cancelling a job answers 404, although the operation is described.
        Cancel404 = "focus-api.cancel-404" keys ["PZ-13670"],
        /// Cancelling a job answers 200, and the job goes on.
        CancelIgnored = "focus-api.cancel-ignored",
        /// The answer to `/configure` lacks `lines_dt` and `stream_amount`.
        ResponseIncomplete = "focus-api.response-incomplete",
        /// Frequencies and the time between lines are those of half the pulse rate.
        FormulasOfAnotherPrr = "focus-api.formulas-of-another-prr",
        /// A single channel is mapped to the last of four streams.
        SingleChannelManyStreams = "focus-api.single-channel-many-streams",
        /// The last channel of the fiber is refused.
        LastChannelRefused = "focus-api.last-channel-refused",
        /// Every second answer to `/configure` has something left over from another request.
        AnswersMixed = "focus-api.answers-mixed",
        /// Playing back recorded time never ends.
        HistoryEndless = "focus-api.history-endless",
        /// What was not recorded is refused without saying so.
        AbsenceUnexplained = "focus-api.absence-unexplained",
        /// No more than fifteen windows of recorded time are played back.
        FewWindows = "focus-api.few-windows",
        /// The time on every answer is an hour behind.
        ClockBehind = "focus-api.clock-behind",
        /// The description does not list `/recordings_in_time_range`.
        DescriptionIncomplete = "focus-api.description-incomplete" keys ["PZ-13270"],
        /// The description requires no field of a configuration.
        DescriptionLoose = "focus-api.description-loose" keys ["PZ-13270"],
        /// The description says that channels are text.
        DescriptionWrong = "focus-api.description-wrong" keys ["PZ-13270"],
        /// The planned interface has no sensors.
        SensorsEmpty = "focus-api.sensors-empty",
        /// Every task of the planned interface is answered with 500.
        TasksRefused = "focus-api.tasks-refused",
        /// Every task of the planned interface is received, whatever it says.
        TasksUnchecked = "focus-api.tasks-unchecked",
        /// The analyzer of a task of the planned interface never starts.
        TaskNeverRuns = "focus-api.task-never-runs",
        /// The metadata of a task of the planned interface has no channels, and no distance between them.
        TaskMetadataInvalid = "focus-api.task-metadata-invalid",
        /// Rows of a waterfall end when they begin, and their amplitudes contradict each other.
        WaterfallMalformed = "focus-api.waterfall-malformed",
        /// Rows of a waterfall come in reverse.
        WaterfallUnordered = "focus-api.waterfall-unordered",
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
pub(super) type Faults = crate::faults::On<Fault>;

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
