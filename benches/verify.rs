//! What a request costs beside its bytes on sockets: the gate, the route, the verification and the fields for
//! the application, each alone and then in a row. Nothing here opens a socket or a file.
//!
//! `cargo bench --bench verify` measures; `cargo bench --bench verify -- --test` runs everything once.

use bonafide::base::limits::Limits;
use bonafide::base::secret::Secret;
use bonafide::base::time::UnixTime;
use bonafide::config::{ProviderScheme, provider_scheme};
use bonafide::http::{Arrival, Body, Head, admit, forwarded, headers};
use bonafide::policy::{PathPattern, Route, Routes};
use bonafide::proxy::RequestIds;
use bonafide::replay::{Admission, Delivery, Memory, Terms};
use bonafide::scheme::KeyForm;
use bonafide::verify::{
    Algorithm, BodyHash, ClaimPath, Claims, Draft, EmptyBody, Hash, HashForm, JwtDefinition, JwtKeys, KeySet,
    KidRule, NamedSecret, Profile, Proof, Remember, SigningKey, Step, Surroundings, TokenPlace, Verifier,
    VerifyError,
};
use bytes::Bytes;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Request, request};
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

const KIB: usize = 1024;
const SIZES: [usize; 2] = [KIB, 1024 * KIB];
/// A TLS record: the pieces in which a large body arrives.
const PIECE: usize = 16 * KIB;

const NOW: UnixTime = UnixTime(1_795_339_872);
const HOST: &str = "hooks.example.com";
const PATH: &str = "/webhooks/source-0";
const ARRIVAL: Arrival<'static> = Arrival { secure: true, sni: Some(HOST) };
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

fn main() {
    divan::main();
}

/// Is the head of a delivery well-formed: eight fields, as GitHub sends them.
#[divan::bench]
fn gate_admit(bencher: Bencher<'_, '_>) {
    let limits = Limits::default();
    let (parts, _) = delivery("github", &verifier("github"), KIB);
    assert_eq!(parts.headers.len(), 8);
    bencher.with_inputs(|| parts.clone()).bench_values(|parts| admit(parts, &ARRIVAL, &limits));
}

mod route {
    use super::*;

    const SOURCES: [usize; 2] = [1, 400];

    #[divan::bench(args = SOURCES)]
    fn exact(bencher: Bencher<'_, '_>, sources: usize) {
        let routes = routes(sources, |index| format!("/webhooks/source-{index}"));
        find(bencher, &routes, &format!("/webhooks/source-{}", sources - 1), true);
    }

    #[divan::bench(args = SOURCES)]
    fn with_captures(bencher: Bencher<'_, '_>, sources: usize) {
        let routes = routes(sources, |index| format!("/hooks/{{tenant}}/source-{index}"));
        find(bencher, &routes, &format!("/hooks/acme/source-{}", sources - 1), true);
    }

    #[divan::bench(args = SOURCES)]
    fn unknown(bencher: Bencher<'_, '_>, sources: usize) {
        let routes = routes(sources, |index| format!("/webhooks/source-{index}"));
        find(bencher, &routes, "/wp-login.php", false);
    }

    fn find(bencher: Bencher<'_, '_>, routes: &Routes, path: &str, known: bool) {
        assert_eq!(routes.find(HOST, path).is_some(), known);
        bencher.bench(|| routes.find(black_box(HOST), black_box(path)));
    }
}

/// From the head to the proof.
mod accept {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn github(bencher: Bencher<'_, '_>, size: usize) {
        accept("github", bencher, size);
    }

    #[divan::bench(args = SIZES)]
    fn standard_webhooks(bencher: Bencher<'_, '_>, size: usize) {
        accept("standard-webhooks", bencher, size);
    }

    #[divan::bench(args = SIZES)]
    fn stripe(bencher: Bencher<'_, '_>, size: usize) {
        accept("stripe", bencher, size);
    }

    fn accept(provider: &str, bencher: Bencher<'_, '_>, size: usize) {
        let verifier = verifier(provider);
        let (parts, body) = delivery(provider, &verifier, size);
        let head = admitted(parts);
        assert!(prove(&verifier, &head, &body, NOW).is_ok());
        bencher
            .counter(BytesCount::new(size))
            .bench(|| prove(&verifier, black_box(&head), black_box(&body), NOW));
    }
}

/// JSON Web Tokens that bind the body, from the head to the proof, with the key at hand.
mod token {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn es256(bencher: Bencher<'_, '_>, size: usize) {
        accept(Algorithm::Es256, bencher, size);
    }

    #[divan::bench(args = SIZES)]
    fn ed25519(bencher: Bencher<'_, '_>, size: usize) {
        accept(Algorithm::EdDsa, bencher, size);
    }

    #[divan::bench(args = SIZES)]
    fn hs256(bencher: Bencher<'_, '_>, size: usize) {
        accept(Algorithm::Hs256, bencher, size);
    }

    /// What the head settles: an expired token costs no signature.
    #[divan::bench]
    fn expired(bencher: Bencher<'_, '_>) {
        let (verifier, head, _) = message(Algorithm::Es256, KIB);
        let late = UnixTime(NOW.0 + 3600);
        assert!(matches!(verifier.start(&head, late), Err(VerifyError::TokenExpired { .. })));
        bencher.bench(|| verifier.start(black_box(&head), late).err());
    }

    fn accept(algorithm: Algorithm, bencher: Bencher<'_, '_>, size: usize) {
        let (verifier, head, body) = message(algorithm, size);
        assert!(prove(&verifier, &head, &body, NOW).is_ok());
        bencher
            .counter(BytesCount::new(size))
            .bench(|| prove(&verifier, black_box(&head), black_box(&body), NOW));
    }

    fn message(algorithm: Algorithm, size: usize) -> (Verifier, Head, Body) {
        let kind = match algorithm {
            Algorithm::EdDsa => &rcgen::PKCS_ED25519,
            _ => &rcgen::PKCS_ECDSA_P256_SHA256,
        };
        let pair = rcgen::KeyPair::generate_for(kind).expect("a key pair");
        let secret = Secret::new(b"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_vec());
        let (keys, secrets) = if algorithm.is_symmetric() {
            (JwtKeys::None, vec![NamedSecret { name: "secret-1".into(), secret, until: None, choice: None }])
        } else {
            let keys = KeySet::of_text(pair.public_key_pem().as_bytes(), &[algorithm]).expect("a key");
            (JwtKeys::Fixed(keys), Vec::new())
        };
        let verifier = Verifier::jwt(definition(algorithm), keys, &form(), secrets).expect("keys that fit");
        let private = Secret::new(pair.serialize_pem().into_bytes());
        let (mut parts, body) = unsigned(size);
        let mut draft = Draft::new(Method::POST, PATH, body.clone());
        draft.headers = parts.headers;
        if !algorithm.is_symmetric() {
            draft.key = Some(SigningKey::new(algorithm, &private, None).expect("a private key"));
        }
        verifier.sign(&mut draft, NOW).expect("it can be signed");
        parts.headers = draft.headers;
        (verifier, admitted(parts), in_pieces(&body))
    }

    fn form() -> KeyForm {
        KeyForm::default()
    }

    fn definition(algorithm: Algorithm) -> JwtDefinition {
        let claim = ClaimPath::parse("body_sha256").expect("a claim");
        JwtDefinition {
            address_hash: None,
            place: TokenPlace::Header(AUTHORIZATION, "Bearer ".into()),
            algorithms: vec![algorithm],
            typ: Vec::new(),
            kid: KidRule::Visible,
            claims: Claims { issuer: vec!["i".into()], audience: vec!["a".into()], ..Claims::default() },
            body_hash: Some(BodyHash { claim, form: HashForm::Hex(Hash::Sha256), empty: EmptyBody::Require }),
            profile: Profile::Jwt,
        }
    }
}

/// What it costs to deliver nothing twice: the mark that a proof carries, and the memory.
mod remember {
    use super::*;

    /// Beside `accept::stripe`: the digest of the body and the mark.
    #[divan::bench(args = SIZES)]
    fn stripe(bencher: Bencher<'_, '_>, size: usize) {
        let verifier = verifier("stripe").remembering(Remember::Event);
        let (parts, body) = delivery("stripe", &verifier, size);
        let head = admitted(parts);
        bencher
            .counter(BytesCount::new(size))
            .bench(|| prove(&verifier, black_box(&head), black_box(&body), NOW));
    }

    /// A new delivery, reserved and kept, among a hundred thousand.
    #[divan::bench]
    fn reserve_and_keep(bencher: Bencher<'_, '_>) {
        let memory = Arc::new(Memory::new(1_000_000));
        let (number, now) = (Cell::new(0_u64), Cell::new(NOW));
        let one = || {
            number.set(number.get() + 1);
            if number.get() % 100_000 == 0 {
                now.set(UnixTime(now.get().0 + 100));
            }
            let terms = Terms { valid_until: now.get(), deadline: now.get(), window: false };
            let delivery = Delivery::new("stripe", &number.get().to_be_bytes(), b"0123456789abcdef");
            if let Admission::Fresh(reservation) = memory.admit(&delivery, terms, now.get()) {
                reservation.keep();
            }
        };
        (0..100_000).for_each(|_| one());
        bencher.bench_local(one);
    }

    /// A copy of what was delivered.
    #[divan::bench]
    fn duplicate(bencher: Bencher<'_, '_>) {
        let memory = Arc::new(Memory::new(1000));
        let terms = Terms { valid_until: NOW, deadline: NOW, window: false };
        let delivery = Delivery::new("stripe", b"evt_1", b"0123456789abcdef");
        if let Admission::Fresh(reservation) = memory.admit(&delivery, terms, NOW) {
            reservation.keep();
        }
        bencher.bench_local(|| {
            matches!(memory.admit(black_box(&delivery), terms, NOW), Admission::Delivered(_))
        });
    }
}

/// From the head to the error: `wrong_body` at the end of the body, the others before its first byte.
mod refuse {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn wrong_body(bencher: Bencher<'_, '_>, size: usize) {
        let verifier = verifier("github");
        let (parts, _) = delivery("github", &verifier, size);
        let (head, body) = (admitted(parts), in_pieces(&"x".repeat(size).into()));
        let refusal = prove(&verifier, &head, &body, NOW);
        assert!(matches!(refusal, Err(VerifyError::SignatureMismatch { .. })));
        bencher.bench(|| prove(&verifier, black_box(&head), black_box(&body), NOW));
    }

    #[divan::bench]
    fn no_signature(bencher: Bencher<'_, '_>) {
        from_the_head("github", bencher, NOW, |headers| {
            headers.remove("X-Hub-Signature-256");
        });
    }

    #[divan::bench]
    fn malformed_signature(bencher: Bencher<'_, '_>) {
        from_the_head("github", bencher, NOW, |headers| {
            headers.insert("X-Hub-Signature-256", HeaderValue::from_static("sha256=no"));
        });
    }

    #[divan::bench]
    fn stale_timestamp(bencher: Bencher<'_, '_>) {
        from_the_head("stripe", bencher, UnixTime(NOW.0 + 301), |_| ());
    }

    fn from_the_head(
        provider: &str,
        bencher: Bencher<'_, '_>,
        now: UnixTime,
        change: impl Fn(&mut HeaderMap),
    ) {
        let verifier = verifier(provider);
        let (mut parts, _) = delivery(provider, &verifier, KIB);
        change(&mut parts.headers);
        let head = admitted(parts);
        assert!(verifier.start(&head, now).is_err());
        bencher.bench(|| verifier.start(black_box(&head), now).err());
    }
}

/// The fields that the application gets: those of this hop and ours go, the client's address and ids come.
#[divan::bench]
fn forward_fields(bencher: Bencher<'_, '_>) {
    let ids = RequestIds::new();
    let (parts, _) = delivery("github", &verifier("github"), KIB);
    let head = admitted(parts);
    bencher.with_inputs(|| head.headers.clone()).bench_values(|fields| forward(&head, fields, &ids));
}

/// All of the above in a row, for a delivery of GitHub to one of 400 sources.
#[divan::bench(args = SIZES)]
fn whole_request(bencher: Bencher<'_, '_>, size: usize) {
    let (limits, ids, verifier) = (Limits::default(), RequestIds::new(), verifier("github"));
    let routes = routes(400, |index| format!("/webhooks/source-{index}"));
    let (parts, body) = delivery("github", &verifier, size);
    let run = |parts: request::Parts| {
        let mut head = admit(parts, &ARRIVAL, &limits).expect("well-formed");
        let (_, captures) = routes.find(head.host.name(), head.target.path()).expect("known");
        head.captures = captures;
        let proof = prove(&verifier, &head, &body, NOW).expect("genuine");
        let fields = std::mem::take(&mut head.headers);
        (proof, forward(&head, fields, &ids))
    };
    bencher.counter(BytesCount::new(size)).with_inputs(|| parts.clone()).bench_values(run);
}

fn prove(verifier: &Verifier, head: &Head, body: &Body, now: UnixTime) -> Result<Proof, VerifyError> {
    let mut step = verifier.start(head, now)?;
    loop {
        match step {
            Step::Done(proof) => return Ok(proof),
            // The senders here share secrets.
            Step::Key(_) => return Err(VerifyError::KeyUnknown),
            Step::Body(mut waiting) => {
                body.chunks().iter().for_each(|piece| waiting.chunk(piece));
                step = waiting.end(head, body, now)?;
            }
        }
    }
}

fn forward(head: &Head, mut fields: HeaderMap, ids: &RequestIds) -> HeaderMap {
    headers::strip_hop_by_hop(&mut fields, &head.nominated);
    headers::strip_ours(&mut fields);
    let client = forwarded::client_address(CLIENT, &fields, &[]);
    forwarded::write(&mut fields, client, true, &head.host);
    fields.insert("x-request-id", ids.request_id(0));
    fields.insert("traceparent", ids.traceparent());
    fields
}

fn routes(count: usize, path: impl Fn(usize) -> String) -> Routes {
    let route = |index| Route { host: None, path: PathPattern::parse(&path(index)).expect("a path pattern") };
    Routes::build(&(0..count).map(route).collect::<Vec<_>>()).expect("routes that differ")
}

/// The verifier of a built-in provider with one secret.
fn verifier(provider: &str) -> Verifier {
    let Ok(Some(ProviderScheme::Signature(scheme, _))) = provider_scheme(provider, None) else {
        panic!("{provider} signs its messages");
    };
    // 32 bytes in base64, which is also a text of more than 32 bytes.
    let secret = Secret::new(b"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_vec());
    let secrets = vec![NamedSecret { name: "secret-1".into(), secret, until: None, choice: None }];
    Verifier::signature(*scheme, secrets, Surroundings::default()).expect("the secret fits")
}

/// A signed delivery with a body of `size` bytes.
fn delivery(provider: &str, verifier: &Verifier, size: usize) -> (request::Parts, Body) {
    let (mut parts, body) = unsigned(size);
    if provider == "github" {
        parts.headers.insert("X-GitHub-Event", HeaderValue::from_static("push"));
        let id = HeaderValue::from_static("72d3162e-cc78-11e3-81ab-4c9367dc0958");
        parts.headers.insert("X-GitHub-Delivery", id);
    }
    let mut draft = Draft::new(Method::POST, PATH, body.clone());
    draft.headers = parts.headers;
    verifier.sign(&mut draft, NOW).expect("it can be signed");
    parts.headers = draft.headers;
    (parts, in_pieces(&body))
}

/// A delivery with a body of `size` bytes that proves nothing yet.
fn unsigned(size: usize) -> (request::Parts, Bytes) {
    let (start, end) = (r#"{"id":"evt_1P9Zk2","data":""#, r#""}"#);
    let body = Bytes::from([start, &"x".repeat(size - start.len() - end.len()), end].concat());
    let mut request = Request::builder().header("Host", HOST).header("User-Agent", "Sender/1.0");
    request = request.header("Accept", "*/*").header("Content-Type", "application/json");
    request = request.header("Content-Length", size);
    let request = request.method(Method::POST).uri(PATH).body(()).expect("a request");
    (request.into_parts().0, body)
}

fn in_pieces(bytes: &Bytes) -> Body {
    let mut body = Body::default();
    for start in (0..bytes.len()).step_by(PIECE) {
        body.push(bytes.slice(start..bytes.len().min(start + PIECE)));
    }
    body.finish();
    body
}

fn admitted(parts: request::Parts) -> Head {
    admit(parts, &ARRIVAL, &Limits::default()).expect("well-formed")
}
