//! The small ordered vocabularies: status, severity, effect and gate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Generates `ALL`, `as_str`, `Display` and `FromStr` for an enum whose values users write in lower case.
macro_rules! words {
    ($type:ty { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every value, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word users read and write.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("`{word}` is none of {}", [$($word),+].join(", "))),
                }
            }
        }
    };
}
pub(crate) use words;

/// How a check ended. Ordered by weight: nothing asked, then from the best answer to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was not asked, and the reason is said.
    Skipped,
    /// The answer is yes.
    Passed,
    /// The answer is yes, with a reservation.
    Warned,
    /// There is no answer: the target, the deadline or the check itself stood in the way.
    Errored,
    /// The answer is no.
    Failed,
}
words!(Status { Skipped => "skipped", Passed => "passed", Warned => "warned", Errored => "errored", Failed => "failed" });

impl Status {
    /// Whether checks that require this one may run.
    pub const fn satisfies(self) -> bool {
        matches!(self, Self::Passed | Self::Warned)
    }
}

/// How much it matters when the answer is no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Cosmetic, or of interest to specialists.
    Low,
    /// Worth mending in the normal course of work.
    Medium,
    /// Mend soon: users are affected.
    High,
    /// Mend now: the environment is not fit for use.
    Critical,
}
words!(Severity { Low => "low", Medium => "medium", High => "high", Critical => "critical" });

impl Severity {
    /// The heading of the to-do list under which a finding of this severity stands.
    pub const fn urgency(self) -> &'static str {
        match self {
            Self::Critical => "urgent",
            Self::High => "soon",
            Self::Medium | Self::Low => "when convenient",
        }
    }
}

/// What running a check does to its target, from harmless to disruptive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Only reads.
    Read,
    /// Creates jobs or messages that end by themselves.
    Create,
    /// Creates so much of it that others notice.
    Load,
    /// Deletes, scales or cuts.
    Disrupt,
}
words!(Effect { Read => "read", Create => "create", Load => "load", Disrupt => "disrupt" });

/// Whether a check's answer decides the verdict on the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", tag = "gate")]
pub enum Gate {
    /// It decides.
    #[default]
    Required,
    /// It is reported and decides nothing.
    Informational,
    /// It is known to fail and tolerated until a date.
    Waived {
        /// Why it is tolerated.
        reason: String,
        /// Where it is followed up.
        ticket: String,
        /// The last day (UTC) on which the waiver counts.
        expires: String,
    },
}

impl Gate {
    /// The word users read.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Informational => "informational",
            Self::Waived { .. } => "waived",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for severity in Severity::ALL {
            assert_eq!(severity.as_str().parse::<Severity>().as_ref(), Ok(severity));
        }
        assert!("urgent".parse::<Severity>().unwrap_err().contains("low, medium, high, critical"));
    }

    #[test]
    fn a_bad_answer_outweighs_no_answer() {
        assert!(Status::Failed > Status::Errored && Status::Errored > Status::Warned);
        assert!(!Status::Skipped.satisfies());
    }
}
