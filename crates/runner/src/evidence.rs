//! Evidence on disk: redacted, capped, under names that cannot leave their directory.

use shakedown_core::redact::Redactor;
use shakedown_core::{Evidence, EvidenceRef};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

/// A check that keeps more than this many bytes gets the rest cut.
const MAX_BYTES_PER_CHECK: usize = 8 * Evidence::MAX_BYTES;

/// Where the evidence of a run is kept.
pub(crate) struct EvidenceStore {
    /// The run's directory; without one, evidence is only counted.
    directory: Option<PathBuf>,
    used: Mutex<HashMap<String, (usize, usize)>>,
}

impl EvidenceStore {
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self { directory, used: Mutex::default() }
    }

    /// Whether evidence is kept, and not only counted.
    pub(crate) const fn is_kept(&self) -> bool {
        self.directory.is_some()
    }

    /// Writes a piece of evidence of `check`.
    pub(crate) fn keep(
        &self,
        check: &str,
        evidence: Evidence,
        redactor: &Redactor,
    ) -> io::Result<EvidenceRef> {
        let Evidence { name, media_type, is_report, content } = evidence;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, bytes) = used.entry(check.to_owned()).or_default();
        *count += 1;
        let room = Evidence::MAX_BYTES.min(MAX_BYTES_PER_CHECK.saturating_sub(*bytes));
        // Cut before redacting, so that a huge piece costs no more than the cap; what the cut may have split of a
        // secret at the very end is removed with the last line.
        let truncated = content.len() > room;
        let mut kept = &content[..content.len().min(room)];
        if truncated {
            kept = &kept[..kept.iter().rposition(|&byte| byte == b'\n').unwrap_or(room.saturating_sub(256))];
        }
        let kept = redactor.bytes(kept);
        *bytes += kept.len();
        let path = match file_name(&name) {
            name if is_report => name,
            name => format!("evidence/{check}/{count}-{name}"),
        };
        if let Some(directory) = &self.directory {
            let file = directory.join(&path);
            fs::create_dir_all(file.parent().unwrap_or(directory))?;
            fs::write(file, &kept)?;
        }
        Ok(EvidenceRef { name, path, media_type: media_type.to_owned(), bytes: kept.len() as u64, truncated })
    }
}

/// The name with everything replaced that is not a plain letter, digit, hyphen, underscore or inner dot.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().take(80).map(plain).collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_directory() {
        assert_eq!(file_name("../../etc/passwd"), "-..-etc-passwd");
        assert_eq!(file_name("a|b[c].txt"), "a-b-c-.txt");
        assert_eq!(file_name("…"), "-");
        assert_eq!(file_name(""), "unnamed");
    }

    #[test]
    fn a_flood_is_cut_and_a_secret_masked() {
        let directory = tempfile::tempdir().unwrap();
        let store = EvidenceStore::new(Some(directory.path().to_owned()));
        let redactor = Redactor::new(["c4nary-secret"]);
        let flood = Evidence::text("flood.txt", "c4nary-secret\n".repeat(1 << 20));
        let mut total = 0;
        for _ in 0..20 {
            let kept = store.keep("a.b", flood.clone(), &redactor).unwrap();
            assert!(kept.truncated);
            let text = fs::read_to_string(directory.path().join(&kept.path)).unwrap();
            assert!(!text.contains("c4nary"), "a secret was kept");
            total += kept.bytes;
        }
        assert!(total <= MAX_BYTES_PER_CHECK as u64);
    }
}
