//! A certificate that nobody trusts, for as long as is wanted.

use jiff::Timestamp;
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use std::time::Duration;

/// A certificate and its key, both as PEM.
pub(super) struct Made {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// Makes one for a host name that signs itself; it became valid a day before `now`.
pub(super) fn valid_until(host: &str, now: Timestamp, end: Timestamp) -> Result<Made, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut wanted = CertificateParams::new(vec![host.to_owned()])?;
    wanted.distinguished_name.push(DnType::CommonName, host);
    let time = |time: Timestamp| {
        let since = Duration::from_secs(u64::try_from(time.as_second()).unwrap_or_default());
        date_time_ymd(1970, 1, 1) + since
    };
    wanted.not_before = time(now - Duration::from_hours(24));
    wanted.not_after = time(end);
    let certificate = wanted.self_signed(&key)?;
    Ok(Made { certificate: certificate.pem(), key: key.serialize_pem() })
}
