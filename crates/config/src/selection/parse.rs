//! The grammar: precedence `!` over `&` over `|`, parentheses, and `name(argument)`.

use super::DEEPEST;
use super::error::SelectionProblem;
use std::ops::Range;

/// A piece of the text and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

/// An expression whose names nobody has looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    Predicate {
        name: Word,
        argument: Word,
    },
    /// A word without parentheses, which is never right.
    Bare(Word),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

/// Reads an expression.
pub(crate) fn parse(text: &str) -> Result<Syntax, SelectionProblem> {
    let mut parser = Parser { text, at: 0 };
    parser.skip_blanks();
    if parser.rest().is_empty() {
        let help = "`all()` selects every check".to_owned();
        return Err(SelectionProblem::new(0..text.len(), "the selection is empty", Some(help)));
    }
    let syntax = parser.or(0)?;
    match parser.rest().chars().next() {
        None => Ok(syntax),
        Some(')') => Err(parser.unexpected("`)` closes nothing", None)),
        Some(_) => {
            let help = match parser.peek_word().to_lowercase().as_str() {
                "and" => "`and` is written `&`",
                "or" => "`or` is written `|`",
                _ => "join two with `&` (both) or `|` (either)",
            };
            Err(parser.unexpected("expected `&`, `|` or the end", Some(help)))
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn or(&mut self, depth: usize) -> Result<Syntax, SelectionProblem> {
        let mut members = Vec::new();
        loop {
            match self.and(depth)? {
                Syntax::Or(inner) => members.extend(inner),
                other => members.push(other),
            }
            if !self.operator('|')? {
                return Ok(if members.len() == 1 { members.remove(0) } else { Syntax::Or(members) });
            }
        }
    }

    fn and(&mut self, depth: usize) -> Result<Syntax, SelectionProblem> {
        let mut members = Vec::new();
        loop {
            match self.unary(depth)? {
                Syntax::And(inner) => members.extend(inner),
                other => members.push(other),
            }
            if !self.operator('&')? {
                return Ok(if members.len() == 1 { members.remove(0) } else { Syntax::And(members) });
            }
        }
    }

    fn unary(&mut self, depth: usize) -> Result<Syntax, SelectionProblem> {
        if depth >= DEEPEST {
            return Err(self.unexpected(&format!("nested more than {DEEPEST} deep"), None));
        }
        let start = self.at;
        if self.take('!') {
            return self.unary(depth + 1).map(|inner| Syntax::Not(Box::new(inner)));
        }
        if self.take('(') {
            let inner = self.or(depth + 1)?;
            if self.take(')') {
                return Ok(inner);
            }
            if self.rest().is_empty() {
                return Err(SelectionProblem::new(start..start + 1, "`(` is never closed", None));
            }
            return Err(self.unexpected("expected `&`, `|` or `)`", None));
        }
        self.predicate()
    }

    fn predicate(&mut self) -> Result<Syntax, SelectionProblem> {
        let name =
            Word { text: self.peek_word().to_owned(), span: self.at..self.at + self.peek_word().len() };
        if name.text.is_empty() {
            let help = "for example `tag(smoke) & !plugin(mongo)`";
            return Err(
                self.unexpected("expected a predicate such as `tag(smoke)`, or `!`, or `(`", Some(help))
            );
        }
        self.at = name.span.end;
        self.skip_blanks();
        let open = self.at;
        if !self.take('(') {
            return Ok(if name.text == "not" && !self.rest().is_empty() {
                let help = Some("`not` is written `!`".to_owned());
                return Err(SelectionProblem::new(
                    name.span,
                    "expected a predicate such as `tag(smoke)`",
                    help,
                ));
            } else {
                Syntax::Bare(name)
            });
        }
        let argument = &self.rest()[..self.rest().find([')', '(', '&', '|']).unwrap_or(self.rest().len())];
        let span = self.at..self.at + argument.trim_end().len();
        let argument = Word { text: argument.trim_end().to_owned(), span };
        self.at = argument.span.end;
        self.skip_blanks();
        if self.take(')') {
            return Ok(Syntax::Predicate { name, argument });
        }
        let help = Some(format!("write `{}({})`", name.text, argument.text));
        Err(SelectionProblem::new(open..open + 1, "`(` is never closed", help))
    }

    /// Takes a binary operator; one that is doubled is a habit from elsewhere.
    fn operator(&mut self, operator: char) -> Result<bool, SelectionProblem> {
        if !self.take(operator) {
            return Ok(false);
        }
        if self.rest().starts_with(operator) {
            return Err(
                self.unexpected(&format!("expected a predicate after `{operator}`"), Some("one is enough"))
            );
        }
        Ok(true)
    }

    /// Takes a character and the blanks after it.
    fn take(&mut self, expected: char) -> bool {
        let taken = self.rest().starts_with(expected);
        if taken {
            self.at += expected.len_utf8();
            self.skip_blanks();
        }
        taken
    }

    fn peek_word(&self) -> &'a str {
        let end =
            self.rest().find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '*')));
        &self.rest()[..end.unwrap_or(self.rest().len())]
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn unexpected(&self, message: &str, help: Option<&str>) -> SelectionProblem {
        let length = self.peek_word().len().max(self.rest().chars().next().map_or(0, char::len_utf8));
        SelectionProblem::new(self.at..self.at + length, message, help.map(str::to_owned))
    }
}
