//! "Did you mean": the nearest known word to a misspelt one.

/// The candidate most like `word`, where one is like enough to be worth naming.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_a_typo_and_refuses_a_stranger() {
        let known = ["timeout", "retries", "severity"];
        assert_eq!(nearest("timeuot", known), Some("timeout"));
        assert_eq!(nearest("Retrys", known), Some("retries"));
        assert_eq!(nearest("colour", known), None);
    }
}
