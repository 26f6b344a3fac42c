//! What the settings say about TLS, looked at before the driver does: it takes a file without certificates for an
//! empty list of authorities, and then trusts nobody without saying why.

use crate::target::Settings;
use mongodb::options::{ClientOptions, Tls, TlsOptions};
use std::fs;
use std::path::Path;

/// A setting that cannot be used, and why.
type Unusable = (&'static str, String);

/// Applies the settings that name files to what the URI says.
pub(crate) fn apply(options: &mut ClientOptions, settings: &Settings) -> Result<(), Unusable> {
    let authorities = settings.tls_ca_file.as_deref().map(Path::new);
    let own = settings.tls_certificate_key_file.as_deref().map(Path::new);
    if authorities.is_none() && own.is_none() && !matches!(options.tls, Some(Tls::Enabled(_))) {
        return Ok(());
    }
    let mut tls = match options.tls.take() {
        Some(Tls::Enabled(tls)) => tls,
        _ => TlsOptions::default(),
    };
    if let Some(file) = authorities {
        tls.ca_file_path = Some(file.to_owned());
    }
    if let Some(file) = own {
        tls.cert_key_file_path = Some(file.to_owned());
    }
    if let Some(file) = &tls.ca_file_path {
        hold("tls_ca_file", file, &["CERTIFICATE"])?;
    }
    if let Some(file) = &tls.cert_key_file_path {
        hold("tls_certificate_key_file", file, &["CERTIFICATE", "PRIVATE KEY"])?;
    }
    options.tls = Some(Tls::Enabled(tls));
    Ok(())
}

/// Makes sure that a file holds these PEM sections.
fn hold(key: &'static str, file: &Path, sections: &[&str]) -> Result<(), Unusable> {
    let shown = file.display();
    let text = fs::read(file).map_err(|error| (key, format!("`{key}` cannot be read: {shown}: {error}")))?;
    let text = String::from_utf8_lossy(&text);
    let begins = |section: &str| {
        text.lines().any(|line| {
            let name = line.trim().strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----"));
            name.is_some_and(|name| name.ends_with(section))
        })
    };
    match sections.iter().find(|section| !begins(section)) {
        Some(missing) => Err((key, format!("`{key}` has no section `{missing}` in PEM: {shown}"))),
        None => Ok(()),
    }
}

/// What the reader of a report should know.
pub(crate) fn warnings(options: &ClientOptions) -> Vec<String> {
    match &options.tls {
        Some(Tls::Enabled(tls)) if tls.allow_invalid_certificates == Some(true) => {
            vec!["TLS certificates are not verified: anybody can pose as the server".to_owned()]
        }
        _ => Vec::new(),
    }
}
