//! V: the built-in senders, over HTTP/1.1 and HTTP/2 alike.

use super::*;
use crate::rig::policy::Policy;
use crate::rig::recorder::Recorder;
use crate::rig::request::{Request, post};
use crate::rig::sign;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// A source for each provider, at the path of its name.
fn bench() -> Bench {
    let recorder = Recorder::start();
    let mut sources = String::new();
    for (provider, secret) in [
        ("standard-webhooks", STANDARD_SECRET),
        ("svix", STANDARD_SECRET),
        ("gitlab", STANDARD_SECRET),
        ("gitlab-token", TOKEN),
        ("stripe", SECRET),
        ("slack", SECRET),
        ("shopify", SECRET),
        ("docusign", SECRET),
        ("dropbox", SECRET),
        ("facebook", SECRET),
    ] {
        let params = if provider == "facebook" {
            "params = { verify_token = \"token-that-was-entered\" }\n"
        } else {
            ""
        };
        sources.push_str(&format!(
            "[[source]]\nname = \"v-{provider}\"\npath = \"/v/{provider}\"\nprovider = \"{provider}\"\nreplay = \"off\"\n\
             secret = {{ literal = \"{secret}\" }}\n{params}"
        ));
    }
    let off = "[[source]]\nname = \"off\"\npath = \"/v/off\"\nprovider = \"dropbox\"\nhandshake = \"off\"\n";
    sources.push_str(&format!("{off}secret = {{ literal = \"{SECRET}\" }}\n"));
    let proxy = start_policy(Policy::tls().add(&sources), &recorder);
    Bench::with(proxy, recorder)
}

/// A delivery in the fields of this prefix.
fn message(path: &str, prefix: &str, id: &str, time: &str, signature: &str) -> Request {
    let request = post(format!("/v/{path}")).header(&format!("{prefix}-id"), id);
    request
        .header(&format!("{prefix}-timestamp"), time)
        .header(&format!("{prefix}-signature"), signature)
        .body(BODY)
}

fn accepted(number: &'static str, request: Request) -> Case {
    Case::both(number, request).answers(&[200])
}

fn refused(number: &'static str, request: Request) -> Case {
    Case::both(number, request).answers(&[401])
}

#[test]
fn standard_webhooks_and_its_relatives() {
    let now = sign::unix_time(0);
    let good = sign::standard(STANDARD_KEY, "msg_1", &now, BODY);
    let tag = sign::hmac_sha256(STANDARD_KEY, &[b"msg_1.", now.as_bytes(), b".", BODY]);
    let mut cases = Vec::new();
    for provider in ["standard-webhooks", "svix", "gitlab"] {
        let of = |signature: &str| message(provider, "webhook", "msg_1", &now, signature);
        cases.push(accepted("V02", of(&good)));
        for odd in [
            good.trim_end_matches('=').to_owned(),
            format!("{good}="),
            format!("{good}=="),
            good.replace('=', "%3D"),
            format!("v1,{}\u{20}", hex::encode(&tag)),
            good.to_lowercase(),
            format!("v1,{}", STANDARD.encode(&tag[..31])),
            format!("v1,{}", STANDARD.encode([&tag[..], b"\0"].concat())),
        ] {
            cases.push(refused("V02", of(&odd)));
        }
        // Only the letters that differ between the alphabets tell them apart.
        let (id, time, tag) = (0..)
            .map(|n| format!("msg_{n}"))
            .map(|id| {
                (
                    id.clone(),
                    now.clone(),
                    sign::hmac_sha256(STANDARD_KEY, &[id.as_bytes(), b".", now.as_bytes(), b".", BODY]),
                )
            })
            .find(|(_, _, tag)| STANDARD.encode(tag).contains(['+', '/']))
            .expect("one of many");
        cases.push(accepted(
            "V02",
            message(provider, "webhook", &id, &time, &format!("v1,{}", STANDARD.encode(&tag))),
        ));
        cases.push(refused(
            "V02",
            message(provider, "webhook", &id, &time, &format!("v1,{}", URL_SAFE.encode(&tag))),
        ));
    }
    let of = |prefix: &str| message("svix", prefix, "msg_1", &now, &good);
    let both = |name: &str, value: &str| of("webhook").header(name, value);
    let whole = |id: &str, time: &str, signature: &str| {
        both("svix-id", id).header("svix-timestamp", time).header("svix-signature", signature)
    };
    let wrong = sign::standard(b"another key of thirty-two bytes!", "msg_1", &now, BODY);
    let earlier = sign::unix_time(-7);
    cases.push(accepted("V03", of("svix")));
    cases.push(accepted("V03", whole("msg_1", &now, &good)));
    cases.push(refused("V03", whole("msg_2", &now, &good)));
    cases.push(refused("V03", whole("msg_1", &earlier, &good)));
    cases.push(refused("V03", whole("msg_1", &now, &wrong)));
    cases.push(refused("V03", both("svix-id", "msg_2")));
    cases.push(refused("V03", both("svix-timestamp", "1")));
    cases.push(refused("V03", both("svix-signature", &wrong)));
    cases.push(refused("V03", both("svix-signature", "")));
    bench().run(cases);
}

#[test]
fn stripe_and_slack() {
    let time = sign::unix_time(0);
    let value = sign::stripe_value(SECRET, &time, BODY);
    let stripe = |value: String| post("/v/stripe").header("Stripe-Signature", value).body(BODY);
    let mut cases = vec![accepted("V04", stripe(format!("t={time},v1={value}")))];
    for odd in [
        format!("t={time},t={time},v1={value}"),
        format!("t=1,t={time},v1={value}"),
        format!("t={time},t=1,v1={value}"),
        format!("t={time},v1={value},t={time}"),
        format!("t=,t={time},v1={value}"),
    ] {
        cases.push(refused("V04", stripe(odd)));
    }
    let twice =
        stripe(format!("t={time},v1={value}")).header("stripe-signature", format!("t={time},v1={value}"));
    cases.push(refused("V04", twice));
    for odd in
        [format!("t={time},v0={value}"), format!("t={time},V1={value}"), format!("t={time},v10={value}")]
    {
        cases.push(refused("V05", stripe(odd)));
    }
    cases.push(accepted("V05", stripe(format!("t={time},v1={value},v0={}", "0".repeat(64)))));
    let slack = |offset: i64, body: &'static str| {
        let time = sign::unix_time(offset);
        post("/v/slack")
            .header("X-Slack-Request-Timestamp", &time)
            .header("X-Slack-Signature", sign::slack(SECRET, &time, body.as_bytes()))
            .body(body)
    };
    for offset in [0, -290, 290] {
        cases.push(accepted("V06", slack(offset, "a=1")));
    }
    for offset in [-310, 320, -86_400, 86_400] {
        cases.push(refused("V06", slack(offset, "a=1")));
    }
    let challenge = "{\"type\":\"url_verification\",\"challenge\":\"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P\"}";
    cases.push(refused("V07", post("/v/slack").body(challenge)));
    cases.push(refused("V07", slack(-600, challenge)));
    cases.push(refused("V07", Request { body: challenge.into(), ..slack(0, "a=1") }));
    // The application answers it.
    cases.push(accepted("V07", slack(0, challenge)).forwards(Forwards::Exactly(1)));
    bench().run(cases);
}

/// A source has one scheme: what would satisfy another one is no proof.
#[test]
fn the_older_proof_does_not_stand_in_for_the_newer_one() {
    let now = sign::unix_time(0);
    let good = sign::standard(STANDARD_KEY, "msg_1", &now, BODY);
    let wrong = sign::standard(b"another key of thirty-two bytes!", "msg_1", &now, BODY);
    let signed = |signature: &str| message("gitlab", "webhook", "msg_1", &now, signature);
    let token = |path: &str| post(path).header("X-Gitlab-Token", TOKEN).body(BODY);
    bench().run(vec![
        accepted("V17", signed(&good)),
        accepted("V17", signed(&good).header("X-Gitlab-Token", "whatever")),
        refused("V17", signed(&wrong).header("X-Gitlab-Token", TOKEN)),
        refused("V17", token("/v/gitlab")),
        refused("V17", token("/v/gitlab").header("webhook-signature", &good)),
        accepted("V17", token("/v/gitlab-token")),
        refused("V17", Request { target: b"/v/gitlab-token".to_vec(), ..signed(&good) }),
    ]);
}

#[test]
fn handshakes_only_where_they_are_meant() {
    let get = |target: &str| post(target).method("GET");
    let answered = |target: &str, body: &'static str| {
        Case::both("V21", get(target)).answers(&[200]).forwards(Forwards::Exactly(0)).checking(move |seen| {
            let whole = seen.answers.iter().filter_map(|answer| answer.response()).all(|answer| {
                let kind = ["content-type", "x-content-type-options"].map(|name| answer.header(name));
                // The reader of HTTP/2 leaves header fields out.
                answer.text() == body
                    && (answer.headers.is_empty()
                        || kind == [Some("text/plain".to_owned()), Some("nosniff".to_owned())])
            });
            ensure(whole, format!("another answer: {:?}", seen.answers))
        })
    };
    let not = |target: String| Case::both("V21", get(&target)).answers(&[405]);
    let hub = "/v/facebook?hub.mode=subscribe&hub.verify_token=token-that-was-entered&hub.challenge";
    bench().run(vec![
        answered(&format!("{hub}=1158201444"), "1158201444"),
        answered("/v/dropbox?challenge=abc-123", "abc-123"),
        not(format!("{hub}=%3Cscript%3Ealert(1)%3C/script%3E")),
        not(format!("{hub}={}", "1".repeat(65))),
        not(hub.replace("entered", "guessed") + "=1"),
        not("/v/dropbox?challenge=%3Cb%3E".to_owned()),
        not(format!("/v/dropbox?challenge={}", "a".repeat(257))),
        not("/v/off?challenge=abc-123".to_owned()),
        not("/v/stripe?challenge=abc-123".to_owned()),
        not("/v/shopify?hub.mode=subscribe&hub.challenge=1".to_owned()),
    ]);
}

#[test]
fn base64_is_written_in_one_way() {
    let tag = |body: &[u8]| sign::hmac_sha256(SECRET.as_bytes(), &[body]);
    // A body whose signature has letters of the one alphabet only.
    let body = (0..)
        .map(|n| format!("{{\"n\":{n}}}"))
        .find(|body| STANDARD.encode(tag(body.as_bytes())).contains('+'));
    let body = body.expect("one of many");
    let good = STANDARD.encode(tag(body.as_bytes()));
    let mut cases = Vec::new();
    for (path, name) in [("shopify", "X-Shopify-Hmac-SHA256"), ("docusign", "X-DocuSign-Signature-1")] {
        let of = |value: &str| post(format!("/v/{path}")).header(name, value).body(&body);
        cases.push(accepted("V22", of(&good)));
        let mut middle = good.clone();
        middle.insert(20, ' ');
        // Bits beyond the last byte.
        let tail = format!("{}{}=", &good[..good.len() - 2], next(good.as_bytes()[good.len() - 2]));
        for odd in [
            good.trim_end_matches('=').to_owned(),
            format!("{good}="),
            middle,
            good.replace('+', "-"),
            good.replace('+', "%2B"),
            good.replace('+', " "),
            tail,
            hex::encode(tag(body.as_bytes())),
            good.to_uppercase(),
            format!("\"{good}\""),
            format!("{good},{good}"),
            String::new(),
        ] {
            cases.push(refused("V22", of(&odd)));
        }
        // A line break in a field is no field.
        for line in ["\r\n ", "\n", "\r"] {
            let mut broken = good.clone();
            broken.insert_str(20, line);
            cases.push(Case::http1("V22", of(&broken)).answers(&[400]).or_close());
        }
    }
    bench().run(cases);
}

/// The letter of the alphabet that follows.
fn next(letter: u8) -> char {
    char::from(match letter {
        b'Z' => b'a',
        b'z' => b'0',
        b'9' => b'+',
        b'/' => b'A',
        b'+' => b'/',
        other => other + 1,
    })
}
