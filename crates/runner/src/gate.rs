//! The one place where what a check or a fix would do meets the environment's policy.
//!
//! Only [`admit`] and [`admit_fix`] make a [`Permit`], and nothing is executed without one: no selection gets around it.
//! What does more than read must besides be [`confirm`]ed at the last moment: that every target whose identity the
//! configuration pins is the one that is meant.

use crate::pool::Pool;
use shakedown_config::Profile;
use shakedown_core::target::TargetInfo;
use shakedown_core::{CheckSpec, Effect, FixSpec, TargetError};

/// Proof that the policy of an environment admits a check or a fix.
#[derive(Clone, Debug)]
pub struct Permit(());

/// What the person at the keyboard has confirmed, beyond what the configuration allows.
#[derive(Clone, Debug, Default)]
pub struct Confirmation {
    /// The environment named by `--confirm`, the second opt-in that disruption asks for.
    pub environment: Option<String>,
}

/// Why a check is not admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The policy does not list the effect.
    #[error("{environment}'s policy forbids {effect}")]
    Forbidden {
        /// The environment.
        environment: String,
        /// What the check would have done.
        effect: Effect,
    },
    /// Disruption outside the sandbox asks for a second opt-in.
    #[error("{effect} in {environment} must be confirmed with `--confirm {environment}`")]
    Unconfirmed {
        /// The environment.
        environment: String,
        /// What the check would have done.
        effect: Effect,
    },
    /// Nobody knows whether it would hit the right system.
    #[error(
        "{effect} in {environment} asks for a known identity: pin `identity` in `[environments.{environment}.targets.{target}]`"
    )]
    Unpinned {
        /// The environment.
        environment: String,
        /// What the check would have done.
        effect: Effect,
        /// The target.
        target: &'static str,
    },
    /// The policy does not list the fix.
    #[error(
        "{environment}'s policy does not list the fix `{fix}`: add it to `fixes` in `[environments.{environment}.policy]`"
    )]
    FixForbidden {
        /// The environment.
        environment: String,
        /// The fix.
        fix: &'static str,
    },
    /// Writing to a live environment asks for a second opt-in.
    #[error("writing to {environment} must be confirmed with `--confirm {environment}`")]
    FixUnconfirmed {
        /// The environment.
        environment: String,
    },
}

/// Admits a check, or says why not.
pub(crate) fn admit(
    spec: &CheckSpec,
    profile: &Profile,
    confirmed: &Confirmation,
) -> Result<Permit, Refusal> {
    let (environment, effect) = (profile.environment.clone(), spec.effect);
    if !profile.policy.allow.contains(&effect) {
        return Err(Refusal::Forbidden { environment, effect });
    }
    let confirmed = confirmed.environment.as_deref() == Some(environment.as_str());
    if effect >= Effect::Disrupt && profile.sandbox.is_none() && !confirmed {
        return Err(Refusal::Unconfirmed { environment, effect });
    }
    let pinned = |kind: &str| profile.targets.get(kind).is_some_and(|target| !target.identity.is_empty());
    if effect >= Effect::Disrupt
        && profile.sandbox.is_none()
        && let Some(target) = spec.targets().find(|kind| !pinned(kind))
    {
        return Err(Refusal::Unpinned { environment, effect, target });
    }
    Ok(Permit(()))
}

/// Admits a fix, or says why not. The sandbox admits all; a live environment those that its policy lists, confirmed by
/// the person at the keyboard.
///
/// # Errors
/// The refusal, in words for the user.
pub fn admit_fix(spec: &FixSpec, profile: &Profile, confirmed: &Confirmation) -> Result<Permit, Refusal> {
    let environment = profile.environment.clone();
    if profile.sandbox.is_some() {
        return Ok(Permit(()));
    }
    if !profile.policy.fixes.contains(spec.id) {
        return Err(Refusal::FixForbidden { environment, fix: spec.id });
    }
    if confirmed.environment.as_deref() != Some(environment.as_str()) {
        return Err(Refusal::FixUnconfirmed { environment });
    }
    Ok(Permit(()))
}

/// A target is not the one that the configuration pins, or cannot be told to be.
#[derive(Clone, Debug)]
pub(crate) struct Mistake {
    /// Which, and why.
    pub(crate) error: TargetError,
    /// The check that carries the error.
    pub(crate) reported_by: String,
}

/// Whether something of that effect may be done now: reading always; anything else only where every target whose identity
/// is pinned is the one that is meant. Also the targets that were connected to find out.
pub(crate) async fn confirm(
    effect: Effect,
    pool: &Pool,
    asker: &str,
) -> (Result<(), Mistake>, Vec<(&'static str, TargetInfo)>) {
    if effect == Effect::Read { (Ok(()), Vec::new()) } else { pool.identities(asker).await }
}
