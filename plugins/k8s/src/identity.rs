//! Which cluster this is, so that a run notices when it talks to another one than it was meant for.

use crate::client::K8sClient;
use crate::trouble::Trouble;
use k8s_openapi::api::core::v1::Namespace;
use sha2::{Digest, Sha256};
use shakedown_core::TargetError;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The namespace that every cluster has and nobody can delete: its UID is the cluster's.
const EVERYWHERE: &str = "kube-system";

/// What tells this cluster from others: `uid`, that of `kube-system`, where we may see it, and `ca_sha256`, the
/// fingerprint of the certificate authority that the server's certificate was verified with.
pub(crate) async fn of(
    client: &K8sClient,
    authorities: Option<&[Vec<u8>]>,
) -> Result<BTreeMap<String, String>, TargetError> {
    let mut identity = BTreeMap::new();
    if let Some(uid) = uid(client).await? {
        identity.insert("uid".to_owned(), uid);
    }
    if let Some(fingerprint) = authorities.and_then(fingerprint) {
        identity.insert("ca_sha256".to_owned(), fingerprint);
    }
    Ok(identity)
}

async fn uid(client: &K8sClient) -> Result<Option<String>, TargetError> {
    let namespaces = client.everywhere::<Namespace>();
    let question = namespaces.get_opt(EVERYWHERE);
    match client.ask_within(client.patience, "ask for the UID of kube-system", question).await {
        Ok(namespace) => Ok(namespace.and_then(|namespace| namespace.metadata.uid)),
        // Who may not see it can still read the own namespace; whoever pins the UID learns that it is not known.
        Err(Trouble::Target(error)) if !error.kind.is_away() => Ok(None),
        Err(Trouble::Target(error)) => Err(error),
        Err(Trouble::Refused { .. }) => Ok(None),
    }
}

/// The SHA-256 of a certificate authority in hexadecimal; of several all, sorted and joined by commas.
fn fingerprint(authorities: &[Vec<u8>]) -> Option<String> {
    let hex = |der: &Vec<u8>| {
        Sha256::digest(der).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    };
    let all: BTreeSet<String> = authorities.iter().map(hex).collect();
    (!all.is_empty()).then(|| all.into_iter().collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_does_not_depend_on_the_order() {
        let one = fingerprint(&[b"abc".to_vec()]).unwrap();
        assert_eq!(one, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let (a, b) = (b"abc".to_vec(), b"x".to_vec());
        assert_eq!(fingerprint(&[a.clone(), b.clone()]), fingerprint(&[b, a.clone(), a]));
        assert_eq!(fingerprint(&[]), None);
    }
}
