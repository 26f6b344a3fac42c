//! The text of a configuration file: reading it within bounds, and saying where in it something stands.

use crate::diagnostic::{Diagnostic, Diagnostics};
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

/// A longer file is refused before it is read.
const LONGEST: u64 = 1024 * 1024;

/// A file's name and text.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A line and a column, both from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Source {
    /// A text without its byte order mark.
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.strip_prefix('\u{feff}').unwrap_or(text).to_owned() }
    }

    /// Where a byte offset is.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let before = &self.text[..self.boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position { line: before.split('\n').count(), column: before[line_start..].chars().count() + 1 }
    }

    /// The range, cut back to what the text has.
    pub(crate) fn clamp(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.boundary(span.start);
        start..self.boundary(span.end).max(start)
    }

    fn boundary(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset)
    }
}

/// Reads a configuration file.
pub(crate) fn read(path: &Path) -> Result<String, Diagnostics> {
    let name = path.display().to_string();
    let failed =
        |message: String, help: &str| Diagnostics::from(Diagnostic::without_place(&name, message, help));
    let metadata = std::fs::metadata(path).map_err(|error| {
        let help = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "name the file with `--config FILE`, or run where `checks.toml` is"
            }
            _ => "",
        };
        failed(format!("cannot read the configuration: {}", reason(&error)), help)
    })?;
    if metadata.is_dir() {
        return Err(failed(
            "the configuration is a directory".to_owned(),
            "name the file in it, for example `checks.toml`",
        ));
    }
    if !metadata.is_file() {
        return Err(failed("the configuration is not a regular file".to_owned(), ""));
    }
    let too_long = |length: u64| {
        let message = format!("the configuration has {length} bytes; at most {LONGEST} (1 MiB) are read");
        failed(message, "is this the right file?")
    };
    if metadata.len() > LONGEST {
        return Err(too_long(metadata.len()));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| failed(format!("cannot read the configuration: {}", reason(&error)), ""))?;
    if bytes.len() as u64 > LONGEST {
        return Err(too_long(bytes.len() as u64));
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..offset].split(|byte| *byte == b'\n').count();
        let byte = error.as_bytes()[offset];
        let message = format!("line {line} is not UTF-8: byte 0x{byte:02x} at offset {offset}");
        failed(message, "save the file as UTF-8")
    })
}

/// What went wrong, without the operating system's error number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
