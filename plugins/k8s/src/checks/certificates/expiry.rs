//! `k8s.certificates.expiry`

use crate::checks::ward::{PODS, bounded, kubectl, name, subject, with_evidence};
use crate::target::Kubernetes;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, HumanDuration, Observation, Params,
    Severity, TargetErrorKind, Verdict, async_trait, duration, fault, register_check,
};
use x509_parser::pem::Pem;

/// What counts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ExpiryParams {
    /// A certificate must be valid for at least so long.
    pub(crate) fail_within: HumanDuration,
    /// One that is valid for less than this is a warning.
    pub(crate) warn_within: HumanDuration,
}

const DAY: u64 = 24 * 3600;

impl Default for ExpiryParams {
    fn default() -> Self {
        Self { fail_within: HumanDuration::secs(7 * DAY), warn_within: HumanDuration::secs(30 * DAY) }
    }
}

impl Params for ExpiryParams {
    fn validate(&self) -> Result<(), String> {
        if self.warn_within < self.fail_within {
            return Err(format!(
                "`warn_within` is {}; it must be at least `fail_within`, which is {}",
                self.warn_within, self.fail_within
            ));
        }
        Ok(())
    }
}

register_check! {
    /// The certificates in the namespace's TLS Secrets are valid, and stay so for a while.
    ///
    /// Each certificate of each Secret of type `kubernetes.io/tls` is read. One that has expired, is not valid yet or has
    /// less than a week left (`fail_within`) is a failure; less than 30 days (`warn_within`) is a warning. Private keys
    /// are neither read nor kept. A user who may not read Secrets learns nothing here: the check is skipped.
    ///
    /// # Why it matters
    /// On the day it expires every client refuses the connection, all at once.
    ///
    /// # How to mend it
    /// Renew it. With cert-manager, `kubectl describe certificate` says why it was not renewed by itself.
    pub(crate) struct CertificateExpiry(ExpiryParams) {
        id: "k8s.certificates.expiry",
        title: "The certificates of the namespace stay valid for a while",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13899"],
        tags: &["smoke"],
        requires: PODS,
        proofs: &[fault("k8s.certificate-expiring", "certificate-expiring")],
    }
}

/// What matters of a certificate.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Certificate {
    subject: String,
    issuer: String,
    valid_from: Timestamp,
    valid_until: Timestamp,
}

/// What a Secret holds: its certificates, or why they cannot be read.
struct Held<'a> {
    secret: &'a ObjectMeta,
    certificate: Result<Certificate, String>,
}

#[async_trait]
impl Check for CertificateExpiry {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let k8s = cx.target::<Kubernetes>().await?;
        let secrets = k8s.secrets(cx).await.map_err(|error| match error {
            CheckError::Target(error) if error.kind == TargetErrorKind::Forbidden => CheckError::not_applicable(
                "the Secrets may not be read; grant `list` on `secrets` to the user to have certificates judged",
            ),
            other => other,
        })?;
        let held: Vec<Held> = secrets.iter().flat_map(certificates).collect();
        let what = format!("certificates in TLS Secrets of the namespace `{}`", k8s.namespace);
        let observation = Observation::counted(held.len() as u64, &what)
            .map_err(|_| CheckError::not_applicable(format!("there are no {what} to judge")))?;
        let now = cx.clock.now();
        let bad: Vec<(&Held, Finding)> =
            held.iter().filter_map(|held| Some((held, judge(held, now, &self.params)?))).collect();
        let findings = bounded(&bad, |(_, finding)| finding.clone());
        let findings = with_evidence(findings, || {
            let shown = bad.iter().take(20).map(|(held, _)| {
                json!({ "secret": name(held.secret), "certificate": held.certificate.as_ref().ok(),
                        "problem": held.certificate.as_ref().err() })
            });
            cx.attach(Evidence::json("certificates.json", &Value::Array(shown.collect())))
        })?;
        Ok(Verdict::of(observation).with_all(findings))
    }
}

/// The certificates of a Secret, the chain included.
fn certificates(secret: &Secret) -> Vec<Held<'_>> {
    let pem = secret.data.as_ref().and_then(|data| data.get("tls.crt")).map_or(&[][..], |bytes| &bytes.0);
    let mut all: Vec<Held<'_>> = Pem::iter_from_buffer(pem)
        .map(|pem| {
            let certificate =
                pem.map_err(|error| format!("`tls.crt` is no PEM: {error}")).and_then(|pem| read(&pem));
            Held { secret: &secret.metadata, certificate }
        })
        .collect();
    if all.is_empty() {
        all.push(Held {
            secret: &secret.metadata,
            certificate: Err("`tls.crt` holds no certificate".to_owned()),
        });
    }
    all
}

fn read(pem: &Pem) -> Result<Certificate, String> {
    let parsed = pem.parse_x509().map_err(|error| format!("`tls.crt` holds no certificate: {error}"))?;
    let time = |seconds: i64| {
        Timestamp::from_second(seconds).map_err(|error| format!("its validity is no date: {error}"))
    };
    Ok(Certificate {
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        valid_from: time(parsed.validity().not_before.timestamp())?,
        valid_until: time(parsed.validity().not_after.timestamp())?,
    })
}

fn judge(held: &Held<'_>, now: Timestamp, params: &ExpiryParams) -> Option<Finding> {
    let (kubectl, secret) = (kubectl(held.secret), name(held.secret));
    let finding = |code, message: String, actual: String| {
        Finding::new(code, Cause::Environment, subject("Secret", held.secret), message)
            .expected(format!("valid for at least {}", params.fail_within), actual)
            .remedy(
                format!("renew it, and put it into the Secret; `{kubectl} describe secret {secret}`"),
                "about an hour",
            )
    };
    let certificate = match &held.certificate {
        Ok(certificate) => certificate,
        Err(why) => {
            return Some(finding("certificate-unreadable", why.clone(), "no certificate".to_owned()).warn());
        }
    };
    let Certificate { subject, issuer, valid_from, valid_until } = certificate;
    let left = std::time::Duration::try_from(valid_until.duration_since(now)).ok();
    let found = match left {
        None => {
            let message = format!(
                "the certificate of {subject} expired {}",
                crate::checks::ward::ago(*valid_until, now)
            );
            finding("certificate-expired", message, format!("expired on {valid_until}"))
        }
        Some(_) if *valid_from > now => {
            let message = format!("the certificate of {subject} is not valid before {valid_from}");
            finding("certificate-not-yet-valid", message, format!("valid from {valid_from}"))
        }
        Some(left) if left < params.warn_within.0 => {
            let remaining = remaining(left);
            let message = format!("the certificate of {subject} expires in {remaining}, on {valid_until}");
            let found = finding("certificate-expiring", message, format!("{remaining} left"));
            if left < params.fail_within.0 { found } else { found.warn() }
        }
        Some(_) => return None,
    };
    Some(found.detail(format!("issued by {issuer}")))
}

/// Days where there are any.
fn remaining(left: std::time::Duration) -> String {
    match left.as_secs() / DAY {
        0 => duration::brief(left),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{now, object};
    use k8s_openapi::ByteString;
    use shakedown_core::finding::Weight;

    fn metadata() -> ObjectMeta {
        object(json!({ "name": "tls", "namespace": "panda" }))
    }

    fn of(from: &str, until: &str) -> Option<(String, Weight, String)> {
        let metadata = metadata();
        let certificate = Certificate {
            subject: "CN=focus.example.com".to_owned(),
            issuer: "CN=ca".to_owned(),
            valid_from: from.parse().unwrap(),
            valid_until: until.parse().unwrap(),
        };
        let held = Held { secret: &metadata, certificate: Ok(certificate) };
        let finding = judge(&held, now(), &ExpiryParams::default())?;
        Some((finding.code, finding.weight, finding.message))
    }

    #[test]
    fn what_is_left_decides() {
        let from = "2025-01-01T00:00:00Z";
        assert_eq!(of(from, "2026-11-20T00:00:00Z"), None);
        let (code, weight, _) = of(from, "2025-12-10T12:00:00Z").unwrap();
        assert_eq!((code.as_str(), weight), ("certificate-expiring", Weight::Warn));
        let (code, weight, message) = of(from, "2025-11-25T12:00:00Z").unwrap();
        assert_eq!((code.as_str(), weight), ("certificate-expiring", Weight::Fail));
        insta::assert_snapshot!(message, @"the certificate of CN=focus.example.com expires in 5 days, on 2025-11-25T12:00:00Z");
        assert_eq!(of(from, "2025-11-20T11:00:00Z").unwrap().0, "certificate-expired");
        assert_eq!(
            of("2025-11-21T00:00:00Z", "2026-11-20T00:00:00Z").unwrap().0,
            "certificate-not-yet-valid"
        );
    }

    #[test]
    fn what_is_no_certificate_is_said() {
        for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            let data = [("tls.crt".to_owned(), ByteString(pem.as_bytes().to_vec()))];
            let secret = Secret { metadata: metadata(), data: Some(data.into()), ..Secret::default() };
            let held = certificates(&secret);
            assert_eq!(held.len(), 1, "{pem}");
            let finding = judge(&held[0], now(), &ExpiryParams::default()).unwrap();
            assert_eq!(finding.code, "certificate-unreadable");
        }
    }

    #[test]
    fn a_warning_may_not_come_after_the_failure() {
        let params =
            ExpiryParams { fail_within: HumanDuration::secs(60), warn_within: HumanDuration::secs(10) };
        assert!(params.validate().unwrap_err().contains("at least `fail_within`"));
        assert!(ExpiryParams::default().validate().is_ok());
    }
}
