//! Scenarios that a worker process can build by name.

use crate::arrivals::Share;
use crate::scenario::Scenario;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shakedown_core::suggest::nearest;
use shakedown_core::{Docs, check::Source};
use std::sync::Arc;

/// Builds a scenario, or says in words why there is none.
pub type Build = fn(&Value, Share) -> Result<Arc<dyn Scenario>, String>;

/// A registered scenario: const data and a factory.
pub struct ScenarioSpec {
    /// Stable name, for example `http.get`.
    pub name: &'static str,
    /// What it does.
    pub docs: Docs,
    /// Whether it makes things that must be removed again. Such a scenario runs only in the program's own process, where
    /// the cleanup ledger and the budget of jobs are.
    pub creates: bool,
    /// Where it is registered.
    pub source: Source,
    /// Builds it from its parameters, for the worker with this share of the load.
    pub build: Build,
}

inventory::collect!(ScenarioSpec);

/// Registers a scenario, so that a worker process can build it by name:
///
/// ```text
/// register_scenario! {
///     /// Asks for one path again and again.
///     "http.get": GetParams => |params, share| Get::new(params, share.index),
///     creates: false,
/// }
/// ```
///
/// The function takes the parameters, which implement `Deserialize`, and which of the workers it is for. It returns the
/// scenario or, in words, why there is none.
#[macro_export]
macro_rules! register_scenario {
    ($(#[doc = $doc:literal])+ $name:literal: $params:ty => $new:expr, creates: $creates:literal $(,)?) => {
        $crate::workers::__private::inventory::submit! {
            $crate::workers::ScenarioSpec {
                name: $name,
                docs: $crate::workers::__private::core::Docs(concat!($($doc, "\n"),+)),
                creates: $creates,
                source: $crate::workers::__private::core::source!(),
                build: |value, share| {
                    let new: fn($params, $crate::arrivals::Share) -> Result<_, String> = $new;
                    let params = $crate::workers::__private::read::<$params>(value)?;
                    Ok(::std::sync::Arc::new(new(params, share)?))
                },
            }
        }
    };
}

/// Why a scenario cannot be had, or not in another process.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// Nobody registered it.
    #[error("no scenario is called `{name}`; {hint}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        hint: String,
    },
    /// Several registered it.
    #[error("several scenarios are called `{name}`: {places}")]
    Ambiguous {
        /// The name.
        name: String,
        /// Who did.
        places: String,
    },
    /// It makes things, so that it must stay in the program's own process.
    #[error(
        "scenario `{0}` makes things that must be removed again, so that it cannot run in another process"
    )]
    Creates(String),
    /// Its parameters are wrong.
    #[error("scenario `{name}` refuses its parameters: {why}")]
    Params {
        /// The name.
        name: String,
        /// Its reason.
        why: String,
    },
}

/// All scenarios that were linked, by name.
pub fn scenarios() -> Vec<&'static ScenarioSpec> {
    let mut all: Vec<_> = inventory::iter::<ScenarioSpec>().collect();
    all.sort_by_key(|spec| (spec.name, spec.source.package, spec.source.line));
    all
}

/// The scenario of that name, if another process may run it.
///
/// # Errors
/// That there is none, with the nearest name; that there are several; that it makes things.
pub fn shippable(name: &str) -> Result<&'static ScenarioSpec, ScenarioError> {
    let all = scenarios();
    let found: Vec<_> = all.iter().filter(|spec| spec.name == name).collect();
    match found[..] {
        [spec] if spec.creates => Err(ScenarioError::Creates(name.to_owned())),
        [spec] => Ok(spec),
        [] => {
            let names = || all.iter().map(|spec| spec.name);
            let hint = match nearest(name, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if all.is_empty() => "none is registered".to_owned(),
                None => format!(
                    "there are {}",
                    names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
                ),
            };
            Err(ScenarioError::Unknown { name: name.to_owned(), hint })
        }
        _ => {
            let places = found.iter().map(|spec| spec.source.to_string()).collect::<Vec<_>>().join(", ");
            Err(ScenarioError::Ambiguous { name: name.to_owned(), places })
        }
    }
}

/// Builds a scenario that may run in another process.
///
/// # Errors
/// As [`shippable`], and that it refuses its parameters.
pub(super) fn build(name: &str, params: &Value, share: Share) -> Result<Arc<dyn Scenario>, ScenarioError> {
    let spec = shippable(name)?;
    (spec.build)(params, share).map_err(|why| ScenarioError::Params { name: name.to_owned(), why })
}

/// What the macro expands to; not part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use inventory;
    pub use shakedown_core as core;

    /// Reads parameters.
    pub fn read<P: super::DeserializeOwned>(value: &serde_json::Value) -> Result<P, String> {
        P::deserialize(value).map_err(|error| error.to_string())
    }
}
