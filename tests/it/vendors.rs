//! The senders' own libraries: what they sign passes byte for byte, the same forged does not, and they believe what
//! `bonafide sign` prints and nothing that was changed in it.
//!
//! `sdk` sends over the libraries' own HTTP clients; here there are more libraries, each asked once, and the requests
//! are sent by the rig.

use crate::rig::client::{Client, once};
use crate::rig::libraries::Program;
use crate::rig::policy::Policy;
use crate::rig::provider::{Source, completed};
use crate::rig::proxy::Proxy;
use crate::rig::recorder::Recorder;
use crate::rig::request::{HOST, Request, post};
use crate::rig::sign::{sha256_hex, unix_time};
use crate::rig::signer;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::path::Path;

const PYTHON: Program = Program::Python("vendors.py");
const NODE: Program = Program::Node(include_str!("../peers/vendors.mjs"));

/// 64 characters, which is hex, base64 and text as it is needed.
const SECRETS: [&str; 2] = [
    "8f742231b10e8888abcd99yyyzzz85a5d1d2f3c4b5a69788796a5b4c3d2e1f00",
    "8f742231b10e8888abcd99yyyzzz85a5d1d2f3c4b5a69788796a5b4c3d2e1f11",
];
const HEX: [&str; 2] = [
    "44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056",
    "44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba057",
];
const WHSEC: [&str; 2] =
    ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8G", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8H"];
const BASE64: [&str; 2] =
    ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8G", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8H"];

/// As no serialiser would write it.
const EVENT: &str = "{ \"id\" :\"evt_1\",\r\n\t\"n\": 1.0e+2, \"text\":\"Straße 🌍 e\u{301} \\u00e9 \\/ <&>\" , \"a\":[ ] }\n";
/// As JavaScript and Python write it, for libraries that write it again.
const WRITTEN: &str = r#"{"id":"evt_1","n":[1,2.5,null,true],"text":"one, two: three"}"#;
const FORM: &str = "From=%2B15550100&Body=a+b%26c%3D+%C3%A9&evt_1=2&Empty=&AccountSid=AC1";
const URLENCODED: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A library and a request that it signs or verifies.
struct Vendor {
    provider: &'static str,
    /// The body and, for what the signature covers of the address, the query; `{sha256}` is the hash of the body.
    body: &'static str,
    query: &'static str,
    headers: &'static [(&'static str, &'static str)],
    secrets: [&'static str; 2],
    /// A signed text, in the body, the address or a header; a forger changes its last byte.
    mark: &'static str,
    /// Whether the library signs, and whether with a time that is given.
    signs: bool,
    dated: bool,
    /// Seconds after which the proxy still accepts, and after which it does not.
    ages: Option<[i64; 2]>,
    /// The same of the library's verifier; what is to be genuine is no younger.
    verified: Option<[i64; 2]>,
    /// Tables of the source.
    overrides: &'static str,
}

/// One that verifies JSON, with five minutes for the time.
const fn timed(provider: &'static str) -> Vendor {
    let ages = Some([200, 330]);
    Vendor { ages, verified: ages, dated: true, ..plain(provider) }
}

/// One that verifies JSON and knows no time.
const fn plain(provider: &'static str) -> Vendor {
    Vendor {
        provider,
        body: EVENT,
        query: "",
        headers: &[],
        secrets: SECRETS,
        mark: "evt_1",
        signs: false,
        dated: false,
        ages: None,
        verified: None,
        overrides: "",
    }
}

const TWILIO: Vendor = Vendor { signs: true, ..plain("twilio") };
const TWILIO_KEY: (&str, &str) = ("x-twilio-webhooks-signature-settings", "key=SK1,algorithm=HMAC_SHA256");

const PYTHON_VENDORS: &[Vendor] = &[
    Vendor { signs: true, secrets: HEX, ..plain("adyen-platform") },
    Vendor {
        signs: true,
        secrets: HEX,
        body: r#"{"live":"false","notificationItems":[{"NotificationRequestItem":{"amount":{"currency":"EUR","value":1130},"eventCode":"AUTHORISATION","merchantAccountCode":"Shop","merchantReference":"evt_1","originalReference":"","pspReference":"7914073381342284","success":"true"}}]}"#,
        ..plain("adyen-standard")
    },
    Vendor { verified: Some([500, 630]), ages: Some([500, 630]), ..timed("box") },
    plain("castle"),
    plain("cronofy"),
    Vendor {
        body: "json=%7B%22event%22%3A%7B%22event_type%22%3A%22fax_sent%22%7D%7D",
        mark: "time%22%3A%221",
        headers: &[URLENCODED],
        ..plain("dropbox-sign")
    },
    Vendor { signs: true, ..plain("hubspot-v1") },
    Vendor { signs: true, query: "?a=1&b=x", ..plain("hubspot-v2") },
    Vendor { signs: true, query: "?a=1&b=x", ..timed("hubspot-v3") },
    Vendor { signs: true, body: FORM, query: "?b=2&a=1", headers: &[URLENCODED], ..plain("plivo") },
    Vendor { mark: "plivo", ..plain("plivo-v2") },
    Vendor { body: WRITTEN, ages: Some([1700, 1830]), verified: Some([1700, 1830]), ..timed("readme") },
    Vendor { secrets: WHSEC, ..timed("resend") },
    Vendor { verified: None, ..timed("sinch") },
    Vendor {
        secrets: BASE64,
        headers: &[("content-type", "application/json"), ("authorization", "Service x")],
        verified: None,
        ..timed("sinch-voice")
    },
    plain("square"),
    plain("stream-chat"),
    Vendor { body: FORM, query: "?a=b%20c", headers: &[URLENCODED], ..TWILIO },
    Vendor { query: "?a=1&bodySHA256={sha256}", ..TWILIO },
    Vendor { body: FORM, headers: &[URLENCODED, TWILIO_KEY], ..TWILIO },
    Vendor { query: "?bodySHA256={sha256}", headers: &[TWILIO_KEY], ..TWILIO },
    Vendor { mark: "eyJ", ..plain("vonage") },
];

const NODE_VENDORS: &[Vendor] = &[
    Vendor {
        signs: true,
        body: "bt_payload=PG5vdGlmaWNhdGlvbj48a2luZD5jaGVjazwva2luZD48c3ViamVjdD48Y2hlY2sgdHlwZT0iYm9vbGVhbiI%2BdHJ1ZTwvY2hlY2s%2BPC9zdWJqZWN0Pjwvbm90aWZpY2F0aW9uPg%3D%3D",
        headers: &[URLENCODED],
        mark: "PG5v",
        ..plain("braintree")
    },
    Vendor { signs: true, ages: Some([3500, 3630]), verified: Some([7000, 7230]), ..timed("cloudinary") },
    Vendor {
        signs: true,
        query: "?a=b%20c&d=1",
        headers: &[
            ("x-contentful-topic", "ContentManagement.Entry.publish"),
            (
                "x-contentful-signed-headers",
                "x-contentful-signed-headers,x-contentful-timestamp,x-contentful-topic",
            ),
        ],
        overrides: "[source.signature.fields.t]\ntolerance = \"5m\"",
        ..timed("contentful")
    },
    Vendor { body: WRITTEN, verified: None, ..timed("crisp") },
    plain("easypost"),
    Vendor { secrets: BASE64, ..timed("finch") },
    plain("fingerprint"),
    timed("fintoc"),
    Vendor { body: r#"{"events":[{"id":"evt_1"}],"meta":{"webhook_id":"WB1"}}"#, ..plain("gocardless") },
    Vendor { signs: true, dated: false, verified: None, ..timed("hygraph") },
    plain("line"),
    Vendor { body: "{}", query: "?data.id=evt_1", verified: None, ..timed("mercadopago") },
    timed("metronome"),
    timed("mux"),
    Vendor { signs: true, ..plain("notion") },
    Vendor { secrets: WHSEC, ..timed("openai") },
    timed("orb"),
    // 5 seconds to the past are soon over, and it does not look at the future
    Vendor { verified: Some([-60, 10]), ..timed("paddle-billing") },
    Vendor { headers: &[("content-type", "application/json")], ..plain("pusher") },
    plain("razorpay"),
    Vendor { secrets: WHSEC, verified: None, ..timed("replicate") },
    Vendor { signs: true, dated: false, ..timed("retell") },
    Vendor { signs: true, verified: None, ..timed("sanity") },
    Vendor {
        signs: true,
        body: WRITTEN,
        ages: Some([120, 200]),
        verified: Some([120, 200]),
        ..timed("workos")
    },
    Vendor { headers: &[("x-gcs-keyid", "key-1")], ..plain("worldline") },
];

impl Vendor {
    /// Its table; several rows of one provider have one source.
    fn source(&self, secret: &str) -> String {
        let (params, overrides) = completed(self.provider);
        let (name, provider) = (self.provider, self.provider);
        let overrides = format!("replay = \"off\"\n{overrides}\n{}", self.overrides);
        Source { name, provider, secrets: &[secret], params: &params, overrides: &overrides }.text()
    }

    fn request(&self) -> Request {
        let query = self.query.replace("{sha256}", &sha256_hex(&[self.body.as_bytes()]));
        let request = post(format!("/{}{query}", self.provider)).body(self.body);
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// The request with another last byte of the mark, where a signature must notice it.
    fn forged(&self, request: &Request) -> Request {
        let mut forged = request.clone();
        let mark = self.mark.as_bytes();
        let found = |part: &&mut Vec<u8>| part.windows(mark.len()).any(|window| window == mark);
        let values = forged.headers.iter_mut().map(|(_, value)| value);
        let part = [&mut forged.body, &mut forged.target].into_iter().chain(values).find(found);
        let part = part.unwrap_or_else(|| panic!("{}: no {:?} in the request", self.provider, self.mark));
        let at = part.windows(mark.len()).position(|window| window == mark).expect("it is there");
        part[at + mark.len() - 1] ^= 1;
        forged
    }

    fn job(&self, what: &str, request: &Request, secret: &str, age: i64) -> Value {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let headers: serde_json::Map<_, _> = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), text(value).into()))
            .collect();
        json!({
            "do": what,
            "provider": self.provider,
            "secret": secret,
            "params": completed(self.provider).0,
            "method": text(&request.method),
            "url": format!("https://{HOST}{}", text(&request.target)),
            "headers": headers,
            "body": STANDARD.encode(&request.body),
            "time": unix_time(-age).parse::<i64>().expect("a number"),
        })
    }
}

/// What the library is asked to verify, and what it has to say.
struct Verification {
    job: Value,
    accepted: bool,
}

/// Signed with the binary: now, changed, with the secret of another, and at other times.
fn verifications(vendor: &Vendor) -> Vec<Verification> {
    let [own, other] = vendor.secrets;
    let sign = |secret: &str, age: i64| {
        let source = vendor.source(secret);
        let signed = signer::sign(&source, vendor.provider, &vendor.request(), &["--at", &unix_time(-age)]);
        signed.unwrap_or_else(|error| panic!("{}: {error}", vendor.provider))
    };
    let verification = |request: &Request, accepted| {
        let job = vendor.job("verify", request, own, 0);
        Verification { job, accepted }
    };
    let age = vendor.verified.map_or(0, |[fresh, _]| fresh.min(0));
    let signed = sign(own, age);
    let mut made = vec![
        verification(&signed, true),
        verification(&vendor.forged(&signed), false),
        verification(&sign(other, age), false),
    ];
    if let Some([fresh, stale]) = vendor.verified {
        made.push(verification(&sign(own, fresh), true));
        made.push(verification(&sign(own, stale), false));
    }
    made
}

/// What a library signs: the secret, seconds ago, whether it is changed on its way, what becomes of it.
struct Delivery {
    secret: &'static str,
    age: i64,
    forged: bool,
    reasons: &'static [&'static str],
}

fn deliveries(vendor: &Vendor) -> Vec<Delivery> {
    let [own, other] = vendor.secrets;
    let delivery = |secret, age, forged, reasons| Delivery { secret, age, forged, reasons };
    let mut made = vec![
        delivery(own, 0, false, &["verified"][..]),
        delivery(own, 0, true, &["signature_mismatch", "body_hash_mismatch"]),
        delivery(other, 0, false, &["signature_mismatch"]),
    ];
    if let (Some([fresh, stale]), true) = (vendor.ages, vendor.dated) {
        made.push(delivery(own, fresh, false, &["verified"]));
        made.push(delivery(own, stale, false, &["timestamp_too_old"]));
        made.push(delivery(own, -2 * stale, false, &["timestamp_in_future"]));
    }
    made
}

/// The request with what the library made of it.
fn completed_by(request: &Request, result: &Value) -> Request {
    let mut request = request.clone();
    for (name, value) in result["headers"].as_object().expect("headers") {
        request.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        request = request.header(name, value.as_str().expect("text"));
    }
    request.body(STANDARD.decode(result["body"].as_str().expect("a body")).expect("base64"))
}

/// A library's request on its way to the proxy.
struct Sent<'v> {
    vendor: &'v Vendor,
    delivery: Delivery,
    request: Request,
}

/// Sends them to a proxy with a source for each provider; what is verified arrives as it is, and nothing else.
fn deliver(rows: &[Sent<'_>]) -> Vec<String> {
    let recorder = Recorder::start();
    let mut sources: Vec<_> = rows.iter().map(|row| row.vendor.source(row.vendor.secrets[0])).collect();
    sources.dedup();
    let proxy = Proxy::start(Policy::tls().upstream(&recorder.url).add(&sources.concat()));
    rows.iter().filter_map(|row| fault(row, &proxy, &recorder)).collect()
}

fn fault(row: &Sent<'_>, proxy: &Proxy, recorder: &Recorder) -> Option<String> {
    let Sent { vendor: Vendor { provider, .. }, delivery: Delivery { age, reasons, .. }, request } = row;
    let before = recorder.served();
    let answer = once(Client::tls(proxy.address), request).expect("an answer");
    let line = proxy.log_line(&answer.header("x-request-id").expect("a request id")).expect("a log line");
    let got = recorder.requests_from(before).expect("well-formed");
    let genuine = *reasons == ["verified"];
    let arrived = match got.as_slice() {
        [got] => genuine && got.body == request.body && got.target == request.target,
        none => !genuine && none.is_empty(),
    };
    let status = if genuine { 200 } else { 401 };
    let reason = line["reason"].as_str().unwrap_or_default();
    let fine = answer.status == status && arrived && reasons.contains(&reason);
    let what = format!("{provider}, {age} s old, has to be {reasons:?}");
    (!fine).then(|| format!("{what}: {} {reason} {}, {} upstream", answer.status, line["detail"], got.len()))
}

/// All that is asked of the libraries of a language, in one run.
fn prove(program: &Program, vendors: &[Vendor]) {
    let Some(directory) = program.directory() else { return };
    let verifications: Vec<_> = vendors.iter().flat_map(verifications).collect();
    let mut sent = Vec::new();
    for vendor in vendors.iter().filter(|vendor| vendor.signs) {
        let rows = deliveries(vendor).into_iter();
        sent.extend(rows.map(|delivery| Sent { vendor, delivery, request: vendor.request() }));
    }
    let mut jobs: Vec<_> = verifications.iter().map(|verification| verification.job.clone()).collect();
    jobs.extend(sent.iter().map(|Sent { vendor, delivery, request }| {
        vendor.job("sign", request, delivery.secret, delivery.age)
    }));
    let results = run(program, &directory, &jobs);
    let (verified, signed) = results.split_at(verifications.len());
    for (Sent { vendor, delivery, request }, result) in sent.iter_mut().zip(signed) {
        *request = completed_by(request, result);
        if delivery.forged {
            *request = vendor.forged(request);
        }
    }
    let mut faults = deliver(&sent);
    for (Verification { job, accepted }, result) in verifications.iter().zip(verified) {
        if *result != json!({ "accepted": accepted }) {
            faults.push(format!("{}: accepted {accepted}, not {result}: {job}", job["provider"]));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn run(program: &Program, directory: &Path, jobs: &[Value]) -> Vec<Value> {
    let Value::Array(results) = program.run(directory, &json!({ "jobs": jobs })) else { panic!("an array") };
    assert_eq!(results.len(), jobs.len());
    results
}

#[test]
fn python_libraries_of_senders_agree() {
    prove(&PYTHON, PYTHON_VENDORS);
}

#[test]
fn node_libraries_of_senders_agree() {
    prove(&NODE, NODE_VENDORS);
}
