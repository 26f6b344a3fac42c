//! Style and script of the pages, and the policy that lets nothing else in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;

/// What every page carries in its head.
pub(crate) struct Look {
    /// The style sheet.
    pub(crate) style: &'static str,
    /// The script; empty for a page that needs none.
    pub(crate) script: &'static str,
}

impl Look {
    /// A page that can be filtered.
    pub(crate) const FILTERED: Self =
        Self { script: include_str!("../../templates/report.js"), ..Self::PLAIN };

    /// A page without a script.
    pub(crate) const PLAIN: Self = Self { style: include_str!("../../templates/style.css"), script: "" };

    /// Names style and script by what they are: whatever else a hostile text might bring along is not run.
    pub(crate) fn policy(&self) -> String {
        let script = match self.script {
            "" => Cow::Borrowed("'none'"),
            script => source(script).into(),
        };
        format!(
            "default-src 'none'; style-src {}; script-src {script}; img-src data:; base-uri 'none'; \
             form-action 'none'",
            source(self.style)
        )
    }
}

fn source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_by_its_hash_arrives_as_it_is() {
        // A browser hashes what stands between the tags, after it has made line breaks one character.
        for text in [Look::FILTERED.style, Look::FILTERED.script] {
            assert!(!text.contains('\r') && !text.contains("</"), "{text}");
        }
    }
}
