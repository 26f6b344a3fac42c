//! What one target says when it is asked for everything that does not depend on a check.

use schemars::JsonSchema;
use serde::Serialize;
use shakedown_core::sandbox::Unavailable;
use shakedown_core::target::{LiveTarget, Rights};
use shakedown_core::{Clock, TargetError};
use shakedown_runner::{Pool, Reached};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a target may take over one question.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Condition {
    /// It can be used.
    Ready,
    /// It can be used in part.
    LacksRights,
    /// It answers, but not what it was asked.
    Unclear,
    /// It is another one than the configuration pins.
    Mistaken,
    /// It cannot be reached.
    Away,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ready => "ready",
            Self::LacksRights => "lacks rights",
            Self::Unclear => "unclear",
            Self::Mistaken => "mistaken",
            Self::Away => "away",
        })
    }
}

/// One target.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Health {
    /// Its kind.
    pub(crate) target: &'static str,
    /// How it is.
    pub(crate) condition: Condition,
    /// Its address, without credentials.
    pub(crate) address: Option<String>,
    /// Its version, as it tells.
    pub(crate) version: Option<String>,
    /// What tells it from all others.
    pub(crate) identity: BTreeMap<String, String>,
    /// What the credentials permit, as far as the target tells.
    pub(crate) granted: Vec<String>,
    /// What they lack for checks to work.
    pub(crate) missing: Vec<String>,
    /// How far its clock is ahead of this machine's, in seconds, to the second.
    pub(crate) clock_ahead_s: Option<f64>,
    /// What should be known of it.
    pub(crate) warnings: Vec<String>,
    /// Why it is not ready, and what to do about it.
    pub(crate) problems: Vec<String>,
}

impl Health {
    fn new(target: &'static str, condition: Condition) -> Self {
        Self {
            target,
            condition,
            address: None,
            version: None,
            identity: BTreeMap::new(),
            granted: Vec::new(),
            missing: Vec::new(),
            clock_ahead_s: None,
            warnings: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// A part of the sandbox that cannot be had here.
    pub(crate) fn unavailable(target: &'static str, part: &Unavailable) -> Self {
        let problems = vec![part.to_string(), format!("`{}` would provide it", part.command)];
        Self { problems, ..Self::new(target, Condition::Away) }
    }

    fn away(target: &'static str, error: &TargetError) -> Self {
        let problem = format!("{}: {}", error.kind, error.message);
        Self {
            address: Some(error.address.clone()),
            problems: std::iter::once(problem).chain(error.remedy.clone()).collect(),
            ..Self::new(target, Condition::Away)
        }
    }
}

/// Connects a target and asks it.
pub(crate) async fn examine(pool: &Pool, kind: &'static str) -> anyhow::Result<Health> {
    let target = match pool.reach(kind, "doctor").await? {
        Reached::Known(target) | Reached::Connected(target) => target,
        Reached::Lost(absence) | Reached::Away(absence) => return Ok(Health::away(kind, &absence.error)),
    };
    let info = target.info().clone();
    let mut health = Health {
        address: Some(info.address),
        version: info.version,
        identity: info.identity,
        warnings: info.warnings,
        ..Health::new(kind, Condition::Ready)
    };
    let mut worsen = |condition: Condition, problems: &mut Vec<String>, problem: String| {
        problems.push(problem);
        if health.condition == Condition::Ready || condition == Condition::Mistaken {
            health.condition = condition;
        }
    };
    match answer("its rights", target.rights()).await {
        Ok(Rights { granted, missing }) => {
            let count = missing.len();
            (health.granted, health.missing) = (granted, missing);
            if count > 0 {
                worsen(Condition::LacksRights, &mut health.problems, format!("{count} rights are missing"));
            }
        }
        Err(problem) => worsen(Condition::Unclear, &mut health.problems, problem),
    }
    match clock_ahead(&target).await {
        Ok(ahead) => health.clock_ahead_s = ahead,
        Err(problem) => worsen(Condition::Unclear, &mut health.problems, problem),
    }
    if let Some(mistake) = pool.mistaken(&*target, kind) {
        worsen(Condition::Mistaken, &mut health.problems, mistake);
    }
    Ok(health)
}

async fn answer<T>(what: &str, question: impl Future<Output = Result<T, TargetError>>) -> Result<T, String> {
    match timeout(PATIENCE, question).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no word of {what} within {}", shakedown_core::duration::brief(PATIENCE))),
    }
}

/// How far the target's clock is ahead, taken in the middle between question and answer.
async fn clock_ahead(target: &Arc<dyn LiveTarget>) -> Result<Option<f64>, String> {
    let clock = Clock::system();
    let asked = clock.now();
    let told = answer("its time", target.time()).await?;
    let middle = asked + clock.now().duration_since(asked) / 2;
    Ok(told.map(|told| told.duration_since(middle).as_secs_f64().round()))
}
