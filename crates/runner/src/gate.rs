//! The one place where a check's effect meets the environment's policy.
//!
//! Only [`admit`] makes a [`Permit`], and nothing is executed without one: no selection gets around it.

use shakedown_config::Profile;
use shakedown_core::{CheckSpec, Effect};

/// Proof that the policy of an environment admits a check.
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
    Ok(Permit(()))
}
