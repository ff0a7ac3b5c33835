//! What is wrong with a policy file, and where.

use super::span::{Files, Span};
use std::fmt;

/// Whether a problem stops the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It works, and somebody should look at it.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn code(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One finding, at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// A stable word for it, snake_case.
    pub code: &'static str,
    /// The place.
    pub at: Span,
    /// One sentence; never holds a secret.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// A second place that belongs to it, with a few words.
    pub other: Option<(Span, String)>,
}

impl Problem {
    /// A finding that stops the start.
    pub fn error(code: &'static str, at: Span, message: impl Into<String>) -> Problem {
        Problem { severity: Severity::Error, code, at, message: message.into(), help: None, other: None }
    }

    /// A finding that does not.
    pub fn warning(code: &'static str, at: Span, message: impl Into<String>) -> Problem {
        Problem { severity: Severity::Warning, ..Problem::error(code, at, message) }
    }

    /// Adds what to write instead.
    pub fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }

    /// Adds what to write instead, where there is something.
    pub fn help_if(self, help: Option<String>) -> Problem {
        Problem { help, ..self }
    }

    /// Adds a second place.
    pub fn other(mut self, at: Span, label: impl Into<String>) -> Problem {
        self.other = Some((at, label.into()));
        self
    }
}

/// All findings of a configuration in the order of the files, without repetition, and the files themselves.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    /// The files that the spans point into.
    pub files: Files,
    list: Vec<Problem>,
}

impl Problems {
    /// Sorts and removes what is said twice.
    pub fn new(files: Files, mut list: Vec<Problem>) -> Problems {
        list.sort_by(|a, b| {
            (a.at, a.severity, a.code, &a.message).cmp(&(b.at, b.severity, b.code, &b.message))
        });
        list.dedup();
        Problems { files, list }
    }

    /// Whether the configuration must be refused.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The findings in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.list.len()
    }
}

impl fmt::Display for Problems {
    /// One line per finding: `file:line:column: error[code]: message`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.list {
            let (place, severity) = (self.files.place(problem.at), problem.severity.code());
            writeln!(out, "{place}: {severity}[{}]: {}", problem.code, problem.message)?;
        }
        Ok(())
    }
}

/// The nearest of some words to a mistyped one: at most three edits away, and fewer than half of the word.
pub fn nearest<'w>(word: &str, valid: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    if word.len() > 64 {
        return None;
    }
    let distance = |other: &str| strsim::damerau_levenshtein(word, other);
    let near = |edits: usize, other: &str| edits <= 3 && edits * 2 <= word.len().max(other.len());
    let measured = valid.into_iter().map(|other| (distance(other), other));
    measured
        .filter(|(edits, other)| near(*edits, other))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, other)| other)
}

/// `a`, `b` and `c` in backquotes, for messages.
pub fn listed<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::span::File;

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(nearest("mehtods", ["methods", "mode"]), Some("methods"));
        assert_eq!(nearest("requried", ["required"]), Some("required"));
        assert_eq!(nearest("ca", ["url", "env"]), None);
        assert_eq!(nearest(&"x".repeat(65), [&*"x".repeat(65)]), None);
    }

    #[test]
    fn problems_are_sorted_and_not_repeated() {
        let mut files = Files::default();
        let file = files.add(File::new("b.toml".into(), "a\nb\n".into()));
        let at = |start| Span { file, start, end: start + 1 };
        let list = vec![
            Problem::warning("two", at(2), "second"),
            Problem::error("one", at(0), "first"),
            Problem::warning("two", at(2), "second"),
        ];
        let problems = Problems::new(files, list);
        assert_eq!(problems.to_string(), "b.toml:1:1: error[one]: first\nb.toml:2:1: warning[two]: second\n");
        assert!(problems.has_errors());
        assert_eq!(problems.len(), 2);
    }
}
