//! `k8s.job.label`

use super::names::GRPC;
use super::started::Started;
use super::{ALSO, JOBS, RUNS};
use k8s_openapi::api::core::v1::Pod;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Gate, Observation, Params, Severity, Verdict,
    async_trait, fault, register_check,
};
use std::time::Duration;

register_check! {
    /// The pod of a job says whose it is: its label `job_id` names the job.
    ///
    /// One live job is started, and the labels of its pod are read. A pod without the label is only noted, since the
    /// deployed server sets none, unless `required` asks for it; a label that names another job is a failure.
    ///
    /// # Why it matters
    /// What looks for pods by that label finds none, or somebody else's: the metadata of a job was once not to be had
    /// because of it. The whole name of the Job, `grpc-job-<id>`, finds them in any case.
    ///
    /// # How to mend it
    /// Set the label in the template that the job's manifest is made from, to the id that `/configure` answers.
    pub(super) struct JobLabel(JobLabelParams) {
        id: "k8s.job.label",
        title: "The label `job_id` of a job's pod names the job",
        severity: Severity::Medium,
        effect: Effect::Create,
        target: Some("k8s"),
        also: ALSO,
        tags: &["jobs"],
        requires: RUNS,
        group: JOBS,
        gate: Gate::Informational,
        timeout: Some(Duration::from_mins(1)),
        proofs: &[fault("k8s.job-label", "label-differs")],
    }
}

/// How much is asked.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct JobLabelParams {
    /// Whether a pod without the label is a failure.
    required: bool,
}

impl Params for JobLabelParams {}

const LABEL: &str = "job_id";

#[async_trait]
impl Check for JobLabel {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let started = Started::live(cx).await?;
        let (_, pod) = started.running(cx).await?;
        let labels = pod.metadata.labels.as_ref().map_or(0, std::collections::BTreeMap::len);
        let verdict = Verdict::of(Observation::counted(labels as u64, "labels of the job's pod")?);
        Ok(verdict.with_all(judge(&started.name(GRPC), &started.job.id, &pod, self.params.required)))
    }
}

fn judge(job: &str, id: &str, pod: &Pod, required: bool) -> Option<Finding> {
    let label = pod.metadata.labels.as_ref().and_then(|labels| labels.get(LABEL));
    let finding = |code, message: String| {
        Finding::new(code, Cause::Product, format!("Job {job}"), message).remedy(
            "set it in the template of the job's manifest, to the id that `/configure` answers",
            "hours",
        )
    };
    match label {
        Some(label) if label == id => None,
        Some(label) => {
            let message = format!("the label `{LABEL}` of the pod of job {id} names another job, {label}");
            Some(finding("label-differs", message).expected(id, label))
        }
        None => {
            let message = format!("the pod of job {id} has no label `{LABEL}`");
            let finding =
                finding("label-missing", message).expected(format!("{LABEL}={id}"), "no such label");
            Some(if required { finding } else { Finding { cause: Cause::Expected, ..finding.note() } })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::well;
    use serde_json::json;
    use shakedown_core::finding::Weight;

    #[test]
    fn a_missing_label_is_known_and_a_wrong_one_is_not() {
        let of = |labels, required| judge("grpc-job-1-16", "1-16", &well("p", labels), required);
        assert!(of(json!({ "job_id": "1-16" }), true).is_none());
        assert_eq!(of(json!({ "job_id": "1-163" }), false).unwrap().code, "label-differs");
        assert_eq!(of(json!({ "app": "x" }), false).unwrap().weight, Weight::Note);
        assert_eq!(of(json!({ "app": "x" }), true).unwrap().weight, Weight::Fail);
    }
}
