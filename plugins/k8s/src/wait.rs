//! Waiting for something to become so, by watching instead of polling.

use crate::client::{K8sClient, patience};
use crate::trouble::Trouble;
use futures_util::StreamExt;
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use shakedown_core::{CheckError, Context};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::pin::pin;
use std::time::{Duration, Instant};

/// How long to wait before a watch that broke is begun anew.
const PAUSE: Duration = Duration::from_millis(250);

/// The server ends a watch after this many seconds; it is then resumed where it stood.
const WATCH_SECONDS: u32 = 60;

/// How a wait ended.
#[derive(Debug)]
pub(crate) enum Waited<T, K> {
    /// It became so.
    Done {
        /// What was waited for.
        seen: T,
        /// After how long.
        after: Duration,
    },
    /// It did not become so in time.
    TimedOut {
        /// The objects as they were last seen, by `namespace/name`.
        last: BTreeMap<String, K>,
        /// How long was waited.
        after: Duration,
    },
}

/// The objects as they are now, and the place in the history that this is.
struct View<K> {
    objects: BTreeMap<String, K>,
    version: Option<String>,
    /// Whether the whole list has been seen at least once.
    listed: bool,
}

impl K8sClient {
    /// Watches the objects that `params` selects until `look` finds what is wanted, at most `within`. `look` is given
    /// all of them, by `namespace/name` (`/name` outside of namespaces), after each change. `what` completes "cannot …".
    ///
    /// # Errors
    /// Where the objects could not be seen at all. That it did not become so is [`Waited::TimedOut`].
    pub(crate) async fn until<T, K>(
        &self,
        cx: &Context,
        within: Duration,
        what: &str,
        api: &Api<K>,
        params: ListParams,
        mut look: impl FnMut(&BTreeMap<String, K>) -> Option<T>,
    ) -> Result<Waited<T, K>, CheckError>
    where
        K: Resource + Clone + DeserializeOwned + Debug,
    {
        let start = Instant::now();
        let within = within.min(patience(cx));
        let mut view = View { objects: BTreeMap::new(), version: None, listed: false };
        let mut trouble = None;
        let watching = async {
            loop {
                match self.follow(what, api, &params, &mut view, &mut look).await {
                    Ok(seen) => return Ok(seen),
                    Err(error) if error.is_passing() => trouble = Some(error),
                    Err(error) => return Err(error),
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        match tokio::time::timeout(within, watching).await {
            Ok(Ok(seen)) => Ok(Waited::Done { seen, after: start.elapsed() }),
            Ok(Err(error)) => Err(error.into()),
            Err(_) if view.listed => Ok(Waited::TimedOut { last: view.objects, after: start.elapsed() }),
            Err(_) => Err(trouble.unwrap_or_else(|| Trouble::Target(self.late(within, what))).into()),
        }
    }

    /// Lists where nothing is known yet, and watches from there until something is found or the watch breaks.
    async fn follow<T, K>(
        &self,
        what: &str,
        api: &Api<K>,
        params: &ListParams,
        view: &mut View<K>,
        look: &mut impl FnMut(&BTreeMap<String, K>) -> Option<T>,
    ) -> Result<T, Trouble>
    where
        K: Resource + Clone + DeserializeOwned + Debug,
    {
        let selection = WatchParams {
            label_selector: params.label_selector.clone(),
            field_selector: params.field_selector.clone(),
            bookmarks: true,
            timeout: Some(WATCH_SECONDS),
            ..WatchParams::default()
        };
        loop {
            let version = if let Some(version) = &view.version {
                version.clone()
            } else {
                let (objects, version) = self.list_with_version(what, api, params.clone()).await?;
                view.objects = objects.into_iter().map(|object| (key(&object), object)).collect();
                view.listed = true;
                if let Some(seen) = look(&view.objects) {
                    return Ok(seen);
                }
                view.version.insert(version).clone()
            };
            let changes = match api.watch(&selection, &version).await {
                Ok(changes) => changes,
                Err(kube::Error::Api(status)) if status.code == 410 => {
                    view.version = None;
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                Err(error) => return Err(self.trouble(&error, what).await),
            };
            let mut changes = pin!(changes);
            while let Some(change) = changes.next().await {
                match change {
                    Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                        view.version = object.resource_version();
                        view.objects.insert(key(&object), object);
                    }
                    Ok(WatchEvent::Deleted(object)) => {
                        view.version = object.resource_version();
                        view.objects.remove(&key(&object));
                    }
                    Ok(WatchEvent::Bookmark(mark)) => {
                        view.version = Some(mark.metadata.resource_version);
                        continue;
                    }
                    // The history begins later by now: what has become of the objects is in a new list.
                    Ok(WatchEvent::Error(status)) if status.code == 410 => {
                        view.version = None;
                        break;
                    }
                    Ok(WatchEvent::Error(status)) => {
                        return Err(self.trouble(&kube::Error::Api(status), what).await);
                    }
                    Err(error) => return Err(self.trouble(&error, what).await),
                }
                if let Some(seen) = look(&view.objects) {
                    return Ok(seen);
                }
            }
            // The server has ended the watch. One that does so at once is not asked again without a pause.
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn key<K: Resource>(object: &K) -> String {
    let metadata = object.meta();
    format!(
        "{}/{}",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default()
    )
}
