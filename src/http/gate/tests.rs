use super::*;
use http::Request;

const TLS: Arrival<'static> = Arrival { secure: true, sni: None };

/// A request with `Host: good` and the given fields.
fn request(method: &str, uri: &str, version: Version, fields: &[(&str, &str)]) -> request::Parts {
    let mut builder = Request::builder().method(method).uri(uri).version(version);
    for (name, value) in fields {
        builder = builder.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    builder.body(()).unwrap().into_parts().0
}

fn post(uri: &str, fields: &[(&str, &str)]) -> Result<Head, GateError> {
    admit(request("POST", uri, Version::HTTP_11, fields), &TLS, &Limits::default())
}

/// HTTP/1.1 with `Host: good` and one more field.
fn with(name: &str, value: &str) -> Result<Head, GateError> {
    post("/hooks/github", &[("host", "good"), (name, value)])
}

fn http2(uri: &str, fields: &[(&str, &str)]) -> Result<Head, GateError> {
    admit(request("POST", uri, Version::HTTP_2, fields), &TLS, &Limits::default())
}

fn error(result: Result<Head, GateError>) -> GateError {
    result.expect_err("must be refused")
}

#[test]
fn a_plain_request_passes_unchanged() {
    let fields =
        [("host", "Good:8443"), ("content-length", "2"), ("x-a", "1"), ("x-a", " 2"), ("x-b", "\u{e9}")];
    let head = post("/hooks/github?x=%2e", &fields).unwrap();
    assert_eq!(head.method, Method::POST);
    assert_eq!(head.target.as_str(), "/hooks/github?x=%2e");
    assert_eq!((head.host.as_str(), head.host.name(), head.host.port()), ("Good:8443", "good", Some(8443)));
    assert_eq!(head.headers.len(), 5);
    assert!(head.nominated.is_empty() && head.captures.is_empty());
}

#[test]
fn connect_and_trace_are_methods_that_nobody_takes() {
    for (method, uri) in [("CONNECT", "good:443"), ("TRACE", "/"), ("TRACE", "*")] {
        let parts = request(method, uri, Version::HTTP_11, &[("host", "good")]);
        assert_eq!(error(admit(parts, &TLS, &Limits::default())), GateError::MethodNotAllowed);
    }
    for method in ["GET", "OPTIONS", "post", "FOO"] {
        let parts = request(method, "/", Version::HTTP_11, &[("host", "good")]);
        assert_eq!(admit(parts, &TLS, &Limits::default()).unwrap().method.as_str(), method);
    }
}

#[test]
fn a_target_must_be_a_path_in_normal_form() {
    let host = [("host", "good")];
    assert_eq!(error(post("*", &host)), GateError::TargetMalformed);
    // `POST hooks/github` and `POST hooks` reach us as an authority.
    assert_eq!(error(post("hooks", &[("host", "hooks")])), GateError::TargetMalformed);
    assert_eq!(error(post("ftp://good/", &host)), GateError::TargetMalformed);
    assert_eq!(error(post("https://good?x", &host)), GateError::TargetMalformed);
    assert_eq!(error(post("//hooks/github", &host)), GateError::TargetNotNormal);
    assert_eq!(error(post("https://good/a/../b", &host)), GateError::TargetNotNormal);
    let long = format!("/{}", "a".repeat(8192));
    assert_eq!(error(post(&long, &host)), GateError::TargetTooLong { bytes: 8193, limit: 8192 });
    assert!(post(&long[..8192], &host).is_ok());
}

#[test]
fn absolute_form_and_origin_form_give_the_same_head() {
    for uri in ["https://good/hooks?x", "http://GOOD./hooks?x", "https://good:443/hooks?x", "/hooks?x"] {
        let head = post(uri, &[("host", "good")]).unwrap();
        assert_eq!((head.target.as_str(), head.host.name()), ("/hooks?x", "good"), "{uri}");
    }
    assert_eq!(post("https://good", &[("host", "good")]).unwrap().target.path(), "/");
    assert_eq!(error(post("https://evil/hooks", &[("host", "good")])), GateError::HostMismatch);
    assert_eq!(error(post("https://good:8443/hooks", &[("host", "good")])), GateError::HostMismatch);
    assert_eq!(error(post("https://u:p@good/hooks", &[("host", "good")])), GateError::HostMalformed);
    assert_eq!(error(post("https://good/hooks", &[])), GateError::HostMissing);
}

#[test]
fn http1_has_exactly_one_well_formed_host() {
    assert_eq!(error(post("/", &[])), GateError::HostMissing);
    assert_eq!(error(post("/", &[("host", "good"), ("host", "good")])), GateError::HostRepeated);
    for host in ["", "good,evil", "good/evil", "u@good", "good:99999", "good:", "g\u{e9}"] {
        assert_eq!(error(post("/", &[("host", host)])), GateError::HostMalformed, "{host}");
    }
    for host in ["good", "GOOD.example.", "192.0.2.1:8080", "[::1]:8080"] {
        assert!(post("/", &[("host", host)]).is_ok(), "{host}");
    }
}

#[test]
fn http2_takes_the_authority_and_any_host_must_agree() {
    assert_eq!(http2("https://good:443/x", &[]).unwrap().host.name(), "good");
    assert_eq!(http2("https://good/x", &[("host", "Good:443")]).unwrap().host.name(), "good");
    assert_eq!(http2("/x", &[("host", "good")]).unwrap().host.name(), "good");
    assert_eq!(error(http2("/x", &[])), GateError::HostMissing);
    assert_eq!(error(http2("https://good/x", &[("host", "evil")])), GateError::HostMismatch);
    assert_eq!(error(http2("https://u:p@good/x", &[])), GateError::HostMalformed);
    assert_eq!(
        error(http2("https://good/x", &[("host", "good"), ("host", "good")])),
        GateError::HostRepeated
    );
}

#[test]
fn server_name_and_host_agree_where_both_are_names() {
    let arrive = |sni, host| {
        let parts = request("POST", "/", Version::HTTP_11, &[("host", host)]);
        admit(parts, &Arrival { secure: true, sni }, &Limits::default())
    };
    assert_eq!(error(arrive(Some("good"), "evil")), GateError::SniMismatch);
    for (sni, host) in [
        (Some("good"), "GOOD.:8443"),
        (Some("Good."), "good"),
        (Some("good"), "192.0.2.1"),
        (Some("good"), "[::1]"),
        (Some("192.0.2.1"), "good"),
        (None, "good"),
    ] {
        assert!(arrive(sni, host).is_ok(), "{sni:?} {host}");
    }
}

#[test]
fn content_length_is_one_plain_number() {
    for value in ["0", "3", "9999999999999999999", " 3\t"] {
        assert!(with("content-length", value).is_ok(), "{value}");
    }
    for value in [
        "",
        " ",
        "003",
        "00",
        "+3",
        "-1",
        "0x3",
        "1e1",
        "3 3",
        "3, 3",
        "3,",
        "10000000000000000000",
        "18446744073709551616",
    ] {
        assert_eq!(error(with("content-length", value)), GateError::ContentLengthMalformed, "{value}");
    }
    let twice = [("content-length", "3"), ("content-length", "3")];
    assert!(http2("https://good/", &twice).is_ok());
    let differing = [("content-length", "3"), ("content-length", "4")];
    assert_eq!(error(http2("https://good/", &differing)), GateError::ContentLengthMalformed);
}

#[test]
fn transfer_encoding_is_one_chunked_without_content_length() {
    for value in ["chunked", "Chunked", "\tCHUNKED "] {
        assert!(with("transfer-encoding", value).is_ok(), "{value}");
    }
    for value in [
        "",
        "gzip, chunked",
        "chunked, chunked",
        ", chunked",
        "chunked,",
        "identity",
        "xchunked",
        "chunked;q=1",
    ] {
        assert_eq!(
            error(with("transfer-encoding", value)),
            GateError::TransferEncodingUnsupported,
            "{value}"
        );
    }
    let fields = |second| [("host", "good"), ("transfer-encoding", "chunked"), second];
    let twice = fields(("transfer-encoding", "identity"));
    assert_eq!(error(post("/", &twice)), GateError::TransferEncodingUnsupported);
    assert_eq!(error(post("/", &fields(("content-length", "3")))), GateError::FramingConflict);
    for version in [Version::HTTP_10, Version::HTTP_2] {
        let parts = request("POST", "/", version, &fields(("x-a", "1")));
        let result = admit(parts, &TLS, &Limits::default());
        assert_eq!(error(result), GateError::TransferEncodingUnsupported);
    }
}

#[test]
fn lookalikes_of_framing_names_are_refused() {
    for name in [
        "Transfer_Encoding",
        "content_length",
        "keep_alive",
        "proxy_connection",
        "http2_settings",
        "Content_Type",
    ] {
        assert_eq!(error(with(name, "chunked")), GateError::HeaderLookalike, "{name}");
    }
    for name in ["x_signature", "content_lengths", "bonafide_source", "x_forwarded_for"] {
        assert!(with(name, "1").is_ok(), "{name}");
    }
}

#[test]
fn connection_names_are_collected() {
    let fields =
        [("host", "good"), ("connection", "Keep-Alive, X-Hop ,, close"), ("connection", "te,upgrade,x-two")];
    let head = post("/", &fields).unwrap();
    assert_eq!(head.nominated, [HeaderName::from_static("x-hop"), HeaderName::from_static("x-two")]);
    let read = [HeaderName::from_static("x-signature"), HeaderName::from_static("x-two")];
    assert_eq!(nominates(&head, &read), read.get(1));
    assert_eq!(nominates(&head, &read[..1]), None);
    assert!(with("connection", "HTTP2-Settings, Upgrade").unwrap().nominated.is_empty());
}

#[test]
fn connection_may_not_name_what_the_request_rests_on() {
    for name in [
        "Content-Length",
        "Host",
        "Content-Type",
        "Content-Encoding",
        "Transfer-Encoding",
        "Authorization",
        "Cookie",
        "Forwarded",
    ] {
        let expected = HeaderName::from_bytes(name.as_bytes()).unwrap();
        let value = format!("close, {name}");
        assert_eq!(error(with("connection", &value)), GateError::ConnectionNominates(expected));
    }
    let prefix = GateError::ConnectionNominates(HeaderName::from_static("x-forwarded-*"));
    assert_eq!(error(with("connection", "X-Forwarded-Proto")), prefix);
}

#[test]
fn a_connection_field_is_short_and_made_of_names() {
    for value in ["\u{ff}", "x y", "x;y", "\"x\""] {
        assert_eq!(error(with("connection", value)), GateError::HeaderMalformed(CONNECTION), "{value}");
    }
    let options = |count: usize| vec!["keep-alive"; count].join(",");
    assert!(with("connection", &options(20)).is_ok());
    assert_eq!(error(with("connection", &options(21))), GateError::TooManyConnectionOptions { limit: 20 });
}

#[test]
fn only_h2c_is_an_upgrade_to_ignore() {
    for value in ["h2c", " H2C"] {
        assert!(with("upgrade", value).is_ok(), "{value}");
    }
    for value in ["websocket", "foo", "h2c, websocket", ""] {
        assert_eq!(error(with("upgrade", value)), GateError::UpgradeRefused, "{value}");
    }
}

#[test]
fn content_fields_do_not_repeat() {
    for name in [CONTENT_TYPE, CONTENT_ENCODING] {
        let once = [("host", "good"), (name.as_str(), "a")];
        assert!(post("/", &once).is_ok());
        let twice = [("host", "good"), (name.as_str(), "a"), (name.as_str(), "a")];
        assert_eq!(error(post("/", &twice)), GateError::HeaderMalformed(name));
    }
}

#[test]
fn the_head_is_bounded_in_fields_and_bytes() {
    let fields = |count: usize| {
        let mut fields = vec![("x-a", "1"); count - 1];
        fields.push(("host", "good"));
        fields
    };
    assert!(post("/", &fields(100)).is_ok());
    assert_eq!(error(post("/", &fields(101))), GateError::TooManyFields { count: 101, limit: 100 });

    // "POST" + "/" + "host" + "good" + "x-a" and two field overheads are 24 bytes.
    let sized = |bytes| post("/", &[("host", "good"), ("x-a", &"v".repeat(bytes))]);
    let room = Limits::default().head - 24;
    assert!(sized(room).is_ok());
    let over = GateError::HeadTooLarge { bytes: 32 * 1024 + 1, limit: 32 * 1024 };
    assert_eq!(error(sized(room + 1)), over);
}

#[test]
fn status_detail_and_closing_follow_the_design() {
    for (error, status, closes, detail) in [
        (GateError::HostMismatch, 400, true, ""),
        (GateError::FramingConflict, 400, true, ""),
        (GateError::MethodNotAllowed, 405, true, ""),
        (GateError::SniMismatch, 421, false, ""),
        (GateError::TargetTooLong { bytes: 9, limit: 8 }, 414, false, "target of 9 bytes, limit 8"),
        (GateError::TooManyFields { count: 101, limit: 100 }, 431, false, "101 header fields, limit 100"),
        (GateError::ConnectionNominates(HOST), 400, true, "connection names host"),
    ] {
        assert_eq!((error.reason().status(), error.closes()), (status, closes), "{error:?}");
        assert_eq!(error.detail(), detail);
    }
}
