//! What the tables here leave out, and why. A row that gets a test is removed from this list.

/// Case numbers or ranges, and the reason.
const SKIPPED: &[(&str, &str)] = &[
    ("R40", "paths are no regular expressions; config tests refuse metacharacters"),
    (
        "F19 bis, F23, X02-X08, X11-X12, X14-X24",
        "load: needs minutes or cgroups, part of the load runs and not of the test suite",
    ),
    ("F47", "answer framing of HEAD is tested as U18"),
    ("F55", "a list of its own: http1_raw runs our 103 rows"),
    ("H01", "h2spec is a peer of the CI, not of this suite"),
    ("H32", "ten minutes of floods: load runs"),
    ("M14-M16", "start-up and secret files: tests/it/process.rs and config tests"),
    ("M23", "nothing is decompressed: M21 and M22 show it"),
    ("M30", "timing: code proof, all comparisons go through subtle or hmac verify"),
    ("M43", "random bodies are the test of tests/it/bytes.rs"),
    ("M44", "Wycheproof vectors run in the unit tests of verify"),
    ("V08, V10-V16", "providers with public keys and certificates: later issues"),
    (
        "J24, S12, P19",
        "the very second: unit tests with a clock of their own; here there are seconds to spare",
    ),
    ("J49", "there is no list of revoked ids; a key that was removed is tested as K15 and K16"),
    ("J50", "Wycheproof signatures run in the unit tests of verify"),
    ("J51", "mutated tokens against other libraries: tests/it/jwt_peers.rs, BONAFIDE_MUTATIONS at a time"),
    ("K03, K30", "a day later: unit tests of keys with a clock that is set by hand"),
    ("K31", "there is no cache on disk; after a restart without key server the answer is 503 as in K02"),
    ("P07", "a restart forgets: memory is the only store yet, and the README says so"),
    ("P08, P18, L06", "stores that several instances share: later issues"),
    ("P15", "a million ids: load runs; that none is forgotten early is tested as P14"),
    ("P20, P21, L14", "clock steps: unit tests of base::time and replay with a clock that is set by hand"),
    ("P23", "units of timestamps: config and unit tests; a retry with another time is tested as P24"),
    ("P27", "quotas of valid senders: rates are a later issue"),
    ("U08", "there are no retries to configure"),
    ("U14, U16, U20", "backlog, DNS change and toxics: load runs"),
    ("T02, T03, T20", "cipher scan and renegotiation: rustls has neither CBC nor renegotiation"),
    ("T04, T07", "early data and resumption: rustls defaults, unit tests of server::tls"),
    ("T08, T10, T11", "client certificates and CRL: later issues"),
    ("T22", "weak server certificates: config tests"),
    ("L20", "a replay store that is down at the start: there is none outside of the process yet"),
    ("A02, A05, A07, A08", "admin port: config tests refuse an open one; A03 is tested with the keys"),
    ("L22", "large policy files: config tests"),
    ("Z04, Z13", "command line and sample secrets: config tests"),
    ("Z08, Z14", "heap and swap: not visible from outside"),
    ("C03, C07-C09", "the rest of the policy lint: config tests"),
];

#[test]
fn every_gap_has_one_reason() {
    let mut seen = std::collections::HashSet::new();
    for (cases, reason) in SKIPPED {
        assert!(seen.insert(cases), "{cases} is listed twice");
        assert!(reason.len() > 20, "{cases} needs a reason");
    }
}
