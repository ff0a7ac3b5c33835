//! The rows of the vector files, against the running proxy.

use super::*;

/// The policy of `jwt_blackbox.json`, but for its keys.
const BLACK_BOX: &str = r#"typ = "JWT"
require = ["exp", "iat", "jti", "request_body_sha256"]
body_hash = { claim = "request_body_sha256", hash = "sha256", encoding = "hex", empty = "require" }
"#;

/// Rows whose outcome both ways can be defended, and that pass here.
const TAKEN: [&str; 1] = ["jku-header-valid-sig"];

/// Every row: those that must be refused first, when no connection to the upstream can be there yet.
fn black_box_rows(bench: &Bench, target: &str) {
    let file = token::black_box();
    let body = STANDARD.decode(file["request"]["body_b64"].as_str().expect("text")).expect("base64");
    let (mut refused, mut passed) = (0, 0);
    let taken = |case: &Value| match case["expect"].as_str() {
        Some("accept" | "reject-second") => true,
        Some("policy") => TAKEN.contains(&case["id"].as_str().expect("an id")),
        _ => false,
    };
    let cases = file["cases"].as_array().expect("cases");
    let bad: Vec<_> = cases.iter().filter(|case| !taken(case)).collect();
    let ask =
        |case: &&Value| bench.ask(&bearer(target, case["token"].as_str().expect("a token")).body(&body));
    let answers: Vec<_> = bad.iter().map(ask).collect();
    for (case, response) in bad.iter().zip(&answers) {
        let (id, token) = (&case["id"], case["token"].as_str().expect("a token"));
        // Only one unknown key is asked for in a while; no other is said to be unknown without asking.
        let unasked = response.status == 503 && target == "/fetched" && names_a_stranger(token);
        let line = bench.refusal(response, if unasked { 503 } else { 401 });
        assert!(!unasked || line["reason"] == "keys_cooling_down", "{id}: {line}");
        assert!(line["reason"].is_string() && line["detail"].is_string(), "{id}: {line}");
        let signature = token.rsplit('.').next().unwrap_or_default();
        assert!(signature.len() < 20 || !line.to_string().contains(signature), "{id}: {line}");
        refused += 1;
    }
    assert_eq!((bench.recorder.served(), bench.recorder.connections()), (0, 0), "the upstream saw something");
    for case in cases.iter().filter(|case| taken(case)) {
        let request = bearer(target, case["token"].as_str().expect("a token")).body(&body);
        let (got, line) = bench.passes(&request);
        assert_eq!((got.one("bonafide-key"), &line["key"]), ("es-1".into(), &"es-1".into()), "{line}");
        if case["expect"] == "reject-second" {
            bench.duplicate(&request);
        }
        passed += 1;
    }
    assert_eq!((refused, passed), (165, 9));
}

/// Whether a token names a key of the right form that the published set does not have.
fn names_a_stranger(token: &str) -> bool {
    let header = token::part(token, 0).unwrap_or_default();
    let kid = header["kid"].as_str().unwrap_or_default();
    (1..=256).contains(&kid.len())
        && kid.bytes().all(|byte| byte.is_ascii_graphic())
        && !["es-1", "rs-1", "ed-1"].contains(&kid)
}

#[test]
fn black_box_rows_with_keys_of_a_file() {
    let policy = Policy::tls();
    let keys = key_file(&policy, &token::black_box()["jwks"].to_string());
    let source = source("pinned", "", &jwt("\"ES256\"", &format!("{BLACK_BOX}{keys}")));
    black_box_rows(&Bench::with(policy, &source, &[]), "/pinned");
}

#[test]
fn black_box_rows_with_keys_of_a_server() {
    let server = KeyServer::start(Reply::Json(token::black_box()["jwks"].to_string()));
    let keys = format!("keys = {{ jwks = \"{}\" }}", server.url("/jwks.json"));
    let bench = Bench::start(&source("fetched", "", &jwt("\"ES256\"", &format!("{BLACK_BOX}{keys}"))));
    black_box_rows(&bench, "/fetched");
    assert!(server.count() <= 3, "one fetch for the set, one for a stranger: {:?}", server.asked());
    assert!(server.asked().iter().all(|asked| asked.target == b"/jwks.json" && asked.method == "GET"));
}

#[test]
fn transport_rows() {
    let policy = Policy::tls();
    let keys = key_file(&policy, &token::black_box()["jwks"].to_string());
    let table = |more: &str| jwt("\"ES256\"", &format!("{BLACK_BOX}{keys}\n{more}"));
    let off = "replay = \"off\""; // the rows send one token again
    let custom = source("custom", off, &table("header = \"vumi-verification\""));
    let bench = Bench::with(policy, &format!("{}{custom}", source("ingest", off, &table(""))), &[]);
    let file = token::black_box();
    let named = |id: &str| {
        let mut cases = file["cases"].as_array().expect("cases").iter();
        cases.find(|case| case["id"] == id).expect("a row")["token"].as_str().expect("a token")
    };
    let fill = |text: &str| text.replace("{ok}", named("ok")).replace("{bad}", named("attacker-key"));
    let body = STANDARD.decode(file["request"]["body_b64"].as_str().expect("text")).expect("base64");
    let rows = file["transport_cases"].as_array().expect("rows");
    for accept in [false, true] {
        for row in rows.iter().filter(|row| (row["expect"] == "accept") == accept) {
            let lines: Vec<String> = row["lines"]
                .as_array()
                .expect("lines")
                .iter()
                .map(|line| fill(line.as_str().expect("text")))
                .collect();
            let at = if lines.iter().any(|line| line.starts_with("Vumi")) { "/custom" } else { "/ingest" };
            let target = fill(row["target"].as_str().unwrap_or(at));
            let mut head =
                format!("POST {target} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\n", body.len());
            lines.iter().for_each(|line| head.push_str(&format!("{line}\r\n")));
            let mut bytes = head.into_bytes();
            if let Some(at) = bytes.windows(4).position(|four| four == b"\\xe9") {
                bytes.splice(at..at + 4, [0xe9]);
            }
            bytes.extend_from_slice(&[b"\r\n", body.as_slice()].concat());
            let answer = Client::tls(bench.proxy.address).send(&bytes).answer();
            let status = answer.response().map(|response| response.status);
            if accept {
                assert_eq!(status, Some(200), "{row}");
                continue;
            }
            // Folded lines are not HTTP any more.
            assert!(
                status == Some(401) || row["id"] == "obs-fold" && status == Some(400),
                "{row}: {answer:?}"
            );
            if let Answer::Response(response) = &answer
                && status == Some(401)
            {
                bench.refusal(response, 401);
            }
        }
        assert_eq!(bench.recorder.served(), if accept { 3 } else { 0 });
        assert!(accept || bench.recorder.connections() == 0);
    }
    bench.kept_secret(&[named("ok"), named("attacker-key")]);
}

/// The token of a row with its times moved to now, signed anew by whoever had signed it.
fn renewed(file: &Value, case: &Value) -> String {
    let (id, token) = (case["id"].as_str().expect("an id"), case["token"].as_str().expect("a token"));
    let header = token::part(token, 0).expect("a header");
    let mut payload = token::part(token, 1).expect("a payload");
    // At the very edge the second may be over before the token is looked at.
    let margin = match id {
        "ok-exp-plus-59s" | "nbf-minus-61" => 20,
        _ => 0,
    };
    let shift = token::now() - case["now"].as_i64().expect("a time") + margin;
    for name in ["exp", "nbf", "iat"] {
        if let Some(time) = payload[name].as_i64().filter(|time| *time > 0) {
            payload[name] = (time + shift).into();
        }
    }
    let (header, payload) = (header.to_string(), payload.to_string());
    let algorithm =
        token::part(token, 0).expect("a header")["alg"].as_str().expect("an algorithm").to_owned();
    let pem = token::public_pem("es256");
    let secret =
        hex::decode(file["keys"][format!("{algorithm}_hex")].as_str().unwrap_or_default()).expect("hex");
    let signer = match (id, algorithm.as_str()) {
        ("alg-none", _) => return format!("{}.{}.", token::encode(header), token::encode(payload)),
        ("alg-hs256-wrong-key", _) => Signer::Secret(b"0123456789abcdef0123456789abcdef"),
        ("alg-confusion-es256-pem", _) => Signer::Secret(pem.as_bytes()),
        (_, "RS256") => Signer::Private("rs256"),
        (_, "ES256") => Signer::Private("es256"),
        _ => Signer::Secret(&secret),
    };
    token::signed(signer, &algorithm, &header, &payload)
}

#[test]
fn rows_of_secure_webhook_tokens() {
    let file = token::vectors("swt.json");
    let key = |name: &str| file["keys"][format!("{name}_hex")].as_str().expect("hex");
    let policy = Policy::tls();
    let keys = key_file(&policy, &file["keys"]["jwks"].to_string());
    let of = |name: &str, secret: &str| {
        let lines = format!("secret = {{ env = \"{secret}\" }}");
        source(name, &lines, &format!("{SWT}algorithms = [\"{name}\"]\nkey = {{ encoding = \"hex\" }}\n"))
    };
    let legacy = source(
        "legacy",
        "provider = \"swt-legacy\"\nsecret = { env = \"HS256\" }\nswt.issuer = \"https://sender.example\"\nswt.key = { encoding = \"hex\" }",
        "",
    );
    let mut sources = [of("HS256", "HS256"), of("HS384", "HS384"), of("HS512", "HS512")].concat();
    sources += &source("public", "", &format!("{SWT}algorithms = [\"RS256\", \"ES256\"]\n{keys}\n"));
    let environment = ["HS256", "HS384", "HS512"].map(|name| (name, key(name)));
    let bench = Bench::with(policy, &format!("{sources}{legacy}"), &environment);
    let cases = file["cases"].as_array().expect("cases");
    let request = |case: &Value| {
        let token = renewed(&file, case);
        let algorithm = token::part(&token, 0).expect("a header")["alg"].as_str().expect("text").to_owned();
        let target = match algorithm.as_str() {
            "RS256" | "ES256" => "/public".to_owned(),
            "none" => "/HS256".to_owned(),
            secret => format!("/{secret}"),
        };
        let body = STANDARD.decode(case["body_b64"].as_str().expect("text")).expect("base64");
        bearer(&target, &token).method(case["method"].as_str().expect("a method")).body(body)
    };
    let taken = |case: &&Value| matches!(case["expect"].as_str(), Some("accept" | "reject-second"));
    let (mut refused, mut passed) = (0, 0);
    let bad: Vec<_> = cases.iter().filter(|case| !taken(case)).collect();
    let answers: Vec<_> = bad.iter().map(|case| bench.ask(&request(case))).collect();
    for (case, response) in bad.iter().zip(&answers) {
        if case["method"] == "POST" {
            let line = bench.refusal(response, 401);
            assert!(line["detail"].is_string() && line["reason"] != "internal", "{}: {line}", case["id"]);
        } else {
            assert_eq!((response.status, response.header("allow").as_deref()), (405, Some("POST")), "{case}");
        }
        refused += 1;
    }
    assert_eq!((bench.recorder.served(), bench.recorder.connections()), (0, 0), "the upstream saw something");
    for case in cases.iter().filter(taken) {
        let request = request(case);
        let (got, line) = bench.passes(&request);
        assert_eq!(got.one("bonafide-scheme"), "swt", "{line}");
        if case["expect"] == "reject-second" {
            bench.duplicate(&request);
        }
        passed += 1;
    }
    assert_eq!((refused, passed), (58, 17));
    for id in ["legacy-go-head", "legacy-go-post"] {
        let case = cases.iter().find(|case| case["id"] == id).expect("a row");
        let mut request = request(case);
        request.target = b"/legacy".to_vec();
        bench.passes(&request);
    }
    bench.kept_secret(&[key("HS256"), key("HS384"), key("HS512")]);
}
