//! Mending: planned, refused, applied, applied twice, by two at once, cut off midway, undone, and not undone.

use crate::documents::document;
use crate::scene::{Ran, Scene, mongo_is_there};
// Links the plugins, whose registrations would be absent otherwise.
use shakedown_bundle as _;

use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::{Client, Collection};
use serde_json::Value;
use shakedown_core::{Clock, Registry};
use shakedown_sandbox::{Options, Sandbox};
use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// A database with the faults of the incident, and a live environment `lab` that leads to it.
struct Lab {
    runtime: Runtime,
    sandbox: Option<Sandbox>,
    scene: Scene,
    uri: String,
    database: mongodb::Database,
    guid: String,
}

const POLICY: &str =
    "fixes = [\"mongo.indexes.create\", \"mongo.recordings.close\", \"mongo.recordings.delete\"]";

impl Lab {
    fn new(policy: &str, faults: &[&str]) -> Self {
        let runtime = Runtime::new().unwrap();
        let sandbox = runtime.block_on(async {
            let options = Options {
                clock: Clock::system(),
                options: serde_json::json!({ "recordings": 300, "faults": faults }),
                kinds: Some(BTreeSet::from(["mongo".to_owned()])),
            };
            Sandbox::start(&Registry::collect().unwrap(), options).await.unwrap()
        });
        let exports: std::collections::BTreeMap<String, String> = sandbox.exports().into_iter().collect();
        let (uri, name) =
            (exports["SHAKEDOWN_LOCAL_MONGO_URI"].clone(), exports["SHAKEDOWN_LOCAL_MONGO_DATABASE"].clone());
        let (database, guid) = runtime.block_on(async {
            let database = Client::with_uri_str(&uri).await.unwrap().database(&name);
            let paths = database.collection::<Document>("base_paths");
            let path = paths.find_one(doc! { "is_archive": false }).await.unwrap().unwrap();
            (database, path.get_str("guid").unwrap().to_owned())
        });
        let lab = Self { runtime, sandbox: Some(sandbox), scene: Scene::with(""), uri, database, guid };
        lab.configure(policy);
        lab
    }

    fn configure(&self, policy: &str) {
        let name = self.database.name();
        let config = format!(
            "version = 1\n[environments.lab.targets.mongo]\nuri = \"${{LAB_URI}}\"\ndatabase = \"{name}\"\n\
             [environments.lab.policy]\nallow = [\"read\"]\n{policy}\n[suites.all]\nselect = \"all()\"\n"
        );
        std::fs::write(self.scene.path("checks.toml"), config).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.scene.command(arguments);
        command.env("LAB_URI", &self.uri);
        command
    }

    fn shakedown(&self, arguments: &[&str]) -> Ran {
        Ran(self.command(arguments).output().unwrap())
    }

    fn apply(&self, out: &str) -> Ran {
        self.shakedown(&["fix", "--env", "lab", "--apply", "--confirm", "lab", "--out", out])
    }

    fn undo(&self, out: &str) -> Ran {
        self.shakedown(&["fix", "--undo", &format!("{out}/undo.jsonl"), "--confirm", "lab"])
    }

    fn recordings(&self) -> Collection<Document> {
        self.database.collection(&self.guid)
    }

    fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// More recordings that were left open, in every form of start time, with null and without an end.
    fn leave_open(&self, number: i64) {
        let long_ago = 1_700_000_000_i64;
        let documents: Vec<Document> = (0..number)
            .map(|index| {
                let mut document = doc! { "uuid": format!("left-{index}"), "deleted": false };
                document.insert(
                    "start_time",
                    match index % 3 {
                        0 => Bson::DateTime(DateTime::from_millis(long_ago * 1000)),
                        1 => Bson::Int64(long_ago),
                        _ => Bson::String("2023-11-14T22:13:20".to_owned()),
                    },
                );
                if index % 2 == 0 {
                    document.insert("end_time", Bson::Null);
                }
                document
            })
            .collect();
        self.run(async { self.recordings().insert_many(documents).await.unwrap() });
    }

    /// All documents and all indexes, whatever their order.
    fn everything(&self) -> BTreeSet<String> {
        use futures_util::TryStreamExt as _;
        self.run(async {
            let documents: Vec<Document> =
                self.recordings().find(doc! {}).await.unwrap().try_collect().await.unwrap();
            let indexes: Vec<_> =
                self.recordings().list_indexes().await.unwrap().try_collect().await.unwrap();
            let documents = documents.iter().map(|document| {
                let mut fields: Vec<String> = document.iter().map(|field| format!("{field:?}")).collect();
                fields.sort();
                fields.join(" ")
            });
            let indexes = indexes.iter().map(|index| format!("{:?} {:?}", index.keys, index.options));
            documents.chain(indexes).collect()
        })
    }

    fn open_and_old(&self) -> u64 {
        let long_ago = doc! { "uuid": { "$regex": "^left-" }, "deleted": { "$ne": true } };
        self.run(async { self.recordings().count_documents(long_ago).await.unwrap() })
    }

    fn report(&self, out: &str) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.scene.path(out).join("fix.json")).unwrap())
            .unwrap()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            self.runtime.block_on(sandbox.stop());
        }
    }
}

const BROKEN: [&str; 2] = ["mongo.index-missing", "mongo.stale-recording"];

#[test]
fn a_plan_says_what_would_be_written_and_writes_nothing() {
    if !mongo_is_there() {
        return;
    }
    let lab = Lab::new(POLICY, &BROKEN);
    let before = lab.everything();
    let ran = lab.shakedown(&["fix", "--env", "lab", "-E", "id(mongo.recordings.stale)"]).expect(0);
    insta::assert_snapshot!(crate::scene::scrubbed(&ran.stdout(), &lab.scene), @r"
    mongo.recordings.close — Mark recordings that were left open as deleted (mends mongo.recordings.stale)

      1. set deleted = true, end_time = now and a note on 1 recording
         on       collection `[UUID]`
         touches  1 recording that started before [TIME]
         examples [UUID] started [TIME]
         why      they look as if they were still running: history shows them without an end, and
                  players wait for data that never comes
         risk     a recording that is in truth still being written would be closed: make sure that
                  nothing writes them any more. Single updates by `_id`, no load to speak of
         takes    seconds
         undo     restores the three fields exactly, unless somebody changes them in between

      as things are it would be refused: writing to lab must be confirmed with `--confirm lab`

    nothing was written; `--apply` does it
    ");
    assert_eq!(lab.everything(), before);
    let plan = document(&lab.shakedown(&["fix", "--env", "lab", "--format", "json"]).expect(0), "fix");
    assert_eq!(plan["fixes"][0]["steps"].as_array().unwrap().len(), 4, "{plan:#}");
    assert!(!lab.scene.path("reports").exists(), "a plan leaves nothing behind");
}

#[test]
fn a_live_environment_is_written_to_only_when_policy_and_person_say_so() {
    if !mongo_is_there() {
        return;
    }
    let lab = Lab::new("", &BROKEN);
    let before = lab.everything();
    let ran = lab.apply("out").expect(2);
    insta::assert_snapshot!(ran.stderr().trim(), @"error: nothing was written: lab's policy does not list the fix `mongo.indexes.create`: add it to `fixes` in `[environments.lab.policy]`; lab's policy does not list the fix `mongo.recordings.close`: add it to `fixes` in `[environments.lab.policy]`");
    lab.configure(POLICY);
    let ran = lab.shakedown(&["fix", "--env", "lab", "--apply"]).expect(2);
    insta::assert_snapshot!(ran.stderr().trim(), @"error: nothing was written: writing to lab must be confirmed with `--confirm lab`");
    assert_eq!(lab.everything(), before);
}

#[test]
fn what_is_mended_passes_is_not_mended_twice_and_is_undone_exactly() {
    if !mongo_is_there() {
        return;
    }
    let lab = Lab::new(POLICY, &BROKEN);
    lab.leave_open(20);
    let before = lab.everything();
    let ran = lab.apply("out").expect(0);
    assert!(ran.stdout().contains("✓ mongo.recordings.close 1. closed 21 recordings"), "{}", ran.stdout());
    let report = lab.report("out");
    let stands = |when: &str| {
        let list = report[when].as_array().unwrap().iter();
        list.map(|stand| format!("{} {}", stand["check"], stand["status"]).replace('"', ""))
            .collect::<Vec<_>>()
    };
    assert_eq!(stands("before"), ["mongo.indexes.required failed", "mongo.recordings.stale failed"]);
    assert_eq!(stands("after"), ["mongo.indexes.required passed", "mongo.recordings.stale passed"]);
    let audit = std::fs::read_to_string(lab.scene.path("out/audit.jsonl")).unwrap();
    assert_eq!(audit.matches("\"event\":\"applied\"").count(), 5, "{audit}");

    let again = lab.apply("again").expect(0);
    assert!(again.stdout().contains("nothing to mend"), "{}", again.stdout());

    insta::assert_snapshot!(lab.undo("out").expect(0).stdout(), @"25 of 25 changes taken back");
    assert_eq!(lab.everything(), before);
    insta::assert_snapshot!(lab.undo("out").expect(0).stdout(), @"0 of 25 changes taken back, 25 as before already");
    let again = ["fix", "--undo", "out/undo.jsonl", "--confirm", "lab", "--format", "json"];
    assert_eq!(document(&lab.shakedown(&again).expect(0), "undo")["as_before"], 25);
}

#[test]
fn undoing_refuses_where_the_data_has_moved_on() {
    if !mongo_is_there() {
        return;
    }
    let lab = Lab::new(POLICY, &BROKEN);
    lab.leave_open(3);
    lab.apply("out").expect(0);
    let theirs = doc! { "$set": { "note": "examined" } };
    lab.run(async { lab.recordings().update_one(doc! { "uuid": "left-1" }, theirs).await.unwrap() });
    let before = lab.everything();
    let ran = lab.undo("out").expect(1);
    insta::assert_snapshot!(crate::scene::scrubbed(&ran.stdout(), &lab.scene), @r"
    nothing was written: the data has moved on since, and 1 change cannot be taken back:
      the recording with _id [ID] has deleted = true, end_time = [TIME], note = examined now
    ");
    assert_eq!(lab.everything(), before);
}

#[test]
fn two_people_at_once_change_everything_once() {
    if !mongo_is_there() {
        return;
    }
    let lab = Lab::new(POLICY, &["mongo.index-missing"]);
    lab.leave_open(120);
    let before = lab.everything();
    let start = |out: &str| {
        let mut command = lab.command(&["fix", "--env", "lab", "--apply", "--confirm", "lab", "--out", out]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let both = [start("one"), start("two")];
    for child in both {
        Ran(child.wait_with_output().unwrap()).expect(0);
    }
    assert_eq!(lab.open_and_old(), 0);
    let changed = |out: &str| {
        let steps = lab.report(out)["fixes"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|mending| mending["steps"].as_array().cloned().unwrap_or_default())
            .collect::<Vec<_>>();
        steps.iter().filter_map(|step| step["applied"]["changed"].as_u64()).sum::<u64>()
    };
    let report_of = |out: &str| if lab.scene.path(out).join("fix.json").exists() { changed(out) } else { 0 };
    assert_eq!(report_of("one") + report_of("two"), 124, "four indexes and 120 recordings, each once");
    for out in ["two", "one"] {
        if lab.scene.path(out).join("undo.jsonl").exists() {
            lab.undo(out).expect(0);
        }
    }
    assert_eq!(lab.everything(), before);
}

#[test]
fn what_was_done_before_the_end_of_the_process_is_undone_or_gone_on_with() {
    if !mongo_is_there() {
        return;
    }
    let lab = Lab::new(POLICY, &["mongo.index-missing"]);
    lab.leave_open(600);
    let before = lab.everything();
    let killed = |out: &str| {
        let mut command = lab.command(&["fix", "--env", "lab", "--apply", "--confirm", "lab", "--out", out]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        kill_midway(child, || lab.open_and_old() < 550);
    };
    killed("undone");
    lab.undo("undone").expect(0);
    assert_eq!(lab.everything(), before);

    killed("gone-on");
    lab.apply("rest").expect(0);
    assert_eq!(lab.open_and_old(), 0);
    for out in ["rest", "gone-on"] {
        lab.undo(out).expect(0);
    }
    assert_eq!(lab.everything(), before);
}

fn kill_midway(mut child: Child, is_midway: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_midway() {
        assert!(began.elapsed() < Duration::from_mins(1), "it does not get there");
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it could be killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn deletion_is_done_only_when_asked_for_by_name_and_is_undone() {
    if !mongo_is_there() {
        return;
    }
    let lab = Lab::new(POLICY, &[]);
    lab.leave_open(5);
    let before = lab.everything();
    let plan = lab.shakedown(&["fix", "--env", "lab"]).expect(0);
    assert!(!plan.stdout().contains("mongo.recordings.delete —"), "{}", plan.stdout());
    let arguments = [
        "fix",
        "--env",
        "lab",
        "--fix",
        "mongo.recordings.delete",
        "--apply",
        "--confirm",
        "lab",
        "--out",
        "out",
    ];
    let ran = lab.shakedown(&arguments).expect(0);
    assert!(ran.stdout().contains("deleted 5 documents"), "{}", ran.stdout());
    assert_eq!(lab.everything().len(), before.len() - 5);
    lab.undo("out").expect(0);
    assert_eq!(lab.everything(), before);
}

#[test]
fn a_unique_index_is_not_built_over_duplicates() {
    if !mongo_is_there() {
        return;
    }
    let lab = Lab::new(POLICY, &["mongo.index-missing"]);
    lab.run(async {
        let recordings = lab.recordings();
        let mut twice = recordings.find_one(doc! { "deleted": true }).await.unwrap().unwrap();
        twice.remove("_id");
        recordings.insert_one(twice).await.unwrap();
    });
    let arguments =
        ["fix", "--env", "lab", "-E", "id(mongo.indexes.required)", "--apply", "--confirm", "lab"];
    let ran = lab.shakedown(&arguments).expect(1);
    let stdout = crate::scene::scrubbed(&ran.stdout(), &lab.scene);
    let blocked = "blocked: uuid is not unique: [UUID] (2 times);";
    assert!(stdout.split_whitespace().collect::<Vec<_>>().join(" ").contains(blocked), "{stdout}");
    assert_eq!(stdout.matches('✓').count(), 3, "{stdout}");
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_sent() {
    let scene = Scene::new();
    let refusal = |arguments: &[&str]| {
        let ran = scene.shakedown(arguments).expect(2);
        assert_eq!(ran.stdout(), "");
        crate::scene::scrubbed(ran.stderr().trim(), &scene)
    };
    insta::assert_snapshot!(refusal(&["fix", "--env", "local", "--fix", "mongo.index.create"]), @"error: there is no fix `mongo.index.create`; did you mean `mongo.indexes.create`?");
    insta::assert_snapshot!(refusal(&["fix", "--undo", "none.jsonl"]), @"error: none.jsonl: No such file or directory (os error 2)");
    std::fs::write(scene.path("undo.jsonl"), "{}\n").unwrap();
    insta::assert_snapshot!(refusal(&["fix", "--undo", "undo.jsonl"]), @"error: undo.jsonl:1: this is no line of an undo file: expected value at line 1 column 2");
    let header = r#"{"undo":{"version":1,"id":"x","environment":"lab","applied":"2026-01-01T00:00:00Z","targets":{}}}"#;
    std::fs::write(scene.path("undo.jsonl"), format!("{header}\n")).unwrap();
    insta::assert_snapshot!(refusal(&["fix", "--undo", "undo.jsonl", "--env", "local"]), @"error: undo.jsonl undoes what was written to lab, not to local");
    let ran = scene.shakedown(&["fix", "--env", "local", "-E", "plugin(focus-api)"]).expect(4);
    insta::assert_snapshot!(ran.stderr().trim(), @"error: nothing to mend: `plugin(focus-api)` selects none of the checks that a fix can mend: mongo.indexes.required, mongo.recordings.stale");
}

/// Passes connections on to the server until a number of bytes has gone there, then hangs up on everybody.
struct Cable {
    address: std::net::SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Cable {
    async fn to(server: String, until: u64) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let left = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(i64::try_from(until).unwrap()));
            let mut connections = tokio::task::JoinSet::new();
            while left.load(std::sync::atomic::Ordering::SeqCst) > 0 {
                let Ok(Ok((near, _))) =
                    tokio::time::timeout(Duration::from_millis(20), listener.accept()).await
                else {
                    continue;
                };
                let far = tokio::net::TcpStream::connect(&server).await.unwrap();
                connections.spawn(pass_on(near, far, std::sync::Arc::clone(&left)));
            }
        });
        Self { address, task }
    }
}

async fn pass_on(
    near: tokio::net::TcpStream,
    far: tokio::net::TcpStream,
    left: std::sync::Arc<std::sync::atomic::AtomicI64>,
) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let ((mut from_near, mut to_near), (mut from_far, mut to_far)) = (near.into_split(), far.into_split());
    let back = tokio::spawn(async move { tokio::io::copy(&mut from_far, &mut to_near).await });
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from_near.read(&mut buffer).await {
        let read_signed = i64::try_from(read).unwrap();
        if left.fetch_sub(read_signed, std::sync::atomic::Ordering::SeqCst) <= read_signed {
            break;
        }
        to_far.write_all(&buffer[..read]).await.unwrap();
    }
    back.abort();
}

#[test]
fn a_connection_that_is_lost_midway_is_told_and_gone_on_after() {
    if !mongo_is_there() {
        return;
    }
    let lab = Lab::new(POLICY, &[]);
    lab.leave_open(400);
    let before = lab.everything();
    let (_, rest) = lab.uri.rsplit_once('@').unwrap_or(lab.uri.split_once("://").unwrap());
    let server = rest.split(['/', '?']).next().unwrap().to_owned();
    // Looking at everything takes about 40 kB; closing a recording about 400 bytes.
    let cable = lab.run(Cable::to(server.clone(), 100_000));
    let uri = lab.uri.replace(&server, &cable.address.to_string());
    let mut command = lab.command(&["fix", "--env", "lab", "--apply", "--confirm", "lab", "--out", "cut"]);
    let ran = Ran(command.env("LAB_URI", uri).output().unwrap());
    assert!(cable.task.is_finished(), "the connection was to be lost");
    assert_ne!(ran.code(), Some(0), "{}", ran.stdout());
    assert!(ran.stdout().contains("apply again to go on"), "{}\n{}", ran.stdout(), ran.stderr());
    let left = lab.open_and_old();
    assert!((1..400).contains(&left), "{left} of 400 are left");
    lab.apply("rest").expect(0);
    assert_eq!(lab.open_and_old(), 0);
    for out in ["rest", "cut"] {
        lab.undo(out).expect(0);
    }
    assert_eq!(lab.everything(), before);
}
