//! A private nginx on the loopback interface.

use crate::Trouble;
use crate::process::{Process, SERVER_CORE, pinned};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A private nginx of one worker; stopped when dropped.
pub(crate) struct Nginx {
    pub(crate) address: String,
    process: Process,
    _place: TempDir,
}

impl Nginx {
    pub(crate) fn start() -> Result<Self, Trouble> {
        let place = tempfile::tempdir().map_err(|error| error.to_string())?;
        let port = free_port()?;
        let here = place.path().display();
        let config = format!(
            "daemon off;\nmaster_process off;\nworker_processes 1;\npid {here}/pid;\nerror_log {here}/errors crit;\n\
             events {{ worker_connections 4096; }}\n\
             http {{\n  access_log off; keepalive_requests 1000000000; keepalive_timeout 600;\n  \
             client_body_temp_path {here}; proxy_temp_path {here}; fastcgi_temp_path {here}; \
             uwsgi_temp_path {here}; scgi_temp_path {here};\n  \
             server {{ listen 127.0.0.1:{port}; location / {{ return 200 'the answer to every request\\n'; }} }}\n}}\n"
        );
        let path = place.path().join("nginx.conf");
        std::fs::write(&path, config).map_err(|error| error.to_string())?;
        let mut command = pinned(SERVER_CORE, "nginx");
        command.arg("-p").arg(place.path()).arg("-c").arg(&path);
        let process = Process::start(command.stdout(Stdio::null()).stderr(Stdio::inherit()))?;
        let mut nginx = Self { address: format!("127.0.0.1:{port}"), process, _place: place };
        nginx.wait()?;
        Ok(nginx)
    }

    fn wait(&mut self) -> Result<(), Trouble> {
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(&self.address).is_err() {
            if Instant::now() > until || !self.process.is_running() {
                return Err(format!("nginx does not listen on {}", self.address));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

fn free_port() -> Result<u16, Trouble> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}
