//! The infrastructure gap report: how far an environment is from the jobs that it must hold, and what stands in between.
//!
//! The fields, their types and their texts are fixed, because programs read them; [`build()`] fills them. What goes beyond
//! them stands in one block of its own, [`GapReport::details`]. Two things differ from reports of the original tests. Resources
//! are those of the *target*, and where they were not measured the report says `not measured` or `null`: neither zero nor
//! `false`, which would be claims. And the recommendations follow from the bottlenecks found, each with what shows it.

mod build;
mod details;

pub use build::{GapFacts, Latency, index_percent};
pub use details::{Details, Fitted, LawCurve, Named};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;

/// What stands in place of a number that was not measured.
pub const NOT_MEASURED: &str = "not measured";

/// The report.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GapReport {
    /// What this is.
    pub report_metadata: ReportMetadata,
    /// Of which environment.
    pub environment: Environment,
    /// How far it is from the target.
    pub capacity_analysis: CapacityAnalysis,
    /// How jobs were started.
    pub performance_metrics: PerformanceMetrics,
    /// What the target used.
    pub system_resources: SystemResources,
    /// What limited it.
    pub bottleneck_analysis: BottleneckAnalysis,
    /// What to do.
    pub recommendations: Recommendations,
    /// How it was measured.
    pub additional_context: AdditionalContext,
    /// What goes beyond the fixed fields: uncertainty, evidence, search, law, series.
    pub details: Details,
}

/// What the report is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReportMetadata {
    /// Always "Infrastructure Capacity Gap Analysis".
    pub report_type: String,
    /// When, in UTC, as ISO 8601 with the zone `Z`.
    #[schemars(with = "String")]
    pub generated_at: Timestamp,
    /// Which program.
    pub generated_by: String,
    /// The Jira key of the requirement.
    pub jira_reference: String,
    /// What was decided.
    pub meeting_decision: String,
}

/// Which environment it is of.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// Whether it must meet the target.
    pub is_target_environment: bool,
    /// "must support 200", or "informational only".
    pub requirement: String,
}

/// How far the environment is from the target.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CapacityAnalysis {
    /// Jobs that must be held.
    pub target_capacity: u64,
    /// Jobs that were held.
    pub actual_capacity: u64,
    /// The difference; one failing request counts as one missing job.
    pub gap: u64,
    /// The difference in percent of the target, with two decimals and "%".
    pub gap_percentage: String,
    /// Successes in percent of attempts, with two decimals and "%".
    pub success_rate: String,
    /// The same, 0–1.
    pub success_rate_raw: f64,
    /// Whether the target is reached.
    pub capacity_met: bool,
    /// Whether at least 95 % succeeded.
    pub success_threshold_met: bool,
}

/// How jobs were started.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PerformanceMetrics {
    /// How jobs were started.
    pub job_creation: JobCreation,
}

/// How jobs were started. Latencies are of successes, in milliseconds with two decimals, or "not measured" without one.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct JobCreation {
    /// How many were asked for.
    pub total_jobs_attempted: u64,
    /// How many succeeded.
    pub successful_jobs: u64,
    /// How many did not.
    pub failed_jobs: u64,
    /// The mean.
    pub average_latency_ms: String,
    /// The sorted value at index ⌊0.95 n⌋.
    pub p95_latency_ms: String,
    /// The sorted value at index ⌊0.99 n⌋.
    pub p99_latency_ms: String,
    /// The highest.
    pub max_latency_ms: String,
    /// Seconds from the first attempt to the last answer.
    pub duration_seconds: f64,
    /// Attempts per second, with two decimals.
    pub jobs_per_second: String,
}

/// What the target used.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SystemResources {
    /// Processor.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Memory,
}

/// Processor of the part of the target that came closest to its limit.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Cpu {
    /// The mean in percent of the limit, with two decimals and "%", or "not measured".
    pub mean_percent: String,
    /// The highest, likewise.
    pub max_percent: String,
    /// Over how many samples; 0 where it was not measured.
    pub samples_collected: usize,
    /// From here on it is worth a look: 70.
    pub threshold_warning: u32,
    /// Above this it is a bottleneck: 85.
    pub threshold_critical: u32,
    /// Whether it was above that; null where it was not measured.
    pub exceeded_critical: Option<bool>,
}

/// Memory of the part of the target that came closest to its limit.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Memory {
    /// The mean in percent of the limit, with two decimals and "%", or "not measured".
    pub mean_percent: String,
    /// The highest, likewise.
    pub max_percent: String,
    /// From here on it is worth a look: 75.
    pub threshold_warning: u32,
    /// Above this it is a bottleneck: 90.
    pub threshold_critical: u32,
    /// Whether it was above that; null where it was not measured.
    pub exceeded_critical: Option<bool>,
}

/// What limited the target. A flag is null where its value was not measured.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BottleneckAnalysis {
    /// One sentence for each, or "no obvious bottleneck".
    pub identified_bottlenecks: Vec<String>,
    /// The processor's peak was above 85 %.
    pub cpu_constrained: Option<bool>,
    /// The memory's peak was above 90 %.
    pub memory_constrained: Option<bool>,
    /// The mean latency of successes was above 1000 ms.
    pub latency_issues: Option<bool>,
    /// Fewer than 80 % succeeded.
    pub high_failure_rate: Option<bool>,
}

/// What to do, derived from what was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Recommendations {
    /// One for each bottleneck, with what shows it.
    pub immediate_actions: Vec<String>,
    /// Where to look, with what was seen there.
    pub investigation_areas: Vec<String>,
    /// How to go on.
    pub next_steps: Vec<String>,
}

/// How it was measured.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AdditionalContext {
    /// What each job asked for.
    pub test_configuration: String,
    /// How many requests were in flight at most.
    pub concurrency_workers: u64,
    /// What to keep in mind.
    pub notes: Vec<String>,
}

impl GapReport {
    /// The name of its file: `infra_gap_report_<env>_<YYYYMMDD_HHMMSS>.json`, in UTC.
    pub fn file_name(&self) -> String {
        format!("{}.json", self.stem())
    }

    /// The name of its page for people.
    pub fn page_name(&self) -> String {
        format!("{}.html", self.stem())
    }

    fn stem(&self) -> String {
        let at = self.report_metadata.generated_at.to_zoned(TimeZone::UTC).strftime("%Y%m%d_%H%M%S");
        format!("infra_gap_report_{}_{at}", self.environment.name)
    }
}
