//! Commands to copy, for those who want to send something themselves.

use super::forge::Signers;
use super::senders::{SENDERS, Sender};
use super::trials::{Act, Change};
use crate::base::time::UnixTime;
use crate::verify::{Draft, SignError};
use std::fmt::Write as _;
use std::net::SocketAddr;

/// The senders that commands are shown for: one a kind of proof.
const SHOWN: [&str; 6] = ["orders", "swt", "github", "stripe", "standard-webhooks", "gitlab"];

/// A genuine and a forged request of some senders, as `curl` commands. They were not sent before.
///
/// # Errors
/// A request that cannot be signed.
pub fn commands(address: SocketAddr, signers: &Signers<'_>, now: UnixTime) -> Result<String, SignError> {
    let mut text = String::new();
    for sender in SENDERS.iter().filter(|sender| SHOWN.contains(&sender.name)) {
        // One that no row of the table was about.
        let genuine = signers.deliver(sender, sender.trials.len(), now)?;
        let remarks = validity(signers, sender, &genuine, now) + again(signers, sender);
        let _ = write!(text, "\n# {}, genuine{remarks}\n{}\n", sender.name, curl(address, &genuine));
        if let Some((label, change)) = forgery(sender) {
            let forged = signers.forge(sender, &genuine, change, now)?;
            let _ = write!(text, "# {}, {label}\n{}\n", sender.name, curl(address, &forged));
        }
    }
    Ok(text)
}

/// The first one that is refused whether or not the genuine one came before.
fn forgery(sender: &Sender) -> Option<(&'static str, Change)> {
    sender.trials.iter().find_map(|trial| match (trial.act, trial.status) {
        (Act::Forge(change), 401) => Some((trial.label, change)),
        _ => None,
    })
}

/// `, valid for 300 s (until 2026-11-22T09:05:00Z)`, or nothing.
fn validity(signers: &Signers<'_>, sender: &Sender, genuine: &Draft, now: UnixTime) -> String {
    let until = signers.valid_until(sender, genuine, now);
    until.map_or(String::new(), |until| format!(", valid for {} s (until {until})", until.since(now)))
}

fn again(signers: &Signers<'_>, sender: &Sender) -> &'static str {
    if signers.remembers(sender) { "; again, it gets 200 and is not forwarded" } else { "" }
}

/// The certificate lives in memory only, hence `-k`.
fn curl(address: SocketAddr, draft: &Draft) -> String {
    let mut command = format!("curl -ik {}", quoted(&format!("https://{address}{}", draft.target)));
    for (name, value) in &draft.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let _ = write!(command, " -H {}", quoted(&format!("{name}: {value}")));
    }
    let _ = write!(command, " --data-binary {}", quoted(&String::from_utf8_lossy(&draft.body)));
    command
}

/// One word for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_quoted_for_the_shell() {
        let mut draft = Draft::new(http::Method::POST, "/a?b=1", "it's");
        draft.headers.insert("x-a", http::HeaderValue::from_static("1"));
        let want = r"curl -ik 'https://127.0.0.1:8443/a?b=1' -H 'x-a: 1' --data-binary 'it'\''s'";
        assert_eq!(curl(SocketAddr::from(([127, 0, 0, 1], 8443)), &draft), want);
    }
}
