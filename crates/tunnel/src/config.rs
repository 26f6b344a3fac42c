//! The private `ssh_config` of one tunnel. With it the same rules hold for every hop, and none of the user's own.

use crate::error::TunnelError;
use crate::hop::{Hop, is_host};
use crate::settings::TunnelSettings;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// The name under which the configuration knows a hop.
const ALIAS: &str = "hop";

/// Settings that have been seen to be usable.
#[derive(Debug)]
pub(crate) struct Route {
    hops: Vec<Hop>,
    identity: Option<String>,
    known_hosts: Option<String>,
    agent: bool,
    /// Where the tunnel ends, as `ssh` writes it.
    pub(crate) end: String,
}

impl Route {
    pub(crate) fn new(settings: &TunnelSettings, host: &str, port: u16) -> Result<Self, TunnelError> {
        if !(1..=2).contains(&settings.hops.len()) {
            let found = settings.hops.len();
            return Err(TunnelError::settings(format!(
                "`hops` names {found} hosts: one or two are possible"
            )));
        }
        let hops = settings.hops.iter().map(|hop| hop.parse());
        let hops = hops.collect::<Result<Vec<Hop>, String>>().map_err(TunnelError::settings)?;
        if !is_host(host) {
            return Err(TunnelError::settings(format!("`{}` is no host to lead to", host.escape_debug())));
        }
        let end = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Ok(Self {
            hops,
            identity: settings
                .identity_file
                .as_deref()
                .map(|path| file("identity_file", path))
                .transpose()?,
            known_hosts: settings.known_hosts.as_deref().map(|path| file("known_hosts", path)).transpose()?,
            agent: settings.agent,
            end,
        })
    }

    /// The hosts in words, for messages.
    pub(crate) fn shown(&self) -> String {
        self.hops.iter().map(ToString::to_string).collect::<Vec<_>>().join(", then ")
    }

    /// The name of the last hop in the configuration.
    pub(crate) fn last(&self) -> String {
        format!("{ALIAS}{}", self.hops.len())
    }

    /// The text of the configuration.
    pub(crate) fn config(&self, patience: Duration) -> String {
        let mut text = String::new();
        for (number, hop) in (1..).zip(&self.hops) {
            let _ = writeln!(text, "Host {ALIAS}{number}\n  HostName {}\n  Port {}", hop.host, hop.port);
            if let Some(user) = &hop.user {
                let _ = writeln!(text, "  User {user}");
            }
            if number > 1 {
                let _ = writeln!(text, "  ProxyJump {ALIAS}{}", number - 1);
            }
        }
        text.push_str(
            "Host *\n  BatchMode yes\n  StrictHostKeyChecking yes\n  UpdateHostKeys no\n  ExitOnForwardFailure yes\n  \
             ServerAliveInterval 5\n  ServerAliveCountMax 3\n  ControlMaster no\n  ControlPath none\n  ForwardAgent no\n  \
             ForwardX11 no\n  PermitLocalCommand no\n  EscapeChar none\n  LogLevel DEBUG1\n",
        );
        let _ = writeln!(text, "  ConnectTimeout {}", patience.as_secs().max(1));
        if let Some(file) = &self.identity {
            let _ = writeln!(text, "  IdentityFile \"{file}\"\n  IdentitiesOnly yes");
        }
        if let Some(file) = &self.known_hosts {
            let _ = writeln!(text, "  UserKnownHostsFile \"{file}\"\n  GlobalKnownHostsFile none");
        }
        if !self.agent {
            text.push_str("  IdentityAgent none\n");
        }
        text
    }
}

/// A path as the configuration has it: it must exist, and must not say anything else to `ssh`.
fn file(field: &str, path: &Path) -> Result<String, TunnelError> {
    let Some(text) =
        path.to_str().filter(|text| !text.contains(['"', '\\', '$']) && !text.contains(char::is_control))
    else {
        let shown = path.display().to_string().escape_debug().to_string();
        return Err(TunnelError::settings(format!(
            "`{field}` is {shown}: a path without quotes, backslashes, `$` and control characters is possible"
        )));
    };
    // `ssh` itself knows what `~` means.
    if !text.starts_with("~/") && !path.is_file() {
        return Err(TunnelError::settings(format!("`{field}` is {text}, and there is no such file")));
    }
    Ok(text.replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn settings(hops: &[&str]) -> TunnelSettings {
        TunnelSettings {
            hops: hops.iter().map(ToString::to_string).collect(),
            identity_file: None,
            known_hosts: None,
            agent: false,
        }
    }

    #[test]
    fn the_same_rules_hold_for_every_hop() {
        let mut settings = settings(&["ops@jump.example.com:2222", "worker.example.com"]);
        settings.identity_file = Some("~/.ssh/id 100%".into());
        settings.known_hosts = Some("~/known".into());
        let route = Route::new(&settings, "k8s.example.com", 6443).unwrap();
        assert_eq!((route.last().as_str(), route.end.as_str()), ("hop2", "k8s.example.com:6443"));
        assert_snapshot!(route.config(Duration::from_secs(7)), @r#"
        Host hop1
          HostName jump.example.com
          Port 2222
          User ops
        Host hop2
          HostName worker.example.com
          Port 22
          ProxyJump hop1
        Host *
          BatchMode yes
          StrictHostKeyChecking yes
          UpdateHostKeys no
          ExitOnForwardFailure yes
          ServerAliveInterval 5
          ServerAliveCountMax 3
          ControlMaster no
          ControlPath none
          ForwardAgent no
          ForwardX11 no
          PermitLocalCommand no
          EscapeChar none
          LogLevel DEBUG1
          ConnectTimeout 7
          IdentityFile "~/.ssh/id 100%%"
          IdentitiesOnly yes
          UserKnownHostsFile "~/known"
          GlobalKnownHostsFile none
          IdentityAgent none
        "#);
    }

    #[test]
    fn settings_that_cannot_work_are_told_at_once() {
        let fails =
            |settings: &TunnelSettings, host: &str| Route::new(settings, host, 443).unwrap_err().to_string();
        assert_snapshot!(fails(&settings(&[]), "h"), @"`hops` names 0 hosts: one or two are possible");
        assert_snapshot!(fails(&settings(&["a", "b", "c"]), "h"), @"`hops` names 3 hosts: one or two are possible");
        assert_snapshot!(fails(&settings(&["a"]), "-h"), @"`-h` is no host to lead to");
        let mut wrong = settings(&["a"]);
        wrong.identity_file = Some("/does/not/exist".into());
        assert_snapshot!(fails(&wrong, "h"), @"`identity_file` is /does/not/exist, and there is no such file");
        wrong.identity_file = Some("/x\"\nProxyCommand id".into());
        assert!(fails(&wrong, "h").contains("without quotes"));
    }
}
