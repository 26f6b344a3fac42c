//! Where the links of a page lead: to files beside it, and to Jira.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use shakedown_core::key::is_key;

/// What a path's segment may show as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is needed to make links.
#[derive(Clone, Copy, Debug)]
pub struct Links<'a> {
    jira_url: Option<&'a str>,
}

impl<'a> Links<'a> {
    /// Links keys to the Jira at this address, where it is one.
    pub fn new(jira_url: Option<&'a str>) -> Self {
        let is_web = |url: &&str| url.starts_with("https://") || url.starts_with("http://");
        Self { jira_url: jira_url.filter(is_web).map(|url| url.trim_end_matches('/')) }
    }

    /// The issue's page; none where nobody knows where Jira is, or where it is no key.
    pub fn issue(self, key: &str) -> Option<String> {
        self.jira_url.filter(|_| is_key(key)).map(|url| format!("{url}/browse/{key}"))
    }
}

/// The address of a check within the page.
pub(crate) fn anchor(check: &str) -> String {
    format!("#{}", encoded(check))
}

/// Text as a part of an address.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// The address of a file beside the page; none where the path would lead out of the run's directory.
pub(super) fn file(path: &str) -> Option<String> {
    let segments: Vec<&str> = path.split('/').collect();
    let leads_out = |segment: &&str| matches!(*segment, "" | "." | "..") || segment.contains('\\');
    if segments.iter().any(leads_out) {
        return None;
    }
    let encoded = segments.iter().map(|segment| encoded(segment));
    Some(encoded.collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_beside_the_page() {
        assert_eq!(file("evidence/moon.up/sky 1.txt").as_deref(), Some("evidence/moon.up/sky%201.txt"));
        assert_eq!(file("javascript:alert(1)").as_deref(), Some("javascript%3Aalert%281%29"));
        for path in ["/etc/passwd", "../x", "a/../../x", "//example.com/x", "", "a\\b"] {
            assert_eq!(file(path), None, "{path}");
        }
    }

    #[test]
    fn keys_lead_to_jira_where_it_is_known() {
        let links = Links::new(Some("https://jira.example.com/"));
        assert_eq!(links.issue("PZ-12").as_deref(), Some("https://jira.example.com/browse/PZ-12"));
        for key in ["PZ", "PZ-", "PZ-1\"", "pz-1", "../x-1", "-1"] {
            assert_eq!(links.issue(key), None, "{key}");
        }
        for url in [None, Some("javascript:alert(1)//")] {
            assert_eq!(Links::new(url).issue("PZ-12"), None);
        }
    }
}
