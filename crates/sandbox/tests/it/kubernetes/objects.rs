//! Objects: created, changed in every way, deleted in time.

use super::{Cluster, code, config_map, eventually, pod};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::{SelfSubjectAccessReview, SelfSubjectRulesReview};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

const JSON_PATCH: &str = "application/json-patch+json";

#[tokio::test]
async fn every_patch_changes_an_object() {
    let cluster = Cluster::start().await;
    let maps = cluster.config_maps();
    let created = maps.create(&PostParams::default(), &config_map("patched", &json!({}))).await.unwrap();
    assert!(created.uid().is_some() && created.creation_timestamp().is_some());
    assert_eq!(code(maps.create(&PostParams::default(), &config_map("patched", &json!({}))).await), 409);

    let params = PatchParams::default();
    let merged = maps
        .patch("patched", &params, &Patch::Merge(json!({"data": {"key": null, "other": "1"}})))
        .await
        .unwrap();
    assert_eq!(serde_json::to_value(&merged.data).unwrap(), json!({"other": "1"}));
    assert_eq!(merged.uid(), created.uid());
    assert_ne!(merged.resource_version(), created.resource_version());
    let same = maps.patch("patched", &params, &Patch::Merge(json!({"data": {"other": "1"}}))).await.unwrap();
    assert_eq!(same.resource_version(), merged.resource_version(), "nothing has changed");

    let path = "/api/v1/namespaces/panda/configmaps/patched";
    let operations = json!([{"op": "test", "path": "/data/other", "value": "1"}, {"op": "replace", "path": "/data/other", "value": "2"}]);
    let (status, patched) = cluster.send("PATCH", path, JSON_PATCH, operations.clone()).await;
    assert_eq!((status, &patched["data"]["other"]), (200, &json!("2")));
    let (status, _) = cluster.send("PATCH", path, JSON_PATCH, operations).await;
    assert_eq!(status, 400, "the test no longer holds");
    let (status, _) = cluster.send("PATCH", path, "application/json", json!({})).await;
    assert_eq!(status, 415);

    let stale = json!({"metadata": {"resourceVersion": created.resource_version()}, "data": {}});
    assert_eq!(code(maps.patch("patched", &params, &Patch::Merge(stale)).await), 409);
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let tried = maps.patch("patched", &dry, &Patch::Merge(json!({"data": {"tried": "1"}}))).await.unwrap();
    assert!(tried.data.unwrap().contains_key("tried"));
    assert!(!maps.get("patched").await.unwrap().data.unwrap().contains_key("tried"));
}

#[tokio::test]
async fn applied_fields_belong_to_their_manager() {
    let cluster = Cluster::start().await;
    let maps = cluster.config_maps();
    let wanted = |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": data});
    let ours = PatchParams::apply("ours");
    let created =
        maps.patch("applied", &ours, &Patch::Apply(wanted(json!({"a": "1", "b": "1"})))).await.unwrap();
    let changed = maps.patch("applied", &ours, &Patch::Apply(wanted(json!({"a": "2"})))).await.unwrap();
    assert_eq!(changed.uid(), created.uid());
    assert_eq!(serde_json::to_value(&changed.data).unwrap(), json!({"a": "2"}));
    let theirs = PatchParams::apply("theirs");
    let other = Patch::Apply(wanted(json!({"a": "3"})));
    assert_eq!(code(maps.patch("applied", &theirs, &other).await), 409);
    let taken = maps.patch("applied", &theirs.force(), &other).await.unwrap();
    assert_eq!(serde_json::to_value(&taken.data).unwrap(), json!({"a": "3"}));
}

#[tokio::test]
async fn a_stale_object_is_not_written() {
    let cluster = Cluster::start().await;
    let maps = cluster.config_maps();
    let mut first: ConfigMap =
        maps.create(&PostParams::default(), &config_map("stale", &json!({}))).await.unwrap();
    let second = first.clone();
    first.data = Some([("key".to_owned(), "first".to_owned())].into());
    maps.replace("stale", &PostParams::default(), &first).await.unwrap();
    assert_eq!(code(maps.replace("stale", &PostParams::default(), &second).await), 409);
    assert_eq!(
        code(maps.replace("none", &PostParams::default(), &config_map("none", &json!({}))).await),
        404
    );
    let delete = |uid: Option<String>| {
        let preconditions = Preconditions { uid, resource_version: None };
        DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() }
    };
    assert_eq!(code(maps.delete("stale", &delete(Some("another".to_owned()))).await), 409);
    maps.delete("stale", &delete(second.uid())).await.unwrap();
    assert_eq!(code(maps.get("stale").await), 404);
}

#[tokio::test]
async fn a_pod_ends_after_its_grace() {
    let cluster = Cluster::start().await;
    let pods = cluster.pods();
    pods.create(&PostParams::default(), &pod("graceful")).await.unwrap();
    let running = eventually("the pod runs", async || {
        let pod = pods.get("graceful").await.unwrap();
        (pod.status.as_ref()?.phase.as_deref()? == "Running").then_some(pod)
    })
    .await;
    let params = DeleteParams { grace_period_seconds: Some(3), ..DeleteParams::default() };
    let ending = pods.delete("graceful", &params).await.unwrap().left().unwrap();
    assert_eq!(ending.uid(), running.uid());
    assert_eq!(ending.metadata.deletion_grace_period_seconds, Some(3));
    assert!(ending.metadata.deletion_timestamp.is_some());
    eventually("the pod is gone", async || pods.get_opt("graceful").await.unwrap().is_none().then_some(()))
        .await;

    pods.create(&PostParams::default(), &pod("abrupt")).await.unwrap();
    let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    pods.delete("abrupt", &now).await.unwrap();
    assert!(pods.get_opt("abrupt").await.unwrap().is_none());
}

#[tokio::test]
async fn a_deployment_is_scaled() {
    let cluster = Cluster::start().await;
    let deployments = Api::<Deployment>::namespaced(cluster.client.clone(), "panda");
    let name = "panda-panda-focus-server";
    let patch = Patch::Merge(json!({"spec": {"replicas": 2}}));
    let scale = deployments.patch_scale(name, &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(scale.spec.unwrap().replicas, Some(2));
    assert!(scale.status.unwrap().selector.is_some_and(|selector| !selector.is_empty()));
    eventually("both replicas are ready", async || {
        let status = deployments.get(name).await.unwrap().status?;
        (status.ready_replicas == Some(2)).then_some(())
    })
    .await;
    let (status, refusal) = cluster
        .send(
            "PATCH",
            "/apis/apps/v1/namespaces/panda/deployments/mongodb",
            "application/merge-patch+json",
            json!({"spec": {"selector": {"matchLabels": {"app": "other"}}}}),
        )
        .await;
    assert_eq!((status, &refusal["reason"]), (422, &json!("Invalid")));
}

#[tokio::test]
async fn questions_about_rights_are_answered() {
    let cluster = Cluster::start().await;
    let reviews = Api::<SelfSubjectAccessReview>::all(cluster.client.clone());
    let may = async |attributes: Value| {
        let review =
            serde_json::from_value(json!({"metadata": {}, "spec": {"resourceAttributes": attributes}}))
                .unwrap();
        reviews.create(&PostParams::default(), &review).await.unwrap().status.unwrap().allowed
    };
    let logs = json!({"verb": "get", "resource": "pods", "subresource": "log", "namespace": "panda"});
    let pods = json!({"verb": "list", "resource": "pods", "namespace": "panda"});
    assert!(may(logs.clone()).await && may(pods.clone()).await);
    cluster.inject("k8s.logs-forbidden").await;
    assert!(!may(logs.clone()).await && may(pods.clone()).await);
    cluster.inject("k8s.forbidden").await;
    assert!(!may(logs).await && !may(pods).await);

    let rules = Api::<SelfSubjectRulesReview>::all(cluster.client.clone());
    let review = serde_json::from_value(json!({"metadata": {}, "spec": {"namespace": "panda"}})).unwrap();
    let status = rules.create(&PostParams::default(), &review).await.unwrap().status.unwrap();
    assert_eq!(status.resource_rules.len(), 1, "only questions are left: {:?}", status.resource_rules);
}
