//! The policy of the abuse rows and the genuine messages for it.

use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::Recorder;
use crate::rig::request::{Request, post};
use crate::rig::sign;

/// The published example secret.
pub const SECRET: &str = "It's a Secret to Everybody";
pub const OTHER_SECRET: &str = "another-secret-of-another-route";
pub const OLD_SECRET: &str = "the-old-secret-of-the-rotation";
pub const RETIRED_SECRET: &str = "the-retired-secret-of-long-ago";
pub const TOKEN: &str = "glpat-tokenThatNobodyMaySee";
pub const PASSWORD: &str = "basic-passwordThatNobodyMaySee";
/// Standard Webhooks secret; the key is what the base64 says.
pub const STANDARD_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
pub const STANDARD_KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
pub const BODY: &[u8] = b"Hello, World!";
/// `max_body` of `/hooks/small`.
pub const SMALL: usize = 1024;
/// Shortest time-out in the policy; long enough for a busy machine.
pub const HUB: &str = "X-Hub-Signature-256";

const TIMEOUTS: &str = r#"handshake = "2s"
head = "2s"
body_idle = "600ms"
body = "2s"
write = "1s"
connect = "1s"
response = "800ms"
response_idle = "800ms"
drain = "3s"
"#;

const SOURCES: &str = r#"
[provider.hub]
name = "Hub"
docs = "https://example.com/"
[provider.hub.signature]
algorithm = "hmac-sha256"
message = "{body}"
[provider.hub.signature.fields]
sig = { header = "X-Hub-Signature-256", prefix = "sha256=", role = "signature", encoding = "hex" }

[[source]]
name = "github"
path = "/hooks/github"
provider = "hub"
secret = { env = "RIG_SECRET" }

[[source]]
name = "guarded"
path = "/hooks/jwt"
provider = "hub"
secret = { env = "RIG_OTHER" }

[[source]]
name = "case"
path = "/Hooks/Case"
provider = "hub"
secret = { env = "RIG_SECRET" }

[[source]]
name = "small"
path = "/hooks/small"
provider = "hub"
secret = { env = "RIG_SECRET" }
max_body = "1KiB"

[[source]]
name = "local"
path = "/hooks/local"
provider = "hub"
secret = { env = "RIG_SECRET" }
allow_from = ["192.0.2.0/24"]

[[source]]
name = "rotating"
path = "/hooks/rotating"
provider = "hub"
secrets = [{ env = "RIG_SECRET", name = "new" }, { env = "RIG_OLD", name = "old" }, { env = "RIG_RETIRED", name = "retired", until = 2020-01-01 }]

[[source]]
name = "open"
path = "/hooks/open/*"
scheme = "none"

[[source]]
name = "stripe"
path = "/hooks/stripe"
replay = "off" # the rows send the same message again
secret = { env = "RIG_SECRET" }
[source.signature]
algorithm = "hmac-sha256"
message = "{t}.{body}"
[source.signature.fields]
t = { header = "Stripe-Signature", list = ",", key = "t", role = "timestamp", unit = "s", tolerance = "5m" }
v1 = { header = "Stripe-Signature", list = ",", key = "v1", role = "signature", encoding = "hex", many = 10 }

[[source]]
name = "slack"
path = "/hooks/slack"
replay = "off" # the rows send the same message again
secret = { env = "RIG_SECRET" }
[source.signature]
algorithm = "hmac-sha256"
message = "v0:{t}:{body}"
[source.signature.fields]
t = { header = "X-Slack-Request-Timestamp", role = "timestamp", unit = "s", tolerance = "5m" }
sig = { header = "X-Slack-Signature", prefix = "v0=", role = "signature", encoding = "hex" }

[[source]]
name = "standard"
path = "/hooks/standard"
replay = "off" # the rows send the same message again
secret = { env = "RIG_STANDARD" }
[source.signature]
algorithm = "hmac-sha256"
message = "{id}.{t}.{body}"
key = { encoding = "base64", prefix = "whsec_" }
[source.signature.fields]
id = { header = "webhook-id", role = "id" }
t = { header = "webhook-timestamp", role = "timestamp", unit = "s", tolerance = "5m" }
sig = { header = "webhook-signature", list = " ", prefix = "v1,", role = "signature", encoding = "base64", many = 10 }

[[source]]
name = "token"
path = "/hooks/token"
secret = { env = "RIG_TOKEN" }
[source.token]
header = "X-Gitlab-Token"

[[source]]
name = "basic"
path = "/hooks/basic"
secret = { env = "RIG_PASSWORD" }
[source.basic]
username = "hook"
"#;

/// The secrets of the policy, as the environment of the process.
pub const ENVIRONMENT: [(&str, &str); 7] = [
    ("RIG_SECRET", SECRET),
    ("RIG_OTHER", OTHER_SECRET),
    ("RIG_OLD", OLD_SECRET),
    ("RIG_RETIRED", RETIRED_SECRET),
    ("RIG_TOKEN", TOKEN),
    ("RIG_PASSWORD", PASSWORD),
    ("RIG_STANDARD", STANDARD_SECRET),
];

/// What no log line and no answer may contain.
pub const NEVER_SHOWN: [&str; 8] = [
    SECRET,
    OTHER_SECRET,
    OLD_SECRET,
    RETIRED_SECRET,
    "tokenThatNobodyMaySee",
    "passwordThatNobodyMaySee",
    "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY",
    "0123456789abcdef0123456789abcdef",
];

/// A proxy over TLS with all sources, in front of this upstream.
pub fn start(recorder: &Recorder) -> Proxy {
    start_policy(Policy::tls(), recorder)
}

pub fn start_policy(policy: Policy, recorder: &Recorder) -> Proxy {
    let policy = policy.timeouts(TIMEOUTS).upstream(&recorder.url).add(SOURCES);
    Proxy::start_with(policy, &ENVIRONMENT)
}

/// A POST to this target with the signature of `/hooks/github` over this body.
pub fn signed(target: &str, body: impl AsRef<[u8]>) -> Request {
    post(target).header(HUB, sign::github(SECRET, body.as_ref())).body(body)
}

/// What passes everywhere.
pub fn genuine() -> Request {
    signed("/hooks/github", BODY)
}

/// The genuine signature header line, for raw requests.
pub fn hub_line(body: &[u8]) -> String {
    format!("{HUB}: {}\r\n", sign::github(SECRET, body))
}

/// A raw POST to `/hooks/github` with these lines after Host (each ending in CRLF) and this rest.
pub fn raw(lines: &str, rest: &[u8]) -> Vec<u8> {
    [b"POST /hooks/github HTTP/1.1\r\nHost: hooks.example\r\n", lines.as_bytes(), b"\r\n", rest].concat()
}
