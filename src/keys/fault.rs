//! What can go wrong with a fetch, told apart for the operator.

use super::address::ResolveFlaw;
use crate::base::time::UnixTime;
use crate::verify::KeySetFlaw;
use std::error::Error;
use std::io;

/// Why a key cannot be had at the moment. Says nothing of the key: it may exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The last fetch failed.
    Unavailable(KeyFault),
    /// The server was asked a moment ago and is not asked again so soon.
    CoolingDown,
}

/// What went wrong with a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// The host has no address, or the resolver does not answer.
    Dns,
    /// All addresses of the host are private, or the URL is not `https`.
    Address,
    /// No connection.
    Connect,
    /// No TLS, or a certificate that does not hold.
    Tls,
    /// Not complete in time.
    Timeout,
    /// The connection broke off, or the answer is not HTTP.
    Broken,
    /// Another status than 200.
    Status(u16),
    /// A redirect; none is followed.
    Redirect,
    /// More bytes or keys than are read.
    Size,
    /// Not the JSON that was expected.
    Parse,
    /// Keys, but none that the policy can use.
    NoUsableKey,
    /// The discovery document is that of another issuer.
    Issuer,
    /// A certificate that is not believed: its name, its time, its authority.
    Certificate,
    /// The fetch itself failed to run: a bug.
    Internal,
}

/// A fetch that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFailure {
    /// When it ended.
    pub at: UnixTime,
    /// What went wrong.
    pub fault: KeyFault,
    /// In words, without anything secret and without text of the answer.
    pub detail: String,
}

impl KeyFault {
    /// All codes, in the order of [`KeyCounts::failures`](super::KeyCounts::failures).
    pub const CODES: [&'static str; 14] = [
        "dns",
        "address",
        "connect",
        "tls",
        "timeout",
        "broken",
        "status",
        "redirect",
        "size",
        "parse",
        "no_usable_key",
        "issuer",
        "internal",
        "certificate",
    ];

    /// The stable name for logs and metrics; a status without its number.
    pub fn code(self) -> &'static str {
        match self {
            KeyFault::Dns => "dns",
            KeyFault::Address => "address",
            KeyFault::Connect => "connect",
            KeyFault::Tls => "tls",
            KeyFault::Timeout => "timeout",
            KeyFault::Broken => "broken",
            KeyFault::Status(_) => "status",
            KeyFault::Redirect => "redirect",
            KeyFault::Size => "size",
            KeyFault::Parse => "parse",
            KeyFault::NoUsableKey => "no_usable_key",
            KeyFault::Issuer => "issuer",
            KeyFault::Internal => "internal",
            KeyFault::Certificate => "certificate",
        }
    }
}

/// A fault and its detail, on their way to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub fault: KeyFault,
    pub detail: String,
}

impl Failure {
    pub fn new(fault: KeyFault, detail: impl Into<String>) -> Failure {
        Failure { fault, detail: detail.into() }
    }

    /// The failure of an exchange. The URL is left out: it may hold a secret.
    pub fn of_exchange(error: &reqwest::Error) -> Failure {
        if error.is_timeout() {
            return Failure::new(KeyFault::Timeout, "the server took too long");
        }
        for cause in causes(error) {
            if let Some(flaw) = cause.downcast_ref::<ResolveFlaw>() {
                let fault = if *flaw == ResolveFlaw::Refused { KeyFault::Address } else { KeyFault::Dns };
                return Failure::new(fault, flaw.to_string());
            }
            if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
                return Failure::new(KeyFault::Tls, shortened(&tls.to_string()));
            }
            if let Some(io) = cause.downcast_ref::<io::Error>().filter(|io| io.get_ref().is_none()) {
                return Failure::of_io(error, io);
            }
        }
        if error.is_connect() {
            return Failure::of_connect(error);
        }
        Failure::new(KeyFault::Broken, "the answer broke off or is not HTTP")
    }

    fn of_io(error: &reqwest::Error, io: &io::Error) -> Failure {
        let fault = if error.is_connect() { KeyFault::Connect } else { KeyFault::Broken };
        Failure::new(fault, io.kind().to_string())
    }

    fn of_connect(error: &reqwest::Error) -> Failure {
        // An end of file cannot happen to TCP alone while it connects: it is the handshake's.
        let ended = |cause: &(dyn Error + 'static)| {
            cause.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof)
        };
        if causes(error).any(ended) {
            return Failure::new(KeyFault::Tls, "the server ended the handshake");
        }
        Failure::new(KeyFault::Connect, "no connection")
    }

    /// The failure of a key set that was read. One that has too many keys is a matter of size.
    pub fn of_set(flaw: KeySetFlaw) -> Failure {
        let fault = match flaw {
            KeySetFlaw::NotJson | KeySetFlaw::NotAKeySet | KeySetFlaw::NotPem => KeyFault::Parse,
            KeySetFlaw::Certificate(_) => KeyFault::Certificate,
            KeySetFlaw::TooManyKeys => KeyFault::Size,
            KeySetFlaw::Empty | KeySetFlaw::Unusable(_) | KeySetFlaw::OtherKid => KeyFault::NoUsableKey,
        };
        Failure::new(fault, flaw.to_string())
    }
}

/// An error and what is behind it; `source` of an [`io::Error`] skips the error that it wraps.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| {
        let cause: &'e (dyn Error + 'static) = *cause;
        match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => cause.source(),
        }
    })
}

/// Texts of TLS errors hold names from the server's certificate.
fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_list_once() {
        let faults = [
            KeyFault::Dns,
            KeyFault::Address,
            KeyFault::Connect,
            KeyFault::Tls,
            KeyFault::Timeout,
            KeyFault::Broken,
            KeyFault::Status(500),
            KeyFault::Redirect,
            KeyFault::Size,
            KeyFault::Parse,
            KeyFault::NoUsableKey,
            KeyFault::Issuer,
            KeyFault::Internal,
            KeyFault::Certificate,
        ];
        assert_eq!(faults.map(KeyFault::code), KeyFault::CODES);
    }

    #[test]
    fn the_error_inside_an_io_error_is_seen() {
        let wrapped = io::Error::other(io::Error::other(ResolveFlaw::Refused));
        assert!(causes(&wrapped).any(|cause| cause.downcast_ref() == Some(&ResolveFlaw::Refused)));
    }
}
