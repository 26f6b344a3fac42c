//! `focus-api.prelaunch.view`

use crate::checks::{JOBS, READY};
use crate::refusal::{Nonsense, examine};
use crate::request::ConfigureRequest;
use crate::target::FocusApi;
use shakedown_core::{
    Check, CheckError, Context, Effect, NoParams, Severity, Verdict, async_trait, fault, register_check,
};

register_check! {
    /// A type of view that does not exist is refused.
    ///
    /// View type 999 is asked for; there are 0, 1 and 2. A refusal with 400, 422 or 404 will do.
    ///
    /// # Why it matters
    /// The analyzer does not know what to compute, so the job it is started for delivers nothing, or something else than
    /// the client believes to see.
    ///
    /// # How to mend it
    /// Declare `view_type` as an enumeration of 0, 1 and 2 where the request is validated.
    pub(super) struct InvalidView(NoParams) {
        id: "focus-api.prelaunch.view",
        title: "A type of view that does not exist is refused",
        severity: Severity::Medium,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13878"],
        tags: &["api", "prelaunch"],
        requires: READY,
        group: JOBS,
        proofs: &[fault("focus-api.view-unchecked", "view-accepted")],
    }
}

#[async_trait]
impl Check for InvalidView {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let request = ConfigureRequest::live(&client.fiber(cx).await?).set("/view_type", 999);
        let nonsense =
            Nonsense { what: "view type 999", accepted: "view-accepted", fields: &["view_type", "view"] };
        examine(cx, &client, &request, nonsense).await
    }
}
