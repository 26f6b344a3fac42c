//! `k8s.job.port`

use super::names::SERVICE;
use super::started::Started;
use super::{ALSO, JOBS, RUNS};
use crate::wait::Waited;
use k8s_openapi::api::core::v1::Service;
use kube::api::ListParams;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, HumanDuration, Measurement, Observation,
    Params, Severity, Unit, Verdict, async_trait, fault, register_check,
};
use std::collections::BTreeMap;
use std::time::Duration;

register_check! {
    /// The port that a job's answer names is the one that its Service exposes.
    ///
    /// One live job is started. Its Service, `grpc-service-<id>`, must be there after `appears_within` and expose the
    /// `stream_port` of the answer to `/configure`: as a node port, or as the port of a load balancer. Then the stream is
    /// connected to; whether it is ready is judged by `focus-api.e2e.config-meta-grpc`, and noted here.
    ///
    /// # Why it matters
    /// A client connects to the port that it was told. If the Service exposes another one, the job runs and nobody can see
    /// it.
    ///
    /// # How to mend it
    /// No Service: see in the log of Focus Server whether the manifest with it was applied, and whether the port was taken.
    /// Another port: answer with the port of the manifest that was applied.
    pub(super) struct JobPort(JobPortParams) {
        id: "k8s.job.port",
        title: "The port that a job's answer names is the one that its Service exposes",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("k8s"),
        also: ALSO,
        keys: &["PZ-13899"],
        tags: &["jobs"],
        requires: RUNS,
        group: JOBS,
        timeout: Some(Duration::from_mins(1)),
        proofs: &[fault("k8s.job-no-service", "no-service"), fault("k8s.job-port-other", "port-differs")],
    }
}

/// How long things may take.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct JobPortParams {
    /// After the job was accepted its Service must be there within this time.
    appears_within: HumanDuration,
    /// How long to try to connect to the stream.
    ready_within: HumanDuration,
}

impl Default for JobPortParams {
    fn default() -> Self {
        Self { appears_within: HumanDuration::secs(10), ready_within: HumanDuration::secs(15) }
    }
}

impl Params for JobPortParams {}

#[async_trait]
impl Check for JobPort {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let started = Started::live(cx).await?;
        let Some((_, port)) = started.job.place() else {
            let why = "the answer names no port of a stream, which focus-api.response.invariants judges";
            return Err(CheckError::not_applicable(why));
        };
        let name = started.name(SERVICE);
        let within = self.params.appears_within;
        let only = ListParams::default().fields(&format!("metadata.name={name}"));
        let first = |services: &BTreeMap<String, Service>| services.values().next().cloned();
        let services = started.k8s.here::<Service>();
        let waited = started
            .k8s
            .until(cx, started.left(within.0), "watch the Services", &services, only, first)
            .await?;
        let Waited::Done { seen: service, .. } = waited else {
            let seen = Observation::seen(format!("job {} streams at port {port}", started.job.id));
            return Ok(Verdict::of(seen).with(no_service(&name, port, within)));
        };
        let seen = format!("the Service {name} exposes {}", ports(&service));
        let verdict = Verdict::of(Observation::seen(seen));
        if let Some(finding) = differs(&name, port, &service) {
            let shown = json!({ "answer": started.job.answer["stream_port"], "spec": service.spec });
            let evidence = cx.attach(Evidence::json("service.json", &shown))?;
            return Ok(verdict.with(finding.evidence(evidence)));
        }
        Ok(match started.job.stream(self.params.ready_within.0).await {
            Ok(stream) => {
                let after = stream.ready_after.as_secs_f64();
                verdict.measured(Measurement::new("stream ready after", after, Unit::Seconds))
            }
            Err(why) => {
                let message =
                    format!("the stream cannot be used: {why}; focus-api.e2e.config-meta-grpc judges this");
                verdict.with(
                    Finding::new("stream-not-ready", Cause::Product, format!("Service {name}"), message)
                        .note(),
                )
            }
        })
    }
}

/// The ports by which a Service is reached from outside of the cluster.
fn exposed(service: &Service) -> Vec<i32> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let balanced = spec.type_.as_deref() == Some("LoadBalancer");
    let ports = spec.ports.iter().flatten();
    ports.flat_map(|port| port.node_port.into_iter().chain(balanced.then_some(port.port))).collect()
}

fn ports(service: &Service) -> String {
    let kind = service.spec.as_ref().and_then(|spec| spec.type_.as_deref()).unwrap_or("ClusterIP");
    let ports: Vec<String> = exposed(service).iter().map(ToString::to_string).collect();
    if ports.is_empty() {
        format!("no port outside of the cluster ({kind})")
    } else {
        format!("{} ({kind})", ports.join(", "))
    }
}

fn no_service(name: &str, port: u16, within: HumanDuration) -> Finding {
    let message =
        format!("there is no Service {name} for the stream that the job's answer places at port {port}");
    Finding::new("no-service", Cause::Product, format!("Service {name}"), message)
        .expected(format!("a Service within {within}"), "none")
        .remedy("see in the log of Focus Server whether the Service's manifest was applied", "about an hour")
}

fn differs(name: &str, port: u16, service: &Service) -> Option<Finding> {
    (!exposed(service).contains(&i32::from(port))).then(|| {
        let message =
            format!("the job's answer names port {port}, and its Service exposes {}", ports(service));
        Finding::new("port-differs", Cause::Product, format!("Service {name}"), message)
            .expected(format!("port {port}"), ports(service))
            .remedy("answer with the port of the Service that was applied", "hours")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::object;

    fn seen(spec: serde_json::Value) -> Option<String> {
        let service: Service = object(json!({ "metadata": {}, "spec": spec }));
        differs("grpc-service-1-3", 12301, &service).and_then(|finding| finding.actual)
    }

    #[test]
    fn a_port_is_exposed_as_node_port_or_by_a_load_balancer() {
        assert_eq!(seen(json!({ "type": "NodePort", "ports": [{ "port": 5000, "nodePort": 12301 }] })), None);
        assert_eq!(
            seen(json!({ "type": "LoadBalancer", "ports": [{ "port": 12301, "nodePort": 30001 }] })),
            None
        );
        let inside = json!({ "type": "ClusterIP", "ports": [{ "port": 12301 }] });
        assert_eq!(seen(inside).unwrap(), "no port outside of the cluster (ClusterIP)");
        let other = json!({ "type": "NodePort", "ports": [{ "port": 12301, "nodePort": 12302 }] });
        assert_eq!(seen(other).unwrap(), "12302 (NodePort)");
    }
}
