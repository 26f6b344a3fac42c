//! Why there is no way, in words. What `ssh` writes is all there is to know it by.

use shakedown_core::TargetErrorKind;

/// Why a tunnel could not be opened, or broke.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct TunnelError {
    /// What kind of trouble this is to the target behind the tunnel.
    pub kind: TargetErrorKind,
    /// Which host, and why.
    pub message: String,
    remedy: &'static str,
}

/// What `ssh` writes, what it means, and what to do. The first that fits counts, so the cause stands before what follows
/// from it.
const WORDS: [(&str, TargetErrorKind, &str, &str); 20] = {
    use TargetErrorKind as K;
    const KEYS: &str = "compare the host's key with its administrator, then put it into `known_hosts`";
    const LOGIN: &str =
        "put the key of `identity_file` into the host's authorized_keys, or add it to the SSH agent";
    const KEY_FILE: &str =
        "let `identity_file` be a private key without passphrase that only its owner may read (mode 600)";
    const REACH: &str =
        "see whether the SSH host can be reached from here (firewall, VPN), and correct `hops`";
    const BEHIND: &str =
        "see whether the last host of `hops` reaches the API server, and correct the kubeconfig's `server`";
    const ALLOW: &str = "let the SSH server forward connections (`AllowTcpForwarding yes`, `PermitOpen`)";
    [
        (
            "HOST IDENTIFICATION HAS CHANGED",
            K::Settings,
            "the host's key is not the one that `known_hosts` has",
            KEYS,
        ),
        ("host key is known for", K::Settings, "the host's key is not in `known_hosts`", KEYS),
        ("Host key verification failed", K::Settings, "the host's key could not be verified", KEYS),
        ("Could not resolve hostname", K::Dns, "the host's name is not resolved", REACH),
        ("Permission denied (", K::Unauthorised, "the host does not accept our key", LOGIN),
        ("Too many authentication failures", K::Unauthorised, "the host was offered too many keys", LOGIN),
        ("administratively prohibited", K::Forbidden, "the host does not forward connections", ALLOW),
        (
            "open failed: connect failed: Connection refused",
            K::Refused,
            "the last host is refused there",
            BEHIND,
        ),
        (
            "open failed: connect failed: Connection timed out",
            K::TimedOut,
            "the last host gets no answer there",
            BEHIND,
        ),
        ("open failed: connect failed: Name", K::Dns, "the last host does not resolve the name", BEHIND),
        (
            "open failed: connect failed: Temporary failure",
            K::Dns,
            "the last host does not resolve the name",
            BEHIND,
        ),
        ("open failed:", K::Refused, "the last host cannot connect there", BEHIND),
        ("Connection refused", K::Refused, "the host refuses connections", REACH),
        ("timed out", K::TimedOut, "the host does not answer", REACH),
        ("not responding", K::TimedOut, "the host does not answer any more", REACH),
        ("No route to host", K::TimedOut, "there is no route to the host", REACH),
        ("Network is unreachable", K::TimedOut, "there is no route to the host", REACH),
        (
            "UNPROTECTED PRIVATE KEY",
            K::Settings,
            "others may read the private key, so it is not used",
            KEY_FILE,
        ),
        ("Load key", K::Settings, "the private key cannot be used", KEY_FILE),
        ("Unable to negotiate", K::Protocol, "the host shares no algorithm with us", REACH),
    ]
};

impl TunnelError {
    pub(crate) fn new(kind: TargetErrorKind, message: impl Into<String>, remedy: &'static str) -> Self {
        Self { kind, message: message.into(), remedy }
    }

    pub(crate) fn settings(message: impl Into<String>) -> Self {
        Self::new(TargetErrorKind::Settings, message, "correct the table `tunnel` of the target")
    }

    pub(crate) fn late(route: &str) -> Self {
        Self::new(
            TargetErrorKind::TimedOut,
            format!("no tunnel through {route} in time"),
            "see whether the SSH hosts of `hops` can be reached from here (firewall, VPN)",
        )
    }

    /// What it means that `ssh` wrote these lines and ended.
    pub(crate) fn of_lines(lines: &[String], route: &str) -> Self {
        // A key that could not be loaded explains a login that failed, not the other way round.
        let key = WORDS.iter().filter(|(words, ..)| *words == "Load key" || words.starts_with("UNPROTECTED"));
        let meaning = key.chain(&WORDS).find_map(|row| {
            let line = lines.iter().find(|line| line.contains(row.0))?;
            Some((row, line))
        });
        if let Some((&(_, kind, meaning, remedy), line)) = meaning {
            return Self::new(kind, format!("{meaning} (through {route}; ssh says: {line})"), remedy);
        }
        let last = lines.last().map_or("nothing", String::as_str);
        let message = format!("ssh ended (through {route}; it says: {last})");
        Self::new(TargetErrorKind::Lost, message, "see the log of the SSH server")
    }

    /// What to do about it.
    pub const fn remedy(&self) -> &'static str {
        self.remedy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_writes_has_a_meaning() {
        use TargetErrorKind as K;
        for (lines, kind, words) in [
            (
                &[
                    "No ED25519 host key is known for [127.0.0.1]:22 and you have requested strict checking.",
                    "Host key verification failed.",
                ][..],
                K::Settings,
                "not in `known_hosts`",
            ),
            (
                &["ssh: Could not resolve hostname nowhere.invalid: Name or service not known"],
                K::Dns,
                "not resolved",
            ),
            (&["ssh: connect to host h port 22: Connection refused"], K::Refused, "refuses connections"),
            (&["ssh: connect to host h port 22: Connection timed out"], K::TimedOut, "does not answer"),
            (
                &["Load key \"/k\": error in libcrypto", "ops@h: Permission denied (publickey)."],
                K::Settings,
                "cannot be used",
            ),
            (&["ops@h: Permission denied (publickey)."], K::Unauthorised, "does not accept our key"),
            (
                &["channel 2: open failed: connect failed: Connection refused"],
                K::Refused,
                "the last host is refused",
            ),
            (
                &["channel 2: open failed: administratively prohibited: open failed"],
                K::Forbidden,
                "does not forward",
            ),
            (&["kex_exchange_identification: Connection closed by remote host"], K::Lost, "ssh ended"),
            (&[], K::Lost, "it says: nothing"),
        ] {
            let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
            let error = TunnelError::of_lines(&lines, "ops@h:22");
            assert_eq!(error.kind, kind, "{error}");
            assert!(error.message.contains(words) && !error.remedy().is_empty(), "{error}");
        }
    }
}
