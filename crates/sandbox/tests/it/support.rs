//! A registry with the sandbox's parts, and sandboxes of them.

use serde_json::Value;
use shakedown_core::registry::Entries;
use shakedown_core::{
    Check, CheckError, Clock, Context, Effect, NoParams, Observation, Registry, Severity, Verdict,
    async_trait, register_check,
};
use shakedown_sandbox::{Options, Sandbox, SandboxError};

register_check! {
    /// A registry needs a check.
    struct Nothing(NoParams) {
        id: "sandbox.nothing",
        title: "Nothing",
        severity: Severity::Low,
        effect: Effect::Read,
    }
}

#[async_trait]
impl Check for Nothing {
    async fn run(&self, _: &Context) -> Result<Verdict, CheckError> {
        Ok(Verdict::of(Observation::seen("nothing")))
    }
}

/// What is linked into this test.
pub(crate) fn registry() -> Registry {
    Registry::from_entries(Entries::linked()).unwrap()
}

/// Starts only the parts named.
pub(crate) async fn start(kinds: &[&str], options: Value) -> Result<Sandbox, SandboxError> {
    let kinds = Some(kinds.iter().map(|&kind| kind.to_owned()).collect());
    Sandbox::start(&registry(), Options { clock: Clock::system(), options, kinds }).await
}

/// A sandbox with a MongoDB. None where that cannot be had; in CI that is a failure.
pub(crate) async fn with_mongo(options: Value) -> Option<Sandbox> {
    complete(start(&["mongo"], options).await.unwrap())
}

/// The sandbox, if none of its parts is missing; in CI a missing one is a failure.
pub(crate) fn complete(sandbox: Sandbox) -> Option<Sandbox> {
    let Some(missing) = sandbox.unavailable().first() else {
        return Some(sandbox);
    };
    #[expect(clippy::disallowed_methods, reason = "nobody passes arguments to a test")]
    let is_ci = std::env::var_os("CI").is_some();
    assert!(!is_ci, "{missing}");
    eprintln!("skipped: {missing}; to provide it: {}", missing.command);
    None
}
