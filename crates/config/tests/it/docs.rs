//! The pages show what is true.

use crate::fixture::{REGISTRY, parse};
use shakedown_config::Selection;

#[test]
fn the_example_configuration_is_valid() {
    let page = include_str!("../../../../docs/configuration.md");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let config = parse(example).unwrap_or_else(|error| panic!("{}", error.render(false)));
    assert_eq!(config.environments(), ["local", "staging"]);
}

#[test]
fn the_example_error_is_what_is_said() {
    let page = include_str!("../../../../docs/selection.md");
    let config = parse("version = 1\n[environments.local]\n").unwrap();
    let error = Selection::parse("tag(smok) & !plugin(mongoo)", &REGISTRY, config.suites()).unwrap_err();
    assert!(page.contains(&error.to_string()), "{error}");
}

#[test]
fn the_example_selections_can_be_read() {
    let page = include_str!("../../../../docs/selection.md");
    let suites = "[suites.nightly]\nselect = 'all()'\n[suites.smoke]\nselect = 'tag(smoke)'";
    let config = parse(&format!("version = 1\n[environments.local]\n{suites}")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split("` |").next());
    let mut read = 0;
    for row in rows.filter(|row| row.contains('(') && !row.starts_with('(')) {
        let selection = Selection::parse(&row.replace("\\|", "|"), &REGISTRY, config.suites());
        assert!(selection.is_ok(), "{}", selection.unwrap_err());
        read += 1;
    }
    assert_eq!(read, 14);
}
