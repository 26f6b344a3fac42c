//! `focus-api.prelaunch.view`

use crate::checks::{JOBS, READY};
use crate::refusal::{self, Nonsense};
use serde_json::{Value, json};
use shakedown_core::{
    Cases, Check, CheckError, Context, Effect, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// A type of view that does not exist is refused.
    ///
    /// There are 0, 1 and 2. View types −1, 3, 100 and 999 are asked for, and one in words. A refusal with 400, 422 or 404
    /// will do. What the server makes of `"0"` is noted by `focus-api.view.valid`.
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
        keys: &["PZ-13878", "PZ-14093", "PZ-13914", "PZ-14094", "PZ-13913"],
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
        let fiber = client.fiber(cx).await?;
        let valid = ConfigureRequest::live(&fiber).channels(&fiber, 1);
        let rows: [(&str, &[&str], Value); 5] = [
            ("view type 999", &["PZ-13878", "PZ-14093", "PZ-13914"], json!(999)),
            ("view type -1", &["PZ-14093", "PZ-13914"], json!(-1)),
            ("view type 3", &["PZ-14093", "PZ-13914"], json!(3)),
            ("view type 100", &["PZ-14093", "PZ-13914"], json!(100)),
            ("a view type in words", &["PZ-14094", "PZ-13913"], json!("multichannel")),
        ];
        let mut cases = Cases::new();
        for (what, keys, view) in rows {
            let nonsense = Nonsense { what, accepted: "view-accepted", fields: &["view_type", "view"] };
            let request = valid.clone().set("/view_type", view);
            cases.push(refusal::case(cx, &client, (what, keys), &request, nonsense).await);
        }
        cases.verdict()
    }
}
