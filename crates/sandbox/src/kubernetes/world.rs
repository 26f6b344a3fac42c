//! What the controllers know of the objects: which belong to which owner, which carry which label, and how much of
//! each node is taken. Kept up to date by the store's changes, so that no controller has to look through everything.

use super::kinds::{Kind, POD, SERVICE};
use super::objects::{carries, is_finished, items, name, namespace, pairs, place, text, thousandths, uid};
use super::store::{Change, Place, What};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// An object that belongs to another one.
#[derive(Clone, Debug)]
pub(super) struct Owned {
    pub(super) kind: &'static Kind,
    pub(super) object: Arc<Value>,
}

/// What is taken of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) millicores: i128,
    /// In thousandths of a byte.
    pub(super) memory: i128,
    pub(super) pods: i128,
}

#[derive(Debug, Default)]
pub(super) struct World {
    owned: HashMap<String, BTreeMap<(&'static str, Place), Owned>>,
    labelled: HashMap<(String, String, String), BTreeMap<String, Arc<Value>>>,
    taken: HashMap<String, Taken>,
    /// The selectors of the services, by namespace and name.
    services: HashMap<String, BTreeMap<String, Value>>,
    /// Where pods stand, by their UID.
    pods: HashMap<String, Place>,
}

impl World {
    /// Takes note of a change.
    pub(super) fn apply(&mut self, change: &Change) {
        if let Some(before) = &change.before {
            self.drop_object(change.kind, before);
        }
        if change.what != What::Deleted {
            self.add_object(change.kind, &change.object);
        }
    }

    /// What belongs to an owner, of one kind, by name.
    pub(super) fn owned(&self, owner: &str, kind: &'static Kind) -> Vec<Arc<Value>> {
        self.owned
            .get(owner)
            .into_iter()
            .flat_map(BTreeMap::values)
            .filter(|owned| owned.kind == kind)
            .map(|owned| Arc::clone(&owned.object))
            .collect()
    }

    /// All that belongs to an owner.
    pub(super) fn dependents(&self, owner: &str) -> Vec<Owned> {
        self.owned.get(owner).map(|owned| owned.values().cloned().collect()).unwrap_or_default()
    }

    /// The pods of a namespace that carry all the labels of a map, by name; none for a map that names none.
    pub(super) fn selected(&self, home: &str, selector: &Value) -> Vec<Arc<Value>> {
        let sets: Option<Vec<_>> = pairs(selector)
            .map(|(key, value)| self.labelled.get(&(home.to_owned(), key.to_owned(), value.to_owned())))
            .collect();
        let Some(smallest) = sets.as_ref().and_then(|sets| sets.iter().min_by_key(|set| set.len())) else {
            return Vec::new();
        };
        let is_in_all = |name: &str| sets.iter().flatten().all(|set| set.contains_key(name));
        smallest.iter().filter(|(name, _)| is_in_all(name)).map(|(_, pod)| Arc::clone(pod)).collect()
    }

    /// Where the pod with a UID stands.
    pub(super) fn pod(&self, pod: &str) -> Option<Place> {
        self.pods.get(pod).cloned()
    }

    /// The services that a pod may serve.
    pub(super) fn services_of(&self, pod: &Value) -> Vec<Place> {
        let home = namespace(pod);
        let serves = |selector: &Value| carries(pod, selector);
        let services = self.services.get(home).into_iter().flatten();
        services
            .filter(|(_, selector)| serves(selector))
            .map(|(name, _)| (home.to_owned(), name.clone()))
            .collect()
    }

    /// What is taken of a node.
    pub(super) fn taken(&self, node: &str) -> Taken {
        self.taken.get(node).copied().unwrap_or_default()
    }

    fn add_object(&mut self, kind: &'static Kind, object: &Arc<Value>) {
        for owner in items(object, "/metadata/ownerReferences") {
            let owned = Owned { kind, object: Arc::clone(object) };
            let key = (kind.plural, place(object));
            self.owned.entry(text(owner, "/uid").to_owned()).or_default().insert(key, owned);
        }
        if kind == &SERVICE {
            let selector = object["spec"]["selector"].clone();
            let services = self.services.entry(namespace(object).to_owned()).or_default();
            services.insert(name(object).to_owned(), selector);
        }
        if kind == &POD {
            for key in label_keys(object) {
                self.labelled.entry(key).or_default().insert(name(object).to_owned(), Arc::clone(object));
            }
            self.pods.insert(uid(object).to_owned(), place(object));
            self.take(object, 1);
        }
    }

    fn drop_object(&mut self, kind: &'static Kind, object: &Arc<Value>) {
        for owner in items(object, "/metadata/ownerReferences") {
            let owner = text(owner, "/uid");
            if let Some(owned) = self.owned.get_mut(owner) {
                owned.remove(&(kind.plural, place(object)));
                if owned.is_empty() {
                    self.owned.remove(owner);
                }
            }
        }
        if kind == &SERVICE
            && let Some(services) = self.services.get_mut(namespace(object))
        {
            services.remove(name(object));
        }
        if kind == &POD {
            for key in label_keys(object) {
                if let Some(pods) = self.labelled.get_mut(&key) {
                    pods.remove(name(object));
                    if pods.is_empty() {
                        self.labelled.remove(&key);
                    }
                }
            }
            self.pods.remove(uid(object));
            self.take(object, -1);
        }
    }

    fn take(&mut self, pod: &Value, sign: i128) {
        let node = text(pod, "/spec/nodeName");
        if node.is_empty() || is_finished(pod) {
            return;
        }
        let asked = requests(pod);
        let taken = self.taken.entry(node.to_owned()).or_default();
        taken.millicores += sign * asked.millicores;
        taken.memory += sign * asked.memory;
        taken.pods += sign * asked.pods;
    }
}

/// What a pod requests.
pub(super) fn requests(pod: &Value) -> Taken {
    let sum = |what: &str| {
        let containers = items(pod, "/spec/containers").iter();
        containers.map(|container| thousandths(&container["resources"]["requests"][what])).sum()
    };
    Taken { millicores: sum("cpu"), memory: sum("memory"), pods: 1 }
}

fn label_keys(object: &Value) -> impl Iterator<Item = (String, String, String)> {
    let home = namespace(object);
    pairs(&object["metadata"]["labels"])
        .map(move |(key, value)| (home.to_owned(), key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::store::Store;
    use futures_util::FutureExt as _;
    use jiff::Timestamp;
    use serde_json::json;
    use shakedown_core::Clock;

    #[test]
    fn the_world_follows_what_happens() {
        let store = Store::new(Clock::manual(Timestamp::UNIX_EPOCH));
        let mut changes = store.subscribe();
        let mut world = World::default();
        let mut follow = |world: &mut World| {
            while let Some(change) = changes.next().now_or_never() {
                world.apply(&change);
            }
        };
        let owner = json!([{ "uid": "o", "controller": true }]);
        store.create(&crate::kubernetes::kinds::NAMESPACE, json!({ "metadata": { "name": "n" } })).unwrap();
        for (name, app) in [("a", "x"), ("b", "x"), ("c", "y")] {
            let pod = json!({
                "metadata": {
                    "name": name, "namespace": "n", "ownerReferences": owner, "labels": { "app": app, "all": "yes" },
                },
                "spec": { "nodeName": "w", "containers": [{ "resources": { "requests": { "cpu": "250m" } } }] },
            });
            store.create(&POD, pod).unwrap();
        }
        follow(&mut world);
        let names = |pods: Vec<Arc<Value>>| pods.iter().map(|pod| name(pod).to_owned()).collect::<String>();
        assert_eq!(names(world.owned("o", &POD)), "abc");
        assert_eq!(names(world.selected("n", &json!({ "app": "x", "all": "yes" }))), "ab");
        assert_eq!(names(world.selected("n", &json!({ "app": "x", "none": "yes" }))), "");
        assert_eq!(names(world.selected("n", &json!({}))), "");
        assert_eq!((world.taken("w").millicores, world.taken("w").pods), (750, 3));
        store.modify(&POD, "n", "a", |pod| pod["metadata"]["labels"]["app"] = json!("y")).unwrap();
        store.modify(&POD, "n", "b", |pod| pod["status"]["phase"] = json!("Succeeded")).unwrap();
        store.remove(&POD, "n", "c").unwrap();
        follow(&mut world);
        assert_eq!(names(world.selected("n", &json!({ "app": "y" }))), "a");
        assert_eq!(names(world.owned("o", &POD)), "ab");
        assert_eq!((world.taken("w").millicores, world.taken("w").pods), (250, 1));
    }
}
