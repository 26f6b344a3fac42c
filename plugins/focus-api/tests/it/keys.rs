//! Every key that this plugin answers for stands on a check, and no other.

use shakedown_core::registry::registered_checks;
use std::collections::BTreeSet;

#[test]
fn the_checks_answer_for_the_listed_keys_and_no_others() {
    let listed = include_str!("../../keys.txt").lines().filter(|line| !line.starts_with('#'));
    let listed: BTreeSet<&str> = listed.map(str::trim).filter(|line| !line.is_empty()).collect();
    let answered: BTreeSet<&str> = registered_checks().flat_map(|spec| spec.keys.iter().copied()).collect();
    let missing: Vec<&&str> = listed.difference(&answered).collect();
    assert!(missing.is_empty(), "no check answers for {missing:?}");
    let more: Vec<&&str> = answered.difference(&listed).collect();
    assert!(more.is_empty(), "add these to keys.txt: {more:?}");
}
