//! A built-in provider as a part of a policy file: its text below `[provider.NAME]`, comments and all.

/// The text of a provider with every table moved below `[provider.NAME]`. The text must be TOML; `name` is bare: letters,
/// digits, `-` and `_`.
pub fn below_provider(text: &str, name: &str) -> String {
    let mut out = format!("[provider.{name}]\n");
    let mut scan = Scan::default();
    for line in text.split_inclusive('\n') {
        if scan.is_between_entries()
            && let Some((before, header)) = split_header(line)
        {
            out.push_str(&format!("{before}provider.{name}.{header}"));
        } else {
            out.push_str(line);
        }
        scan.line(line);
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// `  [` and `a.b] # ...`, or `[[` and `a.b]]`, where the line is the header of a table.
fn split_header(line: &str) -> Option<(&str, &str)> {
    let after = line.trim_start_matches([' ', '\t']).strip_prefix('[')?;
    let after = after.strip_prefix('[').unwrap_or(after);
    let after = after.trim_start_matches([' ', '\t']);
    line.split_at_checked(line.len() - after.len())
}

/// Where in a TOML text the scan stands.
#[derive(Default)]
struct Scan {
    /// How many arrays and inline tables are open.
    depth: usize,
    text: Option<Delimiter>,
}

/// What a text that is open ends with.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Delimiter {
    quote: u8,
    /// Three of them, over several lines.
    long: bool,
}

impl Scan {
    fn is_between_entries(&self) -> bool {
        self.depth == 0 && self.text.is_none()
    }

    fn line(&mut self, line: &str) {
        let mut rest = line.as_bytes();
        while let Some((byte, after)) = rest.split_first() {
            rest = match self.text {
                Some(open) => self.inside(open, rest),
                None if matches!(byte, b'"' | b'\'') => self.open(*byte, rest),
                None if *byte == b'#' => return,
                None => {
                    match byte {
                        b'[' | b'{' => self.depth += 1,
                        b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                        _ => {}
                    }
                    after
                }
            };
        }
    }

    /// Enters a text; what stands behind its opening quotes.
    fn open<'r>(&mut self, quote: u8, rest: &'r [u8]) -> &'r [u8] {
        let long = rest.strip_prefix(&[quote; 3]);
        self.text = Some(Delimiter { quote, long: long.is_some() });
        long.or(rest.get(1..)).unwrap_or_default()
    }

    /// One step inside of a text, and out of it at its closing quotes.
    fn inside<'r>(&mut self, open: Delimiter, rest: &'r [u8]) -> &'r [u8] {
        if open.quote == b'"' && rest.first() == Some(&b'\\') {
            return rest.get(2..).unwrap_or_default();
        }
        let closing =
            if open.long { rest.strip_prefix(&[open.quote; 3]) } else { rest.strip_prefix(&[open.quote]) };
        let Some(mut after) = closing else { return rest.get(1..).unwrap_or_default() };
        if open.long {
            // Up to two more quotes before the closing ones belong to the text.
            for _ in 0..2 {
                after = after.strip_prefix(&[open.quote]).unwrap_or(after);
            }
        }
        self.text = None;
        after
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Options, load_text, provider_names, provider_text};
    use toml::{Table, Value};

    /// Pasted, a text means what it meant, one level down.
    fn pastes(text: &str) -> String {
        let pasted = below_provider(text, "mine");
        let meant: Table = toml::from_str(text).unwrap();
        let found: Table = toml::from_str(&pasted).unwrap_or_else(|error| panic!("{error}\n{pasted}"));
        let outer = Table::from_iter([("mine".to_owned(), Value::Table(meant))]);
        assert_eq!(found, Table::from_iter([("provider".to_owned(), Value::Table(outer))]), "{pasted}");
        pasted
    }

    #[test]
    fn headers_are_moved_and_everything_else_stays() {
        let text = "# first\nname = \"A\" # [name]\n\n[signature] # [x]\nmessage = \"[a]\"\n  [ signature . fields ]\n\
                    sig = { header = \"X\", role = \"signature\" }\n[[handshake]]\nwhen = [\n[\n1,\n],\n]\n[[handshake]]\n";
        assert_eq!(
            pastes(text),
            "[provider.mine]\n# first\nname = \"A\" # [name]\n\n[provider.mine.signature] # [x]\nmessage = \"[a]\"\n  \
             [ provider.mine.signature . fields ]\nsig = { header = \"X\", role = \"signature\" }\n\
             [[provider.mine.handshake]]\nwhen = [\n[\n1,\n],\n]\n[[provider.mine.handshake]]\n"
        );
    }

    #[test]
    fn texts_are_not_touched() {
        for text in [
            "a = \"\"\"\n[b]\n\\\"\"\"\n[c]\n\"\"\"\"\"\n[d]\n",
            "a = '''\n[b]\n\"\"\"\n[c]\n'''''\n[d]\ne = ''\n[f]\n",
            "a = \"\\\"\" # \"\n[b]\n\"[c]\" = '\\'\n['d]'.\"e[\"]\nf = \"\"\n[g]",
            "a = [ # ]\n  \"]\", '[',\n[ 1 ],\n]\n[b]\n",
            "a = { b = 1,\n c = [\n[2]] }\r\n[d]\r\n",
            "",
        ] {
            pastes(text);
        }
    }

    #[test]
    fn every_built_in_provider_can_be_pasted_into_a_policy() {
        let frame = "[server]\nlisten = \"127.0.0.1:2\"\nplaintext = true\n[upstream]\nurl = \"http://127.0.0.1:1\"\n\
                     [[source]]\nname = \"a\"\npath = \"/a\"\nprovider = \"github\"\nsecret = { env = \"X\" }\n";
        for id in provider_names() {
            let text = provider_text(id).unwrap();
            pastes(text);
            let policy = format!("{frame}{}", below_provider(text, "mine"));
            let checked = load_text(
                "p.toml",
                &policy,
                &Options { secrets: false, written: false },
                &Environment::from_fn(|_| None),
            );
            assert!(checked.is_ok(), "{id}: {}", checked.unwrap_err());
        }
    }
}
