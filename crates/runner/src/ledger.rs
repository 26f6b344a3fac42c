//! What runs have created and not yet removed, on disk, so that also the next run can remove it.
//!
//! One file a run, `<state>/ledger/<run>.jsonl`, locked while the run lives and deleted when everything in it is settled.

use serde::{Deserialize, Serialize};
use shakedown_core::Clock;
use shakedown_core::ledger::Resource;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A file cannot be read or written.
    #[error("the cleanup ledger {}: {source}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// One line of a ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Created { environment: String, check: String, resource: Resource },
    Settled { resource: Resource },
}

/// Something that an earlier run created, and that is not known to be gone.
#[derive(Clone, Debug, PartialEq)]
pub struct Debt {
    /// The environment it was created in.
    pub environment: String,
    /// The check that created it.
    pub check: String,
    /// What it is.
    pub resource: Resource,
    file: PathBuf,
}

impl Debt {
    /// Whether it is gone without anyone's doing: what a sandbox held went with it, and some things end by themselves.
    pub fn is_over(&self, sandbox: bool, clock: &Clock) -> bool {
        sandbox || self.resource.ends_by.is_some_and(|end| end < clock.now())
    }
}

/// The ledger of the present run.
pub struct Ledger {
    environment: String,
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    file: Option<File>,
    open: Vec<(String, Resource)>,
}

impl Ledger {
    /// The ledger of the run `run` under `directory`; the file appears with the first entry.
    pub fn new(directory: &Path, run: &str, environment: &str) -> Self {
        let path = directory.join(format!("{run}.jsonl"));
        Self { environment: environment.to_owned(), path, state: Mutex::default() }
    }

    /// Writes down that `check` creates `resource`. When it returns, the entry survives the end of this process.
    ///
    /// # Errors
    /// Where the file cannot be written: nothing must then be created.
    pub fn created(&self, check: &str, resource: Resource) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (environment, check) = (self.environment.clone(), check.to_owned());
        let line = Line::Created { environment, check: check.clone(), resource: resource.clone() };
        if state.file.is_none() {
            if let Some(directory) = self.path.parent() {
                fs::create_dir_all(directory)?;
            }
            let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
            file.lock()?;
            state.file = Some(file);
        }
        append(state.file.as_mut(), &line)?;
        state.open.push((check, resource));
        Ok(())
    }

    /// Writes down that `resource` is gone, or will be without us.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn settled(&self, resource: &Resource) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        append(state.file.as_mut(), &Line::Settled { resource: resource.clone() })?;
        state.open.retain(|(_, open)| open != resource);
        Ok(())
    }

    /// What is not settled, with the checks that created it.
    pub fn open(&self) -> Vec<(String, Resource)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).open.clone()
    }

    /// Ends the ledger: without open entries its file goes.
    ///
    /// # Errors
    /// Where the file cannot be removed.
    pub fn close(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let existed = state.file.take().is_some();
        if existed && state.open.is_empty() { fs::remove_file(&self.path) } else { Ok(()) }
    }

    /// What earlier runs left open under `directory`; the ledgers of runs that still live are not looked at.
    ///
    /// # Errors
    /// Where the directory or a file in it cannot be read.
    pub fn debts(directory: &Path) -> Result<Vec<Debt>, LedgerError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| LedgerError::File { path, source }
        };
        let mut debts = Vec::new();
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(debts),
            entries => entries.map_err(failed(directory))?,
        };
        let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
        files.sort();
        for path in files {
            let file = File::open(&path).map_err(failed(&path))?;
            if file.try_lock_shared().is_err() {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(failed(&path))?;
            let open = open_entries(&text, &path);
            if open.is_empty() {
                fs::remove_file(&path).map_err(failed(&path))?;
            }
            debts.extend(open);
        }
        Ok(debts)
    }

    /// Writes into the ledger of an earlier run that a debt is settled.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn settle(debt: &Debt) -> Result<(), LedgerError> {
        let write = || {
            let mut file = OpenOptions::new().append(true).open(&debt.file)?;
            append(Some(&mut file), &Line::Settled { resource: debt.resource.clone() })?;
            if open_entries(&fs::read_to_string(&debt.file)?, &debt.file).is_empty() {
                fs::remove_file(&debt.file)?;
            }
            Ok(())
        };
        write().map_err(|source| LedgerError::File { path: debt.file.clone(), source })
    }
}

fn append(file: Option<&mut File>, line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    file.map_or(Ok(()), |file| file.write_all(text.as_bytes()).and_then(|()| file.sync_data()))
}

/// The entries that no later line settles. A line that was torn by a crash is passed over.
fn open_entries(text: &str, file: &Path) -> Vec<Debt> {
    let mut open: Vec<Debt> = Vec::new();
    for line in text.lines().filter_map(|line| serde_json::from_str(line).ok()) {
        match line {
            Line::Created { environment, check, resource } => {
                open.push(Debt { environment, check, resource, file: file.to_owned() });
            }
            Line::Settled { resource } => open.retain(|debt| debt.resource != resource),
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: &str) -> Resource {
        Resource { target: "moon".into(), kind: "job".into(), id: id.into(), ends_by: None }
    }

    #[test]
    fn what_a_killed_run_created_is_found_by_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(directory.path(), "run-1", "local");
        ledger.created("moon.up", job("1")).unwrap();
        ledger.created("moon.up", job("2")).unwrap();
        ledger.settled(&job("1")).unwrap();
        assert_eq!(Ledger::debts(directory.path()).unwrap(), [], "a living run's ledger is its own");
        drop(ledger);
        let debts = Ledger::debts(directory.path()).unwrap();
        assert_eq!(debts.iter().map(|debt| debt.resource.id.as_str()).collect::<Vec<_>>(), ["2"]);
        Ledger::settle(&debts[0]).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_settled_ledger_leaves_no_file_and_a_torn_line_is_no_obstacle() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(directory.path(), "run-1", "local");
        ledger.created("moon.up", job("1")).unwrap();
        ledger.settled(&job("1")).unwrap();
        ledger.close().unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        fs::write(directory.path().join("torn.jsonl"), "{\"created\":{\"environment\":\"lo").unwrap();
        assert_eq!(Ledger::debts(directory.path()).unwrap(), []);
    }
}
