//! Real SSH servers on the loopback, with keys of their own, that end with their test.

use std::fs;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

/// Long enough for a slow machine.
pub(crate) const AMPLE: Duration = Duration::from_mins(1);

/// Keys, and what is known of hosts.
pub(crate) struct Keys {
    pub(crate) directory: TempDir,
    pub(crate) user: String,
}

impl Keys {
    /// New keys; `None` where there is no SSH server to test with, which is an error where CI runs.
    pub(crate) async fn new() -> Option<Self> {
        let ready = which::which("ssh").is_ok() && which::which("ssh-keygen").is_ok() && sshd().is_some();
        if !ready {
            #[expect(clippy::disallowed_methods, reason = "only the environment says where this runs")]
            let is_ci = std::env::var_os("CI").is_some();
            assert!(!is_ci, "no ssh, ssh-keygen and sshd: install openssh-client and openssh-server");
            eprintln!("skipped: no ssh, ssh-keygen and sshd on this machine");
            return None;
        }
        // An SSH server that is started by hand, as root, wants the directory that the system's service would make.
        let _ = fs::create_dir("/run/sshd");
        let keys = Self { directory: tempfile::tempdir().unwrap(), user: said("id", &["-un"]).await };
        for name in ["host", "user", "stranger"] {
            let path = keys.path(name);
            said(
                "ssh-keygen",
                &["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path.to_str().unwrap()],
            )
            .await;
        }
        fs::write(keys.path("known_hosts"), "").unwrap();
        Some(keys)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes down the key of a host, as that of `name`.
    pub(crate) fn know(&self, port: u16, name: &str) {
        let key = fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap();
        let known = fs::read_to_string(self.path("known_hosts")).unwrap();
        fs::write(self.path("known_hosts"), format!("{known}[127.0.0.1]:{port} {key}")).unwrap();
    }
}

/// A running SSH server.
pub(crate) struct Host {
    pub(crate) port: u16,
    server: Child,
}

impl Host {
    /// Starts one, and writes down its key.
    pub(crate) async fn start(keys: &Keys) -> Self {
        for _ in 0..5 {
            let host = Self::attempt(keys).await;
            if let Some(host) = host {
                keys.know(host.port, "host");
                return host;
            }
        }
        panic!("sshd does not start");
    }

    async fn attempt(keys: &Keys) -> Option<Self> {
        let port = free_port().await;
        let config = keys.path(&format!("sshd_config_{port}"));
        let text = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\nStrictModes no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
             AllowTcpForwarding yes\n",
            keys.path("host").display(),
            keys.path("user.pub").display(),
        );
        fs::write(&config, text).unwrap();
        let mut server = Command::new(sshd().unwrap())
            .args(["-D", "-e", "-f"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + AMPLE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            if server.try_wait().unwrap().is_some() || Instant::now() > deadline {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(Self { port, server })
    }

    /// Ends the server and the sessions that it has.
    pub(crate) async fn end(mut self) {
        let sessions = children(self.server.id().unwrap());
        self.server.kill().await.unwrap();
        for session in sessions {
            let _ = Command::new("kill").arg("-9").arg(session.to_string()).status().await;
        }
    }
}

/// A server behind the hosts: whatever it is told, it says again. Its port.
pub(crate) async fn echo() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    port
}

pub(crate) async fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port()
}

/// The processes in whose command line a text stands.
pub(crate) fn processes_with(text: &str) -> Vec<u32> {
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(text)
        })
        .collect()
}

/// The private configuration of the `ssh` in whose command line a text stands.
pub(crate) fn config_of(text: &str) -> String {
    let pid = processes_with(text)[0];
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    let line = String::from_utf8(line).unwrap();
    line.split('\0').skip_while(|argument| *argument != "-F").nth(1).unwrap().to_owned()
}

fn children(parent: u32) -> Vec<u32> {
    let parent_of = |pid: u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may hold anything, also parentheses.
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let mut found = vec![parent];
    let all = processes_with("");
    let mut index = 0;
    while index < found.len() {
        let of = found[index];
        found.extend(all.iter().copied().filter(|&pid| parent_of(pid) == Some(of)));
        index += 1;
    }
    found.split_off(1)
}

/// The server wants to be called by its whole path.
fn sshd() -> Option<PathBuf> {
    let usual = Path::new("/usr/sbin/sshd");
    if usual.exists() { Some(usual.to_owned()) } else { which::which("sshd").ok() }
}

async fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().await;
    let output = output.unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => panic!("no `{program}` on the PATH"),
        _ => panic!("{program}: {error}"),
    });
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
