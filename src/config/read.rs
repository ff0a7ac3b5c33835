//! From a TOML value with spans to a raw type: one trait, and two macros that implement it.
//!
//! A table is declared once, with [`raw_table!`]. Reading, the JSON Schema, overriding a provider's keys,
//! `check --show` and the place of a key all come from that declaration.

use super::problem::{Problem, listed, nearest};
use super::span::{FileId, Files, Located, Span};
use serde_json::Value;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// A type that stands in the policy file.
pub trait Raw: Clone + Sized {
    /// A value as it could be written, for messages.
    const EXAMPLE: &'static str;

    /// Reads a value; a mistake is told to the reader and gives `None`.
    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Self>;

    /// The JSON Schema (draft 7) of the type.
    fn schema() -> Value;

    /// This value overridden by another: tables leaf by leaf, everything else as a whole.
    fn merge(self, over: Self) -> Self {
        over
    }

    /// How `check --show` prints it; as written where nothing else is said.
    fn shown(&self, at: Span, files: &Files) -> Shown {
        Shown::Value(files.slice(at).to_owned())
    }

    /// The place of a key below this value, or of the nearest key above it.
    fn locate(&self, _path: &[String]) -> Option<Span> {
        None
    }
}

/// A value for `check --show`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Stands behind `key =`.
    Value(String),
    /// Gets a header of its own.
    Section(Vec<(String, Shown)>),
}

/// Collects the problems of one file while it is read.
#[derive(Debug)]
pub struct Reader {
    file: FileId,
    problems: Vec<Problem>,
}

impl Reader {
    /// A reader for values of one file.
    pub fn new(file: FileId) -> Reader {
        Reader { file, problems: Vec::new() }
    }

    /// A place in the file.
    pub fn span(&self, range: Range<usize>) -> Span {
        Span { file: self.file, start: range.start, end: range.end }
    }

    /// Notes a problem.
    pub fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// How many problems there are so far.
    pub fn count(&self) -> usize {
        self.problems.len()
    }

    /// Hands the problems over.
    pub fn finish(self) -> Vec<Problem> {
        self.problems
    }

    /// Reads a value with its place.
    pub fn read<T: Raw>(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Located<T>> {
        let at = self.span(value.span());
        T::read(value.get_ref(), at, self).map(|value| Located { value, at })
    }

    /// The value has another type than it must have.
    pub fn wrong_type(&mut self, value: &DeValue<'_>, at: Span, expected: &str, example: &str) {
        let article = |word: &str| if word.starts_with(['a', 'i']) { "an" } else { "a" };
        let found = value.type_str();
        let message = format!("expected {expected}, found {} {found}", article(found));
        self.push(Problem::error("wrong_type", at, message).help(format!("for example {example}")));
    }

    /// The value has the right type and cannot be used.
    pub fn bad_value(&mut self, at: Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(Problem::error("bad_value", at, message).help(help));
    }

    /// A key that the table does not have.
    pub fn unknown_key(&mut self, key: &Spanned<DeString<'_>>, table: &str, valid: &[&'static str]) {
        let word: &str = key.get_ref();
        let help = match nearest(word, valid.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("valid here: {}", listed(valid.iter().copied())),
        };
        let message = format!("unknown key `{}` in {}", word.escape_debug(), titled(table));
        let at = self.span(key.span());
        self.push(Problem::error("unknown_key", at, message).help(help));
    }

    /// A key that must be there and is not.
    pub fn missing_key(&mut self, at: Span, table: &str, key: &str, example: &str) {
        let message = format!("{} needs `{key}`", titled(table));
        let help = if example.starts_with('[') {
            format!("add `{example}`")
        } else {
            format!("add `{key} = {example}`")
        };
        self.push(Problem::error("missing_key", at, message).help(help));
    }
}

/// How a message calls a table: by its header, if it has one.
fn titled(table: &str) -> String {
    match table.chars().next() {
        Some('[') => format!("`{table}`"),
        Some('{') => "this table".to_owned(),
        _ => table.to_owned(),
    }
}

/// The entries of a table in the order in which they are written.
pub fn in_order<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(&'t Spanned<DeString<'i>>, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// Overrides one optional key.
pub fn merged<T: Raw>(base: Option<Located<T>>, over: Option<Located<T>>) -> Option<Located<T>> {
    match (base, over) {
        (Some(base), Some(over)) => Some(Located { at: over.at, value: base.value.merge(over.value) }),
        (base, over) => over.or(base),
    }
}

/// The place of a key below an optional value.
pub fn located<T: Raw>(value: &Option<Located<T>>, path: &[String]) -> Option<Span> {
    value.as_ref().map(|found| found.value.locate(path).unwrap_or(found.at))
}
