//! From files to raw tables: the policy file and what it includes.

use super::problem::Problem;
use super::raw::{RawDocument, RawIncluded, RawProvider, RawSource};
use super::read::{Raw, Reader};
use super::span::{File, FileId, Files, Located, Span};
use super::value::{List, Map, Named};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Largest policy file, bytes.
const MAX_FILE: u64 = 4 * crate::base::limits::MIB;

/// Everything that the policy file and its includes say, not yet understood.
#[derive(Debug)]
pub struct Document {
    /// The files that were read.
    pub files: Files,
    /// What is wrong so far.
    pub problems: Vec<Problem>,
    /// Whether a whole file could not be read, so that what it would define is missing.
    pub incomplete: bool,
    /// The policy file itself; sources and providers have moved to the fields below.
    pub main: Located<RawDocument>,
    /// The operator's providers, by name.
    pub providers: BTreeMap<String, Named<RawProvider>>,
    /// The sources, in order.
    pub sources: List<RawSource>,
}

/// Reads the policy file and what it includes.
pub fn read(path: &Path) -> Document {
    let mut files = Files::default();
    let (main, problems) = read_path(path, &mut files);
    with_includes(files, main, problems)
}

/// Reads a policy text as if it stood in `file`, and what it includes.
pub fn read_main(file: File) -> Document {
    let mut files = Files::default();
    let (main, problems) = read_text(file, &mut files);
    with_includes(files, main, problems)
}

fn with_includes(files: Files, main: Option<Located<RawDocument>>, problems: Vec<Problem>) -> Document {
    let incomplete = main.is_none();
    let nowhere =
        problems.first().map_or(Span { file: FileId::MAIN, start: 0, end: 0 }, |problem| problem.at);
    let mut main = main.unwrap_or(Located { value: RawDocument::default(), at: nowhere });
    let sources = main.value.source.take().map(|list| list.value).unwrap_or_default();
    let providers = main.value.provider.take().map(|map| map.value.0).unwrap_or_default();
    let mut document = Document { files, problems, incomplete, main, providers, sources };
    let patterns = document.main.value.include.take().map(|list| list.value).unwrap_or_default();
    for pattern in &patterns {
        document.include(pattern);
    }
    document
}

/// Reads a text into a raw table; the file joins `files`. `None` where it is not TOML or no such table.
pub fn read_text<T: Raw>(mut file: File, files: &mut Files) -> (Option<Located<T>>, Vec<Problem>) {
    let text = file.text.clone();
    let (table, errors) = DeTable::parse_recoverable(&text);
    let mut hidden = Vec::new();
    if errors.is_empty() {
        Hiding { ranges: &mut hidden, words: HashMap::new() }.table(table.get_ref(), false);
    } else {
        hidden_in_text(&text, &mut hidden);
    }
    file.hide(hidden);
    let mut reader = Reader::new(files.add(file));
    // The parser goes on after a mistake, but what it says then is mostly a consequence of the first.
    if let Some(error) = errors.first() {
        let at = reader.span(error.span().unwrap_or(0..0));
        let message = error.message().lines().next().unwrap_or("not TOML").to_owned();
        reader.push(Problem::error("syntax", at, message));
        return (None, reader.finish());
    }
    let at = reader.span(0..0);
    let value = DeValue::Table(table.into_inner());
    let read = T::read(&value, at, &mut reader);
    (read.map(|value| Located { value, at }), reader.finish())
}

fn read_path<T: Raw>(path: &Path, files: &mut Files) -> (Option<Located<T>>, Vec<Problem>) {
    match text_of(path) {
        Ok(text) => read_text(File::new(path.to_owned(), text), files),
        Err(message) => {
            let file = files.add(File::new(path.to_owned(), String::new()));
            (None, vec![Problem::error("file_not_readable", Span { file, start: 0, end: 0 }, message)])
        }
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut bytes = Vec::new();
    fs::File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(cannot)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE {
        return Err(format!("{} is larger than 4 MiB", path.display()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = error
            .as_bytes()
            .iter()
            .take(error.utf8_error().valid_up_to())
            .filter(|byte| **byte == b'\n')
            .count();
        format!("{} is not UTF-8 in line {}", path.display(), line + 1)
    })
}

impl Document {
    fn include(&mut self, pattern: &Located<String>) {
        let full = self.files.resolve(pattern.at.file, &pattern.value);
        let paths = match expand(&full) {
            Ok(paths) => paths,
            Err(problem) => {
                self.problems.push(Problem::error("bad_value", pattern.at, problem));
                return;
            }
        };
        if paths.is_empty() {
            let message = format!("no file matches {}", full.display());
            self.problems.push(Problem::warning("include_empty", pattern.at, message));
        }
        for path in paths {
            let (included, problems) = read_path::<RawIncluded>(&path, &mut self.files);
            self.problems.extend(problems);
            match included {
                Some(included) => self.take(included.value),
                None => self.incomplete = true,
            }
        }
    }

    fn take(&mut self, included: RawIncluded) {
        self.sources.extend(included.source.map(|list| list.value).unwrap_or_default());
        let Map(providers) = included.provider.map(|map| map.value).unwrap_or_default();
        for (name, provider) in providers {
            match self.providers.get(&name) {
                Some(first) => {
                    let message = format!("the provider `{name}` is defined twice");
                    let problem = Problem::error("duplicate_name", provider.key_at, message);
                    self.problems.push(problem.other(first.key_at, "first defined here"));
                }
                None => {
                    self.providers.insert(name, provider);
                }
            }
        }
    }
}

/// The files of an include pattern, sorted. A path without `*` is itself, even if it does not exist.
fn expand(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let directory = pattern.parent().unwrap_or(Path::new(""));
    let name = pattern.file_name().and_then(|name| name.to_str()).unwrap_or("");
    if directory.to_string_lossy().contains('*') {
        return Err("`*` may stand only in the last part of the path".into());
    }
    let Some((before, after)) = name.split_once('*') else {
        return Ok(vec![pattern.to_owned()]);
    };
    if after.contains('*') {
        return Err("`*` may stand only once".into());
    }
    let listed = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let fits = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        let long_enough = name.len() >= before.len() + after.len();
        long_enough && !name.starts_with('.') && name.starts_with(before) && name.ends_with(after)
    };
    let entries = match fs::read_dir(listed) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("cannot list {}: {error}", listed.display())),
    };
    let names = entries.filter_map(Result::ok).map(|entry| directory.join(entry.file_name()));
    let mut paths: Vec<PathBuf> = names.filter(fits).collect();
    paths.sort();
    Ok(paths)
}

/// Keys whose values are secrets; near misses count, because a mistyped line is shown too.
const SECRET_KEYS: [&str; 5] = ["literal", "secret", "secrets", "token", "password"];
/// Keys inside a secret (or a token's table) that only say where it is, and for how long.
const REFERENCE_KEYS: [&str; 7] = ["env", "file", "credential", "name", "header", "prefix", "until"];

/// Finds what must not be shown.
struct Hiding<'h> {
    ranges: &'h mut Vec<Range<usize>>,
    /// What was said of a word already: a policy says the same few words again and again.
    words: HashMap<String, bool>,
}

impl Hiding<'_> {
    fn table(&mut self, table: &DeTable<'_>, secret: bool) {
        for (key, value) in table {
            let word: &str = key.get_ref();
            let now_secret = self.is_secret(word) || (secret && !REFERENCE_KEYS.contains(&word));
            self.value(value, now_secret);
        }
    }

    fn value(&mut self, value: &toml::Spanned<DeValue<'_>>, secret: bool) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, secret),
            DeValue::Array(items) => items.iter().for_each(|item| self.value(item, secret)),
            _ if secret => self.ranges.push(value.span()),
            _ => {}
        }
    }

    fn is_secret(&mut self, word: &str) -> bool {
        if let Some(known) = self.words.get(word) {
            return *known;
        }
        let found = is_secret_key(word);
        self.words.insert(word.to_owned(), found);
        found
    }
}

/// Two edits at most: `server` is three away from `secret`.
fn is_secret_key(word: &str) -> bool {
    // A text that is longer or shorter by more than two is more than two edits away.
    let near = |key: &&&str| key.len().abs_diff(word.len()) <= 2;
    SECRET_KEYS.iter().filter(near).any(|key| strsim::damerau_levenshtein(word, key) <= 2)
}

/// In a text that is not TOML: what stands behind `secret =` and the like, to the end of the line, or to the
/// end of a string of several lines. Quotes may be missing: that may be the mistake.
fn hidden_in_text(text: &str, hidden: &mut Vec<Range<usize>>) {
    let (mut start, mut open) = (0, None);
    for line in text.split_inclusive('\n') {
        let from = if open.is_some() { Some(0) } else { value_of_secret(line) };
        if let Some(from) = from {
            hidden.push(start + from..start + line.trim_end().len());
            open = still_open(line.get(from..).unwrap_or(""), open);
        }
        start += line.len();
    }
}

/// Where the value of a secret begins in a line; `{`, and names that say where a secret is, are no value.
fn value_of_secret(line: &str) -> Option<usize> {
    let key = SECRET_KEYS.iter().filter_map(|key| Some(line.find(key)? + key.len())).min()?;
    let mut rest = line.get(key..)?;
    rest = rest.get(rest.find('=')?..)?;
    while let Some(after) = inside(rest) {
        rest = after;
    }
    Some(line.len() - rest.len())
}

/// The text behind punctuation, or behind a key with its `=`.
fn inside(text: &str) -> Option<&str> {
    let keys = SECRET_KEYS.iter().chain(&REFERENCE_KEYS);
    let key =
        || keys.filter_map(|key| text.strip_prefix(key)).find(|rest| rest.trim_start().starts_with('='));
    text.strip_prefix(['=', '{', '[', ' ', '\t']).or_else(key)
}

/// The mark of a string of several lines that is open behind `text`, where `open` was open before it.
fn still_open<'m>(text: &str, open: Option<&'m str>) -> Option<&'m str> {
    let (mut rest, mut open) = (text, open);
    loop {
        let marks = ["\"\"\"", "'''"].into_iter().filter(|mark| open.is_none_or(|open| open == *mark));
        let Some((at, mark)) = marks.filter_map(|mark| Some((rest.find(mark)?, mark))).min() else {
            return open;
        };
        open = if open.is_some() { None } else { Some(mark) };
        rest = rest.get(at + mark.len()..).unwrap_or("");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut files = Files::default();
        let (_, _) = read_text::<RawDocument>(File::new("x.toml".into(), text.into()), &mut files);
        files.file(FileId::MAIN).map(|file| file.shown_lines(0..text.len()).1).unwrap_or_default()
    }

    #[test]
    fn secrets_in_the_file_are_hidden_also_when_mistyped() {
        let text =
            "a = { secret = \"abc\" }\nb = { secrte = { litral = 'abc', env = \"X\" } }\ntoken = [\"abc\"]";
        let want =
            "a = { secret = ***** }\nb = { secrte = { litral = *****, env = \"X\" } }\ntoken = [*****]";
        assert_eq!(shown(text), want);
        assert_eq!(shown("s = 5 5\nsecret = { literal = \"abc }\n"), "s = 5 5\nsecret = { literal = ******");
        assert_eq!(shown("[server]\nname = \"abc\""), "[server]\nname = \"abc\"");
        for (text, want) in [
            (
                "secret = { literal = 12345, until = 2036-12-24 }",
                "secret = { literal = *****, until = 2036-12-24 }",
            ),
            ("x x\nsecret = { literal = abc }", "x x\nsecret = { literal = *****"),
            ("x x\nsecret = abc==", "x x\nsecret = *****"),
            ("x x\nsecret = { env = X, literal = abc }", "x x\nsecret = { env = ******************"),
            ("x x\nliteral = \"\"\"\nabc\n\"\"\" }\ny", "x x\nliteral = ***\n***\n*****\ny"),
            ("x x\nliteral = '''abc'''\ny", "x x\nliteral = *********\ny"),
            ("x x\n[source.secret]\nname = \"y\"", "x x\n[source.secret]\nname = \"y\""),
        ] {
            assert_eq!(shown(text), want);
        }
    }

    #[test]
    fn a_star_stands_for_names_that_do_not_begin_with_a_dot() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b.toml", "a.toml", ".c.toml", "d.txt"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let found = expand(&directory.path().join("*.toml")).unwrap();
        assert_eq!(found, [directory.path().join("a.toml"), directory.path().join("b.toml")]);
        assert_eq!(expand(&directory.path().join("none/*.toml")), Ok(Vec::new()));
        assert!(expand(&directory.path().join("*/x.toml")).is_err());
        assert!(expand(&directory.path().join("*.*")).is_err());
    }

    #[test]
    fn deep_nesting_and_large_files_are_refused_not_crashed_on() {
        for deep in ["[".repeat(200_000), format!("a{}=1", ".a".repeat(200_000)), "a={".repeat(100_000)] {
            let (read, problems) = read_text::<RawDocument>(
                File::new("x.toml".into(), format!("x = {deep}\n{deep}")),
                &mut Files::default(),
            );
            assert!(read.is_none());
            assert_eq!(problems.len(), 1);
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("large.toml");
        fs::write(&path, vec![b'#'; 4 * 1024 * 1024 + 1]).unwrap();
        let document = read(&path);
        assert!(document.incomplete);
        assert_eq!(document.problems.first().map(|problem| problem.code), Some("file_not_readable"));
    }
}
