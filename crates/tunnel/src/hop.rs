//! Host names that are safe to hand to another program.

use std::fmt;
use std::str::FromStr;

/// An SSH host: where it is, and as whom to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) user: Option<String>,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl FromStr for Hop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unusable =
            |why: &str| format!("`{}` is no SSH host ({why}): write `user@host:port`", shown(text));
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, text),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or_else(|| unusable("`]` is missing"))?;
                (host, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some("22")))
            }
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, Some("22")),
            },
        };
        let port = port.and_then(|port| port.parse().ok()).filter(|&port: &u16| port != 0);
        let port = port.ok_or_else(|| unusable("the port is a number from 1 to 65535"))?;
        if user.is_some_and(|user| !is_plain(user, "._-+$")) {
            return Err(unusable("the user has characters that no user name has"));
        }
        if !is_host(host) {
            return Err(unusable("the host has characters that no host name has"));
        }
        Ok(Self { user: user.map(str::to_owned), host: host.to_owned(), port })
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, host, port } = self;
        if let Some(user) = user {
            write!(f, "{user}@")?;
        }
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Whether a text is a host name or an address, and nothing that a program takes for an option.
pub(crate) fn is_host(host: &str) -> bool {
    is_plain(host, ".-_:")
}

fn is_plain(text: &str, also: &str) -> bool {
    (1..=253).contains(&text.len())
        && !text.starts_with('-')
        && text.chars().all(|char| char.is_ascii_alphanumeric() || also.contains(char))
}

/// What a user wrote, on one line.
fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read() {
        for (text, shown) in [
            ("jump.example.com", "jump.example.com:22"),
            ("ops@jump.example.com:2222", "ops@jump.example.com:2222"),
            ("ops@192.0.2.7", "ops@192.0.2.7:22"),
            ("[2001:db8::1]:2200", "[2001:db8::1]:2200"),
            ("ops@[2001:db8::1]", "ops@[2001:db8::1]:22"),
        ] {
            assert_eq!(text.parse::<Hop>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_refused() {
        for text in [
            "",
            "@host",
            "-oProxyCommand=x",
            "ops@-oProxyCommand=x",
            "-l@host",
            "a b",
            "host:0",
            "host:99999",
            "host:x",
            "host\nProxyCommand x",
            "ops@ho$t",
            "a@b@c d",
            "[2001:db8::1",
            "[::1]x",
            "host;id",
            "host`id`",
            "ho%st",
        ] {
            assert!(text.parse::<Hop>().is_err(), "{text:?}");
        }
    }
}
