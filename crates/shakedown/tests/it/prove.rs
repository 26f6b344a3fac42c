//! Every registered check is proven, and every fix.

use crate::documents::document;
use crate::scene::{Scene, mongo_is_there, quiet};
use serde_json::Value;
use std::collections::BTreeSet;

/// The experiments of these checks that did not show what they must.
fn open(arguments: &[&str]) -> (usize, Vec<Value>) {
    let ran = Scene::new().shakedown(&[&["prove", "--format", "json"], arguments].concat());
    let results = document(&ran, "prove").as_array().cloned().unwrap();
    let all = results.len();
    (all, results.into_iter().filter(|shown| shown["proven"] != true).collect())
}

#[test]
fn every_check_is_proven() {
    if !mongo_is_there() {
        return;
    }
    let _quiet = quiet();
    // Most experiments wait more than they work.
    let (all, left) = open(&["--jobs", "6"]);
    assert!(all > 300, "{all} experiments");
    if left.is_empty() {
        return;
    }
    // Other tests run beside this one on a machine that others use too: what judges times gets a quiet second attempt.
    let checks: BTreeSet<String> =
        left.iter().map(|shown| format!("id({})", shown["check"].as_str().unwrap())).collect();
    assert!(checks.len() <= 10, "{} of {all} are not proven:\n{left:#?}", left.len());
    let again = checks.into_iter().collect::<Vec<_>>().join(" | ");
    let (_, left) = open(&["--jobs", "1", "-E", &again]);
    assert!(left.is_empty(), "{} of {all} are not proven:\n{left:#?}", left.len());
}
