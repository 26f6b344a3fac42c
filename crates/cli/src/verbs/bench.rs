//! `bench`: what the framework itself, or a suite, costs, as a ratio to a peer measured in the same run.
//!
//! The checks do nothing. The peer spawns as many tasks on the same kind of runtime and writes as many lines of the same
//! length to a file: the least that any tool with a journal would do.

mod cluster;
mod figures;
mod mongo;
mod reports;
mod suite;

use crate::args::{Benchmark, Globals};
use shakedown_config::{CheckSettings, Policy, Profile, Project, Retries, Selection};
use shakedown_core::check::Source;
use shakedown_core::event::RunInfo;
use shakedown_core::measurement::{Measured, Unit};
use shakedown_core::redact::Redactor;
use shakedown_core::registry::Entries;
use shakedown_core::run::Exit;
use shakedown_core::{
    Check, CheckError, CheckSpec, Clock, Context, Docs, Effect, Gate, NoParams, Observation, Registry,
    Samples, Severity, Verdict, async_trait,
};
use shakedown_report::journal::Journal;
use shakedown_runner::{Confirmation, Interrupt, Request};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

struct NoOp;

#[async_trait]
impl Check for NoOp {
    async fn run(&self, _: &Context) -> Result<Verdict, CheckError> {
        Ok(Verdict::of(Observation::seen("nothing to see")))
    }
}

pub(crate) async fn bench(globals: &Globals, benchmark: Option<Benchmark>) -> anyhow::Result<Exit> {
    let measured = match benchmark {
        None => framework(&[1_000, 10_000, 100_000]).await,
        Some(Benchmark::Framework { checks }) => framework(&checks).await,
        Some(Benchmark::Cluster { pods, events, rounds }) => cluster::bench(pods, events, rounds).await,
        Some(Benchmark::Reports { directory: Some(directory), .. }) => return reports::render(&directory),
        Some(Benchmark::Reports { results, directory: None }) => reports::bench(results),
        Some(Benchmark::Mongo { recordings, rounds }) => mongo::bench(recordings, rounds).await,
    }?;
    figures::show(globals, &measured)?;
    Ok(Exit::Fit)
}

async fn framework(sizes: &[usize]) -> anyhow::Result<Vec<Measured>> {
    let mut measured = Vec::new();
    for &size in sizes {
        let directory = std::env::temp_dir().join(format!("shakedown-bench-{}-{size}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let peer = peer(size, &directory).await?;
        let (own, memory) = measure(size, &directory).await?;
        let each =
            |took: Duration| took.as_secs_f64() * 1e3 / f64::from(u32::try_from(size).unwrap_or(u32::MAX));
        let ratio = own.as_secs_f64() / peer.as_secs_f64();
        measured.push(
            Measured::of(format!("{size} checks"))
                .with("each", each(own), Unit::Milliseconds)
                .with("ratio to peer", ratio, Unit::Ratio)
                .with("memory beyond the registered checks", memory, Unit::Bytes),
        );
        std::fs::remove_dir_all(&directory)?;
    }
    measured.extend(programs()?);
    Ok(measured)
}

/// The program as a whole, as its users start it; the peer is the same program that only prints its version.
fn programs() -> anyhow::Result<Vec<Measured>> {
    let out = std::env::temp_dir().join(format!("shakedown-bench-{}", std::process::id()));
    let run = ["run", "--env", "local", "--out", &out.display().to_string()].map(str::to_owned);
    let peer = median(5, &["--version".to_owned()])?;
    let mut measured = Vec::new();
    for (name, times, arguments) in
        [("list", 5, &["list".to_owned()] as &[String]), ("run --env local", 1, &run)]
    {
        let took = median(times, arguments)?;
        measured.push(Measured::of(name).with("median", took * 1e3, Unit::Milliseconds).with(
            "ratio to `--version`",
            took / peer,
            Unit::Ratio,
        ));
    }
    std::fs::remove_dir_all(&out)?;
    Ok(measured)
}

/// The median of so many runs of this program, in seconds.
fn median(times: usize, arguments: &[String]) -> anyhow::Result<f64> {
    let program = std::env::current_exe()?;
    let mut samples = Vec::new();
    for _ in 0..times {
        let began = Instant::now();
        let ended =
            Command::new(&program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        samples.push(began.elapsed().as_secs_f64());
        anyhow::ensure!(ended.success(), "`shakedown {}` ended with {ended}", arguments.join(" "));
    }
    Ok(Samples::new("runs", samples)?.percentile(50.0))
}

/// Plan, run, journal and JUnit of `size` checks that do nothing: how long, and how many bytes beyond the checks themselves.
async fn measure(size: usize, directory: &Path) -> anyhow::Result<(Duration, Option<f64>)> {
    let checks: Vec<&'static CheckSpec> =
        (0..size).map(|index| &*Box::leak(Box::new(no_op(index)))).collect();
    let profile = profile(&checks);
    let registry = Registry::from_entries(Entries { checks, ..Entries::default() })?;
    let before = memory("self", "VmRSS:");
    let began = Instant::now();
    let plan = shakedown_runner::plan(&registry, &profile, &Selection::all(), &Confirmation::default());
    let finished = shakedown_runner::run(Request {
        registry: &registry,
        profile: &profile,
        plan,
        info: info(),
        sinks: vec![Box::new(Journal::create(&directory.join("events.jsonl"))?)],
        redactor: Redactor::new(["a-secret-to-look-for"]),
        directory: None,
        ledgers: None,
        unavailable: Vec::new(),
        clock: Clock::system(),
        interrupt: Interrupt::default(),
        resume: None,
        fail_fast: false,
    })
    .await?;
    let junit = BufWriter::new(std::fs::File::create(directory.join("junit.xml"))?);
    shakedown_report::junit::write(&finished.run, None, junit)?;
    let took = began.elapsed();
    anyhow::ensure!(finished.run.counts().passed == size, "not every check passed");
    Ok((took, memory("self", "VmHWM:").zip(before).map(|(peak, before)| peak - before)))
}

/// As many tasks and as many lines, without any of what makes them checks.
async fn peer(size: usize, directory: &Path) -> anyhow::Result<Duration> {
    let line = format!("{}\n", "x".repeat(300));
    let mut file = std::fs::File::create(directory.join("peer.jsonl"))?;
    let began = Instant::now();
    for _ in 0..size {
        tokio::spawn(async {}).await?;
        for _ in 0..3 {
            file.write_all(line.as_bytes())?;
        }
    }
    Ok(began.elapsed())
}

fn no_op(index: usize) -> CheckSpec {
    CheckSpec {
        id: Box::leak(format!("bench.group{}.check{index}", index % 100).into_boxed_str()),
        title: "A check that does nothing",
        severity: Severity::Low,
        effect: Effect::Read,
        target: None,
        also: &[],
        keys: &["PZ-1"],
        tags: &["bench"],
        requires: &[],
        group: None,
        alone: false,
        gate: Gate::Required,
        required_in: None,
        timeout: None,
        proofs: &[],
        docs: Docs(" Nothing."),
        source: Source { package: "bench", file: "bench.rs", line: 1 },
        schema: || schemars::schema_for!(NoParams),
        build: |_| Ok(Box::new(NoOp)),
    }
}

fn profile(checks: &[&'static CheckSpec]) -> Profile {
    let retries = Retries {
        count: 0,
        backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(1),
        jitter: false,
    };
    let settings = CheckSettings {
        timeout: Duration::from_secs(30),
        retries,
        severity: Severity::Low,
        gate: Gate::Required,
        params: serde_json::json!({}),
    };
    Profile {
        project: Project { name: "bench".to_owned(), jira: None, jira_url: None },
        environment: "bench".to_owned(),
        role: None,
        concurrency: 8,
        run_timeout: None,
        groups: BTreeMap::new(),
        targets: BTreeMap::new(),
        policy: Policy { max_concurrent_jobs: 1, ..Policy::default() },
        sandbox: None,
        checks: checks.iter().map(|spec| (spec.id, settings.clone())).collect(),
        secrets: Vec::new(),
        warnings: Vec::new(),
    }
}

fn info() -> RunInfo {
    RunInfo {
        id: "bench-000000".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: Clock::system().now(),
        project: "bench".to_owned(),
        jira: None,
        jira_url: None,
        environment: "bench".to_owned(),
        role: None,
        sandbox: false,
        faults: Vec::new(),
        selection: "all()".to_owned(),
    }
}

/// A figure of a process's memory in bytes, where the system tells: what it has, or the most it has had.
fn memory(process: &str, figure: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(figure))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024.0)
}
