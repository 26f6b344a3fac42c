//! `focus-api.config.freq-variants`

use crate::checks::{JOBS, STARTS};
use shakedown_core::verdict::Case;
use shakedown_core::{
    Cases, Check, CheckError, Context, Effect, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// Every range of frequencies that the fiber allows is served.
    ///
    /// Five ranges are asked for, wide and narrow, at the lower end, in the middle and at the upper end, and one up to
    /// 80 % of what the pulse rate allows. They are computed from the pulse rate in live metadata. Each must start a job.
    ///
    /// # Why it matters
    /// Operators narrow the range to what they look for. A range that is refused without reason is a blind spot.
    ///
    /// # How to mend it
    /// The finding has the server's own reason. Compare limits with `prr / 2`, and do not demand that ranges begin at 0.
    pub(super) struct FrequencyVariants(NoParams) {
        id: "focus-api.config.freq-variants",
        title: "Every range of frequencies that the fiber allows is served",
        severity: Severity::Medium,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13819", "PZ-13904", "PZ-14100", "PZ-13902"],
        tags: &["api"],
        requires: STARTS,
        group: JOBS,
        proofs: &[fault("focus-api.frequencies-from-zero-only", "valid-refused")],
    }
}

#[async_trait]
impl Check for FrequencyVariants {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let nyquist = fiber.nyquist();
        if nyquist < 20 {
            return Err(CheckError::not_applicable(format!(
                "a limit of {nyquist} Hz leaves no ranges to choose"
            )));
        }
        let percent = |share: i64| nyquist * share / 100;
        let variants: [(&str, &[&str], i64, i64); 6] = [
            ("low", &["PZ-13819", "PZ-13904"], 0, percent(10)),
            ("lower half", &["PZ-13819", "PZ-13904"], percent(5), percent(50)),
            ("narrow", &["PZ-13819", "PZ-13904"], percent(40), percent(40) + 5),
            ("upper end", &["PZ-13819", "PZ-13904"], percent(60), percent(95)),
            ("within the limit", &["PZ-14100", "PZ-13902"], 0, percent(80)),
            ("all", &["PZ-13819", "PZ-13904"], 0, nyquist.min(1000)),
        ];
        let mut cases = Cases::new();
        for (name, keys, min, max) in variants {
            let what = format!("a valid request for {min} to {max} Hz");
            let request = ConfigureRequest::live(&fiber)
                .channels(&fiber, 2)
                .set("/frequencyRange/min", min)
                .set("/frequencyRange/max", max);
            let answer = client.accepted(cx, &request, &what, |_| Vec::new()).await;
            cases.push(Case::new(name, keys, answer));
        }
        cases.verdict()
    }
}
