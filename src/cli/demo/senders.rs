//! The senders that the demo plays and what their forgers try: data, a row more is a sender more.

use crate::verify::Draft;
use http::{HeaderName, HeaderValue, Method};

/// A sender, and how it is forged.
#[derive(Debug)]
pub struct Sender {
    /// The name of its source, and the end of its path.
    pub name: &'static str,
    /// The line of the policy file that says how it proves itself.
    pub scheme: &'static str,
    /// What its secret looks like.
    pub secret: SecretForm,
    /// The header field that holds signature or credential, lower case.
    pub proof: &'static str,
    /// The header fields that it sends beside its proof, lower case.
    pub headers: &'static [(&'static str, &'static str)],
    /// What it has to say.
    pub body: &'static str,
    /// What is tried in its name.
    pub forgeries: &'static [Forgery],
}

/// What a secret looks like.
#[derive(Clone, Copy, Debug)]
pub enum SecretForm {
    /// Any text.
    Text,
    /// Base64 behind `whsec_`.
    Whsec,
}

/// A request that must not reach the application.
#[derive(Debug)]
pub struct Forgery {
    /// What it is, for the table.
    pub label: &'static str,
    /// What makes it differ from the genuine request.
    pub change: Change,
    /// The status that it must get.
    pub status: u16,
}

/// What makes a forged request differ from the genuine one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Signed, then one digit of the body replaced.
    Body,
    /// Made with another secret.
    Secret,
    /// Without the header field that holds the proof.
    NoProof,
    /// The end of that header field is missing.
    CutProof,
    /// Signed with the right secret, an hour ago.
    Stale,
    /// Sent to a path that the policy does not name.
    Path,
}

const BODY: Forgery = Forgery { label: "body changed", change: Change::Body, status: 401 };
const OTHER_SECRET: Forgery = Forgery { label: "another secret", change: Change::Secret, status: 401 };
const UNSIGNED: Forgery = Forgery { label: "no signature", change: Change::NoProof, status: 401 };
const CUT: Forgery = Forgery { label: "signature cut short", change: Change::CutProof, status: 401 };
const STALE: Forgery = Forgery { label: "signed an hour ago", change: Change::Stale, status: 401 };
const PATH: Forgery = Forgery { label: "genuine, wrong path", change: Change::Path, status: 404 };
const WRONG: Forgery = Forgery { label: "wrong credential", change: Change::Secret, status: 401 };
const NO_CREDENTIAL: Forgery = Forgery { label: "no credential", change: Change::NoProof, status: 401 };
const CUT_CREDENTIAL: Forgery =
    Forgery { label: "credential cut short", change: Change::CutProof, status: 401 };

/// Against a signature over the body.
const SIGNED: &[Forgery] = &[BODY, OTHER_SECRET, UNSIGNED, CUT, PATH];
/// Against a signature over a timestamp and the body.
const TIMED: &[Forgery] = &[BODY, OTHER_SECRET, UNSIGNED, CUT, STALE, PATH];
/// Against a token or password, which say nothing of the body.
const CREDENTIAL: &[Forgery] = &[WRONG, NO_CREDENTIAL, CUT_CREDENTIAL, PATH];

const JSON: (&str, &str) = ("content-type", "application/json");

/// Every sender, in the order of the table.
pub const SENDERS: &[Sender] = &[
    Sender {
        name: "fluid",
        scheme: "provider = \"fluid\"",
        secret: SecretForm::Text,
        proof: "x-hub-signature-256",
        headers: &[JSON],
        body: r#"{"event":"card.moved","card":{"id":4711,"title":"Größe prüfen"},"to":"done"}"#,
        forgeries: SIGNED,
    },
    Sender {
        name: "github",
        scheme: "provider = \"github\"",
        secret: SecretForm::Text,
        proof: "x-hub-signature-256",
        headers: &[JSON, ("x-github-event", "push")],
        body: r#"{ "ref": "refs/heads/main", "commits": 3, "pusher": { "name": "octocat" } }"#,
        forgeries: SIGNED,
    },
    Sender {
        name: "shopify",
        scheme: "provider = \"shopify\"",
        secret: SecretForm::Text,
        proof: "x-shopify-hmac-sha256",
        headers: &[JSON, ("x-shopify-topic", "orders/paid")],
        body: r#"{"id":820982911946154508,"total_price":"25.00","currency":"EUR"}"#,
        forgeries: SIGNED,
    },
    Sender {
        name: "stripe",
        scheme: "provider = \"stripe\"",
        secret: SecretForm::Text,
        proof: "stripe-signature",
        headers: &[("content-type", "application/json; charset=utf-8")],
        body: r#"{ "object": "event", "amount": 2000, "id": "evt_1NG8Du2eZvKY", "type": "charge.succeeded" }"#,
        forgeries: TIMED,
    },
    Sender {
        name: "slack",
        scheme: "provider = \"slack\"",
        secret: SecretForm::Text,
        proof: "x-slack-signature",
        headers: &[JSON],
        body: r#"{"type":"event_callback","event_id":"Ev08MFMKH6","event":{"type":"app_mention"}}"#,
        forgeries: TIMED,
    },
    Sender {
        name: "standard-webhooks",
        scheme: "provider = \"standard-webhooks\"",
        secret: SecretForm::Whsec,
        proof: "webhook-signature",
        headers: &[JSON],
        body: r#"{"type":"contact.created","data":{"id":"1f81eb52-5198-4599-803e-771906343485"}}"#,
        forgeries: TIMED,
    },
    Sender {
        name: "gitlab",
        scheme: "token    = { header = \"X-Gitlab-Token\" }",
        secret: SecretForm::Text,
        proof: "x-gitlab-token",
        headers: &[JSON, ("x-gitlab-event", "Pipeline Hook")],
        body: r#"{"object_kind":"pipeline","object_attributes":{"id":31,"status":"success"}}"#,
        forgeries: CREDENTIAL,
    },
    Sender {
        name: "azure-devops",
        scheme: "basic    = { username = \"azure\" }",
        secret: SecretForm::Text,
        proof: "authorization",
        headers: &[JSON],
        body: r#"{"eventType":"build.complete","resource":{"id":2,"status":"succeeded"}}"#,
        forgeries: CREDENTIAL,
    },
];

impl Sender {
    /// The path of its source.
    pub fn path(&self) -> String {
        format!("/webhooks/{}", self.name)
    }

    /// The variable that holds its secret.
    pub fn variable(&self) -> String {
        format!("DEMO_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }

    /// Its request, before it proves anything.
    pub fn draft(&self) -> Draft {
        let mut draft = Draft::new(Method::POST, self.path(), self.body);
        for (name, value) in self.headers {
            draft.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        draft
    }
}
