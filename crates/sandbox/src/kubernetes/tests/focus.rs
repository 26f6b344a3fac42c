//! The jobs of the Focus Server, as objects of the cluster.

use super::{Life, container};
use crate::kubernetes::faults::{Fault, Faults};
use crate::kubernetes::focus_jobs::{Configured, End, begin, end};
use crate::kubernetes::kinds::{EVENT, JOB, SERVICE};
use crate::kubernetes::objects::{holds, is_ready, items, label, name, number, text};
use crate::kubernetes::seed::FOCUS_SERVER;
use serde_json::Value;
use std::sync::Arc;

const STREAM: &str = "grpc-job-1-3";
const CLEANUP: &str = "cleanup-job-1-3";
const SERVED: &str = "grpc-service-1-3";

fn configure(faults: &[Fault]) -> Life {
    let mut life = Life::healthy();
    let mut on = Faults::default();
    for fault in faults {
        on.turn_on(*fault);
    }
    let job = Configured {
        id: "1-3".to_owned(),
        port: 12301,
        channels: (1, 8),
        nfft: 1024,
        frequencies: (0, 1000),
        streams: 8,
        history: None,
    };
    begin(&mut life.keeper, &job, &on).unwrap();
    life.pass(1);
    life
}

fn pod(life: &Life, job: &str) -> Option<Arc<Value>> {
    life.pods("job-name", job).into_iter().next()
}

#[test]
fn a_job_becomes_two_jobs_and_a_service() {
    let life = configure(&[]);
    for job in [STREAM, CLEANUP] {
        let pod = pod(&life, job).unwrap();
        assert_eq!(text(&pod, "/status/phase"), "Running");
        assert!(is_ready(&pod));
        assert_eq!(label(&pod, "app"), job);
        assert_eq!(label(&pod, "job_id"), "", "there is no such label");
        assert!(!label(&pod, "controller-uid").is_empty());
        assert!(name(&pod).starts_with(&format!("{job}-")));
        assert!(!life.log(&pod, false).is_empty());
    }
    let service = life.get(&SERVICE, SERVED);
    assert_eq!(label(&service, "app"), "grpc-service");
    assert_eq!(text(&service, "/spec/type"), "NodePort");
    assert_eq!(number(&service, "/spec/ports/0/nodePort"), Some(12301));
    assert_eq!(number(&service, "/spec/ports/0/port"), Some(12301));
    let endpoints = life.get(&crate::kubernetes::kinds::ENDPOINTS, SERVED);
    assert_eq!(items(&endpoints, "/subsets/0/addresses").len(), 1);
    let log = life.log(&life.pod_of(FOCUS_SERVER), false);
    assert!(log.contains("Running RPC command: /opt/analyzer/analyzer --roi 1 8"), "{log}");
    assert!(log.contains("Applied YAML from /tmp/jobs/job-1-3.yml"), "{log}");
    assert!(life.warnings().is_empty());
}

#[test]
fn a_job_to_which_nobody_connects_is_cleaned_up() {
    let mut life = configure(&[]);
    end(&mut life.keeper, "1-3", End::Unattended, false);
    life.pass(1);
    for job in [STREAM, CLEANUP] {
        assert_eq!(text(&pod(&life, job).unwrap(), "/status/phase"), "Succeeded");
        assert!(holds(&life.get(&JOB, job), "Complete"));
    }
    assert!(life.store.get(&SERVICE, "panda", SERVED).is_err());
    life.pass(118);
    assert_eq!(life.list(&JOB).len(), 2);
    life.pass(3);
    assert!(life.list(&JOB).is_empty());
    assert!(pod(&life, STREAM).is_none());
}

#[test]
fn a_cancelled_job_is_gone_at_once() {
    let mut life = configure(&[]);
    end(&mut life.keeper, "1-3", End::Cancelled, false);
    life.keeper.settle_all();
    let ending = pod(&life, STREAM).unwrap();
    assert!(!ending["metadata"]["deletionTimestamp"].is_null());
    life.pass(1);
    assert!(life.list(&JOB).is_empty());
    assert!(pod(&life, STREAM).is_none() && pod(&life, CLEANUP).is_none());
}

#[test]
fn a_job_that_ends_before_its_pod_runs_leaves_nothing() {
    let mut life = configure(&[Fault::JobPending]);
    let waiting = pod(&life, STREAM).unwrap();
    assert_eq!(text(&waiting, "/status/phase"), "Pending");
    assert_eq!(container(&waiting)["state"]["waiting"]["reason"], "ContainerCreating");
    let events = life.list(&EVENT);
    let why = events.iter().find(|event| event["type"] == "Warning").unwrap();
    assert!(text(why, "/message").contains("no IP addresses available"), "{why}");
    end(&mut life.keeper, "1-3", End::Over, false);
    life.pass(1);
    assert!(life.store.get(&JOB, "panda", STREAM).is_err());
    assert!(pod(&life, STREAM).is_none());
}

#[test]
fn faults_of_a_job_show() {
    let life = configure(&[Fault::JobNoPod]);
    assert!(pod(&life, STREAM).is_none());
    assert!(pod(&life, CLEANUP).is_some());
    assert_eq!(life.warnings(), ["FailedCreate Job"]);

    let mut life = configure(&[Fault::JobPodFailed]);
    life.pass(1);
    let failed = pod(&life, STREAM).unwrap();
    assert_eq!(text(&failed, "/status/phase"), "Failed");
    assert!(life.log(&failed, false).contains("Failed to bind to port"));

    assert!(configure(&[Fault::JobNoService]).store.get(&SERVICE, "panda", SERVED).is_err());

    let other = configure(&[Fault::JobPortOther]).get(&SERVICE, SERVED);
    assert_ne!(number(&other, "/spec/ports/0/nodePort"), Some(12301));

    let life = configure(&[Fault::JobNoLogs]);
    assert_eq!(life.log(&pod(&life, STREAM).unwrap(), false), "");

    let life = configure(&[Fault::JobResources]);
    assert_eq!(pod(&life, STREAM).unwrap()["spec"]["containers"][0]["resources"], serde_json::json!({}));

    let life = configure(&[Fault::JobType]);
    let arguments = pod(&life, STREAM).unwrap()["spec"]["containers"][0]["args"].to_string();
    assert!(arguments.contains("--time-start"), "{arguments}");
}

#[test]
fn what_is_left_over_stays() {
    let mut life = configure(&[]);
    end(&mut life.keeper, "1-3", End::Cancelled, true);
    life.pass(130);
    assert_eq!(life.list(&JOB).len(), 2);
    assert_eq!(text(&pod(&life, STREAM).unwrap(), "/status/phase"), "Succeeded");
}
