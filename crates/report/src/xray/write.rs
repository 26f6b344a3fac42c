//! The document.

use super::merge::{Answer, Share, Test, tests};
use crate::prose::{self, Scope};
use crate::text::{clean, clip, counted};
use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;
use quick_xml::Writer;
use quick_xml::events::{BytesCData, BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::EvidenceRef;
use shakedown_core::run::Run;
use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Characters of a comment: Xray refused longer ones.
const COMMENT: usize = 8_000;
/// Files of one test.
const FILES: usize = 5;
/// Bytes of all files together, before they are encoded.
const BYTES: u64 = 20 << 20;

/// What a document tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed.
    pub failed: usize,
    /// Tests without the answer that they should have.
    pub errored: usize,
    /// Tests about which nothing is said.
    pub to_do: usize,
}

impl Summary {
    fn count(&mut self, answer: Answer) {
        *match answer {
            Answer::Passed => &mut self.passed,
            Answer::Failed => &mut self.failed,
            Answer::Errored => &mut self.errored,
            Answer::ToDo => &mut self.to_do,
        } += 1;
    }

    /// All tests.
    pub const fn total(&self) -> usize {
        self.passed + self.failed + self.errored + self.to_do
    }
}

/// Writes the document, with the evidence that lies below `directory`, file by file, and says what it tells.
///
/// # Errors
/// Where `out` cannot be written. A file of evidence that cannot be read is left out, and the comment says so.
pub fn write(run: &Run, directory: &Path, mut out: impl Write) -> io::Result<Summary> {
    let tests = tests(run);
    let mut summary = Summary::default();
    for test in &tests {
        summary.count(test.answer());
    }
    let mut document = Document { xml: Writer::new(&mut out), directory, room: BYTES };
    document.xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    document.break_line()?;
    for element in ["testsuites", "testsuite"] {
        document.open(element, run, &summary)?;
    }
    tests.iter().try_for_each(|test| document.test(test))?;
    for element in ["testsuite", "testsuites"] {
        document.xml.write_event(Event::End(BytesEnd::new(element)))?;
        document.break_line()?;
    }
    Ok(summary)
}

struct Document<'a, W: Write> {
    xml: Writer<W>,
    directory: &'a Path,
    /// Bytes of evidence that there is still room for.
    room: u64,
}

impl<W: Write> Document<'_, W> {
    fn break_line(&mut self) -> io::Result<()> {
        self.xml.get_mut().write_all(b"\n")
    }

    fn open(&mut self, element: &str, run: &Run, summary: &Summary) -> io::Result<()> {
        let name = format!("{} on {}", clean(&run.info.project), clean(&run.info.environment));
        let counts = [
            ("name", name),
            ("tests", summary.total().to_string()),
            ("failures", summary.failed.to_string()),
            ("errors", summary.errored.to_string()),
            ("skipped", summary.to_do.to_string()),
            ("timestamp", run.info.started.to_string()),
        ];
        let start = BytesStart::new(element);
        let counts = counts.iter().map(|(key, value)| (*key, value.as_str()));
        self.xml.write_event(Event::Start(start.with_attributes(counts)))?;
        self.break_line()
    }

    fn test(&mut self, test: &Test<'_>) -> io::Result<()> {
        let answer = test.answer();
        let (files, left_out) = self.evidence(test, answer);
        let comment = comment(test, left_out);
        let time = format!("{:.3}", test.duration_ms() / 1000.0);
        let (directory, key) = (self.directory, clean(test.key));
        let attributes = [("name", &*key), ("classname", "xray"), ("time", &*time)];
        self.xml.create_element("testcase").with_attributes(attributes).write_inner_content(|xml| {
            xml.create_element("properties").write_inner_content(|xml| {
                // Nothing else of the test itself: what it is called in Jira stays as people wrote it.
                xml.create_element("property")
                    .with_attributes([("name", "test_key"), ("value", &*key)])
                    .write_empty()?;
                xml.create_element("property")
                    .with_attribute(("name", "testrun_comment"))
                    .write_inner_content(|xml| cdata(xml, &comment))?;
                if !files.is_empty() {
                    xml.create_element("property")
                        .with_attribute(("name", "testrun_evidence"))
                        .write_inner_content(|xml| {
                            files.iter().try_for_each(|(name, file)| item(xml, name, directory, file))
                        })?;
                }
                Ok(())
            })?;
            let element = match answer {
                Answer::Passed => return Ok(()),
                Answer::Failed => "failure",
                Answer::Errored => "error",
                Answer::ToDo => "skipped",
            };
            let message = headline(test);
            xml.create_element(element)
                .with_attribute(("message", &*message))
                .write_text_content(BytesText::new(&message))?;
            Ok(())
        })?;
        self.break_line()
    }

    /// The files of a test that did not pass, under names of their own, and how many there was no room for.
    fn evidence<'t>(
        &mut self,
        test: &'t Test<'_>,
        answer: Answer,
    ) -> (Vec<(String, &'t EvidenceRef)>, usize) {
        if matches!(answer, Answer::Passed | Answer::ToDo) {
            return (Vec::new(), 0);
        }
        let (mut files, mut left_out) = (Vec::new(), 0);
        let (mut paths, mut names) = (BTreeSet::new(), HashSet::new());
        for evidence in test.telling().flat_map(Share::evidence) {
            if !paths.insert(&evidence.path) {
                continue;
            }
            let readable = self.directory.join(&evidence.path).is_file();
            if files.len() == FILES || evidence.bytes > self.room || !readable {
                left_out += 1;
                continue;
            }
            self.room -= evidence.bytes;
            let own = evidence.path.rsplit('/').next().unwrap_or(&evidence.path);
            let name = (1..).map(|copy| if copy == 1 { own.to_owned() } else { format!("{copy}-{own}") });
            let name = name.into_iter().find(|name| names.insert(name.clone())).unwrap_or_default();
            files.push((name, evidence));
        }
        (files, left_out)
    }
}

/// What it comes down to, on one line.
fn headline(test: &Test<'_>) -> String {
    let say = |share: &Share<'_>| {
        let gate =
            prose::gate_words(&share.record.info.gate).map(|gate| format!("{gate}, ")).unwrap_or_default();
        let said = match prose::by_weight(share.outcome).first() {
            Some(finding) => prose::headline(finding, 200),
            None if share.outcome.skip.is_some() => prose::skip_reason(share.outcome),
            None => clean(&share.outcome.summary).into_owned(),
        };
        format!("{} ({gate}{}): {said}", clean(&share.name()), share.outcome.status)
    };
    let lines: Vec<String> = test.telling().map(say).collect();
    clip(&lines.join("; "), 500).into_owned()
}

/// The whole story, the worst first.
fn comment(test: &Test<'_>, left_out: usize) -> String {
    let mut shares: Vec<&Share<'_>> = test.shares.iter().collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.answer()));
    let mut story: Vec<String> = Vec::new();
    if shares.len() > 1 {
        // Whatever a long story cuts off, the names of all are there.
        let name = |share: &&Share<'_>| format!("{} {}", clean(&share.name()), share.outcome.status);
        let names: Vec<String> = shares.iter().map(name).collect();
        story.push(
            clip(&format!("the worst of {} counts: {}", names.len(), names.join("; ")), COMMENT / 2)
                .into_owned(),
        );
    }
    for share in shares {
        let gate =
            prose::gate_words(&share.record.info.gate).map(|gate| format!(", {gate}")).unwrap_or_default();
        let flaky = if share.record.flaky { ", flaky" } else { "" };
        story.push(format!("{}: {}{gate}{flaky}", clean(&share.name()), share.outcome.status));
        let scope = Scope { text: 1 << 10, lines: 10, run_dir: None };
        for paragraph in prose::of_outcome(share.record, share.outcome, scope) {
            story.push(format!("  {}", paragraph.head));
            story.extend(paragraph.lines.iter().map(|line| match line.label {
                "" => format!("    {}", line.text),
                label => format!("    {label}: {}", line.text),
            }));
        }
    }
    let note = match left_out {
        0 => String::new(),
        count => format!("kept with the run: {} of evidence\n", counted(count, "more file", "more files")),
    };
    format!("{}\n{note}", clip(&story.join("\n"), COMMENT - note.len()))
}

fn cdata<W: Write>(xml: &mut Writer<W>, text: &str) -> io::Result<()> {
    BytesCData::escaped(text).try_for_each(|part| xml.write_event(Event::CData(part)))
}

/// One file, encoded as it is read.
fn item<W: Write>(
    xml: &mut Writer<W>,
    name: &str,
    directory: &Path,
    evidence: &EvidenceRef,
) -> io::Result<()> {
    xml.create_element("item").with_attribute(("name", &*clean(name))).write_inner_content(|xml| {
        // A file that went away meanwhile leaves an empty item: the document stays whole.
        if let Ok(mut file) = File::open(directory.join(&evidence.path)) {
            let mut encoder = EncoderWriter::new(xml.get_mut(), &STANDARD);
            io::copy(&mut file, &mut encoder)?;
            encoder.finish()?;
        }
        Ok(())
    })?;
    Ok(())
}
