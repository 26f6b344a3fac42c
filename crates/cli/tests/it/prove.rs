//! Every registered check is proven.

use crate::scene::{Scene, mongo_is_there};
use serde_json::Value;

#[test]
fn every_check_is_proven() {
    if !mongo_is_there() {
        return;
    }
    let ran = Scene::new().shakedown(&["prove", "--format", "json"]);
    let results: Vec<Value> =
        serde_json::from_str(&ran.stdout()).unwrap_or_else(|_| panic!("{}", ran.stderr()));
    let open: Vec<String> =
        results.iter().filter(|shown| shown["proven"] != true).map(|shown| format!("{shown:#}")).collect();
    assert!(open.is_empty(), "{} of {} are not proven:\n{}", open.len(), results.len(), open.join("\n"));
    assert!(results.len() > 50, "{} experiments", results.len());
    ran.expect(0);
}
