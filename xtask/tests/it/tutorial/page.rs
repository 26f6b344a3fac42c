//! The page as a list of things to do.

/// What a block of the page asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Commands for a shell.
    Run(String),
    /// What a file holds.
    Quote { path: String, text: String },
    /// A new file.
    Write { path: String, text: String },
    /// Places of a file, each with what stands there before and after.
    Change { path: String, hunks: Vec<(String, String)> },
}

/// The blocks of shell, Rust and differences, each with what the line before it says of it.
pub(super) fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut said = "";
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            if !line.is_empty() {
                said = line;
            }
            continue;
        };
        let block: String =
            lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
        let path = || path_in(said).unwrap_or_else(|| panic!("of which file is this?\n{said}\n{block}"));
        steps.push(match language {
            "sh" => Step::Run(block),
            "diff" => Step::Change { path: path(), hunks: block.split("@@\n").map(hunk).collect() },
            "rust" if said.ends_with(" has:") => Step::Quote { path: path(), text: block },
            "rust" if said.starts_with("All of ") => Step::Write { path: path(), text: block },
            "toml" => continue,
            other => panic!("what is to be done with this {other}?\n{said}\n{block}"),
        });
    }
    steps
}

/// The last path in a line.
fn path_in(line: &str) -> Option<String> {
    line.split('`').skip(1).step_by(2).filter(|word| word.contains('/')).last().map(str::to_owned)
}

/// What stands there before, and after.
fn hunk(lines: &str) -> (String, String) {
    let side = |gone: char| -> String {
        let lines = lines.lines().filter(|line| !line.starts_with(gone));
        lines.flat_map(|line| [line.get(1..).unwrap_or_default(), "\n"]).collect()
    };
    (side('+'), side('-'))
}

#[test]
fn blocks_become_steps() {
    let page = "# Page\n\nDo:\n\n```sh\ncargo xtask x\n```\n\nIn `a/b.rs`:\n\n```diff\n one\n-two\n+2\n@@\n three\n+four\n```\n\
                \n`c/d.rs` has:\n\n```rust\nfive\n```\n\nAll of `e/f.rs`:\n\n```rust\nsix\n```\n";
    let text = str::to_owned;
    assert_eq!(
        steps(page),
        [
            Step::Run(text("cargo xtask x\n")),
            Step::Change {
                path: text("a/b.rs"),
                hunks: vec![(text("one\ntwo\n"), text("one\n2\n")), (text("three\n"), text("three\nfour\n"))]
            },
            Step::Quote { path: text("c/d.rs"), text: text("five\n") },
            Step::Write { path: text("e/f.rs"), text: text("six\n") },
        ]
    );
}
