//! Watches: what they say, and how they end.

use super::{BOUND, Cluster, config_map};
use futures_util::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use serde_json::json;
use std::pin::pin;
use tokio::time::timeout;

/// The next event in a word and a name.
async fn next(
    events: &mut (impl Stream<Item = kube::Result<WatchEvent<ConfigMap>>> + Unpin),
) -> Option<String> {
    let event = timeout(BOUND, events.next()).await.expect("the watch says nothing")?;
    Some(match event.unwrap() {
        WatchEvent::Added(object) => format!("added {}", object.name_any()),
        WatchEvent::Modified(object) => format!("modified {}", object.name_any()),
        WatchEvent::Deleted(object) => format!("deleted {}", object.name_any()),
        WatchEvent::Bookmark(bookmark) => {
            assert!(!bookmark.metadata.resource_version.is_empty());
            "bookmark".to_owned()
        }
        WatchEvent::Error(status) => format!("error {}", status.code),
    })
}

/// The next change; how far the watch is may be said in between.
async fn change(
    events: &mut (impl Stream<Item = kube::Result<WatchEvent<ConfigMap>>> + Unpin),
) -> Option<String> {
    loop {
        match next(events).await {
            Some(event) if event == "bookmark" => {}
            event => return event,
        }
    }
}

#[tokio::test]
async fn a_watch_goes_on_where_a_list_ended() {
    let cluster = Cluster::start().await;
    let maps = cluster.config_maps();
    maps.create(&PostParams::default(), &config_map("before", &json!({"of": "watch"}))).await.unwrap();
    let version = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    maps.create(&PostParams::default(), &config_map("between", &json!({"of": "watch"}))).await.unwrap();

    let params = WatchParams::default().labels("of=watch");
    let mut events = pin!(maps.watch(&params, &version).await.unwrap());
    assert_eq!(change(&mut events).await.unwrap(), "added between");
    maps.create(&PostParams::default(), &config_map("other", &json!({"of": "nothing"}))).await.unwrap();
    let relabel = |value: &str| Patch::Merge(json!({"metadata": {"labels": {"of": value}}}));
    let patch = PatchParams::default();
    maps.patch("before", &patch, &Patch::Merge(json!({"data": {"key": "new"}}))).await.unwrap();
    assert_eq!(change(&mut events).await.unwrap(), "modified before");
    maps.patch("other", &patch, &relabel("watch")).await.unwrap();
    assert_eq!(change(&mut events).await.unwrap(), "added other", "it is meant only now");
    maps.patch("before", &patch, &relabel("nothing")).await.unwrap();
    assert_eq!(change(&mut events).await.unwrap(), "deleted before", "it is no longer meant");
    maps.delete("between", &DeleteParams::default()).await.unwrap();
    assert_eq!(change(&mut events).await.unwrap(), "deleted between");
}

#[tokio::test]
async fn a_watch_from_nothing_begins_with_everything_and_ends_in_time() {
    let cluster = Cluster::start().await;
    let maps = cluster.config_maps();
    maps.create(&PostParams::default(), &config_map("present", &json!({"of": "all"}))).await.unwrap();
    let params = WatchParams::default().labels("of=all").timeout(1);
    let mut events = pin!(maps.watch(&params, "0").await.unwrap());
    assert_eq!(next(&mut events).await.unwrap(), "added present");
    assert_eq!(next(&mut events).await.unwrap(), "bookmark", "how far it came is said at the end");
    assert_eq!(next(&mut events).await, None);

    let params = WatchParams::default().labels("of=all").initial_events();
    let mut events = pin!(maps.watch(&params, "0").await.unwrap());
    assert_eq!(next(&mut events).await.unwrap(), "added present");
    assert_eq!(next(&mut events).await.unwrap(), "bookmark");
}

#[tokio::test]
async fn a_version_that_is_too_old_is_said_so() {
    let cluster = Cluster::start().await;
    let maps = cluster.config_maps();
    let mut events = pin!(maps.watch(&WatchParams::default(), "1").await.unwrap());
    assert_eq!(next(&mut events).await.unwrap(), "error 410");
    assert_eq!(next(&mut events).await, None);
    let version = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    cluster.inject("k8s.watch-expired").await;
    let mut events = pin!(maps.watch(&WatchParams::default(), &version).await.unwrap());
    assert_eq!(next(&mut events).await.unwrap(), "error 410");
}
