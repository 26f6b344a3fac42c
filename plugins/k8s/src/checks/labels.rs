//! What a selector that matches nothing was most likely meant to match.

use super::ward::EXAMPLES;
use std::collections::{BTreeMap, BTreeSet};

/// Something that has labels: what it is called, and they.
pub(super) type Labelled<'a> = (String, &'a BTreeMap<String, String>);

/// The labels that objects really have where a selector expects others: one line for each label, with an object that has
/// it. Labels whose value the selector names under another key come first, then those of its keys with other values.
pub(super) fn instead(selector: &BTreeMap<String, String>, objects: &[Labelled<'_>]) -> Vec<String> {
    let mut same_value = BTreeMap::new();
    let mut same_key = BTreeMap::new();
    for (object, labels) in objects {
        for (key, value) in *labels {
            let pair = format!("{key}={value}");
            if selector.get(key).is_some_and(|wanted| wanted != value) {
                same_key.entry(pair).or_insert(object);
            } else if !selector.contains_key(key) && selector.values().any(|wanted| wanted == value) {
                same_value.entry(pair).or_insert(object);
            }
        }
    }
    let line = |(pair, object): (String, &String)| format!("{object} has the label {pair}");
    same_value.into_iter().map(line).chain(same_key.into_iter().map(line)).take(EXAMPLES).collect()
}

/// The labels of a selector that nothing has at all, whatever else it has.
pub(super) fn unknown(selector: &BTreeMap<String, String>, objects: &[Labelled<'_>]) -> BTreeSet<String> {
    let is_known =
        |key: &String, value: &String| objects.iter().any(|(_, labels)| labels.get(key) == Some(value));
    let unknown = selector.iter().filter(|(key, value)| !is_known(key, value));
    unknown.map(|(key, value)| format!("{key}={value}")).collect()
}

/// A selector as `kubectl -l` takes it.
pub(super) fn text(selector: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn the_classic_is_recognised() {
        let real = labels(&[("app.kubernetes.io/instance", "mongodb"), ("pod-template-hash", "5d")]);
        let other = labels(&[("app", "web")]);
        let objects = [("pod mongodb-5d-x".to_owned(), &real), ("pod web-1".to_owned(), &other)];
        let selector = labels(&[("app", "mongodb")]);
        assert_eq!(
            instead(&selector, &objects),
            [
                "pod mongodb-5d-x has the label app.kubernetes.io/instance=mongodb",
                "pod web-1 has the label app=web"
            ]
        );
        assert_eq!(unknown(&selector, &objects), BTreeSet::from(["app=mongodb".to_owned()]));
        assert!(instead(&selector, &[]).is_empty());
        assert_eq!(text(&labels(&[("a", "1"), ("b", "2")])), "a=1,b=2");
    }
}
