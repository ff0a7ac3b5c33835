//! The libraries of others that `tests/peers/install` installs, and the programs that put them to work.

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program for the libraries of one language.
pub enum Program {
    /// The file in `tests/peers`.
    Python(&'static str),
    /// Its text, so that its imports are looked for in the working directory.
    Node(&'static str),
}

impl Program {
    /// What its libraries are written in.
    pub fn language(&self) -> &'static str {
        match self {
            Program::Python(_) => "python",
            Program::Node(_) => "node",
        }
    }

    /// Where its libraries are, if they are installed; their absence is a skip or a failure.
    pub fn directory(&self) -> Option<PathBuf> {
        let language = self.language();
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target directory");
        let directory = target.join("peers").join(language);
        if directory.join("installed").exists() {
            return Some(directory);
        }
        let required = std::env::var("BONAFIDE_REQUIRE_PEERS").is_ok_and(|value| value == "1");
        assert!(!required, "the libraries for {language} are required: run tests/peers/install");
        eprintln!("skipped: the libraries for {language} are not installed; see tests/peers/install");
        None
    }

    /// Has it carry out an order, with the libraries of `directory`.
    pub fn run(&self, directory: &Path, order: &Value) -> Value {
        let mut command = match self {
            Program::Python(file) => {
                let mut command = Command::new(directory.join("bin/python"));
                // isolated: what lies beside the program is no library
                command.arg("-I").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(file));
                command
            }
            Program::Node(text) => {
                let mut command = Command::new("node");
                command.args(["--input-type=module", "--eval", text]);
                command
            }
        };
        command.current_dir(directory).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the peer starts");
        let mut input = child.stdin.take().expect("standard input");
        input.write_all(order.to_string().as_bytes()).expect("the peer reads");
        drop(input);
        let output = child.wait_with_output().expect("the peer ends");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {errors}", self.language());
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}
