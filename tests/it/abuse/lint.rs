//! C, V01: what `bonafide check` must not let pass, and that it lets the nearest good policy pass.

use crate::commands::{Desk, json};

const FRAME: &str = "[server]\nlisten = \"127.0.0.1:8443\"\nplaintext = true\n#frame\n[upstream]\nurl = \"http://127.0.0.1:3000\"\n";
const A: &str = "[[source]]\nname = \"a\"\npath = \"/a\"\n";
const B: &str = "[[source]]\nname = \"b\"\npath = \"/b\"\n";
const GITHUB: &str = "provider = \"github\"\nsecret = { literal = \"0123456789abcdef0123\" }\n";
const STRIPE: &str = "provider = \"stripe\"\nsecret = { literal = \"0123456789abcdef0123\" }\n";
const OPEN: &str = "scheme = \"none\"\n";
const JWT: &str = "[source.jwt]\nalgorithms = [\"ES256\"]\nissuer = \"https://i.example\"\naudience = \"https://a.example\"\n\
    keys = { jwks = \"https://i.example/jwks.json\" }\n";

#[derive(Clone, Copy)]
enum Expect {
    Refused(&'static str),
    Warned(&'static str),
    Fine(&'static str),
}

use Expect::{Fine, Refused, Warned};

/// Runs `check`; a policy that is fine has no problem of the code that its twin has.
fn lint(rows: &[(&str, &str, Expect)]) {
    let desk = Desk::new();
    let mut faults = Vec::new();
    for (number, sources, expect) in rows {
        let (top, sources) = sources.split_once("#sources\n").unwrap_or(("", sources));
        desk.write("bonafide.toml", FRAME.replace("#frame\n", top) + sources);
        let output = desk.run(&["check", "--format", "json"]);
        let report = json(&String::from_utf8_lossy(&output.stdout));
        let problems = report["problems"].as_array().expect("problems").iter();
        let problems: Vec<(&str, &str)> = problems
            .map(|row| (row["severity"].as_str().unwrap_or("?"), row["code"].as_str().unwrap_or("?")))
            .collect();
        let fine = match expect {
            Refused(code) => output.status.code() == Some(3) && problems.contains(&("error", code)),
            Warned(code) => output.status.code() == Some(0) && problems.contains(&("warning", code)),
            Fine(code) => output.status.code() == Some(0) && problems.iter().all(|(_, found)| found != code),
        };
        if !fine {
            faults.push(format!("{number}: {:?} {problems:?}\n{sources}", output.status.code()));
        }
        // What `check` refuses does not start either.
        let run = (output.status.code() == Some(3)).then(|| desk.run(&["run"]));
        if run.is_some_and(|run| run.status.code() != Some(3)) {
            faults.push(format!("{number}: it started\n{sources}"));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_source_says_how_it_is_proved() {
    let jwt = |line: &str| format!("{A}{}", JWT.replace(line, ""));
    let none = JWT.replace("ES256", "none");
    lint(&[
        ("C01", A, Refused("missing_scheme")),
        (
            "C01",
            &format!("{A}secret = {{ literal = \"0123456789abcdef0123\" }}\n"),
            Refused("missing_scheme"),
        ),
        ("C01", &format!("{A}verify = \"none\"\n"), Refused("unknown_key")),
        ("C01", &format!("{A}provider = \"github\"\n"), Refused("missing_secret")),
        ("C01", &format!("{A}{OPEN}"), Warned("waiver")),
        ("C01", &format!("{A}mode = \"report\"\n{GITHUB}"), Warned("waiver")),
        ("C01", &format!("{A}{GITHUB}"), Fine("waiver")),
        ("C02", &jwt("audience = \"https://a.example\"\n"), Refused("missing_key")),
        ("C02", &jwt("issuer = \"https://i.example\"\n"), Refused("missing_key")),
        ("C02", &jwt("algorithms = [\"ES256\"]\n"), Refused("missing_key")),
        ("C02", &format!("{A}{none}"), Refused("bad_value")),
        ("C02", &format!("{A}{}", JWT.replace("[\"ES256\"]", "[]")), Refused("bad_value")),
        ("C02", &format!("{A}{}", JWT.replace("\"https://a.example\"", "\"\"")), Refused("bad_value")),
        ("C02", &format!("{A}{}", JWT.replace("\"https://i.example\"", "\" \"")), Refused("bad_value")),
        ("C02", &format!("{A}{JWT}"), Fine("missing_key")),
    ]);
}

#[test]
fn windows_and_limits_are_bounded() {
    let tolerance =
        |time: &str| format!("{A}{STRIPE}[source.signature.fields]\nt = {{ tolerance = \"{time}\" }}\n");
    let top = |table: &str| format!("{table}#sources\n{A}{GITHUB}");
    let mut rows = vec![
        ("C04", tolerance("3601s"), Refused("bad_value")),
        ("C04", tolerance("0s"), Refused("bad_value")),
        ("C04", tolerance("1h"), Fine("bad_value")),
        ("C04", top("[replay]\nmax_entries = 0\n"), Refused("bad_value")),
        ("C04", top("[replay]\nmax_entries = 200000000\n"), Refused("bad_value")),
        ("C04", top("[replay]\nmax_entries = 1000\n"), Fine("bad_value")),
        ("C04", format!("{A}{GITHUB}replay = {{ window = \"32d\" }}\n"), Refused("bad_value")),
        ("C05", format!("{A}{GITHUB}max_body = \"0B\"\n"), Refused("zero")),
        ("C05", format!("{A}{GITHUB}max_body = 0\n"), Refused("missing_unit")),
        ("C05", format!("{A}{GITHUB}max_body = \"unlimited\"\n"), Refused("bad_value")),
        ("C05", format!("{A}{GITHUB}max_body = \"100GiB\"\n"), Refused("body_over_budget")),
        ("C05", format!("{A}{GITHUB}max_body = \"1MiB\"\n"), Fine("zero")),
        ("C05", top("[server.limits]\nbody = \"0B\"\n"), Refused("zero")),
    ];
    for timeout in ["handshake", "head", "body", "body_idle", "write", "connect", "response", "response_idle"]
    {
        rows.push(("C05", top(&format!("[server.timeouts]\n{timeout} = \"0s\"\n")), Refused("zero")));
        rows.push(("C05", top(&format!("[server.timeouts]\n{timeout} = \"7s\"\n")), Fine("zero")));
    }
    let rows: Vec<_> = rows.iter().map(|(number, text, expect)| (*number, text.as_str(), *expect)).collect();
    lint(&rows);
}

/// C04: a `window` that is shorter than the tolerance does not shorten what is remembered.
#[test]
fn a_short_window_does_not_let_a_copy_pass() {
    use crate::rig::request::post;
    use crate::rig::sign;
    let secret = "a-secret-of-stripes-0123456789abcdef";
    let source = format!(
        "{A}provider = \"stripe\"\nsecret = {{ literal = \"{secret}\" }}\nreplay = {{ window = \"1s\" }}\n"
    );
    let bench = crate::tokens::Bench::start(&source);
    let body = b"{\"id\":\"evt_1\"}";
    let event =
        post("/a").header("Stripe-Signature", sign::stripe(secret, &sign::unix_time(0), body)).body(body);
    bench.passes(&event);
    std::thread::sleep(std::time::Duration::from_millis(2500));
    bench.duplicate(&event);
}

#[test]
fn keys_and_requests_do_not_travel_in_the_clear() {
    let jwks = |url: &str| format!("{A}{}", JWT.replace("https://i.example/jwks.json", url));
    let upstream = |url: &str| format!("{A}{GITHUB}upstream = \"{url}\"\n");
    let mut rows = Vec::new();
    for url in [
        "http://i.example/jwks.json",
        "https://10.0.0.1/jwks.json",
        "https://192.168.1.1/jwks.json",
        "https://172.16.0.1/jwks.json",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/jwks.json",
        "https://0.0.0.0/jwks.json",
        "https://[fd00::1]/jwks.json",
        "https://[fe80::1]/jwks.json",
        "https://[::ffff:10.0.0.1]/jwks.json",
        "https://user:secret@i.example/jwks.json",
        "file:///etc/passwd",
        "ftp://i.example/jwks.json",
        "//i.example/jwks.json",
    ] {
        rows.push(("C06", jwks(url), Refused("key_url")));
    }
    // The machine itself is the operator's.
    for url in ["https://i.example/keys", "https://127.0.0.1/keys", "https://[::1]/keys"] {
        rows.push(("C06", jwks(url), Fine("key_url")));
    }
    for url in ["http://93.184.216.34", "http://93.184.216.34:8080", "http://[2606:4700::1]:80"] {
        rows.push(("C06", upstream(url), Refused("upstream_plain")));
    }
    for url in ["http://10.0.0.1:80", "http://[::1]:80", "https://93.184.216.34", "http://app:80"] {
        rows.push(("C06", upstream(url), Fine("upstream_plain")));
    }
    let rows: Vec<_> = rows.iter().map(|(number, text, expect)| (*number, text.as_str(), *expect)).collect();
    lint(&rows);
}

#[test]
fn only_the_proxy_says_who_was_proved() {
    let set = |name: &str| format!("{A}{GITHUB}set_headers = {{ \"{name}\" = \"x\" }}\n");
    let mut rows = Vec::new();
    for name in [
        "Bonafide-Source",
        "bonafide-verdict",
        "BONAFIDE-KEY",
        "Bonafide_Event_Id",
        "bonafide-anything",
        "X-Forwarded-For",
        "Forwarded",
        "X-Request-Id",
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
    ] {
        rows.push(("C10", set(name), Refused("reserved_header")));
    }
    rows.push(("C10", set("X-Environment"), Fine("reserved_header")));
    rows.push(("C10", format!("{A}{GITHUB}strip = []\n"), Fine("reserved_header")));
    let rows: Vec<_> = rows.iter().map(|(number, text, expect)| (*number, text.as_str(), *expect)).collect();
    lint(&rows);
}

#[test]
fn what_is_not_verified_does_not_arrive_where_verified_requests_do() {
    let code = "waiver_shares_path";
    let proved = format!("{A}{GITHUB}");
    let open = |lines: &str| format!("{proved}{B}{OPEN}{lines}");
    let wild = |upstream: &str| {
        format!("{proved}[[source]]\nname = \"b\"\npath = \"/b/*\"\n{OPEN}upstream_path = \"{upstream}\"\n")
    };
    lint(&[
        ("C11", &open(""), Fine(code)),
        ("C11", &open("upstream_path = \"/a\"\n"), Warned(code)),
        ("C11", &open("upstream_path = \"/a/\"\n"), Fine(code)),
        ("C11", &open("upstream_path = \"/a\"\nupstream = \"http://127.0.0.1:3001\"\n"), Fine(code)),
        ("C11", &format!("{proved}{B}mode = \"report\"\nupstream_path = \"/a\"\n{GITHUB}"), Warned(code)),
        ("C11", &format!("{proved}upstream_path = \"/x\"\n{B}{OPEN}upstream_path = \"/x\"\n"), Warned(code)),
        ("C11", &format!("{proved}upstream_path = \"/b\"\n{B}{OPEN}"), Warned(code)),
        ("C11", &wild("/*"), Warned(code)),
        ("C11", &wild("/b/*"), Fine(code)),
        ("C11", &wild("/c/*"), Fine(code)),
        (
            "C11",
            &format!(
                "{proved}[[source]]\nname = \"b\"\npath = \"/b/{{x}}\"\n{OPEN}upstream_path = \"/{{x}}\"\n"
            ),
            Warned(code),
        ),
        // The more specific one has the path.
        ("C11", &format!("{proved}[[source]]\nname = \"b\"\npath = \"/*\"\n{OPEN}"), Fine(code)),
        // But not on another host.
        (
            "C11",
            &format!("{A}host = \"h.example\"\n{GITHUB}[[source]]\nname = \"b\"\npath = \"/*\"\n{OPEN}"),
            Warned(code),
        ),
        (
            "C11",
            &format!(
                "{A}host = \"h.example\"\n{GITHUB}[[source]]\nname = \"b\"\npath = \"/*\"\nhost = \"h.example\"\n{OPEN}"
            ),
            Fine(code),
        ),
    ]);
}

#[test]
fn two_sources_do_not_take_the_same_requests() {
    let code = "duplicate_route";
    let two = |first: &str, second: &str, lines: &str| {
        format!(
            "[[source]]\nname = \"a\"\npath = \"{first}\"\n{GITHUB}[[source]]\nname = \"b\"\npath = \"{second}\"\n{lines}{GITHUB}"
        )
    };
    lint(&[
        ("C12", &two("/a", "/a", ""), Refused(code)),
        ("C12", &two("/a", "/a", "methods = [\"PUT\"]\n"), Refused(code)),
        ("C12", &two("/{x}/a", "/{y}/a", ""), Refused(code)),
        ("C12", &two("/a/*", "/a/*", ""), Refused(code)),
        ("C12", &two("/a", "/a", "host = \"h.example\"\n"), Fine(code)),
        ("C12", &two("/a", "/A", ""), Fine(code)),
        ("C12", &two("/a", "/a/", ""), Fine(code)),
        ("C12", &two("/a", "/{x}", ""), Fine(code)),
        ("C12", &two("/{x}/a", "/a/{y}", ""), Fine(code)),
        ("C12", &format!("{A}{GITHUB}{}{GITHUB}", A.replace("\"/a\"", "\"/b\"")), Refused("duplicate_name")),
    ]);
}

#[test]
fn secrets_have_the_form_that_their_scheme_demands() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let whsec = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![b'k'; bytes]));
    let source = |secret: &str| {
        format!("{A}provider = \"standard-webhooks\"\nsecret = {{ literal = \"{secret}\" }}\n")
    };
    let (unusable, fine) = (|| Refused("secret_unusable"), || Fine("secret_unusable"));
    let rows = [
        (source(&whsec(24)), fine()),
        (source(&whsec(64)), fine()),
        (source(&whsec(32).replace("whsec_", "")), fine()),
        (source(&whsec(23)), unusable()),
        (source(&whsec(65)), unusable()),
        (source("whsec_"), unusable()),
        (source("whsec_!!!!not-base64!!!!"), unusable()),
        (source(whsec(32).trim_end_matches('=')), unusable()),
        (source(&format!("whsec_{}", URL_SAFE_NO_PAD.encode([0xff; 33]))), unusable()),
        (source(&format!("{} ", whsec(32))), unusable()),
        (source(&format!("WHSEC_{}", &whsec(32)[6..])), unusable()),
        (source("changeme"), unusable()),
        (source("${WHSEC}"), unusable()),
    ];
    let rows: Vec<_> = rows.iter().map(|(text, expect)| ("V01", text.as_str(), *expect)).collect();
    lint(&rows);
}
