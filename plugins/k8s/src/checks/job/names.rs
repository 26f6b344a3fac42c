//! What a job of Focus Server is called in the cluster, and which objects are its own.
//!
//! Objects are matched by the whole name and by UID: a prefix would take the pods of job `1-163` for those of `1-16`.

use crate::checks::ailment::owner;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// The beginning of the name of the Kubernetes Job that does the work.
pub(in crate::checks) const GRPC: &str = "grpc-job";
/// The beginning of the name of the one that ends it where nobody connects.
pub(in crate::checks) const CLEANUP: &str = "cleanup-job";
/// The beginning of the name of the Service that leads to its stream.
pub(super) const SERVICE: &str = "grpc-service";

/// The name of an object of a job.
pub(super) fn name_of(stem: &str, id: &str) -> String {
    format!("{stem}-{id}")
}

/// Whether a pod is one of this Kubernetes Job: by its whole name, and by the UID where both say one.
pub(super) fn belongs(pod: &Pod, job: &Job) -> bool {
    let labels = pod.metadata.labels.as_ref();
    let label = |name: &str| labels.and_then(|labels| labels.get(name)).map(String::as_str);
    let job_name = label("job-name").or_else(|| label("batch.kubernetes.io/job-name"));
    let uid = owner(pod, "Job").map(|(_, uid)| uid).or_else(|| label("controller-uid"));
    job_name == job.metadata.name.as_deref() && uid.is_some() && uid == job.metadata.uid.as_deref()
}

/// Whether an object of this name is of a job of Focus Server that began since the run did: `k8s.job.*` judges those,
/// and nobody else does.
pub(in crate::checks) fn is_of_this_run(
    name: &str,
    created: Option<&Time>,
    began: Option<Timestamp>,
) -> bool {
    let is_of_a_job =
        [GRPC, CLEANUP].iter().any(|stem| name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-')));
    is_of_a_job && created.zip(began).is_some_and(|(created, began)| created.0 >= began)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::object;
    use serde_json::json;

    fn job(id: &str) -> Job {
        object(json!({ "metadata": { "name": name_of(GRPC, id), "uid": format!("uid of {id}") } }))
    }

    fn pod(id: &str, uid: &str) -> Pod {
        let name = name_of(GRPC, id);
        object(json!({ "metadata": {
            "name": format!("{name}-x7k2p"),
            "labels": { "app": name, "job-name": name, "controller-uid": uid },
        }}))
    }

    #[test]
    fn a_job_does_not_own_the_pods_of_one_whose_name_begins_alike() {
        assert!(belongs(&pod("1-16", "uid of 1-16"), &job("1-16")));
        assert!(!belongs(&pod("1-163", "uid of 1-163"), &job("1-16")));
        assert!(!belongs(&pod("1-163", "uid of 1-16"), &job("1-16")));
        assert!(!belongs(&pod("1-16", "uid of an earlier 1-16"), &job("1-16")), "a name may come again");
    }

    #[test]
    fn only_a_job_that_began_since_the_run_did_is_of_this_run() {
        let (began, later) =
            (Timestamp::from_second(100).unwrap(), Time(Timestamp::from_second(101).unwrap()));
        assert!(is_of_this_run("grpc-job-1-16", Some(&later), Some(began)));
        assert!(is_of_this_run("cleanup-job-1-16", Some(&later), Some(began)));
        assert!(!is_of_this_run("nightly-backup", Some(&later), Some(began)));
        let earlier = Time(Timestamp::from_second(99).unwrap());
        assert!(!is_of_this_run("grpc-job-1-16", Some(&earlier), Some(began)));
        assert!(!is_of_this_run("grpc-job-1-16", Some(&later), None), "nobody knows when it began");
    }

    #[test]
    fn the_owner_counts_more_than_the_label() {
        let mut pod = pod("1-16", "uid of 1-16");
        let owned = |uid: &str| json!([{ "apiVersion": "batch/v1", "kind": "Job", "name": "grpc-job-1-16", "uid": uid, "controller": true }]);
        pod.metadata.owner_references = Some(object(owned("another uid")));
        assert!(!belongs(&pod, &job("1-16")));
        pod.metadata.owner_references = Some(object(owned("uid of 1-16")));
        assert!(belongs(&pod, &job("1-16")));
        pod.metadata.owner_references = None;
        pod.metadata.labels.as_mut().unwrap().remove("controller-uid");
        assert!(!belongs(&pod, &job("1-16")), "nothing says whose it is");
    }
}
