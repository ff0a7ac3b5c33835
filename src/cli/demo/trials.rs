//! What is sent in the name of a sender, and what must come of it: data, a row more is a line more.

/// Something that is sent.
#[derive(Debug)]
pub struct Trial {
    /// What it is, for the table.
    pub label: &'static str,
    /// What is sent.
    pub act: Act,
    /// The status that it must get.
    pub status: u16,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A new delivery.
    Deliver,
    /// A new delivery, and the application fails.
    Fail,
    /// The delivery before this one, byte for byte; it did not succeed.
    Retry,
    /// The delivery before this one, byte for byte; it succeeded.
    Repeat,
    /// What a forger makes of the delivery before this one.
    Forge(Change),
}

/// What makes a forged request differ from the genuine one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// One digit of the body replaced.
    Body,
    /// Made with another secret or private key.
    Secret,
    /// Without the header field that holds the proof.
    NoProof,
    /// The end of that header field is missing.
    CutProof,
    /// Signed with the right secret or key, an hour ago.
    Stale,
    /// Sent to a path that the policy does not name.
    Path,
    /// The token says `alg: none` and has no signature.
    AlgNone,
    /// The token is signed with HS256, and the public key is the secret.
    KeyConfusion,
    /// The token is signed with another key, under a name that the key server does not know.
    UnknownKid,
    /// The token says something else, signed with the right key: a parameter of [`crate::verify::Draft`].
    Param(&'static str, &'static str),
    /// The token says something else, signed with the right private key: a claim.
    Claim(&'static str, &'static str),
}

impl Act {
    /// Whether it must reach the application.
    pub fn arrives(self) -> bool {
        match self {
            Act::Deliver | Act::Fail | Act::Retry => true,
            Act::Repeat | Act::Forge(_) => false,
        }
    }
}

const fn forged(label: &'static str, change: Change, status: u16) -> Trial {
    Trial { label, act: Act::Forge(change), status }
}

const GENUINE: Trial = Trial { label: "genuine", act: Act::Deliver, status: 200 };
const AGAIN: Trial = Trial { label: "the same again", act: Act::Repeat, status: 200 };
const FAIL: Trial = Trial { label: "genuine, application fails", act: Act::Fail, status: 500 };
const RETRY: Trial = Trial { label: "sender's retry", act: Act::Retry, status: 200 };

const BODY: Trial = forged("body changed", Change::Body, 401);
const OTHER_SECRET: Trial = forged("another secret", Change::Secret, 401);
const UNSIGNED: Trial = forged("no signature", Change::NoProof, 401);
const CUT: Trial = forged("signature cut short", Change::CutProof, 401);
const STALE: Trial = forged("signed an hour ago", Change::Stale, 401);
const PATH: Trial = forged("genuine, wrong path", Change::Path, 404);

const WRONG: Trial = forged("wrong credential", Change::Secret, 401);
const NO_CREDENTIAL: Trial = forged("no credential", Change::NoProof, 401);
const CUT_CREDENTIAL: Trial = forged("credential cut short", Change::CutProof, 401);

const ALG_NONE: Trial = forged("alg: none", Change::AlgNone, 401);
const CONFUSION: Trial = forged("public key as HS256 secret", Change::KeyConfusion, 401);
const OTHER_KEY: Trial = forged("another key", Change::Secret, 401);
/// Once for each source: after it, the key server is not asked for a while, and the next one gets 503.
const UNKNOWN_KID: Trial = forged("unknown kid", Change::UnknownKid, 401);
const EXPIRED: Trial = forged("expired token", Change::Stale, 401);
const SCOPE: Trial = forged("wrong scope", Change::Claim("event_scope", "admin"), 403);
const AUDIENCE: Trial =
    forged("wrong audience", Change::Param("audience", "https://elsewhere.example.com/"), 401);
const ISSUER: Trial = forged("wrong issuer", Change::Param("issuer", "https://elsewhere.example.com/"), 401);
/// The token holds a digest of the body.
const OTHER_BODY: Trial = forged("another body, same token", Change::Body, 401);
/// The token holds none, but it was delivered.
const USED_TOKEN: Trial = forged("another body, same token", Change::Body, 409);
const NO_TOKEN: Trial = forged("no token", Change::NoProof, 401);
const CUT_TOKEN: Trial = forged("token cut short", Change::CutProof, 401);

/// Of a sender with a signature over the body.
pub const SIGNED: &[Trial] = &[GENUINE, BODY, OTHER_SECRET, UNSIGNED, CUT, PATH];
/// Of a sender with a signature over a timestamp and the body.
pub const TIMED: &[Trial] = &[GENUINE, AGAIN, BODY, OTHER_SECRET, UNSIGNED, CUT, STALE, PATH];
/// The same, with an application that fails.
pub const RETRIED: &[Trial] = &[GENUINE, AGAIN, BODY, OTHER_SECRET, UNSIGNED, CUT, STALE, PATH, FAIL, RETRY];
/// Of a sender with a token or password that says nothing of the request.
pub const CREDENTIAL: &[Trial] = &[GENUINE, WRONG, NO_CREDENTIAL, CUT_CREDENTIAL, PATH];
/// Of a sender with a JSON Web Token that says nothing of the body, and with an application that fails.
pub const JWT: &[Trial] = &[
    GENUINE,
    AGAIN,
    ALG_NONE,
    CONFUSION,
    OTHER_KEY,
    UNKNOWN_KID,
    EXPIRED,
    SCOPE,
    AUDIENCE,
    USED_TOKEN,
    NO_TOKEN,
    CUT_TOKEN,
    PATH,
    FAIL,
    RETRY,
];
/// Of a sender with a Secure Webhook Token and a secret.
pub const SWT: &[Trial] =
    &[GENUINE, AGAIN, OTHER_BODY, ALG_NONE, OTHER_SECRET, EXPIRED, ISSUER, NO_TOKEN, CUT_TOKEN, PATH];
/// Of a sender with a JSON Web Token that holds a digest of the body.
pub const BOUND_JWT: &[Trial] = &[
    GENUINE,
    AGAIN,
    OTHER_BODY,
    ALG_NONE,
    CONFUSION,
    OTHER_KEY,
    UNKNOWN_KID,
    EXPIRED,
    NO_TOKEN,
    CUT_TOKEN,
    PATH,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::senders::SENDERS;

    #[test]
    fn rows_stand_in_an_order_that_works() {
        for sender in SENDERS {
            let acts: Vec<Act> = sender.trials.iter().map(|trial| trial.act).collect();
            assert_eq!(acts.first(), Some(&Act::Deliver), "{}", sender.name);
            let unknown = acts.iter().filter(|act| **act == Act::Forge(Change::UnknownKid)).count();
            assert!(unknown <= 1, "{}: the second one gets 503", sender.name);
            for pair in acts.windows(2) {
                assert_eq!(pair[0] == Act::Fail, pair[1] == Act::Retry, "{}", sender.name);
            }
        }
    }
}
