//! Completions, as the shells see them; and manual pages, as `man` does.

use crate::scene::{Scene, in_ci};
use std::process::{Command, Output, Stdio};

/// Runs a tool, where this machine has it. In CI it must be there, unless Debian has none.
fn tool(scene: &Scene, name: &str, arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new(name);
    command.current_dir(scene.directory.path()).args(arguments).stdin(Stdio::null());
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            assert!(!in_ci() || name == "pwsh", "in CI `{name}` must be there: {error}");
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

/// A shell that can be asked, without a terminal, what it would propose for the last of some words.
#[derive(Clone, Copy, Debug)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Pwsh,
}

impl Shell {
    const ALL: [Self; 4] = [Self::Bash, Self::Zsh, Self::Fish, Self::Pwsh];

    /// The shell's name, and a script of its own that prints a proposal to a line.
    fn script(self, words: &[&str]) -> (&'static str, String) {
        let program = env!("CARGO_BIN_EXE_shakedown");
        let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        let last = words.len();
        match self {
            Self::Bash => {
                let script = format!(
                    "source <('{program}' completions bash)\n\
                     COMP_WORDS=(shakedown {line}); COMP_CWORD={last}; COMP_TYPE=9\n\
                     _clap_complete_shakedown shakedown \"${{COMP_WORDS[$COMP_CWORD]}}\" ''\n\
                     printf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
                );
                ("bash", script)
            }
            // `_describe` is what shows them; it takes them in an array, by its name.
            Self::Zsh => {
                let script = format!(
                    "compdef() {{ : }}\n_describe() {{ print -l -- \"${{(@P)3}}\" }}\n\
                     source <('{program}' completions zsh)\n\
                     words=(shakedown {line}); CURRENT={}\n_clap_dynamic_completer_shakedown\n",
                    last + 1
                );
                ("zsh", script)
            }
            // As typed so far: what needs quotes has opened them.
            Self::Fish => {
                let typed =
                    |word: &&str| if word.contains(' ') { format!("'{word}") } else { (*word).to_owned() };
                let line = words.iter().map(typed).collect::<Vec<_>>().join(" ");
                let script =
                    format!("'{program}' completions fish | source\ncomplete -C \"shakedown {line}\"\n");
                ("fish", script)
            }
            // Debian has no PowerShell: the program is asked as its script asks it.
            Self::Pwsh => {
                ("bash", format!("SHAKEDOWN_COMPLETE=powershell '{program}' -- shakedown {line}\n"))
            }
        }
    }

    /// What it proposes for the last of these words, without the explanations.
    fn proposes(self, scene: &Scene, words: &[&str]) -> Option<Vec<String>> {
        let (shell, script) = self.script(words);
        let output = tool(scene, shell, &["-c", &script])?;
        assert!(output.stderr.is_empty(), "{self:?}: {}", text(&output.stderr));
        let value = |line: &str| match self {
            Self::Bash => line.to_owned(),
            Self::Zsh => line.split(':').next().unwrap_or_default().to_owned(),
            Self::Fish | Self::Pwsh => {
                line.split('\t').next().unwrap_or_default().trim_matches('\'').to_owned()
            }
        };
        Some(text(&output.stdout).lines().map(value).collect())
    }
}

#[test]
fn each_shell_proposes_what_the_project_has() {
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
        for shell in Shell::ALL {
            let Some(proposed) = shell.proposes(&scene, words) else { continue };
            assert!(proposed.iter().any(|word| word == wanted), "{shell:?}, {words:?}: {proposed:?}");
        }
    }
}

#[test]
fn a_configuration_that_cannot_be_read_proposes_nothing_and_says_nothing() {
    let scene = Scene::with("version = 1\n[environments.lab]\nrle = 'x'\n");
    for shell in Shell::ALL {
        if let Some(proposed) = shell.proposes(&scene, &["run", "--env", ""]) {
            assert!(proposed.iter().all(String::is_empty), "{shell:?}: {proposed:?}");
        }
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
