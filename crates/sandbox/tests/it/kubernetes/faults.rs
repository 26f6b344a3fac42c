//! The faults of the interface, as a client meets them.

use super::{BOUND, Cluster, client, code};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ListParams, LogParams};
use kube::{Api, ResourceExt as _};
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test]
async fn rights_are_taken_away() {
    let cluster = Cluster::start().await;
    let pods = cluster.pods();
    let name = pods.list(&ListParams::default()).await.unwrap().items[0].name_any();
    cluster.inject("k8s.logs-forbidden").await;
    let refusal = pods.logs(&name, &LogParams::default()).await;
    let Err(kube::Error::Api(status)) = refusal else { panic!("{refusal:?}") };
    assert_eq!(status.code, 403);
    let message = status.message.replace(&name, "POD");
    insta::assert_snapshot!(message, @r#"pods "POD" is forbidden: User "system:serviceaccount:panda:shakedown" cannot get resource "pods/log" in API group "" in the namespace "panda""#);
    assert!(pods.get(&name).await.is_ok());

    cluster.inject("k8s.forbidden").await;
    assert_eq!(code(pods.list(&ListParams::default()).await), 403);
    assert!(cluster.client.apiserver_version().await.is_ok());
    assert!(cluster.client.list_api_groups().await.is_ok());

    cluster.inject("k8s.unauthorised").await;
    assert_eq!(code(cluster.client.apiserver_version().await), 401);
}

#[tokio::test]
async fn every_second_request_is_refused() {
    let cluster = Cluster::start().await;
    cluster.inject("k8s.flapping").await;
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(cluster.send("GET", "/version", "", serde_json::Value::Null).await.0);
    }
    codes.sort_unstable();
    assert_eq!(codes, [200, 200, 503, 503]);
}

#[tokio::test]
async fn a_list_has_no_end() {
    let cluster = Cluster::start().await;
    cluster.inject("k8s.endless").await;
    let mut params = ListParams::default().limit(2);
    for _ in 0..20 {
        let page = cluster.pods().list(&params).await.unwrap();
        assert!(!page.items.is_empty());
        params = params.continue_token(&page.metadata.continue_.unwrap());
    }
}

#[tokio::test]
async fn another_cluster_answers() {
    let cluster = Cluster::start().await;
    let namespaces = Api::<Namespace>::all(cluster.client.clone());
    let before = namespaces.get("kube-system").await.unwrap().uid();
    assert_eq!(namespaces.get("kube-system").await.unwrap().uid(), before);
    cluster.inject("k8s.wrong-cluster").await;
    assert_ne!(namespaces.get("kube-system").await.unwrap().uid(), before);
}

#[tokio::test]
async fn the_server_goes_away_falls_silent_and_talks_nonsense() {
    for fault in ["k8s.away", "k8s.garbage"] {
        let cluster = Cluster::start().await;
        assert!(cluster.client.apiserver_version().await.is_ok());
        cluster.inject(fault).await;
        let fresh = client(&cluster.kubeconfig()).await;
        let answer = timeout(BOUND, fresh.apiserver_version()).await.expect("it hangs");
        assert!(
            matches!(answer, Err(kube::Error::Service(_) | kube::Error::HyperError(_))),
            "{fault}: {answer:?}"
        );
    }
    let cluster = Cluster::start().await;
    cluster.inject("k8s.silent").await;
    let answer = timeout(Duration::from_millis(300), cluster.client.apiserver_version()).await;
    assert!(answer.is_err(), "it answers: {answer:?}");
}
