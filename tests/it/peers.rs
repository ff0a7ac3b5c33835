//! Other people's clients, where they are installed. `BONAFIDE_REQUIRE_PEERS=1` turns a skip into a failure.

use crate::abuse::{BODY, HUB, SECRET, start};
use crate::rig::recorder::Recorder;
use crate::rig::request::HOST;
use crate::rig::sign;
use std::process::{Command, Stdio};

/// Whether this program can be started; its absence is a skip or a failure.
fn present(program: &str, argument: &str) -> bool {
    let started = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let present = started.is_ok_and(|status| status.success());
    let required = std::env::var("BONAFIDE_REQUIRE_PEERS").is_ok_and(|value| value == "1");
    assert!(present || !required, "{program} is required and absent");
    if !present {
        eprintln!("skipped: {program} is not installed");
    }
    present
}

/// Runs it and gives what it printed.
fn output(command: &mut Command) -> String {
    let output = command.output().expect("the peer starts");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn curl_over_http1_and_http2() {
    if !present("curl", "--version") {
        return;
    }
    let recorder = Recorder::start();
    let proxy = start(&recorder);
    let ca = proxy.policy.directory.path().join("certificate.pem");
    let body = proxy.policy.file("body", BODY);
    let port = proxy.address.port();
    for version in ["--http1.1", "--http2"] {
        for (secret, expected) in [(SECRET, "200"), ("wrong", "401")] {
            let printed = output(
                Command::new("curl")
                    .args([version, "--silent", "--show-error", "--output", "/dev/null", "--max-time", "10"])
                    .args(["--write-out", "%{http_code}", "--noproxy", "*", "--cacert"])
                    .arg(&ca)
                    .args(["--resolve", &format!("{HOST}:{port}:127.0.0.1")])
                    .args(["--header", &format!("{HUB}: {}", sign::github(secret, BODY)), "--data-binary"])
                    .arg(format!("@{}", body.display()))
                    .arg(format!("https://{HOST}:{port}/hooks/github")),
            );
            assert_eq!(printed, expected, "{version}");
        }
    }
    assert_eq!(recorder.requests().expect("well-formed").len(), 2);
}

#[test]
fn nghttp_over_http2() {
    if !present("nghttp", "--version") {
        return;
    }
    let recorder = Recorder::start();
    let proxy = start(&recorder);
    let body = proxy.policy.file("body", BODY);
    let printed = output(
        Command::new("nghttp")
            .args(["--no-verify-peer", "--verbose", "--timeout=10", "--data"])
            .arg(body)
            .args(["--header", &format!(":authority: {HOST}")])
            .args(["--header", &format!("{HUB}: {}", sign::github(SECRET, BODY))])
            .arg(format!("https://localhost:{}/hooks/github", proxy.address.port())),
    );
    assert!(printed.contains(":status: 200"), "{printed}");
    assert_eq!(recorder.requests().expect("well-formed").len(), 1);
}

#[test]
fn python_over_http1() {
    if !present("python3", "--version") {
        return;
    }
    let recorder = Recorder::start();
    let proxy = start(&recorder);
    let script = "import http.client, ssl, sys\n\
        context = ssl.create_default_context(cafile=sys.argv[1])\n\
        for body, signature in ((b'Hello, World!', sys.argv[3]), (b'Hello, World?', sys.argv[3])):\n\
        \x20   peer = http.client.HTTPSConnection('localhost', int(sys.argv[2]), context=context, timeout=10)\n\
        \x20   peer.request('POST', '/hooks/github', body=iter([body[:4], body[4:]]),\n\
        \x20       headers={'X-Hub-Signature-256': signature, 'Transfer-Encoding': 'chunked'}, encode_chunked=True)\n\
        \x20   print(peer.getresponse().status)\n";
    let printed = output(
        Command::new("python3")
            .args(["-c", script])
            .arg(proxy.policy.directory.path().join("certificate.pem"))
            .args([proxy.address.port().to_string(), sign::github(SECRET, BODY)]),
    );
    assert_eq!(printed.split_whitespace().collect::<Vec<_>>(), ["200", "401"], "{printed}");
    assert_eq!(recorder.requests().expect("well-formed")[0].body, BODY);
}
