//! Lists: pages, selectors, versions.

use super::{Cluster, code, config_map};
use k8s_openapi::api::core::v1::{Event, Namespace, Node};
use kube::api::{ListParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn pages_lead_through_everything_once() {
    let cluster = Cluster::start().await;
    let maps = cluster.config_maps();
    for number in 0..23 {
        maps.create(
            &PostParams::default(),
            &config_map(&format!("page-{number:02}"), &json!({"of": "pages"})),
        )
        .await
        .unwrap();
    }
    let mut params = ListParams::default().labels("of=pages").limit(10);
    let (mut names, mut sizes, mut versions) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let page = maps.list(&params).await.unwrap();
        sizes.push(page.items.len());
        versions.push(page.metadata.resource_version.clone());
        names.extend(page.items.iter().map(kube::ResourceExt::name_any));
        match page.metadata.continue_ {
            Some(token) if !token.is_empty() => params = params.continue_token(&token),
            _ => break,
        }
    }
    assert_eq!(sizes, [10, 10, 3]);
    assert_eq!(names, (0..23).map(|number| format!("page-{number:02}")).collect::<Vec<_>>());
    versions.dedup();
    assert_eq!(versions.len(), 1, "all pages are of one version");
    assert_eq!(code(maps.list(&ListParams::default().continue_token("nonsense")).await), 400);
}

#[tokio::test]
async fn selectors_choose() {
    let cluster = Cluster::start().await;
    let maps = cluster.config_maps();
    for (name, tier) in [("a", "front"), ("b", "back"), ("c", "back")] {
        maps.create(&PostParams::default(), &config_map(name, &json!({"tier": tier, "of": "choice"})))
            .await
            .unwrap();
    }
    let chosen = async |labels: &str, fields: &str| -> String {
        let params = ListParams::default().labels(&format!("of,{labels}")).fields(fields);
        let found = maps.list(&params).await.unwrap();
        found.items.iter().map(kube::ResourceExt::name_any).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(chosen("tier=back", "").await, "b c");
    assert_eq!(chosen("tier in (front, back)", "metadata.name!=b").await, "a c");
    assert_eq!(chosen("tier notin (back)", "").await, "a");
    assert_eq!(chosen("!tier", "").await, "");
    assert_eq!(code(maps.list(&ListParams::default().fields("data.key=value")).await), 400);
}

#[tokio::test]
async fn the_seeded_cluster_is_there() {
    let cluster = Cluster::start().await;
    let namespaces =
        Api::<Namespace>::all(cluster.client.clone()).list(&ListParams::default()).await.unwrap();
    let names: Vec<_> = namespaces.items.iter().map(kube::ResourceExt::name_any).collect();
    assert_eq!(names, ["default", "kube-system", "panda"]);
    assert!(namespaces.items.iter().all(|namespace| namespace.uid().is_some()));
    let nodes = Api::<Node>::all(cluster.client.clone()).list(&ListParams::default()).await.unwrap();
    assert_eq!(nodes.items.len(), 2);
    let version = cluster.client.apiserver_version().await.unwrap();
    assert_eq!((version.major.as_str(), version.minor.as_str()), ("1", "32"));
}

#[tokio::test]
async fn a_big_cluster_is_listed_in_pages() {
    let cluster = Cluster::with(json!({ "pods": 1_000, "events": 4_000 })).await;
    let events = Api::<Event>::namespaced(cluster.client.clone(), "panda");
    let mut params = ListParams::default().limit(500).fields("type=Normal");
    let mut seen = BTreeSet::new();
    loop {
        let page = events.list(&params).await.unwrap();
        assert!(page.items.len() <= 500);
        seen.extend(page.items.iter().map(kube::ResourceExt::name_any));
        match page.metadata.continue_ {
            Some(token) if !token.is_empty() => params = params.continue_token(&token),
            _ => break,
        }
    }
    assert!(seen.len() >= 4_000, "{}", seen.len());
    let pods = cluster.pods().list_metadata(&ListParams::default()).await.unwrap();
    assert!(pods.items.len() >= 1_000);
    assert!(pods.items.iter().all(|pod| pod.metadata.uid.is_some()));
}

#[tokio::test]
async fn a_version_that_is_not_there_yet_is_refused() {
    let cluster = Cluster::start().await;
    let path = "/api/v1/namespaces/panda/pods?resourceVersion=999999999";
    let (status, refusal) = cluster.send("GET", path, "", Value::Null).await;
    assert_eq!((status, refusal["reason"].as_str().unwrap()), (504, "Timeout"));
    let path = "/api/v1/namespaces/panda/nonsense";
    let (status, refusal) = cluster.send("GET", path, "", Value::Null).await;
    assert_eq!((status, refusal["kind"].as_str().unwrap()), (404, "Status"));
}
