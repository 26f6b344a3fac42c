//! `.gitlab-ci.yml`, and the workflow in docs/pipeline.md: the program understands every command in them, and the jobs keep what
//! jobs must keep.

use crate::scene::{Ran, Scene, workspace};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// What is not a job at the top of the file.
const NOT_JOBS: [&str; 4] = ["stages", "workflow", "variables", "default"];
/// What stands in front of the program's arguments.
const PROGRAM: &str = "program/shakedown ";

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Fails with all problems at once.
#[track_caller]
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n  {}\n", problems.join("\n  "));
}

/// `.gitlab-ci.yml`.
struct Pipeline(Map<String, Value>);

/// A job with all that it inherits.
struct Job {
    name: String,
    keys: Value,
}

impl Pipeline {
    fn read() -> Self {
        Self(yaml(&read(".gitlab-ci.yml")).as_object().unwrap().clone())
    }

    fn jobs(&self) -> Vec<Job> {
        let names = self.0.keys().filter(|name| !name.starts_with('.') && !NOT_JOBS.contains(&name.as_str()));
        names.map(|name| Job { name: name.clone(), keys: self.inherited(name) }).collect()
    }

    /// What the job says, above what those say that it extends, above the defaults.
    fn inherited(&self, name: &str) -> Value {
        let own = self.0.get(name).unwrap_or_else(|| panic!("no `{name}`, which a job extends"));
        let mut keys = json!({});
        for base in strings(&own["extends"]) {
            lay_over(&mut keys, &self.inherited(base));
        }
        lay_over(&mut keys, own);
        if !name.starts_with('.') {
            let mut all = self.0["default"].clone();
            all.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
            keys = all;
        }
        keys
    }
}

/// Tables are merged key by key, all else is replaced.
fn lay_over(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                lay_over(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
}

impl Job {
    fn environment(&self) -> Option<&str> {
        self.keys["environment"]["name"].as_str()
    }

    /// What stands for a variable in this job.
    fn variables(&self) -> BTreeMap<String, String> {
        let own = self.keys["variables"].as_object().into_iter().flatten();
        let mut variables: BTreeMap<String, String> =
            own.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
        for (name, value) in [
            ("CI_JOB_NAME", self.name.as_str()),
            ("CI_ENVIRONMENT_NAME", self.environment().unwrap_or_default()),
            ("CI_COMMIT_SHORT_SHA", "4f2a90c1"),
            ("CI_PIPELINE_ID", "77"),
        ] {
            variables.insert(name.to_owned(), value.to_owned());
        }
        variables
    }

    fn expanded(&self, text: &str) -> String {
        let names = self.variables().into_iter().rev();
        names.fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${name}"), &value))
    }

    /// The arguments of every call of the program, the soak's script included.
    fn commands(&self, of: &[&str]) -> Vec<Vec<String>> {
        let scripts = of.iter().flat_map(|key| strings(&self.keys[key]));
        scripts.flat_map(|script| commands(&self.expanded(script))).collect()
    }

    /// Where its runs are kept.
    fn runs(&self) -> Vec<String> {
        let commands = self.commands(&["script"]);
        let runs = commands.iter().filter(|words| words[0] == "run");
        runs.map(|words| words[words.iter().position(|word| word == "--out").unwrap() + 1].clone()).collect()
    }
}

/// The arguments of every call of the program in a script.
fn commands(script: &str) -> Vec<Vec<String>> {
    let words = |text: &str| text.replace('"', "").split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let command = |line: &str| {
        if let Some(at) = line.find(PROGRAM) {
            return Some(words(&line[at + PROGRAM.len()..]));
        }
        let soak = words(line.trim().strip_prefix(".ci/soak ")?);
        let [environment, suite, directory, _pipeline] = soak.try_into().expect(".ci/soak takes four words");
        Some(
            ["run", "--env", &environment, "--suite", &suite, "--out", &directory]
                .map(str::to_owned)
                .to_vec(),
        )
    };
    script.lines().filter_map(command).collect()
}

/// A project in which a value stands for every variable of `checks.toml`.
struct Trial(Scene);

impl Trial {
    fn shakedown(&self, words: &[&str]) -> Ran {
        let mut command = self.0.command(words);
        for name in variables_of_the_configuration() {
            let value = match name.as_str() {
                uri if uri.ends_with("_MONGO_URI") => "mongodb://db.example.com",
                url if url.ends_with("_URL") => "https://shakedown.example.com/api/v2",
                key if key.ends_with("_EXEC_KEY") => "PZ-900",
                _ => "c4nary",
            };
            command.env(name, value);
        }
        Ran(command.output().unwrap())
    }

    /// Has the program do what is asked of it, as far as that goes without the environment.
    fn attempt(&self, words: &[String]) {
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert!(words.iter().all(|word| !word.contains('$')), "what does this stand for? {words:?}");
        match words[0] {
            "run" => return self.plan(&words),
            "upload" => {
                self.have_run(words[2]);
                words.push("--dry-run");
            }
            "report" => self.have_run(words[1]),
            // It takes minutes; this shows that its options are known.
            "prove" => words.push("--help"),
            "validate" | "cleanup" | "--version" => {}
            verb => panic!("how can `{verb}` be tried?"),
        }
        self.shakedown(&words).expect(0);
    }

    fn plan(&self, words: &[&str]) {
        let planned = self.planned(words);
        assert!(!planned.is_empty(), "nothing would be asked: {words:?}");
    }

    /// The checks that would run.
    fn planned(&self, words: &[&str]) -> Vec<Value> {
        let ran = self.shakedown(&[words, &["--dry-run", "--format", "json"]].concat()).expect(0);
        let plan: Value = serde_json::from_str(&ran.stdout()).unwrap();
        plan["checks"].as_array().unwrap().clone()
    }

    /// Sees to it that a run lies there.
    fn have_run(&self, directory: &str) {
        let (made, directory) = (self.0.path("made"), self.0.path(directory));
        if !made.exists() {
            let run = ["run", "--env", "local", "-E", "id(focus-api.ack.ok)", "--out", "made"];
            self.0.shakedown(&run).expect(0);
        }
        fs::create_dir_all(&directory).unwrap();
        fs::copy(made.join("events.jsonl"), directory.join("events.jsonl")).unwrap();
    }
}

/// The variables that `checks.toml` names.
fn variables_of_the_configuration() -> BTreeSet<String> {
    let variable = regex::Regex::new(r"\$\{([A-Z][A-Z0-9_]*)").unwrap();
    variable.captures_iter(&read("checks.toml")).map(|found| found[1].to_owned()).collect()
}

#[test]
fn the_program_understands_every_command() {
    let jobs = Pipeline::read().jobs();
    let pipeline = jobs.iter().flat_map(|job| job.commands(&["script", "after_script"]));
    // Both ask alike, and each command is tried once.
    let mut commands: BTreeSet<Vec<String>> = pipeline.collect();
    commands.extend(workflow_commands());
    let trial = Trial(Scene::new());
    for command in &commands {
        trial.attempt(command);
    }
    let verbs: BTreeSet<&str> = commands.iter().map(|command| command[0].as_str()).collect();
    let expected = ["--version", "cleanup", "prove", "report", "run", "upload", "validate"];
    assert_eq!(verbs.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn what_jobs_name_is_there() {
    let pipeline = Pipeline::read();
    let stages = strings(&pipeline.0["stages"]);
    let jobs = pipeline.jobs();
    let stage = |job: &Job| stages.iter().position(|stage| job.keys["stage"] == **stage);
    let mut problems = Vec::new();
    for job in &jobs {
        if stage(job).is_none() {
            problems.push(format!("{}: no stage `{}`", job.name, job.keys["stage"]));
        }
        for need in job.keys["needs"].as_array().into_iter().flatten() {
            let name = need.as_str().or(need["job"].as_str()).unwrap();
            match jobs.iter().find(|job| job.name == name) {
                None => problems.push(format!("{}: needs `{name}`, which is no job", job.name)),
                Some(needed) if stage(needed) > stage(job) => {
                    problems.push(format!("{}: needs `{name}` of a later stage", job.name));
                }
                Some(_) => {}
            }
        }
        let calls_the_program = !job.commands(&["script", "after_script"]).is_empty();
        if calls_the_program
            && job.name != "program"
            && !job.keys["needs"].to_string().contains("\"program\"")
        {
            problems
                .push(format!("{}: calls the program, but does not need the job that builds it", job.name));
        }
        for script in strings(&job.keys["script"]) {
            let file = script.split_whitespace().next().unwrap_or_default();
            if file.starts_with(".ci/") && !workspace().join(file).is_file() {
                problems.push(format!("{}: no file `{file}`", job.name));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn a_job_that_asks_keeps_what_it_saw_and_is_left_to_end() {
    let (mut problems, mut asking) = (Vec::new(), 0);
    for job in Pipeline::read().jobs() {
        let kept = &job.keys["artifacts"];
        let mut must = |holds: bool, what: &str| {
            if !holds {
                problems.push(format!("{}: {what}", job.name));
            }
        };
        for run in job.runs() {
            asking += 1;
            let covers =
                |path: &&str| format!("{run}/").starts_with(job.expanded(path).trim_end_matches('/'));
            must(kept["when"] == "always", "its reports are lost when it fails");
            must(strings(&kept["paths"]).iter().any(covers), "no path of its artifacts holds its run");
            let junit = kept["reports"]["junit"].as_str().map(|path| job.expanded(path));
            must(junit == Some(format!("{run}/junit.xml")), "its JUnit report is not where its run is");
            if let Some(environment) = job.environment() {
                must(job.keys["interruptible"] == false, "a newer commit would end it halfway");
                must(job.keys["resource_group"] == environment, "two could run at once");
                let after = job.commands(&["after_script"]);
                must(
                    after.contains(&["cleanup", "--env", environment].map(str::to_owned).to_vec()),
                    "never cleans up",
                );
            }
        }
    }
    assert_none(&problems);
    assert!(asking >= 6, "the jobs that ask were not found");
}

#[test]
fn an_upload_is_a_job_of_its_own_that_can_be_repeated() {
    let jobs = Pipeline::read().jobs();
    let mut uploads = 0;
    for job in &jobs {
        let commands = job.commands(&["script"]);
        let Some(upload) = commands.iter().find(|words| words[0] == "upload") else { continue };
        uploads += 1;
        assert_eq!(commands.len(), 1, "{}: does more than to upload", job.name);
        let source = jobs.iter().find(|source| source.runs().contains(&upload[2])).unwrap();
        assert!(job.keys["needs"].to_string().contains(&format!("\"{}\"", source.name)), "{}", job.name);
        let rules = job.keys["rules"].as_array().unwrap();
        assert!(rules.iter().all(|rule| rule["when"] == "always"), "{}: not after a failure", job.name);
        let asked: Vec<&Value> =
            source.keys["rules"].as_array().unwrap().iter().map(|rule| &rule["if"]).collect();
        assert_eq!(asked, rules.iter().map(|rule| &rule["if"]).collect::<Vec<_>>(), "{}", job.name);
        assert_eq!(job.keys["retry"], 0, "{}: could be uploaded twice", job.name);
        let warnings = &job.keys["allow_failure"]["exit_codes"];
        assert!(warnings.as_array().unwrap().contains(&json!(5)), "{}", job.name);
    }
    assert_eq!(uploads, 4);
}

#[test]
fn no_job_can_change_production_or_disrupt_anything() {
    let trial = Trial(Scene::new());
    let mut asked = BTreeSet::new();
    for job in Pipeline::read().jobs() {
        for command in job.commands(&["script", "after_script"]) {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            let writes = words[0] == "fix" || words.contains(&"--confirm") || words.contains(&"--fault");
            assert!(!writes, "{}: {words:?}", job.name);
            let Some(environment) = job.environment() else { continue };
            let at = words.iter().position(|word| *word == "--env").unwrap_or(words.len());
            assert!(words.get(at + 1).is_none_or(|env| *env == environment), "{}: {words:?}", job.name);
            if words[0] == "run" {
                asked.insert(environment.to_owned());
                for check in trial.planned(&words) {
                    let effect = check["effect"].as_str().unwrap();
                    let allowed =
                        if environment == "production" { effect == "read" } else { effect != "disrupt" };
                    assert!(allowed, "{}: {} has the effect {effect}", job.name, check["id"]);
                }
            }
        }
    }
    assert_eq!(asked.into_iter().collect::<Vec<_>>(), ["production", "staging"]);
}

#[test]
fn secrets_come_from_the_settings_and_the_page_names_all_of_them() {
    let secrets = variables_of_the_configuration();
    assert!(secrets.len() >= 9, "{secrets:?}");
    let pipeline = Pipeline::read();
    let jobs = pipeline.jobs();
    let tables = jobs.iter().map(|job| &job.keys["variables"]).chain([&pipeline.0["variables"]]);
    for name in tables.filter_map(Value::as_object).flat_map(Map::keys) {
        let telling = ["SECRET", "TOKEN", "PASSWORD", "URI", "CLIENT_ID", "KUBECONFIG"];
        assert!(!secrets.contains(name), "`{name}` is set in the file");
        assert!(!telling.iter().any(|word| name.contains(word)), "`{name}` looks like a secret in the file");
    }
    let (page, workflow) = (read("docs/pipeline.md"), workflow_text());
    let table = page.split("2. **Schedules.**").next().unwrap();
    for name in &secrets {
        assert!(table.contains(&format!("`{name}`")), "`{name}` is not in the page's table of variables");
        let given = format!("{name}: ${{{{ ");
        assert!(workflow.contains(&given), "the workflow does not pass `{name}` on");
    }
    let named = regex::Regex::new(r"`((?:SHAKEDOWN|XRAY)_[A-Z_]+)` ?\|").unwrap();
    for name in named.captures_iter(table).map(|found| found[1].to_owned()) {
        assert!(secrets.contains(&name) || name == "SHAKEDOWN_SCHEDULE", "`{name}` is not in checks.toml");
    }
}

#[test]
fn what_builds_the_program_has_the_pinned_toolchain() {
    let toolchain: toml::Table = read("rust-toolchain.toml").parse().unwrap();
    let image = format!("rust:{}-bookworm", toolchain["toolchain"]["channel"].as_str().unwrap());
    for file in [".gitlab-ci.yml", "Containerfile"] {
        let text = read(file);
        let images = text.match_indices("rust:").map(|(at, _)| text[at..].split_whitespace().next().unwrap());
        assert_eq!(images.collect::<Vec<_>>(), [image.as_str()], "{file}");
    }
}

#[test]
fn the_image_is_given_what_a_build_needs() {
    let ignored = read(".dockerignore");
    let admitted: BTreeSet<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(ignored.lines().any(|line| line == "*"), "all else must stay out");
    for path in &admitted {
        assert!(workspace().join(path).exists(), "`{path}` is admitted, but is not there");
    }
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap().iter().filter_map(toml::Value::as_str);
    for member in members.chain(["Cargo.toml", "Cargo.lock", "checks.toml", "docs/plugin.md"]) {
        let top = member.split('/').next().unwrap();
        assert!(admitted.contains(top), "the image is not given `{top}`");
    }
    let recipe = read("Containerfile");
    let user = recipe.lines().find_map(|line| line.strip_prefix("USER ")).unwrap();
    let (uid, _) = user.split_once(':').unwrap();
    assert!(uid.parse::<u32>().unwrap() > 0 && recipe.contains(&format!("--uid {uid} ")), "{user}");
}

/// The workflow for GitHub Actions, as the page shows it.
fn workflow_text() -> String {
    let page = read("docs/pipeline.md");
    let block = page.split("```yaml\n").nth(1).unwrap();
    block.split("```\n").next().unwrap().to_owned()
}

/// The arguments of every call of the program in the workflow, for every job of its matrix.
fn workflow_commands() -> BTreeSet<Vec<String>> {
    let workflow = yaml(&workflow_text());
    let steps =
        workflow["jobs"].as_object().unwrap().values().flat_map(|job| job["steps"].as_array().unwrap());
    let scripts: Vec<&str> = steps.filter_map(|step| step["run"].as_str()).collect();
    // Each object that the first job may choose is a job of the matrix.
    let object = regex::Regex::new(r#"\{"environment"[^}]*\}"#).unwrap();
    let chosen: BTreeSet<&str> =
        scripts.iter().flat_map(|script| object.find_iter(script)).map(|found| found.as_str()).collect();
    assert_eq!(chosen.len(), 5, "{chosen:?}");
    let mut all = BTreeSet::new();
    for entry in chosen {
        let entry: Value = serde_json::from_str(entry).unwrap();
        let (environment, suite) = (entry["environment"].as_str().unwrap(), entry["suite"].as_str().unwrap());
        for script in &scripts {
            let script = script
                .replace("${{ matrix.environment }}", environment)
                .replace("${{ matrix.suite }}", suite)
                .replace("$RUN", &format!("{environment}-{suite}"))
                .replace("$GITHUB_RUN_ID", "77")
                .replace("${GITHUB_SHA::8}", "4f2a90c1");
            all.extend(commands(&script));
        }
    }
    all
}

#[test]
fn what_jobs_of_the_workflow_need_is_there() {
    let workflow = yaml(&workflow_text());
    let jobs = workflow["jobs"].as_object().unwrap();
    for need in jobs.values().flat_map(|job| strings(&job["needs"])) {
        assert!(jobs.contains_key(need), "no job `{need}`");
    }
}

const TWO: &str = r#"
version = 1
[project]
name = "moon"
[environments.local]
sandbox = {}
[suites.two]
select = "id(focus-api.ack.ok) | id(focus-api.fiber.ready)"
"#;

#[test]
fn a_soak_that_was_cut_short_goes_on_in_the_same_pipeline_only() {
    let scene = Scene::with(TWO);
    let soak = |pipeline: &str| {
        let output = std::process::Command::new(workspace().join(".ci/soak"))
            .args(["local", "two", "out", pipeline])
            .env("SHAKEDOWN", env!("CARGO_BIN_EXE_shakedown"))
            .current_dir(scene.directory.path())
            .output()
            .unwrap();
        let run = Ran(output).expect(0);
        assert!(!scene.path("out/unfinished").exists(), "a run that has ended is marked as one that has not");
        let id = scene.run_json("out")["id"].as_str().unwrap().to_owned();
        (id, run.stdout().contains("going on with the run"))
    };
    let (first, resumed) = soak("77");
    assert!(!resumed);
    // It is lost after its first answer.
    let cut_short = |pipeline: &str| {
        let journal = scene.path("out/events.jsonl");
        let text = fs::read_to_string(&journal).unwrap();
        let (before, after) = text.split_once("\"event\":\"check-finished\"").unwrap();
        let end = after.find('\n').unwrap() + 1;
        let kept = text.len() - after.len() + end;
        assert!(after[end..].contains("check-finished") && !before.is_empty());
        fs::write(&journal, &text[..kept]).unwrap();
        fs::write(scene.path("out/unfinished"), pipeline).unwrap();
    };
    cut_short("77");
    assert_eq!(soak("77"), (first.clone(), true), "the same run goes on");
    cut_short("77");
    let (other, resumed) = soak("78");
    assert!(other != first && !resumed, "another pipeline asks anew");
}
