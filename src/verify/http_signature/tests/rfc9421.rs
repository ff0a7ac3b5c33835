//! The examples of RFC 9421, and of drafts that profile it.

use super::*;

fn message(file: &Value, case: &Value) -> (Head, Vec<u8>) {
    let message =
        case.get("message_inline").unwrap_or_else(|| &file["messages"][case["message"].as_str().unwrap()]);
    let line: Vec<&str> = message["start_line"].as_str().unwrap().split(' ').collect();
    let mut headers = pairs(&message["headers"]);
    for (name, field) in [("signature-input", "signature_input_header"), ("signature", "signature_header")] {
        headers.insert(name, HeaderValue::from_str(case[field].as_str().unwrap()).unwrap());
    }
    let host = headers.get("host").map_or("example.com", |host| host.to_str().unwrap()).to_owned();
    let response = line[0].starts_with("HTTP/");
    let head =
        if response { head("POST", &host, "/", headers) } else { head(line[0], &host, line[1], headers) };
    (head, message["body"].as_str().unwrap().as_bytes().to_vec())
}

fn verifier(file: &Value, algorithm: &str, keyid: &str) -> Verifier {
    let key = &file["keys"][keyid];
    match key["secret_base64"].as_str() {
        Some(text) => {
            let secrets = vec![secret("shared", &STANDARD.decode(text).unwrap())];
            let (none, form) = (JwtKeys::None, KeyForm::default());
            Verifier::http_signature(anything(&[algorithm]), None, none, &form, secrets).unwrap()
        }
        None => public(anything(&[algorithm]), &json!({ "keys": [key["jwk_public"]] })),
    }
}

#[test]
fn the_examples_of_the_standard_hold() {
    let file = read("rfc9421_appendix_b.json");
    let (mut genuine, mut refused) = (0, 0);
    for case in file["cases"].as_array().unwrap() {
        let (id, algorithm, keyid) =
            (&case["id"], case["alg"].as_str().unwrap(), case["keyid"].as_str().unwrap());
        let (head, body) = message(&file, case);
        let created = case["signature_input_header"].as_str().unwrap().split("created=").nth(1).unwrap();
        let created: i64 = created.split([';', ',']).next().unwrap().parse().unwrap();
        let verifier = verifier(&file, algorithm, keyid);
        let outcome = run(&verifier, &head, &body, created + 10);
        let expected = match (id.as_str().unwrap(), case["expected_valid"].as_bool().unwrap()) {
            ("B.2.4", _) => "component_not_allowed",
            (_, true) => "verified",
            (_, false) => "signature_mismatch",
        };
        assert_eq!(code(&outcome), expected, "{id}: {outcome:?}");
        if expected == "verified" {
            genuine += 1;
            let sender = outcome.unwrap();
            assert_eq!(sender.timestamp(), Some(UnixTime(created)));
            assert_eq!(sender.scheme(), "http_signature");
            // The text that is signed, as the standard prints it.
            let input = case["signature_input_header"].as_str().unwrap();
            let input = super::super::fields::inputs(input).unwrap().remove(0);
            let components: Vec<Component> = input
                .components
                .iter()
                .map(|(name, arguments)| Component::new(name, arguments).unwrap())
                .collect();
            let parameters = super::super::said::written(&components, &input.arguments).unwrap();
            let definition = anything(&[algorithm]);
            let message = Message { head: &head, address: None, definition: &definition };
            assert_eq!(
                message.base(&components, &parameters).unwrap(),
                case["signature_base"].as_str().unwrap()
            );
            // Another algorithm of the same key proves nothing.
            for other in ["rsa-pss-sha512", "rsa-v1_5-sha256"] {
                if algorithm.starts_with("rsa") && other != algorithm {
                    let other =
                        public(anything(&[other]), &json!({ "keys": [file["keys"][keyid]["jwk_public"]] }));
                    assert_ne!(code(&run(&other, &head, &body, created)), "verified");
                }
            }
            assert_eq!(
                code(&run(&verifier, &head, &body, created + 301)),
                if input.arguments.iter().any(|argument| argument.name == "expires") {
                    "signature_expired"
                } else {
                    "timestamp_too_old"
                }
            );
            assert_eq!(code(&run(&verifier, &head, &body, created - 61)), "timestamp_in_future");
        } else {
            refused += 1;
        }
    }
    assert_eq!((genuine, refused), (13, 4));
}

#[test]
fn what_covers_too_little_is_refused_by_the_usual_policy() {
    let file = read("rfc9421_appendix_b.json");
    for (id, expected) in [
        ("B.2.1", "component_missing"),
        ("B.2.2", "component_missing"),
        ("B.2.3", "verified"),
        ("B.2.6", "component_missing"),
        ("B.4.1", "component_missing"),
        ("2.5/3.1", "component_missing"),
    ] {
        let case = file["cases"].as_array().unwrap().iter().find(|case| case["id"] == id).unwrap();
        let (head, body) = message(&file, case);
        let keys = json!({ "keys": [file["keys"][case["keyid"].as_str().unwrap()]["jwk_public"]] });
        let verifier = public(usual(&[case["alg"].as_str().unwrap()]), &keys);
        assert_eq!(code(&run(&verifier, &head, &body, 1_618_884_480)), expected, "{id}");
    }
}

/// Cloudflare's vectors: the first of each key without `Signature-Agent`, the second with it.
#[test]
fn what_agents_of_the_web_sign_passes() {
    let mut seen = 0;
    for file in ["web_bot_auth_architecture_v1", "web_bot_auth_architecture_v2"] {
        for case in read(&format!("web-bot-auth/{file}.json")).as_array().unwrap() {
            let mut key = case["key"].clone();
            let members = key.as_object_mut().unwrap();
            for private in ["d", "p", "q", "dp", "dq", "qi"] {
                members.remove(private);
            }
            let input = case["signature_input"].as_str().unwrap();
            let keyid = input.split("keyid=\"").nth(1).unwrap().split('"').next().unwrap();
            members.insert("kid".to_owned(), keyid.into());
            let mut headers = map(&[("signature-input", input)]);
            headers.insert("signature", HeaderValue::from_str(case["signature"].as_str().unwrap()).unwrap());
            if let Some(agent) = case["signature_agent"].as_str() {
                headers.insert("signature-agent", HeaderValue::from_str(agent).unwrap());
            }
            let head = head("GET", "example.com", "/path/to/resource", headers.clone());
            let definition = HttpSignatureDefinition {
                tag: Some("web-bot-auth".to_owned()),
                components: Some(list(&["@authority"])),
                when_present: list(&["signature-agent"]),
                require: [Parameter::Created, Parameter::Expires, Parameter::Keyid].to_vec(),
                max_age: 86_400,
                ..anything(&["ed25519", "rsa-pss-sha512"])
            };
            let created = case["created_ms"].as_i64().unwrap() / 1000;
            let keys = json!({ "keys": [key] });
            let outcome = run(&public(definition.clone(), &keys), &head, b"", created + 1);
            assert_eq!(code(&outcome), "verified", "{input}");
            assert_eq!(&**outcome.unwrap().key(), keyid);
            let other = head_with(&headers, "example.org");
            assert_eq!(
                code(&run(&public(definition.clone(), &keys), &other, b"", created)),
                "signature_mismatch"
            );
            // Said to come from somewhere, and nothing vouches for it.
            let mut agent = headers.clone();
            agent.insert("signature-agent", HeaderValue::from_static("\"https://other.example\""));
            let outcome =
                run(&public(definition, &keys), &super::head("GET", "example.com", "/", agent), b"", created);
            assert!(outcome.is_err());
            seen += 1;
        }
    }
    assert_eq!(seen, 8);
}

fn head_with(headers: &HeaderMap, host: &str) -> Head {
    head("GET", host, "/path/to/resource", headers.clone())
}
