//! Checks of the Kubernetes cluster that Focus Server runs in.
//!
//! [`Kubernetes`](target::Kubernetes) is the target and [`K8sClient`](client::K8sClient) what checks talk to it with;
//! `checks` holds one file per check. What many checks look at (pods, events, …) is fetched once for all of them, and
//! what a check waits for is watched, not polled.
//!
//! Nothing here changes anything in the cluster, and no private key of a Secret is ever kept.

#![cfg_attr(
    test,
    expect(clippy::needless_pass_by_value, reason = "tests write the values of fields where they need them")
)]

mod access;
#[cfg(test)]
mod access_tests;
mod checks;
mod client;
#[cfg(test)]
mod client_tests;
mod collect;
mod components;
mod exec;
mod guard;
mod identity;
mod observe;
mod patterns;
mod quantity;
mod rights;
mod snapshots;
mod target;
#[cfg(test)]
mod trial;
mod trouble;
mod wait;
#[cfg(test)]
mod wait_tests;

shakedown_core::register_target!(target::Kubernetes, "Kubernetes cluster");
