//! M34 to M37, V02, V06: schemes that sign a time or an id. The exact edges of the tolerance are unit tests
//! with a given `now`; here the margin is two seconds, so that a busy machine does not matter.

use super::*;
use crate::rig::request::{Request, post};
use crate::rig::sign;

const TOLERANCE: i64 = 300;

fn slack(time: &str) -> Request {
    post("/hooks/slack")
        .header("X-Slack-Request-Timestamp", time)
        .header("X-Slack-Signature", sign::slack(SECRET, time, BODY))
        .body(BODY)
}

fn stripe(time: &str) -> Request {
    post("/hooks/stripe").header("Stripe-Signature", sign::stripe(SECRET, time, BODY)).body(BODY)
}

fn standard(id: &str, time: &str, body: &[u8], signature: String) -> Request {
    post("/hooks/standard")
        .header("webhook-id", id)
        .header("webhook-timestamp", time)
        .header("webhook-signature", signature)
        .body(body)
}

#[test]
fn times() {
    let mut cases = Vec::new();
    for offset in [0, 2 - TOLERANCE, TOLERANCE - 2] {
        cases.push(Case::both("M35", slack(&sign::unix_time(offset))).answers(&[200]).checking(|seen| {
            ensure(
                seen.forwarded.iter().all(|request| !request.one("bonafide-timestamp").is_empty()),
                "no Bonafide-Timestamp",
            )
        }));
        cases.push(Case::both("M35", stripe(&sign::unix_time(offset))).answers(&[200]));
    }
    for offset in [-TOLERANCE - 2, TOLERANCE + 20, -1_000_000, 1_000_000] {
        cases.push(Case::both("M35,V06", slack(&sign::unix_time(offset))).answers(&[401]));
        cases.push(Case::both("M35,V06", stripe(&sign::unix_time(offset))).answers(&[401]));
    }
    let now = sign::unix_time(0);
    let odd = [
        String::new(),
        "abc".into(),
        "-1".into(),
        "0".into(),
        "1e9".into(),
        format!("{now}.0"),
        format!("+{now}"),
        format!("0{now}"),
        format!("{now}000"),
        format!("{now} "),
        format!("{now}x"),
        format!("0x{now}"),
        "9223372036854775807".into(),
        "9223372036854775808".into(),
        "-9223372036854775808".into(),
        "99999999999999999999999999".into(),
        format!("{now},{now}"),
    ];
    for time in odd {
        // HTTP/1.1 trims the field, which is then a plain timestamp with a signature over another text
        cases.push(Case::both("M34", slack(&time)).answers(&[401]));
        cases.push(Case::both("M34", stripe(&time)).answers(&[401]));
    }
    let missing =
        post("/hooks/slack").header("X-Slack-Signature", sign::slack(SECRET, &now, BODY)).body(BODY);
    cases.push(Case::both("M34", missing).answers(&[401]));
    let moved = post("/hooks/slack")
        .header("X-Slack-Request-Timestamp", sign::unix_time(-1))
        .header("X-Slack-Signature", sign::slack(SECRET, &now, BODY))
        .body(BODY);
    cases.push(Case::both("M36", moved).answers(&[401]));
    let challenge = post("/hooks/slack").body(br#"{"type":"url_verification","challenge":"x"}"#);
    cases.push(Case::both("V07", challenge).answers(&[401]));
    Bench::new().run(cases);
}

#[test]
fn ids() {
    let mut cases = Vec::new();
    let now = sign::unix_time(0);
    let good = sign::standard(STANDARD_KEY, "msg_1", &now, BODY);
    cases.push(Case::both("M01", standard("msg_1", &now, BODY, good.clone())).answers(&[200]).checking(
        |seen| {
            ensure(
                seen.forwarded.iter().all(|request| request.one("bonafide-event-id") == "msg_1"),
                "no Bonafide-Event-Id",
            )
        },
    ));
    let wrong = sign::standard(b"another key of thirty-two bytes!", "msg_1", &now, BODY);
    for (list, status) in [
        (format!("{wrong} {good}"), 200),
        (format!("{good} {wrong}"), 200),
        (format!("v1a,AAAA {good}"), 200),
        (format!("{wrong} {wrong}"), 401),
        (good.replacen("v1,", "v1a,", 1), 401),
        (good.replacen("v1,", "v2,", 1), 401),
        (good.replacen("v1,", "", 1), 401),
        ("v1,".into(), 401),
        (String::new(), 401),
        (good.trim_end_matches('=').to_owned(), 401),
        (format!("{good}="), 401),
        (good.replacen("v1,", "v1,\u{20}", 1), 401),
    ] {
        cases.push(Case::both("M27-M28,V02", standard("msg_1", &now, BODY, list)).answers(&[status]));
    }
    let signed = sign::standard(STANDARD_KEY, "a.1", "1", b".x");
    cases.push(Case::both("M37", standard("a", &format!("1.{now}"), BODY, signed)).answers(&[401]));
    // the same signed text, cut elsewhere: id "a", time now, body "1.x" and id "a.now", time "1", body "x"
    let cut = sign::standard(STANDARD_KEY, "a", &now, b"1.x");
    cases.push(Case::both("M37", standard(&format!("a.{now}"), "1", b"x", cut)).answers(&[401]));
    let dotted = sign::standard(STANDARD_KEY, "a.b", &now, BODY);
    cases.push(Case::both("M37", standard("a.b", &now, BODY, dotted)).answers(&[401, 200]).at_most_once());
    cases.push(Case::both("M36", standard("msg_2", &now, BODY, good.clone())).answers(&[401]));
    cases.push(Case::both("M19", standard("msg_1", &now, b"Hello, World?", good)).answers(&[401]));
    let empty = sign::standard(STANDARD_KEY, "", &now, BODY);
    cases.push(Case::both("M34", standard("", &now, BODY, empty)).answers(&[401]));
    Bench::new().run(cases);
}
