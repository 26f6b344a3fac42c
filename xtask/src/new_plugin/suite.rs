//! What `checks.toml` needs of a new plugin: a suite that selects its checks, so that somebody runs them.

use super::name::Name;
use crate::Failure;

/// The file with a suite of that name. A sandbox provides the plugin's target by itself.
pub(crate) fn added(checks: &str, name: &Name) -> Result<String, Failure> {
    let (kebab, title) = (name.kebab(), name.title());
    let header = format!("[suites.{kebab}]");
    if checks.lines().any(|line| line.trim_start().starts_with(&header)) {
        return Err(format!("there is a suite `{kebab}` already; choose another name, or remove that first"));
    }
    let checks = checks.trim_end();
    Ok(format!("{checks}\n\n{header}\ndescription = \"Is {title} well?\"\nselect = \"plugin({kebab})\"\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_is_added_once() {
        let name = Name::read("moon-base").unwrap();
        let file = added("version = 1\n\n", &name).unwrap();
        assert_eq!(
            file,
            "version = 1\n\n[suites.moon-base]\ndescription = \"Is Moon base well?\"\nselect = \"plugin(moon-base)\"\n"
        );
        assert!(added(&file, &name).unwrap_err().starts_with("there is a suite `moon-base` already"));
        assert!(added(&file, &Name::read("moon").unwrap()).is_ok());
    }
}
