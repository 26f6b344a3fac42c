//! The command line.

use crate::Trouble;
use std::str::FromStr;
use std::time::Duration;

/// What is to be measured, and how long.
pub(crate) struct Options {
    pub(crate) words: Vec<String>,
    pub(crate) rounds: usize,
    pub(crate) round: Duration,
    /// The program `oha`, by name or path.
    pub(crate) oha: String,
    /// Whether one JSON document is printed instead of tables.
    pub(crate) json: bool,
}

impl Options {
    pub(crate) fn read(arguments: &[String]) -> Result<Self, Trouble> {
        let mut options = Self {
            words: Vec::new(),
            rounds: 5,
            round: Duration::from_secs(5),
            oha: "oha".to_owned(),
            json: false,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().map_or("", String::as_str);
            match argument.as_str() {
                "--bench" => {}
                "--rounds" => options.rounds = number::<usize>(value())?.max(1),
                "--seconds" => options.round = Duration::from_secs(number::<u64>(value())?.max(1)),
                "--oha" => value().clone_into(&mut options.oha),
                "--format" => {
                    options.json = match value() {
                        "json" => true,
                        "text" => false,
                        other => return Err(format!("`{other}` is not a format: text, json")),
                    }
                }
                "--help" | "-h" => options.words.clear(),
                word => options.words.push(word.to_owned()),
            }
        }
        Ok(options)
    }
}

/// A number that was written on the command line.
pub(crate) fn number<T: FromStr>(text: &str) -> Result<T, Trouble> {
    text.replace(['_', ','], "").parse().map_err(|_| format!("`{text}` is not a number such as 100000"))
}
