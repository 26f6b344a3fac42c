//! A check's answer. It rests on an observation, so that "no data" cannot be written as a pass.

use crate::check::CheckError;
use crate::evidence::EvidenceRef;
use crate::finding::Finding;
use crate::measurement::Measurement;
use crate::series::Series;

/// What a check actually looked at. It can only be made from something that was there.
///
/// ```
/// use shakedown_core::{CheckError, Observation};
///
/// assert_eq!(Observation::counted(3012, "recordings")?.text(), "3012 recordings examined");
/// // Where there was nothing to look at, a check has no answer.
/// assert!(matches!(Observation::counted(0, "recordings"), Err(CheckError::NoData(_))));
/// # Ok::<(), CheckError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation(String);

impl Observation {
    /// One thing was seen; `what` says so in words, for example "`GET /ack` answered 200 in 12 ms".
    pub fn seen(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// `count` things were examined, for example 3,012 "recordings".
    ///
    /// # Errors
    /// [`CheckError::NoData`] where `count` is zero.
    pub fn counted(count: u64, what: &str) -> Result<Self, CheckError> {
        if count == 0 {
            Err(CheckError::no_data(format!("no {what} to examine")))
        } else {
            Ok(Self(format!("{count} {what} examined")))
        }
    }

    /// The words.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// A check's answer: what was seen, and what is wrong with it.
///
/// Without findings it is a pass; the heaviest finding decides otherwise.
///
/// ```
/// use shakedown_core::measurement::Threshold;
/// use shakedown_core::{Cause, Finding, Measurement, Observation, Outcome, Status, Unit, Verdict};
///
/// let judge = |took: f64| {
///     let seen = Observation::seen(format!("`GET /ack` answered 200 in {took} ms"));
///     let took = Measurement::new("took", took, Unit::Milliseconds).held_to(Threshold::AtMost(500.0));
///     Verdict::of(seen).judged(took, |took| {
///         Finding::new("ack-slow", Cause::Capacity, "/ack", "it answers late")
///             .expected("at most 500 ms", format!("{} ms", took.value))
///             .remedy("see what else the server does", "10 minutes")
///     })
/// };
/// assert_eq!(Outcome::from(Ok(judge(12.0))).status, Status::Passed);
/// assert_eq!(Outcome::from(Ok(judge(900.0))).status, Status::Failed);
/// ```
#[derive(Clone, Debug)]
pub struct Verdict {
    pub(crate) observation: Observation,
    pub(crate) findings: Vec<Finding>,
    pub(crate) measurements: Vec<Measurement>,
    pub(crate) series: Vec<Series>,
    pub(crate) cases: Vec<Case>,
    pub(crate) evidence: Vec<EvidenceRef>,
}

impl Verdict {
    /// A pass, until a finding is added.
    pub fn of(observation: Observation) -> Self {
        Self {
            observation,
            findings: Vec::new(),
            measurements: Vec::new(),
            series: Vec::new(),
            cases: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// Adds a finding.
    #[must_use]
    pub fn with(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }

    /// Adds any number of findings.
    #[must_use]
    pub fn with_all(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        self.findings.extend(findings);
        self
    }

    /// Adds a measurement that is only reported.
    #[must_use]
    pub fn measured(mut self, measurement: Measurement) -> Self {
        self.measurements.push(measurement);
        self
    }

    /// Adds a measurement, and the finding that `otherwise` makes of it where it breaks its threshold.
    #[must_use]
    pub fn judged(
        mut self,
        measurement: Measurement,
        otherwise: impl FnOnce(&Measurement) -> Finding,
    ) -> Self {
        if !measurement.within() {
            self.findings.push(otherwise(&measurement));
        }
        self.measured(measurement)
    }

    /// Adds what was watched over time; a series without points is none.
    #[must_use]
    pub fn series(mut self, series: Series) -> Self {
        self.series.extend((!series.points.is_empty()).then_some(series));
        self
    }

    /// Adds any number of series.
    #[must_use]
    pub fn with_series(self, series: impl IntoIterator<Item = Series>) -> Self {
        series.into_iter().fold(self, Self::series)
    }

    /// Points to a file that shows what was seen, whatever the answer.
    #[must_use]
    pub fn evidence(mut self, evidence: EvidenceRef) -> Self {
        self.evidence.push(evidence);
        self
    }
}

/// One row of a table-driven check, with its own answer.
#[derive(Clone, Debug)]
pub struct Case {
    pub(crate) name: String,
    pub(crate) keys: Vec<String>,
    pub(crate) answer: Result<Verdict, CheckError>,
}

impl Case {
    /// A row named by what distinguishes it, for example `nfft = 0`. Cases within the answer are ignored.
    pub fn new(name: impl Into<String>, keys: &[&str], answer: Result<Verdict, CheckError>) -> Self {
        Self { name: name.into(), keys: keys.iter().map(|&key| key.to_owned()).collect(), answer }
    }
}

/// The rows of a table-driven check. The check fails if any row fails.
///
/// ```
/// use shakedown_core::{Case, Cases, Cause, CheckError, Finding, Observation, Outcome, Verdict};
///
/// let mut cases = Cases::new();
/// for (nfft, status) in [(0, 400), (1024, 200), (1 << 20, 500)] {
///     let verdict = Verdict::of(Observation::seen(format!("answered {status}")));
///     let broken = status >= 500;
///     let verdict = verdict.with_all(broken.then(|| {
///         Finding::new("server-error", Cause::Product, "/configure", "refusing must not break it")
///     }));
///     cases.push(Case::new(format!("nfft = {nfft}"), &["PZ-13873"], Ok(verdict)));
/// }
/// let outcome = Outcome::from(cases.verdict());
/// assert_eq!(outcome.summary, "3 cases examined: 1 failed, 2 passed");
/// assert_eq!(outcome.all_findings().count(), 1);
/// // A table without rows is no pass.
/// assert!(matches!(Cases::new().verdict(), Err(CheckError::NoData(_))));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cases(Vec<Case>);

impl Cases {
    /// No rows yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row.
    pub fn push(&mut self, case: Case) {
        self.0.push(case);
    }

    /// The answer of all rows together.
    ///
    /// # Errors
    /// [`CheckError::NoData`] where there is no row.
    pub fn verdict(self) -> Result<Verdict, CheckError> {
        let observation = Observation::counted(self.0.len() as u64, "cases")?;
        Ok(Verdict { cases: self.0, ..Verdict::of(observation) })
    }
}
