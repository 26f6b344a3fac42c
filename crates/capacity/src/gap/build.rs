//! How the gap report is filled from what was measured.

use super::{
    AdditionalContext, BottleneckAnalysis, CapacityAnalysis, Cpu, Details, Environment, GapReport,
    JobCreation, Memory, NOT_MEASURED, PerformanceMetrics, Recommendations, ReportMetadata, SystemResources,
};
use crate::bottleneck::{Analysis, Facts, failure_words};
use crate::interval::{number, whole};
use crate::proportion::Proportion;
use crate::resources::{Resources, Share};
use jiff::{Timestamp, Unit};

/// The share of successes that meets the requirement.
const SUCCESS_THRESHOLD: f64 = 0.95;

/// What the report is made of.
#[derive(Clone, Debug)]
pub struct GapFacts<'a> {
    /// The name of the environment.
    pub environment: &'a str,
    /// Whether it must meet the target.
    pub is_target: bool,
    /// When the report is made.
    pub at: Timestamp,
    /// How many jobs must be held.
    pub wanted: u64,
    /// What was attempted, what succeeded and what was observed.
    pub facts: Facts<'a>,
    /// The latency of successes; none without a success.
    pub latency: Option<Latency>,
    /// From the first attempt to the last answer, in seconds.
    pub seconds: f64,
    /// How many requests were in flight at most.
    pub in_flight: u64,
    /// What each job asked for, in words.
    pub configuration: &'a str,
    /// What there is beyond the fixed fields; the report fills in what follows from the rest.
    pub details: Details,
}

/// The latency of successes, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// The mean.
    pub mean: f64,
    /// The sorted value at index ⌊0.95 n⌋: see [`index_percent`].
    pub p95: f64,
    /// The sorted value at index ⌊0.99 n⌋: see [`index_percent`].
    pub p99: f64,
    /// The highest.
    pub max: f64,
}

/// The percent for which a nearest-rank percentile of `count` samples is the sorted value at index ⌊count × share⌋, which is
/// the report's definition: usually one sample above the nearest rank of `share` itself.
pub fn index_percent(count: u64, share: f64) -> f64 {
    let index = whole((number(count) * share).floor()).min(count.saturating_sub(1));
    // Half a rank below, so that rounding cannot reach the next one.
    100.0 * (number(index) + 0.5) / number(count.max(1))
}

impl GapReport {
    /// The report of what was measured.
    pub fn of(from: GapFacts) -> Self {
        let analysis = Analysis::of(&from.facts);
        let facts = &from.facts;
        let held = facts.succeeded.min(from.wanted);
        Self {
            report_metadata: ReportMetadata {
                report_type: "Infrastructure Capacity Gap Analysis".to_owned(),
                generated_at: from.at.round(Unit::Second).unwrap_or(from.at),
                generated_by: concat!("shakedown ", env!("CARGO_PKG_VERSION")).to_owned(),
                jira_reference: "PZ-13756".to_owned(),
                meeting_decision: format!("support {} concurrent jobs", from.wanted),
            },
            environment: Environment {
                name: from.environment.to_owned(),
                is_target_environment: from.is_target,
                requirement: if from.is_target {
                    format!("must support {}", from.wanted)
                } else {
                    "informational only".to_owned()
                },
            },
            capacity_analysis: capacity(facts, from.wanted),
            performance_metrics: PerformanceMetrics { job_creation: job_creation(&from) },
            system_resources: resources(facts.resources),
            recommendations: recommendations(&analysis, facts, from.wanted - held),
            additional_context: AdditionalContext {
                test_configuration: from.configuration.to_owned(),
                concurrency_workers: from.in_flight,
                notes: notes(from.configuration),
            },
            details: Details {
                success_interval: Proportion::new(facts.succeeded, facts.attempts).map(Proportion::interval),
                failures: facts.failures.clone(),
                resources: facts.resources.clone(),
                ..from.details.analysed(&analysis)
            },
            bottleneck_analysis: BottleneckAnalysis {
                identified_bottlenecks: analysis.sentences(),
                cpu_constrained: analysis.cpu,
                memory_constrained: analysis.memory,
                latency_issues: analysis.latency,
                high_failure_rate: analysis.failures,
            },
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

fn capacity(facts: &Facts, wanted: u64) -> CapacityAnalysis {
    let share = Proportion::new(facts.succeeded, facts.attempts).map_or(0.0, Proportion::share);
    let gap = wanted.saturating_sub(facts.succeeded);
    CapacityAnalysis {
        target_capacity: wanted,
        actual_capacity: facts.succeeded,
        gap,
        gap_percentage: percent(number(gap) / number(wanted.max(1))),
        success_rate: percent(share),
        success_rate_raw: share,
        capacity_met: facts.succeeded >= wanted,
        success_threshold_met: share >= SUCCESS_THRESHOLD,
    }
}

fn job_creation(from: &GapFacts) -> JobCreation {
    let facts = &from.facts;
    let latency = |of: fn(&Latency) -> f64| {
        from.latency.as_ref().map_or_else(|| NOT_MEASURED.to_owned(), |latency| format!("{:.2}", of(latency)))
    };
    JobCreation {
        total_jobs_attempted: facts.attempts,
        successful_jobs: facts.succeeded,
        failed_jobs: facts.attempts.saturating_sub(facts.succeeded),
        average_latency_ms: latency(|latency| latency.mean),
        p95_latency_ms: latency(|latency| latency.p95),
        p99_latency_ms: latency(|latency| latency.p99),
        max_latency_ms: latency(|latency| latency.max),
        duration_seconds: from.seconds,
        jobs_per_second: if from.seconds > 0.0 {
            format!("{:.2}", number(facts.attempts) / from.seconds)
        } else {
            NOT_MEASURED.to_owned()
        },
    }
}

fn resources(resources: &Resources) -> SystemResources {
    let (cpu, memory) = (resources.tightest("cpu"), resources.tightest("memory"));
    let words = |share: &Option<Share>, of: fn(&Share) -> f64| {
        share.as_ref().map_or_else(|| NOT_MEASURED.to_owned(), |share| percent(of(share)))
    };
    SystemResources {
        cpu: Cpu {
            mean_percent: words(&cpu, |share| share.mean),
            max_percent: words(&cpu, |share| share.peak),
            samples_collected: cpu.as_ref().map_or(0, |share| share.samples),
            threshold_warning: 70,
            threshold_critical: 85,
            exceeded_critical: cpu.map(|share| share.peak > crate::bottleneck::CPU_CRITICAL),
        },
        memory: Memory {
            mean_percent: words(&memory, |share| share.mean),
            max_percent: words(&memory, |share| share.peak),
            threshold_warning: 75,
            threshold_critical: 90,
            exceeded_critical: memory.map(|share| share.peak > crate::bottleneck::MEMORY_CRITICAL),
        },
    }
}

fn recommendations(analysis: &Analysis, facts: &Facts, missing: u64) -> Recommendations {
    let derived = analysis.found.iter().map(|found| {
        format!("{} (derived from {}: {})", found.flag.remedy(), found.flag, found.evidence.join("; "))
    });
    let mut actions: Vec<String> = derived.collect();
    if actions.is_empty() {
        actions.push(if missing == 0 {
            "none: the target is reached and no bottleneck was found".to_owned()
        } else {
            "no bottleneck was measured: let this program observe what it could not, then measure again"
                .to_owned()
        });
    }
    Recommendations {
        immediate_actions: actions,
        investigation_areas: areas(facts),
        next_steps: vec![
            "share this report with those who run the environment".to_owned(),
            format!("hold a capacity meeting: {missing} jobs are missing"),
            "plan the scaling of the bottlenecks named, the first one first".to_owned(),
            "consider autoscaling, where bursts and not the steady load are the problem".to_owned(),
            "set alerts at the warning thresholds, so that the next shortage is seen before it hurts"
                .to_owned(),
            "measure again after each change, with the same configuration".to_owned(),
        ],
    }
}

/// Where to look, each with what was seen there.
fn areas(facts: &Facts) -> Vec<String> {
    let resources = facts.resources;
    let share = |what: &str| {
        resources.tightest(what).map_or_else(
            || NOT_MEASURED.to_owned(),
            |share| format!("{} up to {}", share.subject, percent(share.peak)),
        )
    };
    let count = |what: &str| {
        let most = resources.most(what).map(|(_, peak)| format!("{peak:.0} at the highest"));
        most.unwrap_or_else(|| NOT_MEASURED.to_owned())
    };
    let failures = failure_words(facts.failures, facts.attempts);
    let throttled = facts.failures.get("throttled").copied().unwrap_or(0);
    vec![
        format!("node capacity: pods pending {}", count("pods-pending")),
        format!("pod requests and limits: processor {}; memory {}", share("cpu"), share("memory")),
        format!("network: pods without an address {}", count("pods-without-address")),
        format!(
            "MongoDB pool: connections {}; queued operations {}",
            share("connections"),
            count("queued-operations")
        ),
        format!("RabbitMQ throughput: {NOT_MEASURED}"),
        format!(
            "throttling: {throttled} answers of 429; failures {}",
            if failures.is_empty() { "none".to_owned() } else { failures.join(", ") }
        ),
    ]
}

fn notes(configuration: &str) -> Vec<String> {
    vec![
        format!("measured with a light payload ({configuration}); heavier jobs take more of everything"),
        "real workloads differ: users connect to their jobs, and start them at different times".to_owned(),
        "the result depends on the time of day and on who else uses the environment".to_owned(),
        "repeat the run before deciding: one run is one sample".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::stats::Samples;

    #[test]
    fn the_percent_of_an_index_finds_that_index() {
        for count in 1..=450_u64 {
            let values: Vec<f64> = (0..count).map(number).collect();
            let samples = Samples::new("x", values.clone()).unwrap();
            for share in [0.95, 0.99] {
                let index =
                    usize::try_from(whole((number(count) * share).floor())).unwrap().min(values.len() - 1);
                let found = samples.percentile(index_percent(count, share));
                assert!(
                    (found - values[index]).abs() < 1e-9,
                    "{count} samples, {share}: {found}, not {}",
                    values[index]
                );
            }
        }
    }
}
