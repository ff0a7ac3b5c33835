//! Where something stands in the policy file: files, spans, lines and columns.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One of the files that were read, by its place in [`Files`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(usize);

/// A range of bytes of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

/// A value together with the place where it was written.
#[derive(Clone, Debug)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub at: Span,
}

impl<T> Located<T> {
    /// The same place with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: change(self.value), at: self.at }
    }
}

/// A file that was read: its path, text, and which bytes must not be shown.
pub struct File {
    /// The path as given, or a name in angle brackets for what is compiled in.
    pub path: PathBuf,
    /// The text as read.
    pub text: String,
    line_starts: Vec<usize>,
    hidden: Vec<Range<usize>>,
}

impl fmt::Debug for File {
    /// The path only: the text may hold literal secrets.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.path.display())
    }
}

impl File {
    /// A file without anything hidden.
    pub fn new(path: PathBuf, text: String) -> File {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(breaks).collect();
        File { path, text, line_starts, hidden: Vec::new() }
    }

    /// Bytes that [`File::shown_lines`] replaces by `*`: literal secrets.
    pub fn hide(&mut self, mut ranges: Vec<Range<usize>>) {
        ranges.sort_by_key(|range| range.start);
        self.hidden = ranges;
    }

    /// Line and column of a byte, both counted from 1, the column in characters.
    pub fn line_and_column(&self, at: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= at).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let column =
            self.text.get(start..).unwrap_or("").char_indices().take_while(|(n, _)| start + n < at).count();
        (line, column + 1)
    }

    /// The whole lines that hold a range, secrets replaced by `*`, and the byte at which they begin.
    pub fn shown_lines(&self, range: Range<usize>) -> (usize, String) {
        let (first, _) = self.line_and_column(range.start);
        let (last, _) = self.line_and_column(range.end.max(range.start + 1) - 1);
        let start = self.line_starts.get(first - 1).copied().unwrap_or(0);
        let end = self.line_starts.get(last).copied().unwrap_or(self.text.len());
        let mut bytes = self.text.as_bytes().get(start..end).unwrap_or_default().to_vec();
        let first_hidden = self.hidden.partition_point(|hidden| hidden.end <= start);
        for hidden in self.hidden.iter().skip(first_hidden).take_while(|hidden| hidden.start < end) {
            for at in hidden.start.max(start)..hidden.end.min(end) {
                if let Some(byte) = bytes.get_mut(at - start).filter(|byte| **byte != b'\n') {
                    *byte = b'*';
                }
            }
        }
        (start, String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned())
    }
}

/// Every file that took part in a configuration.
#[derive(Clone, Debug, Default)]
pub struct Files(Vec<Arc<File>>);

impl FileId {
    /// The file that was read first: the policy file itself.
    pub const MAIN: FileId = FileId(0);
}

impl Files {
    /// Takes a file in.
    pub fn add(&mut self, file: File) -> FileId {
        self.0.push(Arc::new(file));
        FileId(self.0.len() - 1)
    }

    /// The file of an id that [`Files::add`] returned; `None` for an id of another collection.
    pub fn file(&self, id: FileId) -> Option<&Arc<File>> {
        self.0.get(id.0)
    }

    /// The text at a span, as written.
    pub fn slice(&self, at: Span) -> &str {
        self.file(at.file).and_then(|file| file.text.get(at.start..at.end)).unwrap_or("")
    }

    /// A path that the policy names: relative ones start at the directory of the file that names them.
    pub fn resolve(&self, from: FileId, path: &str) -> PathBuf {
        let directory = self.file(from).and_then(|file| file.path.parent()).unwrap_or(Path::new(""));
        directory.join(path)
    }

    /// `file:line:column` of a span's start.
    pub fn place(&self, at: Span) -> String {
        let Some(file) = self.file(at.file) else { return String::new() };
        let (line, column) = file.line_and_column(at.start);
        format!("{}:{line}:{column}", file.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_from_one() {
        let file = File::new("a".into(), "a = 1\nä = \"ü\" x\n".into());
        assert_eq!(file.line_and_column(0), (1, 1));
        assert_eq!(file.line_and_column(6), (2, 1));
        assert_eq!(file.line_and_column(8), (2, 2));
        assert_eq!(file.line_and_column(file.text.len()), (3, 1));
    }

    #[test]
    fn hidden_bytes_are_not_shown() {
        let mut file = File::new("a".into(), "x = 1\nkey = \"höm\" # c\n".into());
        file.hide(std::iter::once(12..18).collect());
        assert_eq!(file.shown_lines(12..13), (6, "key = ****** # c".into()));
        assert_eq!(file.shown_lines(0..1), (0, "x = 1".into()));
    }

    #[test]
    fn paths_start_at_the_file_that_names_them() {
        let mut files = Files::default();
        let id = files.add(File::new("/etc/bonafide/bonafide.toml".into(), String::new()));
        assert_eq!(files.resolve(id, "tls/key.pem"), PathBuf::from("/etc/bonafide/tls/key.pem"));
        assert_eq!(files.resolve(id, "/run/key.pem"), PathBuf::from("/run/key.pem"));
    }
}
