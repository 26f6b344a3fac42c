//! What limited a system under load: rules over what was measured. Several can hold at once.
//!
//! A rule whose value was not measured finds nothing and denies nothing: its answer is *not measured*, never *no*.

use crate::interval::number;
use crate::proportion::Proportion;
use crate::resources::{Resources, Share, Usage};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Above this share of its limit the processor is a bottleneck.
pub const CPU_CRITICAL: f64 = 0.85;
/// Above this share of its limit memory is a bottleneck.
pub const MEMORY_CRITICAL: f64 = 0.90;
/// Above this mean, in milliseconds, jobs are provided too slowly.
pub const LATENCY_CRITICAL_MS: f64 = 1000.0;
/// Below this share of successes the system is overloaded or wrongly set up.
pub const SUCCESS_CRITICAL: f64 = 0.80;
/// Above this share of its connections a database soon refuses more.
const CONNECTIONS_CRITICAL: f64 = 0.90;

/// What was measured.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// How many jobs were asked for.
    pub attempts: u64,
    /// How many of them really ran.
    pub succeeded: u64,
    /// The mean latency of successes, in milliseconds; none without successes.
    pub mean_latency_ms: Option<f64>,
    /// The failures, by class.
    pub failures: &'a BTreeMap<String, u64>,
    /// What the target used.
    pub resources: &'a Resources,
    /// Why the generator was the limit, where it was.
    pub generator: Option<&'a str>,
}

/// Which resource or part is the bottleneck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    /// The generator, not the target.
    Generator,
    /// Pods get no network address.
    Addresses,
    /// Pods are accepted, but not placed.
    Pending,
    /// The server refuses further jobs.
    Refused,
    /// The server limits the rate.
    Throttled,
    /// Requests are not answered in time, or connections break.
    Unanswered,
    /// The server fails.
    ServerErrors,
    /// Processor.
    Cpu,
    /// Memory.
    Memory,
    /// Pods restart under load.
    Restarts,
    /// A node is short of something.
    NodePressure,
    /// The database's connections.
    DatabaseConnections,
    /// Operations wait inside the database.
    DatabaseQueue,
    /// Jobs are provided slowly.
    Latency,
    /// Many fail.
    FailureRate,
}

impl Flag {
    /// What to do about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Generator => {
                "give the generator more: it, not the target, was the limit of this measurement"
            }
            Self::Addresses => {
                "enlarge the pod address range of the cluster network, or free addresses that ended jobs still hold"
            }
            Self::Pending => {
                "add cluster nodes, or lower what a job's pods request, until the scheduler can place them"
            }
            Self::Refused => {
                "raise the number of jobs that the server admits, or queue bursts instead of refusing them"
            }
            Self::Throttled => "raise the server's rate limit, or start jobs no faster than it allows",
            Self::Unanswered => "find what the server waits for: its log at that time, network, database",
            Self::ServerErrors => "read the server's log at that time: uncaught errors under load",
            Self::Cpu => "add cluster nodes, or raise the processor limits of the pod named",
            Self::Memory => "raise the memory limit of the pod named, or use a lower NFFT",
            Self::Restarts => "find why pods restarted under load: previous log, exit code, memory limit",
            Self::NodePressure => "relieve the node named: disk, memory or process ids",
            Self::DatabaseConnections => "raise the database's connection limit, or bound the server's pool",
            Self::DatabaseQueue => "find the slow or unindexed queries that others wait for",
            Self::Latency => {
                "shorten the start of a job: image pull, start-up time, work done before the answer"
            }
            Self::FailureRate => {
                "add a queue or admission control, so that a burst is served late rather than refused"
            }
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Generator => "generator",
            Self::Addresses => "addresses",
            Self::Pending => "pending",
            Self::Refused => "refused",
            Self::Throttled => "throttled",
            Self::Unanswered => "unanswered",
            Self::ServerErrors => "server-errors",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Restarts => "restarts",
            Self::NodePressure => "node-pressure",
            Self::DatabaseConnections => "database-connections",
            Self::DatabaseQueue => "database-queue",
            Self::Latency => "latency",
            Self::FailureRate => "failure-rate",
        })
    }
}

/// A bottleneck that was found.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Bottleneck {
    /// Which.
    pub flag: Flag,
    /// One sentence.
    pub sentence: String,
    /// What shows it.
    pub evidence: Vec<String>,
}

/// What the rules say.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// What was found: the most specific first.
    pub found: Vec<Bottleneck>,
    /// Whether processor is one; none where it was not measured.
    pub cpu: Option<bool>,
    /// Whether memory is one; none where it was not measured.
    pub memory: Option<bool>,
    /// Whether jobs are provided slowly; none without a success.
    pub latency: Option<bool>,
    /// Whether many fail; none without an attempt.
    pub failures: Option<bool>,
    /// What was not measured, in words.
    pub not_measured: Vec<String>,
}

impl Analysis {
    /// Applies the rules.
    pub fn of(facts: &Facts) -> Self {
        let share = |what: &str| facts.resources.tightest(what);
        let (cpu, memory) = (share("cpu"), share("memory"));
        let success = Proportion::new(facts.succeeded, facts.attempts);
        let mut found: Vec<Bottleneck> = Vec::new();
        found.extend(generator(facts));
        found.extend(counts(facts.resources));
        found.extend(failures(facts));
        found.extend(cpu.as_ref().and_then(|share| over(Flag::Cpu, "processor", share, CPU_CRITICAL)));
        found.extend(memory.as_ref().and_then(|share| over(Flag::Memory, "memory", share, MEMORY_CRITICAL)));
        found.extend(database(facts.resources));
        found.extend(facts.mean_latency_ms.and_then(slow));
        found.extend(success.and_then(many_failed));
        found.sort_by_key(|bottleneck| bottleneck.flag);
        Self {
            found,
            cpu: cpu.map(|share| share.peak > CPU_CRITICAL),
            memory: memory.map(|share| share.peak > MEMORY_CRITICAL),
            latency: facts.mean_latency_ms.map(|mean| mean > LATENCY_CRITICAL_MS),
            failures: success.map(|success| success.share() < SUCCESS_CRITICAL),
            not_measured: not_measured(facts),
        }
    }

    /// The sentences, or the one that says that there is none.
    pub fn sentences(&self) -> Vec<String> {
        if self.found.is_empty() {
            return vec!["no obvious bottleneck".to_owned()];
        }
        self.found.iter().map(|bottleneck| bottleneck.sentence.clone()).collect()
    }
}

fn generator(facts: &Facts) -> Option<Bottleneck> {
    let why = facts.generator?;
    Some(Bottleneck {
        flag: Flag::Generator,
        sentence: format!("the generator was the limit, so the target's lies higher: {why}"),
        evidence: vec![why.to_owned()],
    })
}

/// Things of which there should be none.
fn counts(resources: &Resources) -> Vec<Bottleneck> {
    let rules: [(&str, Flag, &str); 5] = [
        ("pods-without-address", Flag::Addresses, "pods wait for a network address"),
        ("pods-pending", Flag::Pending, "pods are accepted but not placed"),
        ("pods-failed", Flag::ServerErrors, "pods have failed"),
        ("node-pressure", Flag::NodePressure, "a node is under pressure"),
        ("queued-operations", Flag::DatabaseQueue, "operations wait in the database"),
    ];
    let mut found: Vec<Bottleneck> = rules
        .into_iter()
        .filter_map(|(what, flag, sentence)| {
            let (usage, peak) = resources.most(what).filter(|(_, peak)| *peak > 0.0)?;
            Some(counted(flag, format!("{sentence}: {peak:.0} at the highest"), usage, peak))
        })
        .collect();
    // Restarts are counted from a pod's first day: only those under load tell something.
    found.extend(resources.all("restarts").filter_map(|usage| {
        let rise = usage.rise().filter(|rise| *rise > 0.0)?;
        let sentence = format!("{} restarted {rise:.0} times under load", usage.subject);
        Some(counted(Flag::Restarts, sentence, usage, rise))
    }));
    // A pod that waits for its address is pending, too: the address says more.
    if found.iter().any(|bottleneck| bottleneck.flag == Flag::Addresses) {
        found.retain(|bottleneck| bottleneck.flag != Flag::Pending);
    }
    found
}

fn counted(flag: Flag, sentence: String, usage: &Usage, count: f64) -> Bottleneck {
    let mut evidence = vec![format!("{}: {} {count:.0}", usage.subject, usage.what)];
    evidence.extend(usage.notes.iter().take(3).cloned());
    Bottleneck { flag, sentence, evidence }
}

/// What classes of failures point at, what they say, and which they are.
type Rule = (Flag, &'static str, fn(&str) -> bool);

/// What the classes of the failures say.
fn failures(facts: &Facts) -> Vec<Bottleneck> {
    let rules: [Rule; 4] = [
        (Flag::Refused, "the server refuses jobs", |class| class == "status-503"),
        (Flag::Throttled, "the server limits the rate", |class| {
            class == "throttled" || class == "status-429"
        }),
        (Flag::Unanswered, "requests stay unanswered or their connections break", |class| {
            matches!(class, "timeout" | "reset" | "truncated" | "status-502" | "status-504")
                || class.starts_with("connect")
        }),
        (Flag::ServerErrors, "the server fails under load", |class| {
            class.starts_with("status-5") && !matches!(class, "status-502" | "status-503" | "status-504")
        }),
    ];
    let found = rules.into_iter().filter_map(|(flag, sentence, belongs)| {
        let classes: Vec<(&String, &u64)> =
            facts.failures.iter().filter(|(class, count)| belongs(class) && **count > 0).collect();
        let count: u64 = classes.iter().map(|(_, count)| **count).sum();
        (count > 0).then(|| Bottleneck {
            flag,
            sentence: format!("{sentence}: {count} of {} attempts", facts.attempts),
            evidence: classes.iter().map(|(class, count)| format!("{class}: {count}")).collect(),
        })
    });
    found.collect()
}

fn over(flag: Flag, name: &str, share: &Share, critical: f64) -> Option<Bottleneck> {
    (share.peak > critical).then(|| Bottleneck {
        flag,
        sentence: format!(
            "{name} is the limit of {}: up to {:.1} % of what it may use",
            share.subject,
            share.peak * 100.0
        ),
        evidence: vec![format!(
            "{}: {name} mean {:.1} %, peak {:.1} % over {} samples",
            share.subject,
            share.mean * 100.0,
            share.peak * 100.0,
            share.samples
        )],
    })
}

fn database(resources: &Resources) -> Option<Bottleneck> {
    let share = resources.tightest("connections").filter(|share| share.peak > CONNECTIONS_CRITICAL)?;
    Some(Bottleneck {
        flag: Flag::DatabaseConnections,
        sentence: format!(
            "{} is nearly out of connections: {:.1} % in use",
            share.subject,
            share.peak * 100.0
        ),
        evidence: vec![format!(
            "{}: connections peak {:.1} % of its limit",
            share.subject,
            share.peak * 100.0
        )],
    })
}

fn slow(mean: f64) -> Option<Bottleneck> {
    (mean > LATENCY_CRITICAL_MS).then(|| Bottleneck {
        flag: Flag::Latency,
        sentence: format!("jobs are provided slowly: {mean:.2} ms on average"),
        evidence: vec![format!(
            "mean latency of successes {mean:.2} ms, critical above {LATENCY_CRITICAL_MS:.0} ms"
        )],
    })
}

fn many_failed(success: Proportion) -> Option<Bottleneck> {
    let interval = success.interval().times(100.0);
    (success.share() < SUCCESS_CRITICAL).then(|| Bottleneck {
        flag: Flag::FailureRate,
        sentence: format!(
            "overload or misconfiguration: only {:.2} % of the jobs succeed",
            success.share() * 100.0
        ),
        evidence: vec![format!(
            "{} of {} succeeded (95 % interval {:.1}–{:.1} %), critical below {:.0} %",
            success.successes(),
            success.attempts(),
            interval.lower,
            interval.upper,
            SUCCESS_CRITICAL * 100.0
        )],
    })
}

fn not_measured(facts: &Facts) -> Vec<String> {
    let resources = facts.resources;
    let wanted = [
        ("cpu", "processor of the target"),
        ("memory", "memory of the target"),
        ("pods-pending", "pods that wait to be placed"),
        ("pods-without-address", "pods that wait for an address"),
        ("connections", "connections of the database"),
    ];
    let missing = wanted.into_iter().filter_map(|(what, name)| {
        let seen = resources.all(what).count();
        let needs_share = matches!(what, "cpu" | "memory" | "connections");
        if seen == 0 {
            Some(name.to_owned())
        } else if needs_share && resources.tightest(what).is_none() {
            Some(format!("{name} as a share of its limit: no limit is known"))
        } else {
            None
        }
    });
    let unreadable = resources.unreadable.iter().map(|(observer, why)| format!("{observer}: {why}"));
    let latency = facts.mean_latency_ms.is_none().then(|| "latency of successes: there were none".to_owned());
    missing.chain(unreadable).chain(latency).collect()
}

/// The share of attempts in each class of failure, the most frequent first, in words.
pub fn failure_words(failures: &BTreeMap<String, u64>, attempts: u64) -> Vec<String> {
    let mut classes: Vec<(&String, &u64)> = failures.iter().filter(|(_, count)| **count > 0).collect();
    classes.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let share = |count: u64| 100.0 * number(count) / number(attempts.max(1));
    classes.into_iter().map(|(class, count)| format!("{class}: {count} ({:.1} %)", share(*count))).collect()
}
