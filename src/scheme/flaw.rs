//! What is wrong with a definition, for the person who writes the policy file.

/// One mistake in a [`super::Definition`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Keys below `[signature]`, outermost first: `["fields", "t", "tolerance"]`. Empty: the table itself.
    pub path: Vec<String>,
    /// What is wrong, one sentence without full stop.
    pub message: String,
    /// What to write instead, where that is known.
    pub help: Option<String>,
}

impl Flaw {
    /// A mistake at `path`.
    pub fn new(path: &[&str], message: impl Into<String>) -> Flaw {
        Flaw {
            path: path.iter().map(|key| String::from(*key)).collect(),
            message: message.into(),
            help: None,
        }
    }

    /// Adds what to write instead.
    pub fn with_help(mut self, help: impl Into<String>) -> Flaw {
        self.help = Some(help.into());
        self
    }

    /// `word` is none of `words`: names all of them and the nearest.
    pub fn unknown_word(path: &[&str], what: &str, word: &str, words: &[&str]) -> Flaw {
        let flaw = Flaw::new(path, format!("unknown {what} `{word}`"));
        match nearest(word, words.iter().copied()) {
            Some(near) => flaw.with_help(format!("did you mean `{near}`? Possible: {}", words.join(", "))),
            None => flaw.with_help(format!("possible: {}", words.join(", "))),
        }
    }
}

/// The word most like `word`, if one is like enough to be what was meant.
pub fn nearest<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let lower = word.to_ascii_lowercase();
    words
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_named() {
        assert_eq!(nearest("hmac-sha265", ["hmac-sha1", "hmac-sha256"]), Some("hmac-sha256"));
        assert_eq!(nearest("SIGNATUR", ["timestamp", "signature"]), Some("signature"));
        assert_eq!(nearest("zzz", ["timestamp", "signature"]), None);
    }
}
