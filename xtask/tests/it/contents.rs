//! No file gives away a real address, person or secret: what stands here, stands there for ever.

use crate::{assert_none, files};
use std::net::Ipv4Addr;

/// The beginnings by which keys and tokens are known. Split, so that this list does not find itself.
const TOKENS: [&str; 7] = [
    concat!("PRIVATE KEY", "-----"),
    concat!("glpat", "-"),
    concat!("gh", "p_"),
    concat!("github", "_pat_"),
    concat!("AK", "IA"),
    concat!("xox", "b-"),
    concat!("AIza", "Sy"),
];

#[test]
fn addresses_are_loopback_or_documentation() {
    assert_none(&problems(|text| {
        addresses(text).filter(|address| !is_harmless(*address)).map(|a| a.to_string()).collect()
    }));
}

#[test]
fn mail_addresses_are_of_example_domains() {
    assert_none(&problems(|text| {
        mail_addresses(text).filter(|address| !is_example(domain_of(address))).map(str::to_owned).collect()
    }));
}

#[test]
fn there_are_no_keys_and_tokens() {
    assert_none(&problems(|text| {
        let found = TOKENS
            .iter()
            .filter(|token| text.match_indices(**token).any(|(at, _)| is_token(text, at, token)));
        found.map(|token| (*token).to_owned()).collect()
    }));
}

#[test]
fn passwords_in_addresses_are_for_example_hosts() {
    assert_none(&problems(|text| {
        logins(text).filter(|host| !is_example(host)).map(|host| format!("a login to {host}")).collect()
    }));
}

/// What `find` finds in each line of each file, with its place.
fn problems(find: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files() {
        for (number, line) in file.text.lines().enumerate() {
            problems
                .extend(find(line).into_iter().map(|found| format!("{}:{}: {found}", file.path, number + 1)));
        }
    }
    problems
}

/// Every IPv4 address that is spelt out.
fn addresses(text: &str) -> impl Iterator<Item = Ipv4Addr> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .filter_map(|word| word.trim_matches('.').parse().ok())
}

fn is_harmless(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let documentation = matches!((a, b, c), (192, 0, 2) | (198, 51, 100) | (203, 0, 113));
    address.is_loopback() || address.is_unspecified() || documentation
}

/// Everything that has a name, an at sign, and a domain that ends in letters.
fn mail_addresses(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && !"@._%+-".contains(c))
        .map(|word| word.trim_matches('.'))
        .filter(|word| {
            let (name, domain) = word.split_once('@').unwrap_or_default();
            let top = domain.rsplit_once('.').map_or("", |(_, top)| top);
            !name.is_empty() && top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_alphabetic())
        })
}

fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// Whether nobody can be meant: a domain that is set aside for examples, or this machine.
fn is_example(host: &str) -> bool {
    let set_aside = ["example.com", "example.org", "example.net", "example", "invalid", "test", "localhost"];
    set_aside
        .iter()
        .any(|domain| host == *domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
        || host.parse().is_ok_and(is_harmless)
}

/// Whether a token stands there, rather than a word that merely begins so.
fn is_token(text: &str, at: usize, token: &str) -> bool {
    let starts_word = !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
    let follows = text[at + token.len()..]
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        .count();
    token.ends_with("-----") || starts_word && follows >= 16
}

/// The hosts of every `scheme://user:password@host`.
fn logins(text: &str) -> impl Iterator<Item = &str> {
    text.split("://").skip(1).filter_map(|rest| {
        let authority = rest.split(|c: char| c.is_whitespace() || "/?#\"'`<>".contains(c)).next()?;
        let (login, host) = authority.rsplit_once('@')?;
        let (_, password) = login.split_once(':')?;
        let host = host.split(':').next()?;
        // A host without a dot, such as `host` or `${HOST}`, stands for another.
        let written_out = !password.is_empty() && host.contains('.');
        written_out.then_some(host)
    })
}

#[test]
fn the_finders_find() {
    let private = format!("at {}.1.2.3:80.", 10);
    assert!(addresses(&private).any(|address| !is_harmless(address)));
    assert!(addresses("127.0.0.1 192.0.2.7 0.0.0.0 1.2 1.2.3").all(is_harmless));
    let person = format!("write to jane.doe{}moon.io, now", '@');
    assert_eq!(mail_addresses(&person).map(domain_of).collect::<Vec<_>>(), ["moon.io"]);
    assert_eq!(mail_addresses("a@b, shakedown@0.1.0, @\"x\"").count(), 0);
    let login = format!("mongodb://u:p{}db.moon.io:27017/x", '@');
    assert_eq!(logins(&login).collect::<Vec<_>>(), ["db.moon.io"]);
    assert!(is_example("db.example.com") && !is_example("notexample.com"));
    let token = format!("{}{}", TOKENS[1], "a1b2c3d4e5f6a7b8c9d0");
    assert!(is_token(&token, 0, TOKENS[1]) && !is_token("glpat", 0, "glpat"));
}
