//! `k8s.pods.images`

use crate::checks::ailment::{Ailment, Kind};
use crate::checks::ward::{PODS, Ward, kubectl, name, subject};
use k8s_openapi::api::core::v1::Pod;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use std::time::Duration;

register_check! {
    /// Every pod has the images of its containers.
    ///
    /// The finding names the image and what the registry or the node said. Pods of one workload that lack the same image
    /// are one finding.
    ///
    /// # Why it matters
    /// Without its image a container never starts: after a deployment to a wrong tag the old pods go, and no new ones come.
    ///
    /// # How to mend it
    /// Correct the name or the tag, push the image, or give the pod the secret that the registry asks for
    /// (`imagePullSecrets`). A cluster without a way to the registry needs a mirror.
    pub(crate) struct Images(NoParams) {
        id: "k8s.pods.images",
        title: "Every pod has the images of its containers",
        severity: Severity::Critical,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13899"],
        tags: &["smoke"],
        requires: PODS,
        proofs: &[fault("k8s.image-pull", "image-pull")],
    }
}

/// A pod that is just being made does not say yet whether it has its image: it is waited for so long.
const SETTLING: Duration = Duration::from_secs(10);
/// The words for that.
const MAKING: [&str; 3] = ["Pending", "ContainerCreating", "PodInitializing"];

#[async_trait]
impl Check for Images {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let is_being_made = |ailment: &Ailment| MAKING.contains(&ailment.reason.as_str());
        let ward = Ward::settled(cx, SETTLING, is_being_made).await?;
        ward.verdict(cx, &ward.patients_with(Kind::Image), tell)
    }
}

fn tell(pod: &Pod, ailment: &Ailment) -> Finding {
    let container = ailment.container.as_deref().unwrap_or_default();
    let message = format!("the image of container `{container}` cannot be had: {}", ailment.message);
    let (kubectl, pod_name) = (kubectl(&pod.metadata), name(&pod.metadata));
    Finding::new("image-pull", Cause::Environment, subject("pod", &pod.metadata), message)
        .expected("the image is on the node", &ailment.reason)
        .remedy(
            format!(
                "see what the registry says: `{kubectl} describe pod {pod_name}`; then correct the image's name or tag, or \
                 the secret it is pulled with"
            ),
            "minutes",
        )
}
