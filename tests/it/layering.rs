//! Keeps the rooms of `src/` in reading order: a room uses the rooms before it and never one behind it.
//!
//! The source is read as tokens, not by regular expressions, so that comments, strings and groups such as
//! `use crate::{base, proxy::handle}` are seen as the compiler sees them. Three rules hold:
//! every path that leaves a room points to an earlier room, a `mod.rs` only lists and re-exports, and the
//! pure rooms contain no sockets, no files and no run-time outside their own tests.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The rooms in reading order; each may use itself and those before it.
const ROOMS: [&str; 12] = [
    "base", "http", "scheme", "verify", "policy", "keys", "replay", "rate", "config", "proxy", "server",
    "cli",
];

/// Rooms whose code is a function of its inputs.
const PURE: [&str; 5] = ["base", "http", "scheme", "verify", "policy"];

/// What a pure room may not name; a trailing `*` stands for any ending.
const IMPURE: [&str; 10] = [
    "tokio*",
    "socket2",
    "hyper_util",
    "std::fs",
    "std::process",
    "std::thread",
    "std::os::unix::net",
    "std::net::Tcp*",
    "std::net::Udp*",
    "std::net::ToSocketAddrs",
];

#[test]
fn every_room_uses_only_the_rooms_before_it() {
    let mut faults = String::new();
    let files = source_files();
    assert!(files.iter().any(|file| file.ends_with("src/base/mod.rs")), "the search found {files:?}");
    for file in files {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file)).unwrap();
        for fault in faults_of(&file, &text) {
            writeln!(faults, "{}:{}: {}", file.display(), fault.line, fault.message).unwrap();
        }
    }
    assert!(faults.is_empty(), "the layering is broken:\n{faults}");
}

/// All Rust files below `src/`, as paths relative to the crate, in a steady order.
fn source_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut open = vec![root.join("src")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path.strip_prefix(root).unwrap().to_path_buf());
            }
        }
    }
    found.sort();
    found
}

/// A broken rule and the line it is on.
#[derive(Debug, PartialEq)]
struct Fault {
    line: usize,
    message: String,
}

/// Checks one file, named by its path relative to the crate (`src/http/head.rs`).
fn faults_of(file: &Path, text: &str) -> Vec<Fault> {
    let modules = module_path(file);
    let Some(room) = modules.first() else {
        return Vec::new(); // main.rs and lib.rs wire all rooms
    };
    let Some(rank) = rank_of(room) else {
        return vec![Fault { line: 1, message: format!("`{room}` is not a room of ROOMS") }];
    };
    let tokens = tokens(text);
    let mut faults = Vec::new();
    if file.ends_with("mod.rs") {
        faults.extend(only_lists(&tokens));
    }
    let test_file = modules.iter().skip(1).any(|module| module == "tests");
    for path in paths(&tokens) {
        match path.target(modules.len()) {
            Target::Room(target) => match rank_of(&target) {
                Some(other) if other <= rank => {}
                Some(_) => {
                    faults.push(path.fault(&format!("`{room}` stands before `{target}` and may not use it")))
                }
                None => faults.push(path.fault(&format!("`{target}` is not a room"))),
            },
            Target::Elsewhere if path.in_test || test_file || !PURE.contains(&room.as_str()) => {}
            Target::Elsewhere => {
                if IMPURE.iter().any(|banned| path.begins_with(banned)) {
                    faults.push(path.fault(&format!("`{room}` is a pure room")));
                }
            }
            Target::SameRoom => {}
        }
    }
    faults
}

/// The module path of a file: `src/http/mod.rs` is `[http]`, `src/lib.rs` is empty.
fn module_path(file: &Path) -> Vec<String> {
    let below = file.strip_prefix("src").unwrap_or(file).with_extension("");
    let mut modules: Vec<String> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if modules.last().is_some_and(|last| last == "mod") || modules == ["main"] || modules == ["lib"] {
        modules.pop();
    }
    modules
}

fn rank_of(room: &str) -> Option<usize> {
    ROOMS.iter().position(|known| *known == room)
}

/// A path as written, one for each leaf of a `use` group.
struct UsedPath {
    segments: Vec<String>,
    line: usize,
    /// Inline modules around it, so that `super` can be counted.
    depth: usize,
    in_test: bool,
}

/// Where a path leads.
enum Target {
    SameRoom,
    Room(String),
    Elsewhere,
}

impl UsedPath {
    /// `file_depth` is the number of modules from the crate root to the file's own module.
    fn target(&self, file_depth: usize) -> Target {
        let rest: Vec<&String> = self.segments.iter().filter(|segment| *segment != "self").collect();
        let named =
            |index: usize| Target::Room(rest.get(index).map_or("crate", |name| name.as_str()).to_owned());
        match self.segments.first().map(String::as_str) {
            Some("crate") => named(1),
            Some("self" | "super") => {
                let climbed = rest.iter().take_while(|segment| **segment == "super").count();
                if climbed < file_depth + self.depth { Target::SameRoom } else { named(climbed) }
            }
            _ => Target::Elsewhere,
        }
    }

    fn begins_with(&self, banned: &str) -> bool {
        let words: Vec<&str> = banned.split("::").collect();
        words.len() <= self.segments.len()
            && words.iter().zip(&self.segments).all(|(word, segment)| match word.strip_suffix('*') {
                Some(start) => segment.starts_with(start),
                None => segment == word,
            })
    }

    fn fault(&self, why: &str) -> Fault {
        Fault { line: self.line, message: format!("{}: {why}", self.segments.join("::")) }
    }
}

/// Every path of the file, with `use` groups written out.
fn paths(tokens: &[Token]) -> Vec<UsedPath> {
    let mut found = Vec::new();
    let mut modules: Vec<(usize, bool)> = Vec::new(); // brace depth at which an inline module ends, is it a test
    let mut braces = 0;
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        match token.text.as_str() {
            "{" => {
                braces += 1;
                if at >= 2 && tokens[at - 2].text == "mod" {
                    modules.push((braces, is_test_module(&tokens[..at - 2])));
                }
            }
            "}" => {
                if modules.last().is_some_and(|(depth, _)| *depth == braces) {
                    modules.pop();
                }
                braces = braces.saturating_sub(1);
            }
            _ if token.is_word() && starts_path(tokens, at) => {
                let mut leaves = Vec::new();
                let end = leaves_of(tokens, at, &[], &mut leaves);
                let in_test = modules.iter().any(|(_, test)| *test);
                found.extend(leaves.into_iter().map(|segments| UsedPath {
                    segments,
                    line: token.line,
                    depth: modules.len(),
                    in_test,
                }));
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// A word begins a path if it is followed by `::`, stands after `use`, or is `crate` other than in `pub(crate)`.
fn starts_path(tokens: &[Token], at: usize) -> bool {
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    let before = if at == 0 { "" } else { text(at - 1) };
    text(at + 1) == "::" || before == "use" || (text(at) == "crate" && text(at + 1) != ")")
}

/// Writes the paths that begin at `at` into `leaves` and returns the index behind them.
fn leaves_of(tokens: &[Token], mut at: usize, prefix: &[String], leaves: &mut Vec<Vec<String>>) -> usize {
    let mut segments = prefix.to_vec();
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    loop {
        match text(at) {
            "{" => {
                at += 1;
                while !matches!(text(at), "}" | "") {
                    at = leaves_of(tokens, at, &segments, leaves);
                    if text(at) == "as" {
                        at += 2;
                    }
                    if text(at) == "," {
                        at += 1;
                    }
                }
                return at + 1;
            }
            word => segments.push(word.to_owned()),
        }
        at += 1;
        let continues = text(at) == "::"
            && (tokens.get(at + 1).is_some_and(Token::is_word) || matches!(text(at + 1), "{" | "*"));
        if !continues {
            leaves.push(segments);
            return at;
        }
        at += 1;
    }
}

/// Does `#[cfg(test)]` (and possibly `pub`) stand directly before?
fn is_test_module(before: &[Token]) -> bool {
    let attribute = ["#", "[", "cfg", "(", "test", ")", "]"];
    before.len() >= attribute.len()
        && before[before.len() - attribute.len()..].iter().map(|token| token.text.as_str()).eq(attribute)
}

/// A `mod.rs` holds attributes, `mod name;` and `use ...;`, nothing else.
fn only_lists(tokens: &[Token]) -> Option<Fault> {
    let mut rest = tokens;
    while let Some(first) = rest.first() {
        let end = match first.text.as_str() {
            "#" => 1 + rest.iter().position(|token| token.text == "]")?,
            "pub" if rest.get(1).is_some_and(|token| token.text == "(") => {
                1 + rest.iter().position(|token| token.text == ")")?
            }
            "pub" => 1,
            "mod" if rest.get(2).is_some_and(|token| token.text == ";") => 3,
            "use" => 1 + rest.iter().position(|token| token.text == ";")?,
            other => {
                let message = format!("`{other}`: a mod.rs only lists and re-exports modules");
                return Some(Fault { line: first.line, message });
            }
        };
        rest = &rest[end..];
    }
    None
}

/// A word, `::`, or a single sign. Comments and literals are left out.
struct Token {
    text: String,
    line: usize,
}

impl Token {
    fn is_word(&self) -> bool {
        self.text.starts_with(|first: char| first == '_' || first.is_alphabetic())
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (length, keep) = match first {
            _ if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), false),
            _ if rest.starts_with("/*") => (block_comment(rest), false),
            '"' => (quoted(rest), false),
            '\'' => (character_or_lifetime(rest), false),
            _ if rest.starts_with("::") => (2, true),
            _ if first == '_' || first.is_alphanumeric() => match raw_string(rest) {
                Some(length) => (length, false),
                None => (word(rest), true),
            },
            _ => (first.len_utf8(), !first.is_whitespace()),
        };
        if keep {
            found.push(Token { text: rest[..length].trim_start_matches("r#").to_owned(), line });
        }
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    found
}

fn word(rest: &str) -> usize {
    let skipped = if rest.starts_with("r#") { 2 } else { 0 };
    let body = &rest[skipped..];
    skipped + body.find(|sign: char| sign != '_' && !sign.is_alphanumeric()).unwrap_or(body.len())
}

/// Length of `r"..."`, `br#"..."#` and their like, if one begins here.
fn raw_string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r"].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let hashes = rest[prefix.len()..].chars().take_while(|sign| *sign == '#').count();
    let body = prefix.len() + hashes;
    if !rest[body..].starts_with('"') {
        return None;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    Some(rest[body + 1..].find(&end).map_or(rest.len(), |at| body + 1 + at + end.len()))
}

fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, sign) in rest.char_indices().skip(1) {
        match sign {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn character_or_lifetime(rest: &str) -> usize {
    let mut signs = rest.char_indices().skip(1);
    match (signs.next(), signs.next()) {
        (Some((_, '\\')), Some((escape, sign))) => {
            let after = escape + sign.len_utf8();
            rest[after..].find('\'').map_or(rest.len(), |at| after + at + 1)
        }
        (Some(_), Some((close, '\''))) => close + 1,
        _ => 1 + word(&rest[1..]),
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn messages(file: &str, text: &str) -> Vec<String> {
    faults_of(Path::new(file), text)
        .into_iter()
        .map(|fault| format!("{}: {}", fault.line, fault.message))
        .collect()
}

#[test]
fn a_path_to_a_later_room_is_found_wherever_it_hides() {
    let snippets = [
        "use crate::proxy::handle;",
        "use crate::{base::time, proxy::{handle, prove}};",
        "pub(crate) use crate::{base, proxy as p};",
        "fn f() { crate::proxy::handle() }",
        "fn f<T: crate::proxy::Trait>() {}",
        "use super::proxy::handle;",
        "use super::{proxy, base};",
        "use self::super::proxy;",
        "mod tests { use super::super::proxy::handle; }",
        "fn f(quote: char) -> bool { quote == '\"' || crate::proxy::is_open() }",
        "/* a /* nested */ comment */ use crate::proxy;",
    ];
    for snippet in snippets {
        let found = messages("src/http/mod.rs", snippet).join("\n");
        assert!(found.contains("`http` stands before `proxy`"), "{snippet}: {found:?}");
    }
    let found =
        messages("src/config/build.rs", "//! Text.\n\nuse crate::base::time;\nuse super::super::server;\n");
    assert_eq!(found, ["4: super::super::server: `config` stands before `server` and may not use it"]);
}

#[test]
fn a_path_to_the_same_or_an_earlier_room_passes() {
    let snippets = [
        "use crate::{base::{time, limits}, http::Head};",
        "use super::head::Head;\nuse super::super::base::time;",
        "pub(crate) fn f() {}\npub(in crate::http) fn g() {}",
        "#[cfg(test)]\nmod tests { use super::*; use super::super::gate; use crate::base::time; }",
        "// crate::proxy\n/// [`crate::proxy`]\nconst A: &str = \"crate::proxy\"; const B: &str = r#\"crate::\"proxy\"#;",
        "fn f<'a>(name: &'a str, sign: char) -> bool { sign == '\\'' && name == \"use crate::proxy;\" }",
        "use http::Method; use ::http::Uri;",
    ];
    for snippet in snippets {
        assert_eq!(messages("src/http/head.rs", snippet), Vec::<String>::new(), "{snippet}");
    }
}

#[test]
fn the_root_cannot_be_used_to_go_round_the_order() {
    for snippet in [
        "use crate::*;",
        "use crate as root;",
        "use crate::{self as root};",
        "extern crate self as root; use crate as r;",
    ] {
        assert!(messages("src/http/head.rs", snippet).join("").contains("is not a room"), "{snippet}");
    }
    assert_eq!(messages("src/stray/mod.rs", ""), ["1: `stray` is not a room of ROOMS"]);
    assert_eq!(messages("src/helpers.rs", ""), ["1: `helpers` is not a room of ROOMS"]);
    assert_eq!(messages("src/main.rs", "use crate::cli;"), Vec::<String>::new());
}

#[test]
fn a_mod_file_with_code_is_found() {
    let list = "//! Text.\n#![forbid(unsafe_code)]\n\nmod a;\npub(crate) mod b;\n#[cfg(test)]\nmod tests;\npub use a::{B, C};\n";
    assert_eq!(messages("src/http/mod.rs", list), Vec::<String>::new());
    for code in ["pub struct A;", "fn f() {}", "mod a { }", "const A: u8 = 1;", "impl A {}"] {
        let found = messages("src/http/mod.rs", &format!("mod b;\n{code}"));
        assert!(found.join("").contains("2: ") && found.join("").contains("only lists"), "{code}: {found:?}");
    }
}

#[test]
fn sockets_files_and_the_run_time_are_found_in_pure_rooms_only() {
    let snippets = [
        "use tokio::time::sleep;",
        "use tokio;",
        "use tokio_rustls::TlsAcceptor;",
        "use std::{fmt, fs};",
        "fn f() { std::fs::read(\"a\"); }",
        "fn f() { ::std::fs::read(\"a\"); }",
        "use std::net::{IpAddr, TcpStream};",
        "use std::net::UdpSocket;",
    ];
    for snippet in snippets {
        assert!(messages("src/verify/step.rs", snippet).join("").contains("is a pure room"), "{snippet}");
        assert_eq!(messages("src/proxy/handle.rs", snippet), Vec::<String>::new(), "{snippet}");
    }
    let allowed =
        "use std::net::{IpAddr, SocketAddr};\n#[cfg(test)]\nmod tests { fn f() { std::fs::read(\"a\"); } }";
    assert_eq!(messages("src/http/forwarded.rs", allowed), Vec::<String>::new());
    assert_eq!(messages("src/verify/token/tests.rs", "use std::fs;"), Vec::<String>::new());
    let after = "#[cfg(test)]\nmod tests { }\nfn f() { std::fs::read(\"a\"); }";
    assert_eq!(messages("src/verify/step.rs", after), ["3: std::fs::read: `verify` is a pure room"]);
}
