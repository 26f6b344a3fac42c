//! `focus-api.config.height`

use crate::checks::{JOBS, READY};
use crate::refusal::{self, Nonsense};
use shakedown_core::{
    Cases, Check, CheckError, Context, Effect, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// A picture without height is refused.
    ///
    /// Heights of −100 and of 0 pixels are asked for. Each must be refused with 400, 422 or 404.
    ///
    /// # Why it matters
    /// The server divides the time axis by the height. It was seen to accept both, and to start a job that cannot draw.
    ///
    /// # How to mend it
    /// Refuse `displayInfo.height` < 1 where the request is validated.
    pub(super) struct Height(NoParams) {
        id: "focus-api.config.height",
        title: "A picture without height is refused",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13878"],
        tags: &["api", "validation"],
        requires: READY,
        group: JOBS,
        proofs: &[fault("focus-api.heights-unchecked", "height-accepted")],
    }
}

#[async_trait]
impl Check for Height {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let valid = ConfigureRequest::live(&client.fiber(cx).await?);
        let mut cases = Cases::new();
        for height in [-100, 0] {
            let what = format!("a height of {height}");
            let nonsense = Nonsense { what: &what, accepted: "height-accepted", fields: &["height"] };
            let request = valid.clone().set("/displayInfo/height", height);
            let name = format!("height = {height}");
            cases.push(refusal::case(cx, &client, (&name, &["PZ-13878"]), &request, nonsense).await);
        }
        cases.verdict()
    }
}
