//! What the store promises.

use super::super::kinds::{CONFIG_MAP, DEPLOYMENT, NODE};
use super::*;

fn store() -> Arc<Store> {
    let store = Store::new(Clock::manual(Timestamp::UNIX_EPOCH));
    store.create(&NAMESPACE, json!({"metadata": {"name": "default"}})).unwrap();
    store
}

fn named(name: &str) -> Value {
    json!({"metadata": {"name": name}})
}

fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_new_object_is_completed() {
    let store = store();
    let made = store.create(&CONFIG_MAP, json!({"metadata": {"generateName": "map-"}})).unwrap();
    let metadata = &made["metadata"];
    assert_eq!((&made["kind"], &made["apiVersion"]), (&json!("ConfigMap"), &json!("v1")));
    assert_eq!(metadata["creationTimestamp"], "1970-01-01T00:00:00Z");
    assert_eq!(metadata["namespace"], "default");
    assert_eq!(metadata["name"].as_str().map(str::len), Some("map-".len() + 5));
    assert!(metadata["uid"].is_string());
    let refusal = |object| store.create(&CONFIG_MAP, object).unwrap_err().code;
    assert_eq!(refusal(json!({"metadata": {"name": "a", "namespace": "none"}})), 404);
    assert_eq!(refusal(json!({"metadata": {"name": metadata["name"]}})), 409);
    assert_eq!([refusal(named("")), refusal(named("A")), refusal(named("a/b"))], [422; 3]);
    assert_eq!(
        [
            refusal(json!(1)),
            refusal(json!({"metadata": 1})),
            refusal(json!({"metadata": {"name": "a"}, "spec": 1}))
        ],
        [400; 3]
    );
}

#[test]
fn versions_rise_with_changes_and_generations_with_specs() {
    let store = store();
    let first = store.create(&DEPLOYMENT, json!({"metadata": {"name": "web"}, "spec": {}})).unwrap();
    let change = |field: &'static str, value: Value| {
        store.modify(&DEPLOYMENT, "default", "web", |object| object[field] = value).unwrap()
    };
    let same = change("kind", json!("Deployment"));
    assert_eq!(version(&same), version(&first));
    let status = change("status", json!({"replicas": 1}));
    assert!(version(&status) > version(&first));
    assert_eq!(status["metadata"]["generation"], 1);
    assert_eq!(change("spec", json!({"replicas": 2}))["metadata"]["generation"], 2);
    assert_eq!(store.remove(&DEPLOYMENT, "default", "none").unwrap_err().code, 404);
}

#[test]
fn pages_go_on_where_the_last_one_ended() {
    let store = store();
    for name in ["a", "b", "c"] {
        store.create(&NODE, named(name)).unwrap();
    }
    let names = |page: &Page| {
        page.entries.iter().map(|entry| entry.object["metadata"]["name"].clone()).collect::<Vec<_>>()
    };
    let first = store.page(&NODE, None, None, 2, |_| true);
    assert_eq!(names(&first), ["a", "b"]);
    let last = store.page(&NODE, None, first.next.as_ref(), 2, |_| true);
    assert_eq!((names(&last), last.next), (vec![json!("c")], None));
}

#[tokio::test]
async fn changes_are_told_and_forgotten_in_time() {
    let store = store();
    let mut changes = store.subscribe();
    let made = store.create(&NODE, named("a")).unwrap();
    store.remove(&NODE, "", "a").unwrap();
    assert_eq!(changes.next().await.what, What::Added);
    let last = changes.next().await;
    assert_eq!((last.what, last.before.as_deref()), (What::Deleted, Some(&*made)));
    assert!(last.version > version(&made));
    let (past, _) = store.subscribe_after(version(&made)).unwrap();
    assert_eq!(past.len(), 1);
    for number in 0..=LOG {
        store.create(&NODE, named(&format!("n{number}"))).unwrap();
    }
    let expired = store.subscribe_after(version(&made)).unwrap_err();
    assert_eq!((expired.code, expired.reason), (410, "Expired"));
}
