//! How a command fails: a sentence or a list of problems, and an exit code.

use super::message::tell;
use crate::base::names::exit;
use crate::config::{Problems, human};
use std::fmt;

/// Why a command could not do its work.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    what: What,
}

#[derive(Debug)]
enum What {
    Sentence(String),
    Problems(Problems),
}

impl Failure {
    /// The command line asks for something impossible.
    pub fn usage(sentence: String) -> Failure {
        Failure { code: exit::USAGE, what: What::Sentence(sentence) }
    }

    /// The policy file has mistakes.
    pub fn config(problems: Problems) -> Failure {
        Failure { code: exit::CONFIG, what: What::Problems(problems) }
    }

    /// The system refuses: an address, a file, a thread.
    pub fn start(sentence: String) -> Failure {
        Failure { code: exit::START, what: What::Sentence(sentence) }
    }

    /// A peer or the network failed.
    pub fn peer(sentence: String) -> Failure {
        Failure { code: exit::PEER, what: What::Sentence(sentence) }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Writes the failure to standard error, in colour on a terminal.
    pub fn print(&self) {
        match &self.what {
            What::Sentence(sentence) => tell(&format!("bonafide: {sentence}\n")),
            What::Problems(problems) => warn(problems),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Sentence(sentence) => out.write_str(sentence),
            What::Problems(problems) => problems.fmt(out),
        }
    }
}

/// Writes problems to standard error, with the lines that they are about; in colour on a terminal.
pub fn warn(problems: &Problems) {
    tell(&human(problems, true));
}
