//! What counts as the same, for how long, and what is said about it.

use super::*;

/// P01, P12, P24: the same again is acknowledged and not forwarded; a retry is signed anew and is the same; another
/// source is another matter.
#[test]
fn a_delivery_is_forwarded_once() {
    let bench = start(&[standard("one", ""), standard("two", "")].concat());
    let first = event("/one", "msg_1");
    bench.passes(&first);
    for again in [
        first,
        event_at("/one", "msg_1", "{\"of\":\"msg_1\"}", 7),
        event_at("/one", "msg_1", "{\"of\":\"msg_1\"}", -60),
    ] {
        bench.duplicate(&again);
        bench.duplicate(&again);
    }
    bench.passes(&event("/two", "msg_1"));
    bench.duplicate(&event("/two", "msg_1"));
    assert_eq!((outcomes(&bench.proxy, "delivered"), outcomes(&bench.proxy, "duplicate")), (2, 7));
    assert_eq!(bench.proxy.metric("bonafide_replay_entries"), Some(2));
}

/// P11: one id, two bodies, both signed. Somebody is wrong, and it is told.
#[test]
fn an_id_stands_for_one_body() {
    let bench = start(&standard("in", ""));
    bench.passes(&event_at("/in", "msg_1", "{\"a\":1}", 0));
    let other = event_at("/in", "msg_1", "{\"a\":2}", 0);
    let line = bench.refused(&other, 409, "event_conflict");
    assert_eq!((&line["event_id"], &line["key"]), (&"msg_1".into(), &"secret-1".into()), "{line}");
    bench.duplicate(&event_at("/in", "msg_1", "{\"a\":1}", 0));
    bench.refused(&other, 409, "event_conflict");
    assert_eq!(outcomes(&bench.proxy, "conflict"), 2);
}

/// P13: ids are compared byte by byte, and any that the scheme takes are told apart.
#[test]
fn ids_are_compared_as_they_are() {
    let bench = start(&standard("in", ""));
    let body = "{}";
    for id in ["a", "A", "a-", "a/", "%61", "a a", "a\"b", "\u{e9}"] {
        let request = event_at("/in", id, body, 0);
        let response = bench.ask(&request);
        assert!([200, 401].contains(&response.status), "{id}");
        if response.status == 200 {
            bench.duplicate(&request);
        }
    }
    let served = bench.recorder.served();
    assert!(served >= 4, "{served} ids were taken");
    // Long ones are either told apart to their end or refused.
    let long = |last: &str| event_at("/in", &format!("{}{last}", "x".repeat(10_000)), body, 0);
    let statuses = [long("1"), long("2")].map(|request| bench.ask(&request).status);
    assert!(statuses == [200, 200] || statuses == [401, 401], "{statuses:?}");
    assert_eq!(bench.recorder.served(), served + if statuses == [200, 200] { 2 } else { 0 });
}

/// P10, P26: where only the body is signed, a window says how long an equal one is a copy; the id that anybody can
/// change does not matter.
#[test]
fn a_window_makes_equal_bodies_copies() {
    let sources = [
        github("window", "replay = { window = \"10m\" }"),
        github("second", "replay = { window = \"1s\" }"),
        github("unsigned", "replay = { window = \"10m\", by = \"unsigned_id\" }"),
        github("plain", ""),
    ];
    let bench = start(&sources.concat());
    let send = |path: &str, id: &str, body: &str| {
        post(path)
            .header(HUB, sign::github(SECRET, body.as_bytes()))
            .header("X-GitHub-Delivery", id)
            .body(body)
    };
    bench.passes(&send("/window", "one", "{}"));
    bench.duplicate(&send("/window", "one", "{}"));
    bench.duplicate(&send("/window", "two", "{}"));
    bench.duplicate(&post("/window").header(HUB, sign::github(SECRET, b"{}")).body("{}"));
    bench.passes(&send("/window", "one", "{ }"));

    bench.passes(&send("/unsigned", "one", "{}"));
    bench.duplicate(&send("/unsigned", "one", "{}"));
    bench.passes(&send("/unsigned", "two", "{}"));
    bench.refused(&send("/unsigned", "two", "{ }"), 409, "event_conflict");

    // Without a window an equal body may be a new event.
    bench.passes(&send("/plain", "one", "{}"));
    bench.passes(&send("/plain", "one", "{}"));

    bench.passes(&send("/second", "one", "{}"));
    let served = bench.recorder.served();
    let again = wait_until(Duration::from_secs(5), || {
        bench.ask(&send("/second", "one", "{}"));
        bench.recorder.served() > served
    });
    assert!(again, "behind the window it is a new one");
}

/// P22: whoever can sign may sign the same claims again; the id counts, or else the text that was signed.
#[test]
fn a_token_is_known_by_its_id_or_by_what_it_says() {
    let policy = Policy::tls();
    let keys = policy.file("keys.json", token::every_key().as_bytes());
    let bench = Bench::with(
        policy,
        &source("in", "", &jwt("\"ES256\"", &format!("keys = {{ file = \"{}\" }}", keys.display()))),
        &[],
    );
    let sign = |header: &str, claims: &str| {
        bearer("/in", &token::signed(Signer::Private("es256"), "ES256", header, claims))
    };
    let (usual, spaced) = (token::header("ES256", "es"), "{ \"kid\":\"es\", \"alg\":\"ES256\" }");
    let named = token::claims_with(json!({ "jti": "one" }));
    let unnamed = token::claims_with(json!({ "jti": null, "n": token::unique("n") }));
    for (claims, other_header_is_new) in [(named, false), (unnamed, true)] {
        let (first, second) = (sign(&usual, &claims), sign(&usual, &claims));
        assert!(first.headers != second.headers, "signatures differ each time");
        bench.passes(&first);
        bench.duplicate(&first);
        bench.duplicate(&second);
        let other = sign(spaced, &claims);
        if other_header_is_new { drop(bench.passes(&other)) } else { bench.duplicate(&other) }
    }
    bench.duplicate(&bearer("/in", &token::es256("es", json!({ "jti": "one", "exp": token::now() + 500 }))));
    // The other half of an ECDSA signature's pair.
    let token = token::es256("es", json!({}));
    bench.passes(&bearer("/in", &token));
    let response = bench.ask(&bearer("/in", &mirrored(&token)));
    assert_eq!((response.status == 401 || response.body.is_empty(), bench.recorder.served()), (true, 4));
}

/// The same token with the other signature that is valid for it: s replaced by n - s.
fn mirrored(token: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let order = hex::decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").expect("hex");
    let (message, signature) = token.rsplit_once('.').expect("a signature");
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let mut borrow = 0_i16;
    for (byte, of_order) in bytes[32..].iter_mut().zip(&order).rev() {
        let difference = i16::from(*of_order) - i16::from(*byte) - borrow;
        borrow = i16::from(difference < 0);
        *byte = difference.rem_euclid(256) as u8;
    }
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// What the policy says of copies.
#[test]
fn copies_are_answered_as_the_policy_says() {
    let sources = [
        standard("reject", "replay = { duplicate = \"reject\" }"),
        standard("off", "replay = \"off\""),
        standard("report", "mode = \"report\""),
        standard("message", "replay = { by = \"message\" }"),
    ];
    let bench = start(&sources.concat());
    bench.passes(&event("/reject", "msg_1"));
    let line = bench.refused(&event("/reject", "msg_1"), 409, "duplicate_rejected");
    assert_eq!((&line["verdict"], &line["event_id"]), (&"duplicate".into(), &"msg_1".into()), "{line}");
    bench.passes(&event("/off", "msg_1"));
    bench.passes(&event("/off", "msg_1"));
    let first = event_at("/message", "msg_1", "{}", -1);
    bench.passes(&first);
    bench.duplicate(&first);
    bench.passes(&event_at("/message", "msg_1", "{}", 1));
    for _ in 0..2 {
        let served = bench.recorder.served();
        assert_eq!(bench.ask(&event("/report", "msg_1")).status, 200);
        assert_eq!(bench.recorder.served(), served + 1, "a source that only reports forwards all");
    }
}

/// P14: what counts is never forgotten to make room; what does not fit is 503.
#[test]
fn a_full_memory_refuses_what_is_new() {
    const MOST: usize = 20;
    let bench = start(&format!(
        "[replay]\nmax_entries = {MOST}\n{}{}",
        standard("in", ""),
        standard("off", "replay = \"off\"")
    ));
    for number in 0..MOST {
        assert_eq!(bench.ask(&event("/in", &format!("msg_{number}"))).status, 200);
    }
    assert_eq!(bench.recorder.served(), MOST);
    let line = bench.refused(&event("/in", "msg_one_more"), 503, "replay_store_full");
    assert_eq!((&line["verdict"], &line["blame"]), (&"undecided".into(), &"ours".into()), "{line}");
    for number in 0..50 {
        assert_eq!(bench.ask(&event("/in", &format!("msg_new_{number}"))).status, 503);
    }
    for number in 0..MOST {
        let answer = bench.ask(&event("/in", &format!("msg_{number}")));
        assert_eq!((answer.status, answer.body.len()), (200, 0), "msg_{number} is remembered");
    }
    assert_eq!(bench.recorder.served(), MOST);
    bench.passes(&event("/off", "msg_one_more"));
    let entries = bench.proxy.metric("bonafide_replay_entries");
    assert_eq!((entries, outcomes(&bench.proxy, "full")), (Some(MOST as u64), 51));
    assert_eq!(outcomes(&bench.proxy, "duplicate"), MOST as u64);
}

/// P16: only what is proved is remembered.
#[test]
fn what_is_not_proved_takes_no_room() {
    let bench = start(&format!("[replay]\nmax_entries = 5\n{}", standard("in", "")));
    for number in 0..200 {
        let mut forged = event("/in", &format!("msg_{number}"));
        forged.body.push(b' ');
        assert_eq!(bench.ask(&forged).status, 401);
    }
    assert_eq!((bench.proxy.metric("bonafide_replay_entries"), bench.recorder.connections()), (Some(0), 0));
    for number in 0..5 {
        bench.passes(&event("/in", &format!("msg_{number}")));
    }
}

/// A reload forgets nothing, and a new limit holds at once.
#[test]
fn a_reload_keeps_the_memory() {
    let bench = start(&standard("in", ""));
    bench.passes(&event("/in", "msg_1"));
    bench.passes(&event("/in", "msg_2"));
    let text = bench.proxy.policy.text();
    let reload = |text: String| {
        bench.proxy.policy.file("bonafide.toml", text.as_bytes());
        let count =
            || bench.proxy.log().iter().filter(|line| line.contains("configuration reloaded")).count();
        let before = count();
        bench.proxy.signal("HUP");
        assert!(wait_until(Duration::from_secs(5), || count() > before), "{:#?}", bench.proxy.log());
    };
    reload(format!("{text}[replay]\nmax_entries = 1\n{}", standard("more", "")));
    bench.duplicate(&event("/in", "msg_1"));
    bench.duplicate(&event("/in", "msg_2"));
    bench.refused(&event("/in", "msg_3"), 503, "replay_store_full");
    bench.refused(&event("/more", "msg_1"), 503, "replay_store_full");
    reload(format!("{text}{}", standard("more", "")));
    bench.passes(&event("/in", "msg_3"));
    bench.passes(&event("/more", "msg_1"));
    bench.duplicate(&event("/in", "msg_2"));
}
