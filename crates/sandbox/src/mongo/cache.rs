//! The user's cache directory, with locks that other processes of the same user respect.

use super::variable;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Where what is installed once, and what servers store while they run, is kept.
#[derive(Clone, Debug)]
pub(super) struct Cache(PathBuf);

impl Cache {
    /// `$SHAKEDOWN_CACHE_DIR`, else `$XDG_CACHE_HOME/shakedown`, else `~/.cache/shakedown`, created where missing.
    pub(super) fn open() -> Result<Self, String> {
        let set = |name: &str| variable(name).map(PathBuf::from);
        let path = set("SHAKEDOWN_CACHE_DIR")
            .or_else(|| Some(set("XDG_CACHE_HOME")?.join("shakedown")))
            .or_else(|| Some(set("HOME")?.join(".cache/shakedown")))
            .ok_or("none of SHAKEDOWN_CACHE_DIR, XDG_CACHE_HOME and HOME is set")?;
        let path = std::path::absolute(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        fs::create_dir_all(&path)
            .map_err(|error| format!("failed to create the cache directory {}: {error}", path.display()))?;
        Ok(Self(path))
    }

    /// One in a directory that exists.
    #[cfg(test)]
    pub(super) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// A path within.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Waits until no other process holds the lock of that name, and holds it until the result is dropped. Blocks.
    pub(super) fn lock(&self, name: &str) -> io::Result<File> {
        let file = lock_file(&self.path(&format!("{name}.lock")))?;
        file.lock()?;
        Ok(file)
    }
}

fn lock_file(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}

/// A private directory of one running server, removed when dropped.
///
/// Its owner holds a lock on a file within. A directory without such an owner is left from a process that was
/// killed, and is removed when the next one is made.
#[derive(Debug)]
pub(super) struct Storage {
    path: PathBuf,
    _owned: File,
}

impl Storage {
    /// A new, empty directory, after removing those that nobody owns any more. Blocks.
    pub(super) fn create(cache: &Cache) -> io::Result<Self> {
        // Nobody may take a directory for abandoned between its creation and the locking of its file.
        let _guard = cache.lock("servers")?;
        let servers = cache.path("servers");
        fs::create_dir_all(&servers)?;
        for entry in fs::read_dir(&servers)? {
            let path = entry?.path();
            if is_abandoned(&path) {
                // Whatever cannot be removed now is tried again next time.
                let _ = fs::remove_dir_all(&path);
            }
        }
        let path = tempfile::Builder::new().prefix("mongo-").tempdir_in(&servers)?.keep();
        let owned = lock_file(&path.join("owner.lock"))?;
        owned.lock()?;
        Ok(Self { path, _owned: owned })
    }

    /// A path within.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

fn is_abandoned(path: &Path) -> bool {
    lock_file(&path.join("owner.lock")).is_ok_and(|file| file.try_lock().is_ok())
}

impl Drop for Storage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directories_without_an_owner_are_reaped() {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::at(home.path());
        let owned = Storage::create(&cache).unwrap();
        let abandoned = cache.path("servers").join("mongo-left");
        fs::create_dir(&abandoned).unwrap();
        let next = Storage::create(&cache).unwrap();
        assert!(!abandoned.exists());
        assert!(owned.path("owner.lock").exists());
        drop(owned);
        assert_eq!(fs::read_dir(cache.path("servers")).unwrap().count(), 1);
        drop(next);
        assert_eq!(fs::read_dir(cache.path("servers")).unwrap().count(), 0);
    }
}
