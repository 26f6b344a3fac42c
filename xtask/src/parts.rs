//! Which real parts the tests can use on this machine. Servers the sandbox provides itself; this only looks.

use std::process::{Command, Stdio};

/// A real server or client that tests work with.
pub(crate) struct Part {
    /// What it is.
    pub(crate) name: &'static str,
    /// Where it comes from, or the one command that would provide it.
    pub(crate) provider: Result<String, &'static str>,
}

/// What is there.
pub(crate) fn look() -> Vec<Part> {
    vec![mongodb(), kubectl(), sshd(), shells(), browser()]
}

/// The sandbox's own order: an explicit address, `mongod` on the path, a server in a private virtual environment.
fn mongodb() -> Part {
    let provider = if std::env::var_os("SHAKEDOWN_SANDBOX_MONGO_URI").is_some() {
        Ok("the server that SHAKEDOWN_SANDBOX_MONGO_URI names".to_owned())
    } else if answers("mongod", &["--version"]) {
        Ok("mongod from the path".to_owned())
    } else if answers("python3", &["-c", "import venv, ensurepip"]) {
        Ok("a compatible server in a private Python environment, which the sandbox sets up".to_owned())
    } else {
        Err("apt-get install python3-venv")
    };
    Part { name: "MongoDB", provider }
}

/// Asks the sandbox's cluster as people do.
fn kubectl() -> Part {
    let there = answers("kubectl", &["version", "--client"]);
    let provider =
        if there { Ok("from the path".to_owned()) } else { Err("apt-get install kubernetes-client") };
    Part { name: "kubectl", provider }
}

/// The hosts that tunnels lead through. Not on the path of everybody, so it is looked for where systems put it.
fn sshd() -> Part {
    let place = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"]
        .into_iter()
        .find(|path| std::path::Path::new(path).is_file() && answers("ssh", &["-V"]));
    let provider = place.map(str::to_owned).ok_or("apt-get install openssh-server openssh-client");
    Part { name: "SSH server", provider }
}

/// They propose what the project has; groff reads the manual pages.
fn shells() -> Part {
    let there = ["bash", "zsh", "fish", "groff"].iter().all(|name| answers(name, &["--version"]));
    let provider = if there { Ok("from the path".to_owned()) } else { Err("apt-get install zsh fish groff") };
    Part { name: "bash, zsh, fish and groff", provider }
}

/// Opens the pages.
fn browser() -> Part {
    let there =
        ["chromium", "chromium-browser", "google-chrome"].iter().any(|name| answers(name, &["--version"]));
    let provider = if there { Ok("from the path".to_owned()) } else { Err("apt-get install chromium") };
    Part { name: "Chromium", provider }
}

/// Whether a program is there and content.
fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::answers;

    #[test]
    fn a_program_that_is_not_there_does_not_answer() {
        assert!(answers("cargo", &["--version"]));
        assert!(!answers("cargo", &["--no-such-option"]));
        assert!(!answers("no-such-program-anywhere", &[]));
    }
}
