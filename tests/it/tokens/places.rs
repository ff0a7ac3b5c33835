//! Where a token stands, and the body that it is for.

use super::*;

#[test]
fn a_token_stands_where_the_policy_says() {
    let policy = Policy::tls();
    let keys = key_file(&policy, &token::every_key());
    let sources: String = [
        ("field", "header = \"X-Token\""),
        ("prefixed", "header = \"X-Token\"\nprefix = \"v1=\""),
        ("whole", "body = true"),
        ("member", "json = \"/data/token\""),
    ]
    .map(|(name, place)| source(name, "", &jwt("\"ES256\"", &format!("{keys}\n{place}"))))
    .concat();
    let bench = Bench::with(policy, &sources, &[]);
    let token = || token::genuine("es256", "ES256", "es");
    let field = |path: &str, value: String| post(path).header("X-Token", value).body(BODY);
    let member = |token: &str| json!({ "data": { "token": token, "n": 1.0 } }).to_string();
    let long = format!("{}.{}", "a".repeat(9000), token());
    let rows = [
        (bearer("/field", &token()), "credential_missing"),
        (field("/field", format!("Bearer {}", token())), "token_malformed"),
        (field("/field", token()).header("x-token", token()), "field_repeated"),
        (field("/field", long.clone()), "token_malformed"),
        (field("/prefixed", token()), "credential_malformed"),
        (field("/prefixed", format!("V1={}", token())), "credential_malformed"),
        (bearer("/whole", &token()), "token_malformed"),
        (post("/whole"), "credential_missing"),
        (post("/whole").body(format!("{}\n", token())), "token_malformed"),
        (post("/whole").body(format!("\"{}\"", token())), "token_malformed"),
        (post("/whole").body(member(&token())), "token_malformed"),
        (post("/whole").body(long), "token_malformed"),
        (bearer("/member", &token()), "credential_missing"),
        (post("/member").body(json!({ "token": token() }).to_string()), "credential_missing"),
        (post("/member").body(format!("{}x", member(&token()))), "credential_missing"),
        (post("/member").body(member("a.b.c")), "token_malformed"),
    ];
    let lengths: Vec<usize> = rows.iter().map(|(request, _)| request.body.len()).collect();
    let lines = bench.refuses(rows.map(|(request, reason)| (request, 401, reason)));
    for (line, length) in lines.iter().zip(lengths) {
        let in_body = line["source"] == "whole" || line["source"] == "member";
        assert_eq!(line["bytes_in"], if in_body { length } else { 0 }, "{line}");
    }
    assert_eq!(bench.recorder.connections(), 0);
    let (inside, whole) = (member(&token()), token());
    for request in [
        field("/field", token()),
        field("/prefixed", format!("v1={}", token())),
        post("/whole").body(&whole),
        post("/member").body(&inside),
    ] {
        bench.passes(&request);
        bench.duplicate(&request);
    }
    bench.kept_secret(&[&inside, &whole]);
}

/// J46: the body is hashed as it comes, whatever its pieces, and compared when it is there.
#[test]
fn a_body_hash_is_compared_behind_the_body() {
    let bench = es256(
        "",
        "body_hash = { claim = \"h\", hash = \"sha384\", encoding = \"base64\", empty = \"allow\" }",
    );
    let body: Vec<u8> = (0..100_000_u32).flat_map(|number| number.to_be_bytes()).collect();
    let digest = |body: &[u8]| STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA384, body));
    let make = |hash: Value| bearer("/in", &token::es256("es", json!({ "h": hash }))).body(&body);
    let sizes: &[usize] = &[1, 7, 4000, 20_000];
    let mut other = body.clone();
    *other.last_mut().expect("a byte") ^= 1;
    let chunked =
        |request: &Request| Client::tls(bench.proxy.address).send(&request.http1_chunked(sizes)).answer();
    let streamed = |request: &Request| {
        let mut client = Http2::connect(bench.proxy.address, HOST);
        Answer::Response(client.send(request, sizes).expect("an answer"))
    };
    for request in [
        make(json!(digest(&other))),
        make(json!(digest(&body[..body.len() - 1]))),
        make(json!(digest(b""))),
        make(json!(digest(&body))).body(&other),
        make(json!(digest(&body))).body([&body, b"x".as_slice()].concat()),
        make(json!(digest(&body))).body(&body[1..]),
    ] {
        for answer in
            [chunked(&request), streamed(&request), once(Client::tls(bench.proxy.address), &request)]
        {
            let line = bench.refusal(&answer.expect("an answer"), 401);
            assert_eq!(
                (&line["reason"], &line["bytes_in"]),
                (&"body_hash_mismatch".into(), &request.body.len().into())
            );
        }
    }
    for (hash, reason) in [
        (json!(hex::encode(digest(&body))), "claim_malformed"),
        (json!(digest(&body).trim_end_matches('=').to_owned() + "="), "claim_malformed"),
        (json!(digest(&body).to_lowercase()), "body_hash_mismatch"),
        (json!(""), "claim_malformed"),
        (json!(5), "claim_malformed"),
        (Value::Null, "claim_missing"),
    ] {
        let request = make(hash.clone());
        let response = bench.ask(&request);
        let line = bench.refusal(&response, 401);
        assert_eq!(line["reason"], reason, "{hash}");
    }
    assert_eq!((bench.recorder.served(), bench.recorder.connections()), (0, 0));
    for send in [&chunked as &dyn Fn(&Request) -> Answer, &streamed] {
        assert_eq!(send(&make(json!(digest(&body)))).expect("an answer").status, 200);
    }
    let bodies: Vec<_> =
        bench.recorder.requests().expect("well-formed").into_iter().map(|got| got.body == body).collect();
    assert_eq!(bodies, [true, true]);
    bench.passes(&bearer("/in", &token::es256("es", json!({}))).body(b""));
}

/// What the head settles is refused before a byte of the body was sent, without `100 Continue`.
#[test]
fn a_bad_token_is_refused_before_the_body() {
    let bench = es256("", "");
    let head = |token: &str| {
        let head =
            bearer("/in", token).header("Content-Length", "10").header("Expect", "100-continue").http1_head();
        [head, b"\r\n".to_vec()].concat()
    };
    let token = token::genuine("attacker_es", "ES256", "es");
    let answer = Client::tls(bench.proxy.address).send(&head(&token)).answer().expect("an answer");
    assert_eq!((answer.status, answer.interim.len()), (401, 0));
    assert_eq!(bench.recorder.connections(), 0);
    let mut client = Client::tls(bench.proxy.address);
    client.send(&head(&token::genuine("es256", "ES256", "es"))).send(b"0123456789");
    let answer = client.answer().expect("an answer");
    assert_eq!((answer.status, answer.interim), (200, vec![100]));
}
