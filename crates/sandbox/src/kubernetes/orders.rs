//! How pods are to behave, beside what their objects say: what ails them, and which run until they are told to end.

use super::objects::label;
use super::store::Place;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// What is wrong with the pods of a component or of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ailment {
    /// They run, and never become ready.
    NotReady,
    /// They end at every start.
    CrashLoop,
    /// Their image cannot be pulled.
    ImagePull,
    /// They end every two seconds and are restarted at once.
    Restarts,
    /// They fail soon after their start.
    Fails,
    /// The network has no address for them.
    NoAddress,
    /// They log nothing.
    Silent,
}

/// The orders that stand.
#[derive(Debug, Default)]
pub(super) struct Orders {
    ailments: HashMap<String, Ailment>,
    /// The jobs whose pods run until they are told to end.
    held: HashSet<String>,
    /// How many pods an owner may have.
    quotas: HashMap<Place, usize>,
    /// The services whose endpoints stay empty.
    cut_off: HashSet<Place>,
}

impl Orders {
    /// The pods of a component or of a job are to behave so from now on.
    pub(super) fn ail(&mut self, subject: impl Into<String>, ailment: Ailment) {
        self.ailments.insert(subject.into(), ailment);
    }

    /// What is wrong with a pod.
    pub(super) fn ailment(&self, pod: &Value) -> Option<Ailment> {
        self.ailments.get(subject(pod)).copied()
    }

    /// The pods of a job run until they are told to end.
    pub(super) fn hold(&mut self, job: impl Into<String>) {
        self.held.insert(job.into());
    }

    /// The jobs whose names begin so and whose pods are held: how many of them have addresses, and the one that has
    /// waited longest without.
    pub(super) fn addresses(&self, prefix: &str) -> (usize, Option<String>) {
        let jobs = self.held.iter().filter(|job| job.starts_with(prefix));
        let (without, with): (Vec<&String>, Vec<&String>) =
            jobs.partition(|job| self.ailments.get(*job) == Some(&Ailment::NoAddress));
        // Later jobs have higher numbers.
        let first = without.into_iter().min_by_key(|job| (job.len(), job.as_str()));
        (with.len(), first.cloned())
    }

    /// What ailed the pods of a component or of a job is over.
    pub(super) fn recover(&mut self, subject: &str) {
        self.ailments.remove(subject);
    }

    /// They need not any longer.
    pub(super) fn release(&mut self, job: &str) {
        self.held.remove(job);
    }

    /// Whether a pod runs until it is told to end.
    pub(super) fn holds(&self, pod: &Value) -> bool {
        self.held.contains(subject(pod))
    }

    /// An owner may have no more pods than that.
    pub(super) fn limit(&mut self, owner: Place, pods: usize) {
        self.quotas.insert(owner, pods);
    }

    /// Whether an owner that has so many pods may have another one.
    pub(super) fn allows_another(&self, owner: &Place, pods: usize) -> bool {
        self.quotas.get(owner).is_none_or(|most| pods < *most)
    }

    /// The endpoints of a service stay empty.
    pub(super) fn cut_off(&mut self, service: Place) {
        self.cut_off.insert(service);
    }

    /// Whether the endpoints of a service stay empty.
    pub(super) fn is_cut_off(&self, service: &Place) -> bool {
        self.cut_off.contains(service)
    }

    /// A job is gone.
    pub(super) fn forget(&mut self, job: &str) {
        self.held.remove(job);
        self.ailments.remove(job);
        self.quotas.remove(&(super::seed::PANDA.to_owned(), job.to_owned()));
    }
}

/// Whom orders for a pod name: its job or, for a component, the label that its chart gives it.
pub(super) fn subject(pod: &Value) -> &str {
    match label(pod, "job-name") {
        "" => label(pod, "app.kubernetes.io/name"),
        job => job,
    }
}
