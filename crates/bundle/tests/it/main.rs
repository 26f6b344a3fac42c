//! What was linked is exactly what lies in `plugins/`.

use shakedown_bundle as _;
use shakedown_core::registry::registered_checks;
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_plugin_is_linked() {
    // Not a whole registry: the faults that prove the checks belong to the sandbox, which is not linked here.
    let linked: BTreeSet<String> = registered_checks().map(|spec| spec.source.package.to_owned()).collect();
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
