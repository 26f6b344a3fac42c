//! What checks ask the cluster with. Every question has a time limit, every list a bound, and every failure is told
//! apart: the target is away, or this question was refused.

use crate::components::Components;
use crate::snapshots::Snapshots;
use crate::trouble::{Place, Trouble};
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use kube::api::{Api, ListParams};
use kube::client::Body;
use serde::de::DeserializeOwned;
use shakedown_core::{CheckError, Context, TargetError, TargetErrorKind, clock, duration};
use shakedown_tunnel::Tunnel;
use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

/// How many objects one page of a list has.
const PAGE: u32 = 500;

/// No list is followed further than this. A namespace with more objects has another problem.
const MOST_ITEMS: usize = 50_000;

/// A page counts for at least as many, so that a list of empty pages ends as well.
const LEAST: usize = 100;

/// A connected cluster, shared by all checks of a run.
pub(crate) struct K8sClient {
    /// The connection itself, for what is asked rarely: wrap the question into [`K8sClient::ask`].
    pub(crate) kube: kube::Client,
    /// The namespace of Focus Server.
    pub(crate) namespace: String,
    /// The workloads that belong to Focus Server.
    pub(crate) components: Components,
    /// Where this is, for errors.
    pub(crate) place: Place,
    /// How long a question outside of a check may take.
    pub(crate) patience: Duration,
    /// What many checks look at, fetched once for all.
    pub(crate) snapshots: Snapshots,
    /// The way there, kept open for as long as somebody may ask.
    pub(crate) tunnel: Option<Tunnel>,
}

impl K8sClient {
    /// Asks within the time that the check has left, less a reserve for saying what went wrong. `what` completes
    /// "cannot …".
    pub(crate) async fn ask<T>(
        &self,
        cx: &Context,
        what: &str,
        question: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, CheckError> {
        Ok(self.ask_within(patience(cx), what, question).await?)
    }

    /// Asks within a time limit.
    pub(crate) async fn ask_within<T>(
        &self,
        limit: Duration,
        what: &str,
        question: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Trouble> {
        match tokio::time::timeout(limit, question).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.trouble(&error, what).await),
            Err(_) => Err(Trouble::Target(self.late(limit, what))),
        }
    }

    /// All objects of a list, page by page. `params` selects; limit and continuation are set here.
    ///
    /// # Errors
    /// Also where the list is endless.
    pub(crate) async fn all<K>(
        &self,
        cx: &Context,
        what: &str,
        api: &Api<K>,
        params: ListParams,
    ) -> Result<Vec<K>, CheckError>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        let limit = patience(cx);
        Ok(self.all_within(limit, what, api, params, Some).await?)
    }

    /// All objects of a list that `keep` keeps, and what it keeps of them.
    pub(crate) async fn all_within<K>(
        &self,
        limit: Duration,
        what: &str,
        api: &Api<K>,
        params: ListParams,
        keep: impl Fn(K) -> Option<K>,
    ) -> Result<Vec<K>, Trouble>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        let pages = self.pages(what, api, params, keep);
        match tokio::time::timeout(limit, pages).await {
            Ok(answer) => answer.map(|(objects, _)| objects),
            Err(_) => Err(Trouble::Target(self.late(limit, what))),
        }
    }

    /// All objects of a list, and the place in the history that this is.
    pub(crate) async fn list_with_version<K>(
        &self,
        what: &str,
        api: &Api<K>,
        params: ListParams,
    ) -> Result<(Vec<K>, String), Trouble>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        self.pages(what, api, params, Some).await
    }

    async fn pages<K>(
        &self,
        what: &str,
        api: &Api<K>,
        params: ListParams,
        keep: impl Fn(K) -> Option<K>,
    ) -> Result<(Vec<K>, String), Trouble>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        let first = params.limit(PAGE);
        let (mut params, mut kept, mut seen, mut restarted) = (first.clone(), Vec::new(), 0, false);
        loop {
            let page = match api.list(&params).await {
                Ok(page) => page,
                // The place where the list was continued is forgotten by now: once from the beginning.
                Err(kube::Error::Api(status)) if status.code == 410 && !restarted => {
                    (params, kept, seen, restarted) = (first.clone(), Vec::new(), 0, true);
                    continue;
                }
                Err(error) => return Err(self.trouble(&error, what).await),
            };
            let more = page.metadata.continue_.filter(|token| !token.is_empty());
            // A page may be empty and yet have a successor, so each counts for something.
            seen += page.items.len().max(LEAST);
            kept.extend(page.items.into_iter().filter_map(&keep));
            let Some(token) = more else {
                return Ok((kept, page.metadata.resource_version.unwrap_or_default()));
            };
            if seen >= MOST_ITEMS {
                let message = format!("cannot {what}: the list does not end after {MOST_ITEMS} objects");
                return Err(Trouble::Target(self.place.error(TargetErrorKind::Protocol, message)));
            }
            params = first.clone().continue_token(&token);
        }
    }

    /// The objects of that kind in the configured namespace.
    pub(crate) fn here<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.kube.clone(), &self.namespace)
    }

    /// The objects of that kind wherever they are, and those that are in no namespace.
    pub(crate) fn everywhere<K>(&self) -> Api<K>
    where
        K: Resource,
        K::DynamicType: Default,
    {
        Api::all(self.kube.clone())
    }

    /// Whether the server still answers: its version is what everybody may ask.
    pub(crate) async fn probe(&self) -> Result<(), TargetError> {
        match self.ask_within(self.patience, "ask for the version", self.kube.apiserver_version()).await {
            Ok(_) | Err(Trouble::Refused { .. }) => Ok(()),
            // Who may not ask for the version has been answered all the same.
            Err(Trouble::Target(error)) if error.kind == TargetErrorKind::Forbidden => Ok(()),
            Err(Trouble::Target(error)) => Err(error),
        }
    }

    /// The time that the server gives its answers, to the second.
    pub(crate) async fn time(&self) -> Result<Option<Timestamp>, TargetError> {
        let request = http::Request::get("/version").body(Body::empty());
        let request =
            request.map_err(|error| self.place.error(TargetErrorKind::Settings, error.to_string()))?;
        let answer = self.ask_within(self.patience, "ask for the time", self.kube.send(request)).await;
        let answer = answer.map_err(|trouble| trouble.into_target(&self.place))?;
        Ok(answer.headers().get("date").and_then(|date| clock::http_date(date.to_str().ok()?)))
    }

    /// What an error means, where `what` completes "cannot …".
    pub(crate) async fn trouble(&self, error: &kube::Error, what: &str) -> Trouble {
        let trouble = Trouble::of(error, what, &self.place);
        let Some(tunnel) = self.tunnel.as_ref().filter(|_| trouble.is_passing()) else { return trouble };
        match tunnel.broken().await {
            Some(broken) => Trouble::Target(self.place.tunnel(&broken, &format!("cannot {what}: "))),
            None => trouble,
        }
    }

    /// There was no answer in time.
    pub(crate) fn late(&self, limit: Duration, what: &str) -> TargetError {
        let message = format!("cannot {what}: no answer within {}", duration::brief(limit));
        self.place.error(TargetErrorKind::TimedOut, message)
    }
}

/// What a check may spend on a question: nine tenths of the time it has left.
pub(crate) fn patience(cx: &Context) -> Duration {
    cx.remaining().mul_f64(0.9)
}
