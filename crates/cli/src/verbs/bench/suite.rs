//! Some checks against one target, run again and again, each time as a process of its own whose memory is watched.

use anyhow::{bail, ensure};
use jiff::Timestamp;
use shakedown_core::measurement::{Measured, Unit};
use shakedown_core::{Clock, Registry, Samples};
use shakedown_sandbox::{Options, Sandbox};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A sandbox with that part, and those that it needs.
pub(super) async fn sandbox(kind: &str, options: serde_json::Value) -> anyhow::Result<Sandbox> {
    let options = Options { clock: Clock::system(), options, kinds: Some(BTreeSet::from([kind.to_owned()])) };
    let sandbox = Sandbox::start(&Registry::collect()?, options).await?;
    if let Some(part) = sandbox.unavailable().first() {
        bail!("{part}; `{}` would provide it", part.command);
    }
    Ok(sandbox)
}

/// The median over the rounds.
fn median(samples: Vec<f64>) -> anyhow::Result<f64> {
    Ok(Samples::new("rounds", samples)?.percentile(50.0))
}

/// Runs of a suite, each with a run of its peer.
#[derive(Default)]
pub(super) struct Pairs {
    /// In seconds.
    own: Vec<f64>,
    /// In seconds.
    peer: Vec<f64>,
    /// The most that each run of the suite has had, in bytes, where the system tells.
    memory: Vec<f64>,
}

impl Pairs {
    pub(super) fn add(&mut self, took: &Took, peer: f64) {
        self.own.push(took.seconds);
        self.memory.extend(took.peak);
        self.peer.push(peer);
    }

    /// The medians. Ratios are taken within a pair: what disturbs the machine disturbs both.
    pub(super) fn measured(self, subject: String, peer: &str) -> anyhow::Result<Measured> {
        let Self { own, peer: peers, memory } = self;
        let ratios = own.iter().zip(&peers).map(|(own, peer)| own / peer).collect();
        let memory = (!memory.is_empty()).then(|| median(memory)).transpose()?;
        Ok(Measured::of(subject)
            .with("suite", median(own)?, Unit::Seconds)
            .with(peer, median(peers)?, Unit::Seconds)
            .with("ratio", median(ratios)?, Unit::Ratio)
            .with("peak memory", memory, Unit::Bytes))
    }
}

/// Which checks, and how they reach their target.
pub(super) struct Suite {
    /// The selection.
    select: &'static str,
    directory: tempfile::TempDir,
}

/// What a run of a suite took.
pub(super) struct Took {
    /// From the run's first event to its last, in seconds.
    pub(super) seconds: f64,
    /// The most memory that the process has had, in bytes, where the system tells.
    pub(super) peak: Option<f64>,
}

impl Suite {
    /// `target` is the table of a live environment's target; it may name the variable `LAB`.
    pub(super) fn new(select: &'static str, kind: &str, target: &str) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let text = format!(
            "version = 1\n[environments.lab.targets.{kind}]\n{target}\n[environments.lab.defaults]\n\
             run_timeout = \"12h\"\n[[environments.lab.override]]\nselect = \"all()\"\ntimeout = \"4h\"\n\
             [suites.all]\nselect = \"all()\"\n"
        );
        std::fs::write(directory.path().join("checks.toml"), text)?;
        Ok(Self { select, directory })
    }

    /// Runs it with this in the variable `LAB`. All that decides must pass.
    pub(super) async fn run(&self, lab: &str) -> anyhow::Result<Took> {
        let (config, out) = (self.directory.path().join("checks.toml"), self.directory.path().join("out"));
        let mut child = Command::new(std::env::current_exe()?)
            .args(["run", "--env", "lab", "-E", self.select, "--config"])
            .args([&config, Path::new("--out"), &out])
            .env("LAB", lab)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut peak = None;
        let ended = loop {
            if let Some(ended) = child.try_wait()? {
                break ended;
            }
            peak = super::memory(&child.id().to_string(), "VmHWM:").or(peak);
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        ensure!(ended.success(), "the suite ended with {ended}: {}", self.kept());
        let run: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(out.join("run.json"))?)?;
        let at = |key: &str| run[key].as_str().unwrap_or_default().parse::<Timestamp>();
        let seconds = at("finished")?.duration_since(at("started")?).as_secs_f64();
        Ok(Took { seconds, peak })
    }

    /// The bad ends of the last run, in words.
    fn kept(&self) -> String {
        let run = std::fs::read_to_string(self.directory.path().join("out").join("run.json"));
        let run: serde_json::Value =
            run.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let checks = run["checks"].as_array().cloned().unwrap_or_default();
        let bad = checks.iter().filter(|check| check["status"] == "failed" || check["status"] == "errored");
        let line = |check: &serde_json::Value| format!("{}: {}", check["id"], check["summary"]);
        bad.map(line).collect::<Vec<_>>().join("; ")
    }
}
