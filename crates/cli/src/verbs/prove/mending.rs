//! The proof of a fix: the check fails under the fault, passes once the fix is applied, and fails again once it is undone.

use super::experiment::{Laboratory, describe};
use anyhow::Context as _;
use shakedown_core::fix::Standing;
use shakedown_core::redact::Redactor;
use shakedown_core::{CheckSpec, Clock, Outcome, Status};
use shakedown_runner::{Confirmation, MendRequest, Mender, UndoFile, UndoHeader, admit_fix, read_undo};
use shakedown_sandbox::Sandbox;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Laboratory {
    /// Whether the fix was seen to mend and to be undone, and what was seen.
    pub(super) async fn mend(
        &self,
        spec: &'static CheckSpec,
        fix: &'static str,
        fault: &'static str,
        sandbox: &Sandbox,
    ) -> Result<(bool, String), String> {
        sandbox.inject(fault).await.map_err(|error| error.to_string())?;
        self.mend_and_undo(spec, fix, sandbox).await.map_err(|error| format!("{error:#}"))
    }

    async fn mend_and_undo(
        &self,
        spec: &'static CheckSpec,
        fix: &'static str,
        sandbox: &Sandbox,
    ) -> anyhow::Result<(bool, String)> {
        let profile = self.profile_in(sandbox);
        let ask = async || self.ask(spec, &profile, Vec::new()).await.map_err(anyhow::Error::msg);
        let fix = self.registry.fix(fix).context("the fix is not registered")?;
        let wanted = fix.instead_of.unwrap_or(fix.id);
        let found =
            |outcome: &Outcome| outcome.all_findings().any(|finding| finding.fix.as_deref() == Some(wanted));
        let broken = ask().await?;
        if !found(&broken) {
            return Ok((false, format!("no finding names the fix: {}", describe(&broken))));
        }

        let mender = Mender::new(MendRequest {
            registry: &self.registry,
            profile: &profile,
            id: "prove",
            directory: None,
            redactor: Redactor::default(),
            clock: Clock::system(),
            interrupt: self.interrupt.clone(),
            progress: Box::new(|_, _| {}),
        });
        let permit = admit_fix(fix, &profile, &Confirmation::default())?;
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("undo.jsonl");
        let header = UndoHeader::new("prove", &profile.environment, Clock::system().now(), BTreeMap::new());
        let undo = Arc::new(UndoFile::create(&path, &header)?);
        for step in mender.plan(fix).await? {
            if let Some(blocked) = step.blocked {
                return Ok((false, format!("{}: blocked: {blocked}", step.action)));
            }
            mender.apply(&permit, fix, step, &undo).await?;
        }
        let after = ask().await?;
        if after.status != Status::Passed {
            return Ok((false, format!("with the fix applied: {}", describe(&after))));
        }

        for change in read_undo(&path)?.1 {
            let standing = mender.revert(&permit, fix, &change).await?;
            if standing != Standing::AsBefore {
                return Ok((false, format!("the change {} cannot be undone: {standing:?}", change.number)));
            }
        }
        let again = ask().await?;
        if !found(&again) {
            return Ok((false, format!("with the fix undone: {}", describe(&again))));
        }
        Ok((true, format!("mended, undone: {}", describe(&again))))
    }
}
