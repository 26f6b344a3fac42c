//! The credential plugin of a kubeconfig: a program that prints a token. It is run here rather than by the client
//! library, because it may hang, and because what it prints must not travel with an error.

use crate::trouble::Place;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use kube::config::{AuthInfo, ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use shakedown_core::{TargetError, TargetErrorKind, duration};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// No credential is longer.
const LONGEST: u64 = 1 << 20;

/// What the plugin prints.
#[derive(Deserialize)]
struct Printed {
    status: Option<Credential>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<Timestamp>,
}

/// Runs the user's credential plugin, where it has one, and puts what it prints in its place. Returns when that expires.
pub(crate) async fn fill_in(
    user: &mut AuthInfo,
    place: &Place,
    within: Duration,
) -> Result<Option<Timestamp>, TargetError> {
    let Some(exec) = user.exec.take() else { return Ok(None) };
    let command = exec.command.clone().unwrap_or_default();
    if command.is_empty() {
        return Err(
            place.error(TargetErrorKind::Settings, "the kubeconfig's credential plugin has no `command`")
        );
    }
    if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
        let message = format!("the credential plugin `{command}` wants a terminal, and there is none");
        return Err(place
            .error(TargetErrorKind::Settings, message)
            .remedy("use a context whose user has a token, a certificate, or a plugin that asks nothing"));
    }
    let failed = |why: String| {
        let message = format!("the credential plugin `{command}` {}", place.line(&why));
        let hint =
            exec.install_hint.as_deref().map(|hint| format!("; {}", place.line(hint))).unwrap_or_default();
        place
            .error(TargetErrorKind::Unauthorised, message)
            .remedy(format!("run `{command}` as the kubeconfig has it, and mend what it says{hint}"))
    };
    let output = match tokio::time::timeout(within, run(&exec, &command)).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(failed(format!("cannot be run: {error}"))),
        Err(_) => return Err(failed(format!("printed nothing within {}", duration::brief(within)))),
    };
    if let Some(why) = output.failure {
        return Err(failed(why));
    }
    // The parser's own words would quote what was printed.
    let credential =
        serde_json::from_slice::<Printed>(&output.printed).ok().and_then(|printed| printed.status);
    let Some(credential) = credential else {
        return Err(failed("did not print an ExecCredential with a `status`".to_owned()));
    };
    if credential.token.is_none() && credential.client_certificate_data.is_none() {
        return Err(failed("printed neither a token nor a certificate".to_owned()));
    }
    user.token = credential.token.map(Into::into);
    let encode = |pem: String| STANDARD.encode(pem);
    if let (Some(certificate), Some(key)) = (credential.client_certificate_data, credential.client_key_data) {
        user.client_certificate_data = Some(encode(certificate));
        user.client_key_data = Some(encode(key).into());
    }
    Ok(credential.expiration_timestamp)
}

struct Output {
    printed: Vec<u8>,
    failure: Option<String>,
}

async fn run(exec: &ExecConfig, command: &str) -> std::io::Result<Output> {
    let info = serde_json::json!({
        "apiVersion": exec.api_version,
        "kind": "ExecCredential",
        "spec": { "interactive": false, "cluster": exec.cluster },
    });
    let named = |pair: &std::collections::HashMap<String, String>| {
        Some((pair.get("name")?.clone(), pair.get("value")?.clone()))
    };
    let mut child = Command::new(command)
        .args(exec.args.iter().flatten())
        .envs(exec.env.iter().flatten().filter_map(named))
        .env("KUBERNETES_EXEC_INFO", info.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (printed, complaint) = tokio::try_join!(read(stdout), read(stderr))?;
    let status = child.wait().await?;
    let failure = (!status.success()).then(|| {
        let complaint = String::from_utf8_lossy(&complaint);
        let last = complaint.lines().rev().find(|line| !line.trim().is_empty());
        let last = last.map(|line| format!(": {}", line.trim())).unwrap_or_default();
        format!("failed ({status}){last}")
    });
    Ok(Output { printed, failure })
}

async fn read(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(LONGEST).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}
