//! A run as one file, to be sent to someone: its reports, its journal and its evidence.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Packs a run's directory into `<id>.tar.gz` within it, and returns the path of that file. What the archive holds lies
/// in a folder named after the run. Everything in it went through the redactor when it was written.
///
/// # Errors
/// Where a file cannot be read, or the archive not be written; none is left behind then.
pub fn pack(run_dir: &Path, id: &str) -> io::Result<PathBuf> {
    let archive = run_dir.join(format!("{id}.tar.gz"));
    let unfinished = run_dir.join(format!("{id}.tar.gz.part"));
    let packed = write(run_dir, id, &unfinished).and_then(|()| fs::rename(&unfinished, &archive));
    if let Err(error) = packed {
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    Ok(archive)
}

fn write(run_dir: &Path, id: &str, archive: &Path) -> io::Result<()> {
    let mut tar = tar::Builder::new(GzEncoder::new(File::create(archive)?, Compression::default()));
    // A link could lead out of the directory.
    tar.follow_symlinks(false);
    let mut open = vec![run_dir.to_owned()];
    let mut files = Vec::new();
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() && !(path.parent() == Some(run_dir) && is_archive(&path)) {
                files.push(path);
            }
        }
    }
    files.sort();
    for path in files {
        let name = Path::new(id).join(path.strip_prefix(run_dir).unwrap_or(&path));
        tar.append_path_with_name(&path, name)?;
    }
    tar.into_inner()?.finish()?.sync_all()
}

/// Whether it is this archive, or one that an earlier call has made or begun.
fn is_archive(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.ends_with(".tar.gz") || name.ends_with(".tar.gz.part")
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;

    #[test]
    fn a_run_is_packed_with_its_evidence_and_without_older_archives() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        fs::create_dir_all(at("evidence/moon.up")).unwrap();
        for path in ["run.json", "evidence/moon.up/1-sky.txt", "old.tar.gz"] {
            fs::write(at(path), path).unwrap();
        }
        for _ in 0..2 {
            let archive = pack(directory.path(), "night-1").unwrap();
            let mut tar = tar::Archive::new(GzDecoder::new(File::open(&archive).unwrap()));
            let packed: Vec<(String, String)> = tar
                .entries()
                .unwrap()
                .map(|entry| {
                    let mut entry = entry.unwrap();
                    let path = entry.path().unwrap().display().to_string();
                    (path, io::read_to_string(&mut entry).unwrap())
                })
                .collect();
            let expected = ["evidence/moon.up/1-sky.txt", "run.json"];
            assert_eq!(packed, expected.map(|path| (format!("night-1/{path}"), path.to_owned())));
        }
    }

    #[test]
    fn a_failure_leaves_no_half_an_archive() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("night-1.tar.gz")).unwrap();
        fs::write(directory.path().join("night-1.tar.gz").join("x"), "").unwrap();
        assert!(pack(directory.path(), "night-1").is_err());
        assert!(!directory.path().join("night-1.tar.gz.part").exists());
    }
}
