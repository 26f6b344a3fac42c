//! What was linked is exactly what lies in `plugins/`.

use shakedown_bundle as _;
use shakedown_core::Registry;
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_plugin_is_linked_and_free_of_contradictions() {
    let registry = Registry::collect().unwrap_or_else(|error| panic!("{error}"));
    let linked: BTreeSet<String> =
        registry.checks().iter().map(|spec| spec.source.package.to_owned()).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let there: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| format!("shakedown-{}", entry.unwrap().file_name().to_string_lossy()))
        .collect();
    assert_eq!(
        linked, there,
        "a plugin registers no check, or crates/bundle is out of date (`cargo xtask codegen`)"
    );
}
