//! The senders that the demo plays: data, a row more is a sender more.

use super::trials::{BOUND_JWT, CREDENTIAL, JWT, RETRIED, SIGNED, SWT, TIMED, Trial};
use crate::verify::Draft;
use http::{HeaderName, HeaderValue, Method};

/// A sender, and what is sent in its name.
#[derive(Debug)]
pub struct Sender {
    /// The name of its source, and the end of its path.
    pub name: &'static str,
    /// The lines of the policy file that say how it proves itself; `{key_server}` is the origin of the key server.
    pub scheme: &'static str,
    /// What its secret looks like.
    pub secret: SecretForm,
    /// The header field that holds signature or credential, lower case.
    pub proof: &'static str,
    /// The header fields that it sends beside its proof, lower case.
    pub headers: &'static [(&'static str, &'static str)],
    /// What it has to say; `#` stands for the number of the occasion.
    pub body: &'static str,
    /// What is sent in its name, in this order.
    pub trials: &'static [Trial],
}

/// What a secret looks like and where the policy names it. The text is the `kid` of the key pair that its owner signs
/// with.
#[derive(Clone, Copy, Debug)]
pub enum SecretForm {
    /// Any text.
    Text,
    /// Base64 behind `whsec_`.
    Whsec,
    /// None: its public key is in the key set that everybody may fetch.
    KeySet(&'static str),
    /// Any text, which the key server wants to see before it gives a public key away.
    KeyServer(&'static str),
}

impl SecretForm {
    /// The name of the key pair of its owner.
    pub fn kid(self) -> Option<&'static str> {
        match self {
            SecretForm::KeySet(kid) | SecretForm::KeyServer(kid) => Some(kid),
            SecretForm::Text | SecretForm::Whsec => None,
        }
    }

    /// Where the policy names it.
    pub fn key(self) -> Option<&'static str> {
        match self {
            SecretForm::Text | SecretForm::Whsec => Some("secret  "),
            SecretForm::KeySet(_) => None,
            SecretForm::KeyServer(_) => Some("jwt.keys.secret"),
        }
    }
}

/// What a Secure Webhook Token says that it is about; others do not say it.
const EVENT: (&str, &str) = ("event", "invoice.paid");
const JSON: (&str, &str) = ("content-type", "application/json");

/// Every sender, in the order of the table.
pub const SENDERS: &[Sender] = &[
    Sender {
        name: "orders",
        scheme: r#"
[source.jwt]
algorithms = ["ES256"]
keys       = { jwks = "{key_server}/jwks.json" }
issuer     = "https://auth.example.com/"
audience   = "https://api.example.com/webhook"
require    = ["exp", "nbf"]
claims     = { event_scope = "webhook" }"#,
        secret: SecretForm::KeySet("orders-1"),
        proof: "authorization",
        headers: &[JSON],
        body: r#"{"event":"order.created","order":{"number":"A-10024","total":"129.90","currency":"EUR"}}"#,
        trials: JWT,
    },
    Sender {
        name: "swt",
        scheme: "provider = \"swt\"\nswt      = { issuer = \"https://billing.example.com/\" }",
        secret: SecretForm::Text,
        proof: "authorization",
        headers: &[JSON],
        body: r#"{"invoice":"2026-0815","paid":{"amount":"84.00","currency":"EUR"}}"#,
        trials: SWT,
    },
    Sender {
        name: "vumi",
        scheme: "provider = \"vumi\"\njwt.keys.url    = \"{key_server}/webhook_verification/{kid}\"",
        secret: SecretForm::KeyServer("5c0a7c3e-9d0b-4a55-8a43-2f6f0d1f7c11"),
        proof: "vumi-verification",
        headers: &[JSON],
        body: r#"{"webhook_type":"TRANSACTIONS","account":"acc_27","new_transactions":12}"#,
        trials: BOUND_JWT,
    },
    Sender {
        name: "fluid",
        scheme: "provider = \"fluid\"",
        secret: SecretForm::Text,
        proof: "x-hub-signature-256",
        headers: &[JSON],
        body: r#"{"event":"card.moved","card":{"id":4711,"title":"Größe prüfen"},"to":"done"}"#,
        trials: SIGNED,
    },
    Sender {
        name: "github",
        scheme: "provider = \"github\"",
        secret: SecretForm::Text,
        proof: "x-hub-signature-256",
        headers: &[JSON, ("x-github-event", "push")],
        body: r#"{ "ref": "refs/heads/main", "commits": 3, "pusher": { "name": "octocat" } }"#,
        trials: SIGNED,
    },
    Sender {
        name: "shopify",
        scheme: "provider = \"shopify\"",
        secret: SecretForm::Text,
        proof: "x-shopify-hmac-sha256",
        headers: &[JSON, ("x-shopify-topic", "orders/paid")],
        body: r#"{"id":820982911946154508,"total_price":"25.00","currency":"EUR"}"#,
        trials: SIGNED,
    },
    Sender {
        name: "stripe",
        scheme: "provider = \"stripe\"",
        secret: SecretForm::Text,
        proof: "stripe-signature",
        headers: &[("content-type", "application/json; charset=utf-8")],
        body: r#"{ "object": "event", "amount": 2000, "id": "evt_1NG8Du2eZvKY#", "type": "charge.succeeded" }"#,
        trials: RETRIED,
    },
    Sender {
        name: "slack",
        scheme: "provider = \"slack\"",
        secret: SecretForm::Text,
        proof: "x-slack-signature",
        headers: &[JSON],
        body: r#"{"type":"event_callback","event_id":"Ev08MFMKH6#","event":{"type":"app_mention"}}"#,
        trials: TIMED,
    },
    Sender {
        name: "standard-webhooks",
        scheme: "provider = \"standard-webhooks\"",
        secret: SecretForm::Whsec,
        proof: "webhook-signature",
        headers: &[JSON],
        body: r#"{"type":"contact.created","data":{"id":"1f81eb52-5198-4599-803e-771906343485"}}"#,
        trials: TIMED,
    },
    Sender {
        name: "gitlab",
        scheme: "token    = { header = \"X-Gitlab-Token\" }",
        secret: SecretForm::Text,
        proof: "x-gitlab-token",
        headers: &[JSON, ("x-gitlab-event", "Pipeline Hook")],
        body: r#"{"object_kind":"pipeline","object_attributes":{"id":31,"status":"success"}}"#,
        trials: CREDENTIAL,
    },
    Sender {
        name: "azure-devops",
        scheme: "basic    = { username = \"azure\" }",
        secret: SecretForm::Text,
        proof: "authorization",
        headers: &[JSON],
        body: r#"{"eventType":"build.complete","resource":{"id":2,"status":"succeeded"}}"#,
        trials: CREDENTIAL,
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

    /// Its request, before it proves anything. Each occasion is another event.
    pub fn draft(&self, occasion: usize) -> Draft {
        let body = self.body.replace('#', &occasion.to_string());
        let mut draft = Draft::new(Method::POST, self.path(), body);
        for (name, value) in self.headers {
            draft.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        draft.params.insert(EVENT.0.to_owned(), EVENT.1.to_owned());
        draft.salt = occasion.to_be_bytes().to_vec();
        draft
    }
}
