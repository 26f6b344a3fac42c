//! What is linked is exactly what lies in `plugins/`.

use crate::scene::workspace;
use shakedown_bundle as _;
use shakedown_core::registry::registered_checks;
use std::collections::BTreeSet;

#[test]
fn every_plugin_is_linked() {
    let linked: BTreeSet<String> = registered_checks().map(|spec| spec.source.package.to_owned()).collect();
    let there: BTreeSet<String> = std::fs::read_dir(workspace().join("plugins"))
        .unwrap()
        .map(|entry| format!("shakedown-{}", entry.unwrap().file_name().to_string_lossy()))
        .collect();
    assert_eq!(
        linked, there,
        "a plugin registers no check, or crates/bundle is out of date (`cargo xtask codegen`)"
    );
}
