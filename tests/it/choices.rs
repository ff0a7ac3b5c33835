//! Secrets that a field of the request, or its path, chooses: each value has its own, and nothing else is looked up.

use crate::process::wait_until;
use crate::rig::client::{Client, once};
use crate::rig::policy::Policy;
use crate::rig::request::{Request, post};
use crate::rig::sign;
use crate::tokens::{Bench, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const ACME: &str = "the-secret-of-acme-0123456789abcdef";
const BETA: &str = "the-secret-of-beta-0123456789abcdef";
const LATE: &str = "the-secret-of-late-0123456789abcdef";
const OUTSIDE: &str = "the-secret-outside-0123456789abcdef";
const HUB: &str = "X-Hub-Signature-256";
/// Files are looked at every 5 s.
const LOOK: Duration = Duration::from_secs(12);

/// How requests say whose they are.
const OF_HEADER: &str = "[source.signature]\nalgorithm = \"hmac-sha256\"\nmessage = \"{tenant}.{body}\"\n\
    [source.signature.fields]\ntenant = { header = \"X-Tenant\" }\n\
    sig = { header = \"X-Signature\", role = \"signature\", encoding = \"hex\" }\n";

fn secret_file(directory: &Path, name: &str, secret: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = directory.join(name);
    fs::write(&path, format!("{secret}\n")).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
    path
}

/// A directory `tenants` of two, and a file beside it that is nobody's.
fn directory(policy: &Policy) -> PathBuf {
    let tenants = policy.directory.path().join("tenants");
    fs::create_dir_all(tenants.join("sub")).expect("a directory");
    secret_file(&tenants, "acme", ACME);
    secret_file(&tenants, "beta", BETA);
    secret_file(&tenants, ".hidden", OUTSIDE);
    secret_file(&tenants.join("sub"), "inner", OUTSIDE);
    secret_file(policy.directory.path(), "outside", OUTSIDE);
    tenants
}

fn by_path(secrets: &str) -> String {
    format!(
        "[[source]]\nname = \"path\"\npath = \"/hooks/{{tenant}}\"\nprovider = \"github\"\nreplay = \"off\"\n{secrets}\n"
    )
}

fn by_header(secrets: &str) -> String {
    format!("[[source]]\nname = \"header\"\npath = \"/header\"\n{secrets}\n{OF_HEADER}\n")
}

fn of_files(directory: &Path) -> String {
    format!("secrets = {{ by = \"tenant\", file = \"{}/{{value}}\" }}", directory.display())
}

fn of_keys() -> String {
    format!(
        "secrets = {{ by = \"tenant\", keys = {{ acme = {{ literal = \"{ACME}\" }}, beta = {{ literal = \"{BETA}\" }} }} }}"
    )
}

fn path(tenant: &str, secret: &str) -> Request {
    post(format!("/hooks/{tenant}")).header(HUB, sign::github(secret, b"{\"n\":1}")).body("{\"n\":1}")
}

fn header(tenant: &[u8], secret: &str, body: &str) -> Request {
    let tag = hex::encode(sign::hmac_sha256(secret.as_bytes(), &[tenant, b".", body.as_bytes()]));
    post("/header").header("X-Tenant", tenant).header("X-Signature", tag).body(body)
}

fn bench(secrets: impl Fn(&Policy) -> String) -> Bench {
    let policy = Policy::tls();
    let secrets = secrets(&policy);
    let sources = by_path(&secrets) + &by_header(&secrets);
    Bench::with(policy, &sources, &[])
}

#[test]
fn each_value_has_its_secret_and_no_other() {
    let of_directory: fn(&Policy) -> String = |policy| of_files(&directory(policy));
    for secrets in [of_directory, |_| of_keys()] {
        let bench = bench(secrets);
        for (tenant, own, other) in [("acme", ACME, BETA), ("beta", BETA, ACME)] {
            let (got, line) = bench.passes(&path(tenant, own));
            assert_eq!((got.one("bonafide-key").as_str(), &line["key"]), (tenant, &tenant.into()));
            bench.refused(&path(tenant, other), 401, "signature_mismatch");
            bench.passes(&header(tenant.as_bytes(), own, tenant));
            bench.refused(&header(tenant.as_bytes(), other, tenant), 401, "signature_mismatch");
            bench.refused(&path(tenant, OUTSIDE), 401, "signature_mismatch");
        }
        let unknown = bench.refused(&path("gamma", ACME), 401, "secret_unknown");
        assert_eq!(unknown["detail"], "path capture tenant names nobody who has a secret");
        let unknown = bench.refused(&header(b"gamma", ACME, ""), 401, "secret_unknown");
        assert_eq!(unknown["detail"], "header X-Tenant names nobody who has a secret");
        bench.kept_secret(&[ACME, BETA, OUTSIDE]);
    }
}

/// The value is compared with what there is; it never becomes the name of a file.
#[test]
fn a_value_is_no_path() {
    let bench = bench(|policy| of_files(&directory(policy)));
    bench.passes(&path("acme", ACME));
    let long = "a".repeat(5000);
    for value in [
        "../outside",
        "./acme",
        "/acme",
        "sub/inner",
        "sub",
        ".hidden",
        ".",
        "..",
        "ACME",
        "acme.",
        "acme%00",
        &long,
    ] {
        for secret in [ACME, OUTSIDE] {
            bench.refused(&header(value.as_bytes(), secret, value), 401, "secret_unknown");
        }
    }
    for value in ["%2e%2e%2foutside", "..%2foutside", "%61cme", "acme%20", "{value}", "*", "acme,beta"] {
        bench.refused(&header(value.as_bytes(), ACME, value), 401, "secret_unknown");
    }
    bench.refused(&header(b"", ACME, ""), 401, "secret_unknown");
    bench.refused(&header("acm\u{e9}".as_bytes(), ACME, ""), 401, "field_malformed");
    for value in [".hidden", "ACME", "outside", "sub", "acme.", "-"] {
        bench.refused(&path(value, OUTSIDE), 401, "secret_unknown");
    }
}

/// What is no plain segment does not even find the source.
#[test]
fn a_path_that_climbs_is_not_looked_at() {
    let bench = bench(|policy| of_files(&directory(policy)));
    let before = (bench.recorder.served(), bench.recorder.connections());
    let long = "a".repeat(300);
    for (value, status) in [
        ("../outside", 400),
        ("%2e%2e%2foutside", 400),
        ("..%2foutside", 400),
        ("%2e%2e/outside", 400),
        ("a%00", 400),
        ("acme%00", 400),
        ("acme//", 400),
        ("", 404),
        ("acme/", 404),
        ("sub/inner", 404),
        ("acme%20", 404),
        ("%61cme", 404),
        (&long, 404),
    ] {
        for secret in [ACME, OUTSIDE] {
            let answer = once(Client::tls(bench.proxy.address), &path(value, secret)).expect("an answer");
            assert_eq!(answer.status, status, "{value}: {:?}", bench.line(&answer));
        }
    }
    assert_eq!((bench.recorder.served(), bench.recorder.connections()), before, "the upstream saw something");
    bench.passes(&path("acme", ACME));
}

#[test]
fn what_chooses_stands_once() {
    let bench = bench(|_| of_keys());
    let genuine = header(b"acme", ACME, "x");
    bench.passes(&genuine);
    for value in ["acme", "beta"] {
        bench.refused(&genuine.clone().header("x-tenant", value), 401, "field_repeated");
    }
    let mut absent = genuine.clone();
    absent.headers.retain(|(name, _)| name != "X-Tenant");
    bench.refused(&absent, 401, "field_missing");
    // The secret of one tenant says nothing in the name of another.
    let mut renamed = genuine;
    renamed.headers.retain(|(name, _)| name != "X-Tenant");
    bench.refused(&renamed.header("X-Tenant", "beta"), 401, "signature_mismatch");
}

/// One tenant cannot make the guard take another one's event for a copy, nor see that it came.
#[test]
fn one_tenants_events_are_not_anothers() {
    let fields = "[source.signature]\nalgorithm = \"hmac-sha256\"\nmessage = \"{id}.{body}\"\n[source.signature.fields]\n\
        id = { header = \"X-Id\", role = \"id\" }\nsig = { header = \"X-Signature\", role = \"signature\", encoding = \"hex\" }\n";
    let source = format!(
        "[[source]]\nname = \"ids\"\npath = \"/ids/{{tenant}}\"\nreplay = {{ window = \"1h\" }}\n{}\n{fields}",
        of_keys()
    );
    let bench = Bench::start(&source);
    let event = |tenant: &str, secret: &str, body: &str| {
        let tag = hex::encode(sign::hmac_sha256(secret.as_bytes(), &[b"evt_1.", body.as_bytes()]));
        post(format!("/ids/{tenant}")).header("X-Id", "evt_1").header("X-Signature", tag).body(body)
    };
    bench.passes(&event("acme", ACME, "x"));
    bench.duplicate(&event("acme", ACME, "x"));
    bench.passes(&event("beta", BETA, "x"));
    bench.duplicate(&event("beta", BETA, "x"));
    bench.refused(&event("acme", ACME, "y"), 409, "event_conflict");
}

#[test]
fn files_that_come_change_and_go_are_noticed() {
    let bench = bench(|policy| of_files(&directory(policy)));
    let tenants = bench.proxy.policy.directory.path().join("tenants");
    let status =
        |request: &Request| once(Client::tls(bench.proxy.address), request).expect("an answer").status;
    bench.refused(&path("late", LATE), 401, "secret_unknown");
    secret_file(&tenants, "late", LATE);
    assert!(wait_until(LOOK, || status(&path("late", LATE)) == 200), "{:#?}", bench.proxy.log());
    bench.refused(&path("late", ACME), 401, "signature_mismatch");
    secret_file(&tenants, "acme", OUTSIDE);
    fs::remove_file(tenants.join("beta")).expect("removed");
    let changed = || status(&path("acme", OUTSIDE)) == 200;
    assert!(wait_until(LOOK, changed), "{:#?}", bench.proxy.log());
    bench.refused(&path("acme", ACME), 401, "signature_mismatch");
    bench.refused(&path("beta", BETA), 401, "secret_unknown");
    bench.passes(&header(b"late", LATE, "x"));
    bench.passes(&header(b"acme", OUTSIDE, "x"));
    // A file that is no secret changes nothing.
    let told =
        |line: &serde_json::Value| line["message"].as_str().is_some_and(|text| text.contains("not reloaded"));
    fs::write(tenants.join("empty"), "").expect("written");
    assert!(wait_until(LOOK, || bench.proxy.find_line(told).is_some()), "{:#?}", bench.proxy.log());
    bench.passes(&path("acme", OUTSIDE));
    bench.refused(&path("empty", ""), 401, "secret_unknown");
}

/// `{value}` may stand beside other text, and names that do not fit are nobody's.
#[test]
fn the_name_of_the_file_may_hold_more() {
    let bench = bench(|policy| {
        let tenants = directory(policy);
        secret_file(&tenants, "hook-late.key", LATE);
        secret_file(&tenants, "hook-.key", OUTSIDE);
        format!("secrets = {{ by = \"tenant\", file = \"{}/hook-{{value}}.key\" }}", tenants.display())
    });
    bench.passes(&path("late", LATE));
    for value in ["acme", "hook-late.key", "late.key"] {
        bench.refused(&path(value, ACME), 401, "secret_unknown");
    }
    bench.refused(&header(b"", OUTSIDE, ""), 401, "secret_unknown");
}

#[test]
fn a_choice_that_cannot_work_refuses_the_start() {
    for (secrets, code) in [
        ("secrets = { by = \"tenant\", file = \"tenants/secret\" }", "`{value}` must stand"),
        ("secrets = { by = \"tenant\", file = \"{value}/{value}\" }", "`{value}` stands once"),
        ("secrets = { by = \"tenant\", file = \"nowhere/{value}\" }", "cannot be read"),
        ("secrets = { by = \"tenant\", file = \"nobody/{value}\" }", "no value has a secret"),
        ("secrets = { by = \"tenannt\", keys = { a = { literal = \"0123456789abcdef\" } } }", "\"tenant\""),
        ("secrets = { by = \"tenant\", keys = {} }", "no value has a secret"),
        ("secrets = { by = \"tenant\" }", "either `file` or `keys`"),
        (
            "secrets = { by = \"tenant\", file = \"tenants/{value}\", keys = { a = { env = \"A\" } } }",
            "either `file` or `keys`",
        ),
        ("secrets = { file = \"tenants/{value}\" }", "by"),
    ] {
        let policy = Policy::tls().upstream("http://127.0.0.1:1").add(&by_header(secrets));
        fs::create_dir(policy.directory.path().join("nobody")).expect("a directory");
        let failed = crate::rig::proxy::Proxy::try_start(policy, &[]).err().expect("it must not start");
        assert_eq!(failed.code, Some(3), "{}", failed.log);
        assert!(failed.log.contains(code), "{secrets}: {}", failed.log);
    }
    // The twin, and what `check` says without reading a secret.
    let bench = bench(|policy| of_files(&directory(policy)));
    let check = run(&bench, &["check", "--no-secrets"]);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}
