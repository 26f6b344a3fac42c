//! Completions, as the shells see them; and manual pages, as `man` does.

use crate::scene::Scene;
use std::process::{Command, Output, Stdio};

/// Runs a tool, where this machine has it.
fn tool(scene: &Scene, name: &str, arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new(name);
    command.current_dir(scene.directory.path()).args(arguments).stdin(Stdio::null());
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("skipped: `{name}` cannot be run here: {error}");
            None
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn each_shell_takes_its_script() {
    let scene = Scene::new();
    // What each shell has for reading a script without running it.
    for (shell, program, arguments) in [
        ("bash", "bash", &["-n", "script"] as &[&str]),
        ("zsh", "zsh", &["-n", "script"]),
        ("fish", "fish", &["--no-execute", "script"]),
        (
            "powershell",
            "pwsh",
            &["-NoProfile", "-Command", "[scriptblock]::Create((Get-Content -Raw script))"],
        ),
    ] {
        let script = scene.shakedown(&["completions", shell]).expect(0).stdout();
        assert!(script.contains("SHAKEDOWN_COMPLETE"), "{shell}: {script}");
        std::fs::write(scene.path("script"), script).unwrap();
        if let Some(output) = tool(&scene, program, arguments) {
            assert!(output.status.success(), "{shell}: {}", text(&output.stderr));
        }
    }
}

/// What bash proposes for the last of these words.
fn proposed(scene: &Scene, words: &[&str]) -> Option<Vec<String>> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let (line, last) = (quoted.join(" "), words.len());
    let script = format!(
        "source <('{}' completions bash)\n\
         COMP_WORDS=(shakedown {line}); COMP_CWORD={last}; COMP_TYPE=9\n\
         _clap_complete_shakedown shakedown \"${{COMP_WORDS[$COMP_CWORD]}}\" ''\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        env!("CARGO_BIN_EXE_shakedown")
    );
    let output = tool(scene, "bash", &["-c", &script])?;
    assert!(output.status.success(), "{}", text(&output.stderr));
    Some(text(&output.stdout).lines().map(str::to_owned).collect())
}

#[test]
fn bash_proposes_what_the_project_has() {
    let scene = Scene::new();
    for (words, wanted) in [
        (&["r"] as &[&str], "run"),
        (&["run", "--en"], "--env"),
        (&["run", "--env", "lo"], "local"),
        (&["plan", "--env", "local", "--suite", "night"], "nightly"),
        (&["run", "--env", "local", "--fault", "mongo.index-miss"], "mongo.index-missing"),
        (&["explain", "mongo.indexes.req"], "mongo.indexes.required"),
        (&["list", "-E", "tag(smoke) & id(mongo.conn"], "tag(smoke) & id(mongo.connect)"),
        (&["fix", "--fix", "mongo.indexes.cr"], "mongo.indexes.create"),
        (&["schema", "list-gr"], "list-groups"),
    ] {
        let Some(proposed) = proposed(&scene, words) else { return };
        assert!(proposed.iter().any(|word| word == wanted), "{words:?}: {proposed:?}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_proposes_nothing_and_says_nothing() {
    let scene = Scene::with("version = 1\n[environments.lab]\nrle = 'x'\n");
    if let Some(proposed) = proposed(&scene, &["run", "--env", ""]) {
        assert!(proposed.iter().all(String::is_empty), "{proposed:?}");
    }
}

#[test]
fn there_is_a_manual_page_for_the_program_and_every_verb() {
    let scene = Scene::new();
    scene.shakedown(&["man", "--out", "man"]).expect(0);
    let mut pages: Vec<String> = std::fs::read_dir(scene.path("man"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    for name in ["shakedown.1", "shakedown-run.1", "shakedown-list.1", "shakedown-upload-xray.1"] {
        assert!(pages.iter().any(|page| page == name), "{name}: {pages:?}");
    }
    assert!(!pages.iter().any(|page| page.contains("worker") || page.contains("bench")), "{pages:?}");
    for page in &pages {
        let source = std::fs::read_to_string(scene.path("man").join(page)).unwrap();
        for part in [".TH ", ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"] {
            assert!(source.contains(part), "{page} lacks {part}: {source}");
        }
        let file = format!("man/{page}");
        if let Some(output) = tool(&scene, "groff", &["-man", "-Tutf8", "-ww", "-z", &file]) {
            assert!(output.status.success() && output.stderr.is_empty(), "{page}: {}", text(&output.stderr));
        }
    }
    let one = scene.shakedown(&["man", "run"]).expect(0).stdout();
    assert_eq!(one, std::fs::read_to_string(scene.path("man/shakedown-run.1")).unwrap());
    let program = scene.shakedown(&["man"]).expect(0).stdout();
    assert!(program.contains("EXIT STATUS") && program.contains("130"), "{program}");
    let message = scene.shakedown(&["man", "rnu"]).expect(2).stderr();
    assert!(message.contains("there is no verb `rnu`"), "{message}");
}
