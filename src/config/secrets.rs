//! Secrets: from a reference in the policy file to bytes. The one place that reads the environment.

use super::problem::{Problem, listed};
use super::raw::RawSecret;
use super::span::{Files, Located, Span};
use crate::base::secret::Secret;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Largest secret file, bytes.
const MAX_FILE: u64 = 64 * crate::base::limits::KIB;
/// A secret shorter than this is warned about, bytes.
const SHORT: usize = 16;
/// What people leave in samples.
const PLACEHOLDERS: [&str; 4] = ["changeme", "password", "secret", "***"];

/// Where environment variables come from: the process, or a test.
pub struct Environment {
    lookup: Box<Lookup>,
    other_secrets: Option<[u8; 32]>,
}

type Lookup = dyn Fn(&str) -> Option<OsString> + Send + Sync;

impl Environment {
    /// The variables of this process.
    pub fn process() -> Environment {
        Environment::from_fn(process_variable)
    }

    /// Variables from a function.
    pub fn from_fn(lookup: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Environment {
        Environment { lookup: Box::new(lookup), other_secrets: None }
    }

    /// With every secret that is read, wherever it is kept, replaced by another one of its form: those of a forger.
    /// These random bytes decide which.
    pub fn with_other_secrets(self, random: [u8; 32]) -> Environment {
        Environment { other_secrets: Some(random), ..self }
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        (self.lookup)(name)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[environment]")
    }
}

#[allow(clippy::disallowed_methods)] // the one place that reads the environment
fn process_variable(name: &str) -> Option<OsString> {
    // Names with `=` or NUL make the standard library panic.
    if name.is_empty() || name.contains(['=', '\0']) { None } else { std::env::var_os(name) }
}

/// Reads secrets and notes what is wrong with them.
#[derive(Debug)]
pub struct SecretReader<'a> {
    /// The files that secrets are written in.
    pub files: &'a Files,
    /// Where variables come from.
    pub environment: &'a Environment,
    /// What is wrong.
    pub problems: &'a mut Vec<Problem>,
    /// The files that secrets were read from.
    pub watched: &'a mut Vec<PathBuf>,
    /// Whether what is read is a public key, which anybody may know.
    pub public: bool,
}

/// The kinds of reference, as written.
enum Reference<'s> {
    Env(&'s Located<String>),
    File(&'s Located<String>),
    Credential(&'s Located<String>),
    Literal(&'s Located<super::value::Hidden>),
}

impl SecretReader<'_> {
    /// Whether a secret names exactly one place; notes a literal. Reads nothing.
    pub fn check(&mut self, secret: &Located<RawSecret>) -> bool {
        if let Some(literal) = secret.value.literal.as_ref().filter(|_| !self.public) {
            let problem =
                Problem::warning("secret_literal", literal.at, "the secret stands in the policy file");
            self.problems.push(
                problem.help("keep it in a file or a variable: `{ file = \"...\" }`, `{ env = \"...\" }`"),
            );
        }
        self.reference(secret).is_some()
    }

    /// The bytes of a secret. `short_is_fine` where its scheme sets a minimum of its own.
    pub fn read(&mut self, secret: &Located<RawSecret>, short_is_fine: bool) -> Option<Secret> {
        let (at, read) = match self.reference(secret)? {
            Reference::Env(name) => (name.at, self.variable(name)),
            Reference::File(path) => (path.at, self.file(path)),
            Reference::Credential(name) => (name.at, self.credential(name)),
            Reference::Literal(literal) => (literal.at, Ok(literal.value.0.clone())),
        };
        let secret = match read {
            Ok(secret) => secret,
            Err(message) => {
                self.problems.push(Problem::error("secret_missing", at, message));
                return None;
            }
        };
        if let Some(message) = unusable(secret.expose()) {
            self.problems.push(Problem::error("secret_unusable", at, message));
            return None;
        }
        if secret.expose().len() < SHORT && !short_is_fine && !self.public {
            let message =
                format!("the secret has {} bytes; fewer than {SHORT} can be guessed", secret.expose().len());
            self.problems.push(Problem::warning("secret_short", at, message));
        }
        Some(match &self.environment.other_secrets {
            Some(random) if !self.public => secret.another(random),
            Some(_) | None => secret,
        })
    }

    fn reference<'s>(&mut self, secret: &'s Located<RawSecret>) -> Option<Reference<'s>> {
        let RawSecret { env, file, credential, literal, flawed, .. } = &secret.value;
        match (env, file, credential, literal) {
            (Some(name), None, None, None) => Some(Reference::Env(name)),
            (None, Some(path), None, None) => Some(Reference::File(path)),
            (None, None, Some(name), None) => Some(Reference::Credential(name)),
            (None, None, None, Some(literal)) => Some(Reference::Literal(literal)),
            _ => {
                if !flawed {
                    let words = listed(["env", "file", "credential", "literal"]);
                    let message = format!("a secret has exactly one of {words}");
                    self.problems.push(Problem::error("secret_reference", secret.at, message));
                }
                None
            }
        }
    }

    fn variable(&self, name: &Located<String>) -> Result<Secret, String> {
        let value = self.environment.variable(&name.value);
        let missing = || format!("the environment variable `{}` is not set", name.value.escape_debug());
        value.map(|value| Secret::new(value.into_vec())).ok_or_else(missing)
    }

    fn file(&mut self, path: &Located<String>) -> Result<Secret, String> {
        let full = self.files.resolve(path.at.file, &path.value);
        self.read_file(&full, path.at)
    }

    fn credential(&mut self, name: &Located<String>) -> Result<Secret, String> {
        if name.value.contains('/') || matches!(name.value.as_str(), "" | "." | "..") {
            return Err("a credential is a plain name".into());
        }
        let directory = self.environment.variable("CREDENTIALS_DIRECTORY");
        let directory = directory.ok_or("CREDENTIALS_DIRECTORY is not set: systemd passed no credentials")?;
        self.read_file(&PathBuf::from(directory).join(&name.value), name.at)
    }

    fn read_file(&mut self, path: &Path, at: Span) -> Result<Secret, String> {
        self.watched.push(path.to_owned());
        let shown = path.display();
        let cannot = |error: std::io::Error| format!("cannot read {shown}: {error}");
        let metadata = fs::metadata(path).map_err(cannot)?;
        if !metadata.is_file() {
            return Err(format!("{shown} is not a regular file"));
        }
        // The group may read: that is how services share a file. It may not write.
        if metadata.mode() & 0o027 != 0 && !self.public {
            let mode = metadata.mode() & 0o777;
            let message = format!("others than its owner may read or change {shown} (mode {mode:o})");
            let problem = Problem::warning("secret_file_mode", at, message);
            self.problems.push(problem.help(format!("chmod g-w,o= {shown}")));
        }
        // Room for all of it at once: a buffer that grows leaves copies behind.
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(MAX_FILE)).unwrap_or(0) + 2);
        fs::File::open(path)
            .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
            .map_err(cannot)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE {
            return Err(format!("{shown} is larger than 64 KiB"));
        }
        drop_newline(&mut bytes);
        Ok(Secret::new(bytes))
    }
}

/// One LF or CRLF at the end is the editor's, not the secret's.
fn drop_newline(bytes: &mut Vec<u8>) {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
}

/// Why bytes can be no secret. Never quotes them.
fn unusable(bytes: &[u8]) -> Option<&'static str> {
    if bytes.is_empty() {
        return Some("the secret is empty");
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Some("the secret is blank");
    }
    let between = |start: &[u8], end: &[u8]| bytes.starts_with(start) && bytes.ends_with(end);
    let word = PLACEHOLDERS.iter().any(|word| bytes.eq_ignore_ascii_case(word.as_bytes()));
    if word || between(b"<", b">") {
        return Some("the secret is a placeholder");
    }
    between(b"${", b"}").then_some("the secret is a variable that nothing has expanded")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::span::{File, FileId};
    use crate::config::value::Hidden;

    fn read(
        change: impl FnOnce(&mut RawSecret, Span),
        variables: &'static [(&str, &str)],
    ) -> (Option<Vec<u8>>, Vec<&'static str>) {
        let mut files = Files::default();
        files.add(File::new("x.toml".into(), "x".into()));
        let at = Span { file: FileId::MAIN, start: 0, end: 1 };
        let mut secret = RawSecret::default();
        change(&mut secret, at);
        let environment = Environment::from_fn(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        });
        let mut problems = Vec::new();
        let mut reader = SecretReader {
            files: &files,
            environment: &environment,
            problems: &mut problems,
            watched: &mut Vec::new(),
            public: false,
        };
        let read = reader.read(&Located { value: secret, at }, false);
        (read.map(|secret| secret.expose().to_vec()), problems.iter().map(|problem| problem.code).collect())
    }

    fn env(value: &'static [(&str, &str)]) -> (Option<Vec<u8>>, Vec<&'static str>) {
        read(|secret, at| secret.env = Some(Located { value: "X".into(), at }), value)
    }

    #[test]
    fn a_variable_is_read_as_it_is() {
        assert_eq!(env(&[("X", "0123456789abcdef")]), (Some(b"0123456789abcdef".to_vec()), vec![]));
        assert_eq!(env(&[("Y", "0123456789abcdef")]), (None, vec!["secret_missing"]));
        assert_eq!(env(&[("X", "short")]), (Some(b"short".to_vec()), vec!["secret_short"]));
    }

    #[test]
    fn a_forger_gets_other_secrets_and_the_same_variables() {
        let environment =
            Environment::from_fn(|_| Some("0123456789abcdef".into())).with_other_secrets([7; 32]);
        let mut files = Files::default();
        files.add(File::new("x.toml".into(), "x".into()));
        let at = Span { file: FileId::MAIN, start: 0, end: 1 };
        let (problems, watched) = (&mut Vec::new(), &mut Vec::new());
        let mut reader =
            SecretReader { files: &files, environment: &environment, problems, watched, public: false };
        let secret = RawSecret { env: Some(Located { value: "X".into(), at }), ..RawSecret::default() };
        let read = reader.read(&Located { value: secret, at }, false).unwrap();
        assert_eq!(read, Secret::new(b"0123456789abcdef".to_vec()).another(&[7; 32]));
        assert_eq!(environment.variable("X"), Some("0123456789abcdef".into()));
    }

    #[test]
    fn placeholders_are_refused_and_words_that_only_hold_one_are_not() {
        for word in [
            "",
            "  ",
            "changeme",
            "ChangeMe",
            "password",
            "SECRET",
            "***",
            "<your secret>",
            "${GITHUB_SECRET}",
        ] {
            assert!(unusable(word.as_bytes()).is_some(), "{word}");
        }
        for word in ["changeme2", "my-password", "****", "$X", "<a", "$(x)"] {
            assert!(unusable(word.as_bytes()).is_none(), "{word}");
        }
    }

    #[test]
    fn one_newline_of_a_file_is_dropped() {
        for (written, left) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a\r", "a\r"), ("\n", "")] {
            let mut bytes = written.as_bytes().to_vec();
            drop_newline(&mut bytes);
            assert_eq!(bytes, left.as_bytes());
        }
    }

    #[test]
    fn files_must_be_regular_small_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let from = |path: &Path| {
            let value = path.display().to_string();
            read(|secret, at| secret.file = Some(Located { value, at }), &[])
        };
        fs::write(&path, "0123456789abcdef\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(from(&path), (Some(b"0123456789abcdef".to_vec()), vec![]));
        for mode in [0o644, 0o660, 0o602] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(from(&path), (Some(b"0123456789abcdef".to_vec()), vec!["secret_file_mode"]));
        }
        assert_eq!(from(directory.path()), (None, vec!["secret_missing"]));
        fs::write(&path, vec![b'a'; 64 * 1024 + 1]).unwrap();
        assert_eq!(from(&path).0, None);
    }

    #[test]
    fn credentials_are_files_of_the_directory_that_systemd_names() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("github"), "0123456789abcdef").unwrap();
        let path = directory.path().as_os_str().to_owned();
        let environment =
            Environment::from_fn(move |name| (name == "CREDENTIALS_DIRECTORY").then(|| path.clone()));
        let (files, mut problems) = (Files::default(), Vec::new());
        let at = Span { file: FileId::MAIN, start: 0, end: 1 };
        let mut reader = SecretReader {
            files: &files,
            environment: &environment,
            problems: &mut problems,
            watched: &mut Vec::new(),
            public: false,
        };
        let mut read = |name: &str| {
            let credential = Some(Located { value: name.to_owned(), at });
            reader
                .read(&Located { value: RawSecret { credential, ..RawSecret::default() }, at }, false)
                .is_some()
        };
        assert!(read("github"));
        for name in ["stripe", "../github", "", ".", ".."] {
            assert!(!read(name), "{name}");
        }
    }

    #[test]
    fn exactly_one_reference() {
        assert_eq!(read(|_, _| {}, &[]), (None, vec!["secret_reference"]));
        let both = |secret: &mut RawSecret, at| {
            secret.env = Some(Located { value: "X".into(), at });
            secret.literal = Some(Located { value: Hidden(Secret::new(b"0123456789abcdef".to_vec())), at });
        };
        assert_eq!(read(both, &[("X", "0123456789abcdef")]), (None, vec!["secret_reference"]));
    }
}
