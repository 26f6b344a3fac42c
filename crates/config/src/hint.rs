//! What to say about a word that is none of the known ones.

use shakedown_core::suggest::nearest;

/// More words than this are not listed.
const MOST_LISTED: usize = 20;

/// The word that was meant, or else the words there are, where they are few.
pub(crate) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(word, known.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if known.is_empty() => Some("there is none".to_owned()),
        None if known.len() == 1 => Some(format!("there is only {}", list(known))),
        None if known.len() <= MOST_LISTED => Some(format!("there are {}", list(known))),
        None => None,
    }
}

/// `a`, `b`, `c`.
pub(crate) fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
