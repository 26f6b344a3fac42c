//! The form of identifiers: `plugin.group.name` for checks, `kebab-case` for codes.

/// Whether `text` is one or more lower-case words joined by single hyphens, starting with a letter.
pub fn is_kebab(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

/// Whether `id` is at least two dot-separated segments, each of lower-case letters, digits and single hyphens, the first
/// starting with a letter.
pub fn is_dotted(id: &str) -> bool {
    let segment = |text: &str| {
        is_kebab(text) || text.starts_with(|c: char| c.is_ascii_digit()) && is_kebab(&format!("n{text}"))
    };
    id.split_once('.').is_some_and(|(plugin, rest)| is_kebab(plugin) && rest.split('.').all(segment))
}

/// The plugin an id belongs to: its first segment.
pub fn plugin_of(id: &str) -> &str {
    id.split('.').next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_a_plugin_and_a_name() {
        for good in ["mongo.connect", "focus-api.latency.p95-p99", "load.capacity.200", "k8s.api"] {
            assert!(is_dotted(good), "{good}");
        }
        for bad in
            ["mongo", "mongo.", ".connect", "Mongo.connect", "mongo..x", "mongo.a_b", "mongo.a--b", "9.x"]
        {
            assert!(!is_dotted(bad), "{bad}");
        }
        assert_eq!(plugin_of("focus-api.ack.ok"), "focus-api");
    }
}
