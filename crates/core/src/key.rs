//! The keys of Jira issues.

/// Whether the text is a key as Jira gives them: a project in capitals, a hyphen, a number, as in `PZ-14024`.
pub fn is_key(text: &str) -> bool {
    let Some((project, number)) = text.split_once('-') else { return false };
    let mut letters = project.chars();
    letters.next().is_some_and(|first| first.is_ascii_uppercase())
        && letters.all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && !number.starts_with('0')
        && !number.is_empty()
        && number.bytes().all(|c| c.is_ascii_digit())
}

/// Whether a key is one of this Jira project; any is, where there is no project.
pub fn is_of(key: &str, project: Option<&str>) -> bool {
    project.is_none_or(|project| key.split_once('-').is_some_and(|(own, _)| own == project))
}

/// The keys that stand in a text, separated by `;`, `,` or blanks.
///
/// # Errors
/// The first part that is no key.
pub fn keys_in(text: &str) -> Result<Vec<&str>, &str> {
    text.split(|c: char| matches!(c, ';' | ',') || c.is_whitespace())
        .filter(|part| !part.is_empty())
        .map(|part| if is_key(part) { Ok(part) } else { Err(part) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_project_and_a_number() {
        for right in ["PZ-1", "PZ-14024", "A-10", "X2_Y-7"] {
            assert!(is_key(right), "{right}");
        }
        for wrong in
            ["", "PZ", "PZ-", "-1", "PZ-0", "PZ-01", "pz-1", "2Z-1", "PZ-1a", "PZ-1-2", "PZ 1", "undefined"]
        {
            assert!(!is_key(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_key_belongs_to_its_project() {
        assert!(is_of("PZ-1", Some("PZ")) && is_of("PZ-1", None));
        assert!(!is_of("PZX-1", Some("PZ")) && !is_of("PZ", Some("PZ")));
    }

    #[test]
    fn several_keys_may_stand_together() {
        assert_eq!(keys_in(" PZ-1;PZ-2, PZ-3\nPZ-4 "), Ok(vec!["PZ-1", "PZ-2", "PZ-3", "PZ-4"]));
        assert_eq!(keys_in("  "), Ok(vec![]));
        assert_eq!(keys_in("PZ-1, to do"), Err("to"));
    }
}
