//! Writing a policy file into a directory of its own.

use super::certificate::pair;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// A policy file in the making.
pub struct Policy {
    pub directory: TempDir,
    server: String,
    timeouts: String,
    rest: String,
}

impl Policy {
    /// One TLS listener on a free port.
    pub fn tls() -> Policy {
        let directory = tempfile::tempdir().expect("a directory");
        let certificate = directory.path().join("certificate.pem");
        let key = directory.path().join("key.pem");
        fs::write(&certificate, &pair().certificate_pem).expect("certificate written");
        fs::write(&key, &pair().key_pem).expect("key written");
        private(&key);
        let server = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[server.tls]\ncertificate = \"{}\"\nprivate_key = \"{}\"\n",
            certificate.display(),
            key.display()
        );
        Policy { directory, server, timeouts: String::new(), rest: String::new() }
    }

    /// One plaintext listener on a free port.
    pub fn plaintext() -> Policy {
        Policy::plaintext_on("127.0.0.1:0")
    }

    pub fn plaintext_on(address: &str) -> Policy {
        let directory = tempfile::tempdir().expect("a directory");
        let server = format!("[server]\nlisten = \"{address}\"\nplaintext = true\n");
        Policy { directory, server, timeouts: String::new(), rest: String::new() }
    }

    pub fn upstream(self, url: &str) -> Policy {
        self.add(&format!("[upstream]\nurl = \"{url}\"\n"))
    }

    /// Lines of `[server]`; for plaintext only.
    pub fn server(mut self, lines: &str) -> Policy {
        self.server.push_str(lines);
        self
    }

    /// Lines of `[server.timeouts]`.
    pub fn timeouts(mut self, lines: &str) -> Policy {
        self.timeouts.push_str(lines);
        self
    }

    /// Whole tables, as they are.
    pub fn add(mut self, tables: &str) -> Policy {
        self.rest.push_str(tables);
        self.rest.push('\n');
        self
    }

    /// Writes a file that the policy names; the path is absolute.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, bytes).expect("file written");
        private(&path);
        path
    }

    pub fn text(&self) -> String {
        let timeouts = if self.timeouts.is_empty() {
            String::new()
        } else {
            format!("[server.timeouts]\n{}\n", self.timeouts)
        };
        format!("{}{timeouts}{}", self.server, self.rest)
    }

    /// Writes the policy file.
    pub fn write(&self) -> PathBuf {
        self.file("bonafide.toml", self.text().as_bytes())
    }
}

fn private(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("permissions");
}
