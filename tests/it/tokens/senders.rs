//! Senders: Secure Webhook Tokens, Vumi, Plaid, and our own commands.

use super::*;

/// S09, S10, S11, S13: what the vectors do not say.
#[test]
fn odd_secure_webhook_tokens() {
    let lines = "secret = { literal = \"0123456789abcdef0123456789abcdef\" }";
    let bench = Bench::start(&source("swt", lines, &format!("{SWT}algorithms = [\"HS256\"]\n")));
    let make = |algorithm: &str, changes: Value, body: &[u8]| {
        let mut payload: Value =
            serde_json::from_str(&token::claims_with(json!({ "aud": null }))).expect("JSON");
        payload["iss"] = "https://sender.example".into();
        payload["webhook"] = json!({ "event": "a.b", "hash": format!("sha-256:{}", sha256_hex(&[body])) });
        for (name, value) in changes.as_object().expect("an object") {
            let place = if name == "jti" { &mut payload } else { &mut payload["webhook"] };
            place[name] = value.clone();
        }
        let header = json!({ "alg": algorithm, "typ": "SWT" }).to_string();
        let secret = Signer::Secret(b"0123456789abcdef0123456789abcdef");
        bearer("/swt", &token::signed(secret, algorithm, &header, &payload.to_string())).body(body)
    };
    bench.refuses([
        (make("HS256", json!({ "retry_count": u64::MAX }), BODY), 401, "claim_malformed"),
        (make("HS256", json!({ "retry_count": "1" }), BODY), 401, "claim_malformed"),
        (make("HS256", json!({ "event": ["a"] }), BODY), 401, "claim_malformed"),
        (make("HS512", json!({}), BODY), 401, "algorithm_not_allowed"),
    ]);
    assert_eq!(bench.recorder.connections(), 0);
    // An event is data: whatever it says, no field of the forwarded request is made of it.
    for event in ["a\r\nBonafide-Key: forged", "é", &"e".repeat(2000)] {
        let (got, _) = bench.passes(&make("HS256", json!({ "event": event }), BODY));
        assert_eq!(got.one("bonafide-key"), "secret-1");
    }
    bench.passes(&make("HS256", json!({ "retry_count": i64::MAX }), BODY));
    bench.passes(&make("HS256", json!({ "jti": "one" }), b"{\"a\":1}"));
    bench.refused(&make("HS256", json!({ "jti": "one" }), b"{\"a\":2}"), 409, "event_conflict");
    bench.duplicate(&make("HS256", json!({ "jti": "one" }), b"{\"a\":1}"));
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What `sign` prints is sent, and what a sender sends is what `verify` takes.
#[test]
fn the_commands_and_the_proxy_agree() {
    let server = KeyServer::start(Reply::Json(token::every_key()));
    let secret = "0123456789abcdef0123456789abcdef";
    let swt = source(
        "swt",
        "provider = \"swt\"\nsecret = { literal = \"0123456789abcdef0123456789abcdef\" }\nswt.issuer = \"https://sender.example\"",
        "",
    );
    let keys = format!(
        "keys = {{ jwks = \"{}\" }}\nbody_hash = {{ claim = \"h\" }}\ntyp = \"JWT\"",
        server.url("/keys")
    );
    let bench = Bench::start(&format!("{swt}{}", source("orders", "", &jwt("\"ES256\"", &keys))));
    let policy = &bench.proxy.policy;
    policy.file("secret", secret.as_bytes());
    policy.file("body", BODY);
    policy.file("private.pem", token::private_key("es256").as_bytes());
    let by_provider =
        ["--provider", "swt", "--secret-file", "secret", "--param", "issuer=https://sender.example"];
    let by_source = ["--source", "orders", "--private-key", "private.pem", "--kid", "es"];
    for (subject, target) in [(&by_provider[..], "/swt"), (&by_source[..], "/orders")] {
        let signed = run(
            &bench,
            &[&["sign", "--body", "body", "--url", target, "--param", "event=order.paid"], subject].concat(),
        );
        assert_eq!(signed.status.code(), Some(0), "{}", text(&signed));
        let output = String::from_utf8(signed.stdout).expect("text");
        let field = output.lines().find_map(|line| line.strip_prefix("authorization: ")).expect("a field");
        let request = post(target).header("Authorization", field).body(BODY);
        bench.passes(&request);
        bench.duplicate(&request);
    }
    let claims = json!({ "iss": "https://sender.example", "aud": null, "webhook": { "event": "e", "hash": format!("sha-256:{}", sha256_hex(&[BODY])) } });
    let swt = token::signed(
        Signer::Secret(secret.as_bytes()),
        "HS256",
        "{\"alg\":\"HS256\",\"typ\":\"SWT\"}",
        &token::claims_with(claims),
    );
    let jwt = token::es256("es", json!({ "h": sha256_hex(&[BODY]) }));
    let unknown = token::es256("other", json!({ "h": sha256_hex(&[BODY]) }));
    policy.file("other", b"{}");
    for (subject, token, body, code, said) in [
        (&by_provider[..], &swt, "body", 0, "genuine: provider swt, key secret-1"),
        (&by_provider[..], &swt, "other", 1, "body_hash_mismatch"),
        (&by_source[..2], &jwt, "body", 0, "genuine: source orders, key es"),
        (&by_source[..2], &jwt, "other", 1, "body_hash_mismatch"),
        (&by_source[..2], &unknown, "body", 1, "key_unknown"),
    ] {
        policy.file("head", format!("POST / HTTP/1.1\r\nAuthorization: Bearer {token}\r\n").as_bytes());
        let verified = run(&bench, &[&["verify", "--headers", "head", "--body", body], subject].concat());
        let text = text(&verified);
        assert_eq!((verified.status.code(), text.contains(said)), (Some(code), true), "{said}: {text}");
        assert!(!text.contains(token.as_str()) && !text.contains(secret));
    }
    server.down();
    let verified = run(&bench, &["verify", "--headers", "head", "--body", "body", "--source", "orders"]);
    assert_eq!(verified.status.code(), Some(5), "{}", text(&verified));
}

const UUID: &str = "f3c5a7d2-8f4e-4b7b-9c3a-0d7a1c5e9b21";
const CREDENTIAL: &str = "credential-for-the-key-server-9f2c";

/// A token as Vumi and Plaid make them.
fn verification(kid: &str, claim: &str, changes: Value) -> String {
    let mut claims = json!({ "iat": token::now(), claim: sha256_hex(&[BODY]), "n": token::unique("n") });
    claims.as_object_mut().expect("an object").extend(changes.as_object().cloned().unwrap_or_default());
    token::signed(Signer::Private("es256"), "ES256", &token::header("ES256", kid), &claims.to_string())
}

#[test]
fn vumi() {
    let server = KeyServer::start(Reply::Status(404, "{}".into()));
    let known = json!({ "alg": "ES256" });
    let jwk = token::with(token::jwk("es256", UUID), known).to_string();
    server.answer_by(move |asked| match asked.target.ends_with(UUID.as_bytes()) {
        true => Reply::Json(jwk.clone()),
        false => Reply::Status(404, "{}".into()),
    });
    let lines = format!(
        "provider = \"vumi\"\njwt.keys.secret = {{ env = \"VUMI\" }}\njwt.keys.url = \"{}\"",
        server.url("/api/v1/webhook_verification/{kid}")
    );
    let bench = Bench::with(Policy::tls(), &source("vumi", &lines, ""), &[("VUMI", CREDENTIAL)]);
    let send = |token: &str| post("/vumi").header("vumi-verification", token).body(BODY);
    let good = |changes: Value| verification(UUID, "sha256", changes);
    let header = |header: Value, algorithm: &str, signer: Signer<'_>| {
        let claims = json!({ "iat": token::now(), "sha256": sha256_hex(&[BODY]) });
        token::signed(signer, algorithm, &header.to_string(), &claims.to_string())
    };
    let es = Signer::Private("es256");
    let mut rows = vec![
        (header(json!({ "alg": "none", "typ": "JWT", "kid": UUID }), "ES256", es), "algorithm_not_allowed"),
        (
            header(json!({ "alg": "HS256", "typ": "JWT", "kid": UUID }), "HS256", Signer::Secret(b"k")),
            "algorithm_not_allowed",
        ),
        (
            header(json!({ "alg": "RS256", "typ": "JWT", "kid": UUID }), "RS256", Signer::Private("rs256")),
            "algorithm_not_allowed",
        ),
        (header(json!({ "alg": "ES256", "typ": "JOSE", "kid": UUID }), "ES256", es), "token_type_mismatch"),
        (header(json!({ "alg": "ES256", "kid": UUID }), "ES256", es), "token_type_mismatch"),
        (header(json!({ "alg": "ES256", "typ": "JWT" }), "ES256", es), "kid_missing"),
        (header(json!({ "alg": "ES256", "typ": "JWT", "kid": 7 }), "ES256", es), "kid_malformed"),
        (good(json!({ "iat": token::now() - 181 })), "token_too_old"),
        (good(json!({ "iat": token::now() + 90 })), "token_not_yet_valid"),
        (good(json!({ "iat": null })), "claim_malformed"),
        (good(json!({ "sha256": "00" })), "claim_malformed"),
        (good(json!({ "sha256": null })), "claim_malformed"),
        ("x".to_owned(), "token_malformed"),
        (verification(&"k".repeat(10_000), "sha256", json!({})), "token_malformed"),
    ];
    for kid in [
        "../x",
        "%2e%2e",
        "..",
        ".",
        "a?x=",
        "a#b",
        "x@evil",
        "a/b",
        "a\\b",
        "a\0b",
        "a\r\nb",
        "",
        &"k".repeat(1000),
        "{secret}",
        &UUID.to_uppercase()[..35],
        &format!("{UUID} "),
    ] {
        rows.push((verification(kid, "sha256", json!({})), "kid_malformed"));
    }
    bench.refuses(rows.iter().map(|(token, reason)| (send(token), 401, *reason)));
    bench.refused(&post("/vumi").body(BODY), 401, "credential_missing");
    assert_eq!((server.connections(), bench.recorder.connections()), (0, 0), "{:?}", server.asked());

    let request = send(&good(json!({})));
    let (got, line) = bench.passes(&request);
    assert_eq!((got.one("bonafide-key"), &line["key"]), (UUID.to_owned(), &UUID.into()));
    bench.duplicate(&request);
    let other = [BODY, b" "].concat();
    bench.refused(&send(&good(json!({}))).body(&other), 401, "body_hash_mismatch");
    bench.refused(&send(&good(json!({ "sha256": sha256_hex(&[&other]) }))), 401, "body_hash_mismatch");
    let forged =
        header(json!({ "alg": "ES256", "typ": "JWT", "kid": UUID }), "ES256", Signer::Private("attacker_es"));
    bench.refused(&send(&forged), 401, "signature_mismatch");
    assert_eq!(server.count(), 1, "a known key is not asked for again: {:?}", server.asked());
    bench.refused(
        &send(&verification("00000000-0000-4000-8000-000000000000", "sha256", json!({}))),
        401,
        "key_unknown",
    );
    let asked = server.asked();
    let targets: Vec<_> =
        asked.iter().map(|asked| String::from_utf8_lossy(&asked.target).into_owned()).collect();
    let path = "/api/v1/webhook_verification";
    assert_eq!(targets, [format!("{path}/{UUID}"), format!("{path}/00000000-0000-4000-8000-000000000000")]);
    for asked in asked {
        assert_eq!(
            (asked.method.as_str(), asked.one("authorization")),
            ("GET", format!("Bearer {CREDENTIAL}"))
        );
    }
    bench.kept_secret(&[CREDENTIAL, &forged]);
}

#[test]
fn plaid() {
    let server = KeyServer::start(Reply::Close);
    let key = |more: Value| json!({ "key": token::with(token::jwk("es256", UUID), more), "request_id": "r" });
    let life = json!({ "alg": "ES256", "created_at": 1_560_466_950, "expired_at": null });
    server.answer(Reply::Json(key(life).to_string()));
    let lines = format!(
        "provider = \"plaid\"\nparams = {{ client_id = \"5f7c9d\" }}\njwt.keys.secret = {{ env = \"PLAID\" }}\njwt.keys.url = \"{}\"",
        server.url("/webhook_verification_key/get")
    );
    let bench = Bench::with(Policy::tls(), &source("plaid", &lines, ""), &[("PLAID", CREDENTIAL)]);
    let send = |kid: &str, changes: Value| {
        post("/plaid")
            .header("Plaid-Verification", verification(kid, "request_body_sha256", changes))
            .body(BODY)
    };
    bench.refused(&send(UUID, json!({ "iat": token::now() - 301 })), 401, "token_too_old");
    bench.refused(&send("a/../b", json!({})), 401, "kid_malformed");
    assert_eq!((server.connections(), bench.recorder.connections()), (0, 0));
    bench.passes(&send(UUID, json!({})));
    bench.passes(&send(UUID, json!({ "iat": token::now() - 200 })));
    bench.refused(&send(UUID, json!({})).body(b"{}"), 401, "body_hash_mismatch");
    let asked = server.asked();
    assert_eq!((asked.len(), asked[0].method.as_str()), (1, "POST"));
    assert_eq!(asked[0].target, b"/webhook_verification_key/get");
    assert_eq!(asked[0].one("content-type"), "application/json");
    let posted: Value = serde_json::from_slice(&asked[0].body).expect("JSON");
    assert_eq!(posted, json!({ "client_id": "5f7c9d", "secret": CREDENTIAL, "key_id": UUID }));
    // A key that its server calls expired is no key: that is known, and not "cannot check". Then there is a pause.
    for (kid, reply, status, reason) in [
        (
            "k-expired",
            Reply::Json(key(json!({ "kid": "k-expired", "expired_at": token::now() - 10 })).to_string()),
            401,
            "key_unknown",
        ),
        (
            "k-invalid",
            Reply::Status(400, "{\"error_code\":\"INVALID_FIELD\"}".into()),
            503,
            "keys_cooling_down",
        ),
    ] {
        server.answer(reply);
        bench.refused(&send(kid, json!({})), status, reason);
    }
    bench.passes(&send(UUID, json!({})));
    bench.kept_secret(&[CREDENTIAL]);
}
