//! The objects of the cluster: versioned, watched, in memory.
//!
//! Every change happens under one lock and gets the next resource version. The latest changes stay in a log, so that
//! a watch can begin in the past; one that begins before the log is told so.

use super::defaults;
use super::error::ApiError;
use super::kinds::{Kind, NAMESPACE};
use jiff::Timestamp;
use rand::RngExt as _;
use serde_json::{Map, Value, json};
use shakedown_core::Clock;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::mpsc;
use uuid::Uuid;

/// How many changes the log holds.
const LOG: usize = 5_000;
/// What generated names end with: no vowels, so that they form no words.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// The first resource version, higher than none.
const FIRST: u64 = 1_000;

/// Where an object stands: its namespace (empty for cluster scope) and its name.
pub(crate) type Place = (String, String);

/// All objects of the cluster.
#[derive(Debug)]
pub(crate) struct Store {
    clock: Clock,
    state: Mutex<State>,
}

/// An object, and its text once that was needed.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) object: Arc<Value>,
    text: OnceLock<String>,
}

impl Entry {
    fn new(object: Value) -> Arc<Self> {
        Arc::new(Self { object: Arc::new(object), text: OnceLock::new() })
    }

    /// The object as JSON.
    pub(crate) fn text(&self) -> &str {
        self.text.get_or_init(|| self.object.to_string())
    }
}

#[derive(Debug)]
struct State {
    version: u64,
    objects: BTreeMap<(&'static str, &'static str), BTreeMap<Place, Arc<Entry>>>,
    log: VecDeque<Change>,
    /// The version of the newest change that the log has lost.
    forgotten: u64,
    subscribers: Vec<mpsc::UnboundedSender<Change>>,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Added,
    Modified,
    Deleted,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) kind: &'static Kind,
    pub(crate) what: What,
    /// The object afterwards; its last state, where it was deleted.
    pub(crate) object: Arc<Value>,
    /// The object before; none, where it was added.
    pub(crate) before: Option<Arc<Value>>,
    /// The resource version that came with it.
    pub(crate) version: u64,
}

/// All changes from some time on.
#[derive(Debug)]
pub(crate) struct Subscription(mpsc::UnboundedReceiver<Change>);

impl Subscription {
    /// The next change. Never returns once the store is gone.
    pub(crate) async fn next(&mut self) -> Change {
        match self.0.recv().await {
            Some(change) => change,
            None => std::future::pending().await,
        }
    }
}

/// Some objects in order, as a list shows them.
pub(crate) struct Page {
    pub(crate) entries: Vec<Arc<Entry>>,
    /// The version of the store when they were read.
    pub(crate) version: u64,
    /// Where the next page begins; none, where there is none.
    pub(crate) next: Option<Place>,
}

impl Store {
    /// An empty store.
    pub(crate) fn new(clock: Clock) -> Arc<Self> {
        let state = State {
            version: FIRST,
            objects: BTreeMap::new(),
            log: VecDeque::new(),
            forgotten: FIRST,
            subscribers: Vec::new(),
        };
        Arc::new(Self { clock, state: Mutex::new(state) })
    }

    /// Adds an object. What it does not say is filled in: `apiVersion`, `kind`, a name after `generateName`, `uid`,
    /// `creationTimestamp`, `generation`, and the defaults of its kind. Its namespace must exist.
    pub(crate) fn create(&self, kind: &'static Kind, object: Value) -> Result<Arc<Value>, ApiError> {
        self.create_if(kind, object, true)
    }

    /// As [`create`](Self::create); only says what would be where `commit` is not set.
    pub(crate) fn create_if(
        &self,
        kind: &'static Kind,
        mut object: Value,
        commit: bool,
    ) -> Result<Arc<Value>, ApiError> {
        let mut state = self.lock();
        self.complete(kind, &mut object)?;
        let place = place(kind, &object);
        if kind.namespaced && state.entry(&NAMESPACE, "", &place.0).is_none() {
            return Err(ApiError::not_found(&NAMESPACE, &place.0));
        }
        if state.entry(kind, &place.0, &place.1).is_some() {
            return Err(ApiError::already_exists(kind, &place.1));
        }
        if !commit {
            return Ok(Arc::new(object));
        }
        Ok(state.put(kind, place, object, None))
    }

    /// An object. The namespace is empty for cluster scope.
    pub(crate) fn get(
        &self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
    ) -> Result<Arc<Value>, ApiError> {
        let entry = self.lock().entry(kind, namespace, name).cloned();
        entry.map(|entry| Arc::clone(&entry.object)).ok_or_else(|| ApiError::not_found(kind, name))
    }

    /// All objects of a kind, in one namespace or in all, by namespace and name; and the version of the store.
    pub(crate) fn list(&self, kind: &'static Kind, namespace: Option<&str>) -> (Vec<Arc<Value>>, u64) {
        let page = self.page(kind, namespace, None, usize::MAX, |_| true);
        (page.entries.iter().map(|entry| Arc::clone(&entry.object)).collect(), page.version)
    }

    /// Up to `limit` objects that are wanted, from a place on.
    pub(crate) fn page(
        &self,
        kind: &'static Kind,
        namespace: Option<&str>,
        from: Option<&Place>,
        limit: usize,
        wanted: impl Fn(&Value) -> bool,
    ) -> Page {
        let state = self.lock();
        let version = state.version;
        let start = match (from, namespace) {
            (Some(place), _) => Bound::Included(place.clone()),
            (None, Some(namespace)) => Bound::Included((namespace.to_owned(), String::new())),
            (None, None) => Bound::Unbounded,
        };
        let Some(objects) = state.objects.get(&key(kind)) else {
            return Page { entries: Vec::new(), version, next: None };
        };
        let mut found = objects
            .range((start, Bound::Unbounded))
            .take_while(|((stands_in, _), _)| namespace.is_none_or(|namespace| namespace == stands_in))
            .filter(|(_, entry)| wanted(&entry.object));
        let entries = found.by_ref().take(limit).map(|(_, entry)| Arc::clone(entry)).collect();
        let next = found.next().map(|(place, _)| place.clone());
        Page { entries, version, next }
    }

    /// Changes an object, atomically. The resource version rises only where something changed, the generation only
    /// where the spec did.
    pub(crate) fn modify(
        &self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Result<Arc<Value>, ApiError> {
        self.modify_if(kind, namespace, name, true, |object| {
            change(object);
            Ok(())
        })
    }

    /// As [`modify`](Self::modify) with a change that may refuse; only says what would be where `commit` is not set.
    pub(crate) fn modify_if(
        &self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
        commit: bool,
        change: impl FnOnce(&mut Value) -> Result<(), ApiError>,
    ) -> Result<Arc<Value>, ApiError> {
        let mut state = self.lock();
        let entry = state.entry(kind, namespace, name).cloned();
        let before = entry.ok_or_else(|| ApiError::not_found(kind, name))?.object.clone();
        let mut after = Value::clone(&before);
        change(&mut after)?;
        if after == *before {
            return Ok(before);
        }
        if after.get("spec") != before.get("spec") {
            let generation = before["metadata"]["generation"].as_i64().unwrap_or_default();
            after["metadata"]["generation"] = json!(generation + 1);
        }
        if !commit {
            return Ok(Arc::new(after));
        }
        Ok(state.put(kind, (namespace.to_owned(), name.to_owned()), after, Some(before)))
    }

    /// Removes an object at once.
    pub(crate) fn remove(
        &self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
    ) -> Result<Arc<Value>, ApiError> {
        let mut state = self.lock();
        let place = (namespace.to_owned(), name.to_owned());
        let removed = state.objects.get_mut(&key(kind)).and_then(|objects| objects.remove(&place));
        let before = removed.ok_or_else(|| ApiError::not_found(kind, name))?.object.clone();
        let mut last = Value::clone(&before);
        let version = state.next_version(&mut last);
        let object = Arc::new(last);
        let what = What::Deleted;
        state.tell(Change { kind, what, object: Arc::clone(&object), before: Some(before), version });
        Ok(object)
    }

    /// All changes from now on.
    pub(crate) fn subscribe(&self) -> Subscription {
        self.lock().subscribe()
    }

    /// The changes after a version that have happened already, and all later ones.
    ///
    /// # Errors
    /// The log no longer reaches back that far.
    pub(crate) fn subscribe_after(&self, version: u64) -> Result<(Vec<Change>, Subscription), ApiError> {
        let mut state = self.lock();
        state.check_known(version)?;
        let first = state.log.partition_point(|change| change.version <= version);
        let past = state.log.range(first..).cloned().collect();
        let subscription = state.subscribe();
        Ok((past, subscription))
    }

    /// Refuses a version from before the log.
    pub(crate) fn check_known(&self, version: u64) -> Result<(), ApiError> {
        self.lock().check_known(version)
    }

    /// Fills in what a new object does not say.
    fn complete(&self, kind: &Kind, object: &mut Value) -> Result<(), ApiError> {
        let Some(fields) = object.as_object_mut() else {
            return Err(ApiError::bad_request(format!("a {} is an object", kind.kind)));
        };
        fields.insert("apiVersion".to_owned(), json!(kind.api_version()));
        fields.insert("kind".to_owned(), json!(kind.kind));
        let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
        let Some(metadata) = metadata.as_object_mut() else {
            return Err(ApiError::bad_request("metadata is an object"));
        };
        let text = |metadata: &Map<String, Value>, field| {
            metadata.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let mut name = text(metadata, "name");
        let stem = text(metadata, "generateName");
        if name.is_empty() && !stem.is_empty() {
            name = stem + &generated_suffix();
            metadata.insert("name".to_owned(), json!(name));
        }
        check_name(kind, &name)?;
        if !kind.namespaced {
            metadata.remove("namespace");
        } else if text(metadata, "namespace").is_empty() {
            metadata.insert("namespace".to_owned(), json!("default"));
        }
        metadata.entry("uid").or_insert_with(|| json!(Uuid::new_v4()));
        metadata.entry("creationTimestamp").or_insert_with(|| json!(time_text(self.clock.now())));
        if fields.contains_key("spec") {
            fields["metadata"]["generation"] = json!(1);
        }
        defaults::check_shape(object)?;
        defaults::fill(kind, object);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn entry(&self, kind: &Kind, namespace: &str, name: &str) -> Option<&Arc<Entry>> {
        self.objects.get(&key(kind))?.get(&(namespace.to_owned(), name.to_owned()))
    }

    fn check_known(&self, version: u64) -> Result<(), ApiError> {
        let oldest = self.forgotten;
        if version < oldest {
            return Err(ApiError::expired(format!("too old resource version: {version} ({oldest})")));
        }
        Ok(())
    }

    fn put(
        &mut self,
        kind: &'static Kind,
        place: Place,
        mut object: Value,
        before: Option<Arc<Value>>,
    ) -> Arc<Value> {
        let version = self.next_version(&mut object);
        let entry = Entry::new(object);
        let object = Arc::clone(&entry.object);
        self.objects.entry(key(kind)).or_default().insert(place, entry);
        let what = if before.is_some() { What::Modified } else { What::Added };
        self.tell(Change { kind, what, object: Arc::clone(&object), before, version });
        object
    }

    fn next_version(&mut self, object: &mut Value) -> u64 {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.version
    }

    fn tell(&mut self, change: Change) {
        self.subscribers.retain(|subscriber| subscriber.send(change.clone()).is_ok());
        self.log.push_back(change);
        if self.log.len() > LOG
            && let Some(lost) = self.log.pop_front()
        {
            self.forgotten = lost.version;
        }
    }

    fn subscribe(&mut self) -> Subscription {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.subscribers.push(sender);
        Subscription(receiver)
    }
}

const fn key(kind: &Kind) -> (&'static str, &'static str) {
    (kind.group, kind.plural)
}

/// Where an object of a kind stands.
fn place(kind: &Kind, object: &Value) -> Place {
    let text = |field| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    let namespace = if kind.namespaced { text("namespace") } else { String::new() };
    (namespace, text("name"))
}

fn check_name(kind: &Kind, name: &str) -> Result<(), ApiError> {
    if name.is_empty() {
        return Err(ApiError::invalid(
            kind,
            name,
            "metadata.name: Required value: name or generateName is required",
        ));
    }
    let is_inner = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_fine = name.len() <= 253
        && name.chars().all(|letter| is_inner(letter) || letter == '-' || letter == '.')
        && name.starts_with(is_inner)
        && name.ends_with(is_inner);
    if is_fine {
        return Ok(());
    }
    let why = format!(
        "metadata.name: Invalid value: \"{name}\": a lowercase RFC 1123 subdomain must consist of lower case \
         alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
    );
    Err(ApiError::invalid(kind, name, &why))
}

/// Five letters that make a generated name unique.
pub(crate) fn generated_suffix() -> String {
    let mut random = rand::rng();
    (0..5).map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())])).collect()
}

/// A time as Kubernetes writes it: UTC, whole seconds.
pub(crate) fn time_text(time: Timestamp) -> String {
    format!("{time:.0}")
}

#[cfg(test)]
mod tests;
