//! A real browser, which opens a page and says what became of it.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any page takes on a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a browser made of a page.
pub(crate) struct Opened {
    /// The document after its scripts have run.
    pub(crate) dom: String,
    /// What the page or the browser said about it on the console.
    pub(crate) console: Vec<String>,
}

impl Opened {
    /// The opening tags of the checks, in the order of the document.
    pub(crate) fn checks(&self) -> Vec<&str> {
        let tags = self.dom.split("<details ").skip(1).map(|rest| rest.split('>').next().unwrap());
        tags.filter(|tag| tag.contains("class=\"check\"")).collect()
    }

    /// The ids of the checks that are shown.
    pub(crate) fn shown(&self) -> Vec<&str> {
        let shown = self.checks().into_iter().filter(|tag| !tag.contains("hidden"));
        shown.map(|tag| tag.split("id=\"").nth(1).unwrap().split('"').next().unwrap()).collect()
    }
}

/// Opens a page; none where there is no browser, which CI does not tolerate. The tail of the address may hold a filter.
pub(crate) fn open(page: &Path, tail: &str) -> Option<Opened> {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new(browser()?);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
    command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    command.args(["--disable-dev-shm-usage", "--enable-logging=stderr", "--v=0", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", profile.path().display()));
    command.arg(format!("file://{}{tail}", page.display()));
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (dom, log) = (read(child.stdout.take().unwrap()), read(child.stderr.take().unwrap()));
    wait(&mut child);
    let (dom, log) = (dom.join().unwrap(), log.join().unwrap());
    assert!(dom.contains("</html>"), "the browser shows no document:\n{log}");
    let console = log.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    Some(Opened { dom, console })
}

fn read(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits until the browser has ended, and ends it where it does not.
fn wait(child: &mut Child) {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("the browser did not end within {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The name of a browser that is there.
fn browser() -> Option<&'static str> {
    static THERE: OnceLock<Option<&str>> = OnceLock::new();
    *THERE.get_or_init(|| {
        let answers = |name: &&str| {
            let mut command = Command::new(name);
            command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let there = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(answers);
        #[expect(
            clippy::disallowed_methods,
            reason = "CI is a convention of the surroundings, not of the product"
        )]
        let ci = std::env::var_os("CI").is_some();
        assert!(there.is_some() || !ci, "in CI a browser must be there: apt-get install chromium");
        if there.is_none() {
            eprintln!("skipped: no browser: apt-get install chromium");
        }
        there
    })
}
