//! What the credential may do, and which checks have no answer where it may not.

use crate::client::K8sClient;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use shakedown_core::TargetError;
use shakedown_core::target::Rights;

/// Something that checks read.
struct Right {
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
    verbs: &'static [&'static str],
    /// Whether it is read in the whole cluster rather than in the namespace.
    everywhere: bool,
    /// What has no answer without it.
    needed_for: &'static str,
}

const fn here(group: &'static str, resource: &'static str, needed_for: &'static str) -> Right {
    Right { group, resource, subresource: "", verbs: &["list"], everywhere: false, needed_for }
}

const RIGHTS: [Right; 12] = [
    Right { verbs: &["list", "watch"], ..here("", "pods", "all checks of pods, of components and of jobs") },
    Right { verbs: &["get"], subresource: "log", ..here("", "pods", "the checks of logs") },
    here("", "events", "the checks of events, and why pods are pending"),
    here("", "services", "the checks of services and of stream ports"),
    here("", "endpoints", "whether services lead anywhere"),
    here("", "secrets", "whether certificates expire (TLS Secrets only; private keys are not kept)"),
    here("apps", "deployments", "the checks of components"),
    here("apps", "statefulsets", "the checks of components"),
    Right {
        verbs: &["list", "watch"],
        ..here("batch", "jobs", "the checks of jobs and of what they leave behind")
    },
    Right { everywhere: true, ..here("", "nodes", "the checks of nodes") },
    Right {
        verbs: &["get"],
        everywhere: true,
        ..here("", "namespaces", "telling this cluster from others (`uid`)")
    },
    here("metrics.k8s.io", "pods", "the use of CPU and memory in the evidence"),
];

/// The right itself, as a question to the server, and as a line where the answer is no.
struct Question {
    right: &'static Right,
    verb: &'static str,
}

impl Question {
    /// As `pods/log`.
    fn object(&self) -> String {
        let Right { group, resource, subresource, .. } = self.right;
        let mut object = (*resource).to_owned();
        if !subresource.is_empty() {
            object = format!("{object}/{subresource}");
        }
        if !group.is_empty() {
            object = format!("{object}.{group}");
        }
        object
    }

    fn review(&self, namespace: &str) -> SelfSubjectAccessReview {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let attributes = ResourceAttributes {
            group: Some(self.right.group.to_owned()),
            resource: some(self.right.resource),
            subresource: some(self.right.subresource),
            verb: some(self.verb),
            namespace: (!self.right.everywhere).then(|| namespace.to_owned()),
            ..ResourceAttributes::default()
        };
        SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() },
            ..SelfSubjectAccessReview::default()
        }
    }

    fn granted(&self) -> String {
        let place = if self.right.everywhere { " in the cluster" } else { "" };
        format!("{} {}{place}", self.verb, self.object())
    }

    fn missing(&self, namespace: &str) -> String {
        let place = if self.right.everywhere {
            "in the cluster".to_owned()
        } else {
            format!("in the namespace `{namespace}`")
        };
        let kind = if self.right.everywhere { "ClusterRole" } else { "Role" };
        format!(
            "may not {} {} {place}, needed for {}: grant it by a {kind}",
            self.verb,
            self.object(),
            self.right.needed_for
        )
    }
}

/// Asks for each right whether the credential has it.
pub(crate) async fn survey(client: &K8sClient) -> Result<Rights, TargetError> {
    let mut rights = Rights::default();
    for right in &RIGHTS {
        for verb in right.verbs {
            let question = Question { right, verb };
            if allowed(client, &question).await? {
                rights.granted.push(question.granted());
            } else {
                rights.missing.push(question.missing(&client.namespace));
            }
        }
    }
    Ok(rights)
}

async fn allowed(client: &K8sClient, question: &Question) -> Result<bool, TargetError> {
    let what = format!("ask whether we may {} {}", question.verb, question.object());
    let reviews = client.everywhere::<SelfSubjectAccessReview>();
    let (review, params) = (question.review(&client.namespace), PostParams::default());
    match client.ask_within(client.patience, &what, reviews.create(&params, &review)).await {
        Ok(answer) => Ok(answer.status.is_some_and(|status| status.allowed)),
        Err(trouble) => Err(trouble.into_target(&client.place)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn a_missing_right_says_what_has_no_answer() {
        let logs = Question { right: &RIGHTS[1], verb: "get" };
        assert_snapshot!(logs.missing("panda"), @"may not get pods/log in the namespace `panda`, needed for the checks of logs: grant it by a Role");
        let review = logs.review("panda").spec.resource_attributes.unwrap();
        assert_eq!(
            (review.namespace.as_deref(), review.subresource.as_deref()),
            (Some("panda"), Some("log"))
        );
        let nodes = Question { right: &RIGHTS[9], verb: "list" };
        assert_snapshot!(nodes.missing("panda"), @"may not list nodes in the cluster, needed for the checks of nodes: grant it by a ClusterRole");
        assert_eq!(nodes.review("panda").spec.resource_attributes.unwrap().namespace, None);
    }
}
