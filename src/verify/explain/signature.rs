//! Mistakes around a signature: one hypothesis after the other, and whether the signature fits it.

use super::finding::{Evidence, Finding, of_error};
use super::written::{How, Written, signatures};
use super::{bodies, keys, messages, urls};
use crate::base::secret::Secret;
use crate::http::{Body, Head};
use crate::scheme::{Algorithm, Content, Mac, Message, PublicAlgorithm, Reading, Unit};
use crate::verify::error::VerifyError;
use crate::verify::public_key::{CheckingKey, KeyText};
use crate::verify::setup::{Key, NamedSecret, Surroundings};
use crate::verify::signature::{Case, Ready, SignatureVerifier, read_moment};
use subtle::ConstantTimeEq;

/// Findings that are named at most.
const MOST: usize = 3;

/// The mistakes that fit, the most likely first.
pub fn explain(verifier: &SignatureVerifier, error: &VerifyError, evidence: &Evidence<'_>) -> Vec<Finding> {
    let body = evidence.body.cloned().unwrap_or_default();
    let content = Content::new(evidence.head, &body);
    let reading =
        Reading { head: evidence.head, content: Some(&content), item: None, params: &verifier.params };
    let chosen = verifier.case(&reading).ok().flatten();
    let Some(case) = chosen.or_else(|| verifier.main()) else { return vec![of_error(error)] };
    let bytes = content.bytes().to_vec();
    let trial = Trial { verifier, case, evidence, body: &bytes };
    let mut findings = trial.time(error);
    if evidence.body.is_some() && findings.is_empty() {
        findings.extend(trial.search());
    }
    findings.extend(trial.elsewhere(error));
    if evidence.body.is_some() && findings.is_empty() {
        findings.extend(trial.known());
    }
    if findings.is_empty() && matches!(error, VerifyError::SignatureMismatch { .. }) {
        findings.extend(evidence.body.and_then(|_| bodies::evident(evidence.head, &bytes)));
    }
    if findings.is_empty() {
        findings.push(of_error(error));
    }
    findings.truncate(MOST);
    findings
}

/// One request and the case that judges it.
#[derive(Clone, Copy)]
struct Trial<'t> {
    verifier: &'t SignatureVerifier,
    case: &'t Case,
    evidence: &'t Evidence<'t>,
    body: &'t [u8],
}

/// What is tried: everything as it is, but for one thing.
struct Guess<'g> {
    head: &'g Head,
    body: &'g [u8],
    messages: &'g [Message],
    algorithm: Algorithm,
    keys: &'g [Vec<u8>],
}

impl Trial<'_> {
    /// Whether only the time is wrong, and by how much.
    fn time(&self, error: &VerifyError) -> Vec<Finding> {
        let help = "compare the clocks of both sides; deliveries that are held up need a larger `tolerance` (1 h at most)";
        let (message, right) = match error {
            VerifyError::TimestampTooOld { age, tolerance } => (
                format!("signed {age} s ago by the sender's clock, {tolerance} s are allowed"),
                self.fits().is_some(),
            ),
            VerifyError::TimestampInFuture { ahead, tolerance } => (
                format!("signed {ahead} s in the future by the sender's clock, {tolerance} s are allowed"),
                self.fits().is_some(),
            ),
            VerifyError::TimestampMalformed { .. } => return self.unit().into_iter().collect(),
            _ => return Vec::new(),
        };
        if let Some(unit) = self.unit() {
            return vec![unit];
        }
        let rest = if right { "; all else is right" } else { "" };
        if right || self.evidence.body.is_none() {
            return vec![Finding::new("clock_skew", message + rest, help)];
        }
        Vec::new()
    }

    /// A time in another unit than the policy says.
    fn unit(&self) -> Option<Finding> {
        let timestamp = self.case.scheme.timestamp?;
        let field = self.case.scheme.field(timestamp.field)?;
        let bytes = [bytes::Bytes::copy_from_slice(self.body)];
        let content = Content::of_chunks(&self.evidence.head.headers, &bytes);
        let reading = self.reading(self.evidence.head, &content);
        let text = field.text(&reading).ok()?;
        let near = |unit: Unit| {
            let at = read_moment(unit, &text.meant)?;
            (self.evidence.now.since(at).abs() <= 24 * 3600).then_some(())
        };
        if near(timestamp.unit).is_some() {
            return None;
        }
        let units = [
            (Unit::Seconds, "s"),
            (Unit::Milliseconds, "ms"),
            (Unit::Microseconds, "us"),
            (Unit::Rfc3339, "rfc3339"),
            (Unit::HttpDate, "http_date"),
        ];
        let (_, name) =
            units.into_iter().find(|(unit, _)| *unit != timestamp.unit && near(*unit).is_some())?;
        let message = format!("{} is a time in the unit `{name}`, and the policy says another", field.label);
        Some(Finding::new("timestamp_unit", message, format!("set `unit = \"{name}\"` for this field")))
    }

    /// How the signature is written, where it is the right one.
    fn fits(&self) -> Option<How> {
        let keys = self.with_reading(|reading| keys::live(self.case, reading, self.evidence));
        self.hit(&Guess { keys: &keys, ..self.plain() })
    }

    fn plain(&self) -> Guess<'_> {
        Guess {
            head: self.evidence.head,
            body: self.body,
            messages: &self.case.messages,
            algorithm: self.case.scheme.algorithm,
            keys: &[],
        }
    }

    /// One mistake at a time.
    fn search(&self) -> Vec<Finding> {
        let live = self.with_reading(|reading| keys::live(self.case, reading, self.evidence));
        if let Some(how) = self.hit(&Guess { keys: &live, ..self.plain() }) {
            return self.written(how).into_iter().collect();
        }
        let mut findings = Vec::new();
        let mut note = |hit: Option<How>, finding: Finding| {
            if let Some(how) = hit {
                findings.push(finding);
                findings.extend(self.written(how));
            }
        };
        for guess in self.with_reading(|reading| keys::guesses(self.case, reading, self.evidence)) {
            let keys = [guess.key];
            note(self.hit(&Guess { keys: &keys, ..self.plain() }), guess.finding);
        }
        for guess in bodies::guesses(self.evidence.head, self.body) {
            note(self.hit(&Guess { body: &guess.body, keys: &live, ..self.plain() }), guess.finding);
        }
        for guess in urls::guesses(self.verifier, &self.case.scheme, self.evidence.head) {
            let tried = Guess { head: &guess.head, messages: &guess.messages, keys: &live, ..self.plain() };
            note(self.hit(&tried), guess.finding);
        }
        for guess in messages::guesses(self.verifier, &self.case.scheme) {
            let messages = [guess.message];
            note(self.hit(&Guess { messages: &messages, keys: &live, ..self.plain() }), guess.finding);
        }
        for (name, algorithm) in algorithms() {
            if algorithm != self.case.scheme.algorithm {
                let message = format!("the sender signs with {name}");
                let help = format!(
                    "set `algorithm = \"{name}\"` in a provider of your own, or the right algorithm at the sender"
                );
                note(
                    self.hit(&Guess { algorithm, keys: &live, ..self.plain() }),
                    Finding::new("algorithm_differs", message, help),
                );
            }
        }
        findings
    }

    /// What is wrong with the form of a signature that is right otherwise.
    fn written(&self, how: How) -> Option<Finding> {
        let place = &self.case.scheme.signature.field.label;
        match how {
            How::AsExpected => None,
            How::Encoded(encoding) => Some(Finding::new(
                "signature_encoding",
                format!(
                    "the signature in {place} is written in {encoding}, and the policy says another encoding"
                ),
                format!(
                    "set `encoding = \"{encoding}\"` for the signature in a provider of your own, or take the right provider"
                ),
            )),
            How::Elsewhere(encoding) => Some(Finding::new(
                "signature_form",
                format!(
                    "{place} holds the right signature, in {encoding}, with another prefix, key or separator than the policy says"
                ),
                "correct `prefix`, `key` or `list` of the signature, or take the right provider",
            )),
        }
    }

    /// The request may be signed as another sender does, who is known by the header.
    fn elsewhere(&self, error: &VerifyError) -> Vec<Finding> {
        let absent = matches!(
            error,
            VerifyError::SignatureMissing { .. }
                | VerifyError::FieldMissing { .. }
                | VerifyError::KindUnknown
        );
        if !absent {
            return Vec::new();
        }
        let own = &self.verifier.headers_read;
        let mut findings = Vec::new();
        for (name, id) in self.evidence.headers {
            if self.evidence.head.headers.contains_key(name) && !own.contains(name) {
                findings.push(Finding::new(
                    "other_provider",
                    format!("the request has {name}, the signature of provider `{id}`"),
                    format!("if that is the sender, write `provider = \"{id}\"`"),
                ));
                break;
            }
        }
        findings
    }

    /// The request may be signed as a known sender signs, with the secret of this source.
    fn known(&self) -> Vec<Finding> {
        let own = |key: &Key<Ready>| NamedSecret {
            name: key.name.clone(),
            secret: Secret::clone(&key.ready.given),
            until: None,
            choice: None,
        };
        let secrets: Vec<_> = self.with_reading(|reading| {
            let keys = self.case.ring.of(&self.case.scheme, reading).into_iter();
            keys.flat_map(|keys| keys.every()).map(own).collect()
        });
        let surroundings = Surroundings {
            public_url: self.verifier.public_url.clone(),
            params: self.verifier.params.clone(),
            by: None,
            fetched: false,
        };
        for known in self.evidence.known {
            let Ok(verifier) = SignatureVerifier::new(known.schemes.clone(), &secrets, &surroundings) else {
                continue;
            };
            for case in &verifier.cases {
                let trial = Trial { verifier: &verifier, case, ..*self };
                if trial.fits() == Some(How::AsExpected) {
                    return vec![Finding::new(
                        "other_provider",
                        format!(
                            "the request is signed as provider `{}` signs, with this source's secret",
                            known.id
                        ),
                        format!("write `provider = \"{}\"`", known.id),
                    )];
                }
            }
        }
        Vec::new()
    }

    /// How the signature is written that one of the guessed messages has under one of the guessed keys.
    fn hit(&self, guess: &Guess<'_>) -> Option<How> {
        let bytes = [bytes::Bytes::copy_from_slice(guess.body)];
        let chunks = if guess.body.is_empty() { &bytes[..0] } else { &bytes[..] };
        let content = Content::of_chunks(&guess.head.headers, chunks);
        let reading = self.reading(guess.head, &content);
        let items = self.case.items(&reading).ok()?;
        let reading = Reading { item: items.first().copied().flatten(), ..reading };
        let signature = &self.case.scheme.signature;
        let written = signatures(&signature.field, signature.encoding, &reading);
        let mut best = None;
        for key in guess.keys {
            for message in guess.messages {
                let found = match guess.algorithm.public() {
                    Some(algorithm) => self.signed_by(key, algorithm, message, &reading, &written),
                    None => {
                        let tag = self.tag(message, key, guess.algorithm, &reading);
                        tag.and_then(|tag| best_of(&written, |one| bool::from(one.bytes.ct_eq(&tag))))
                    }
                };
                best = best.or(found);
            }
        }
        best
    }

    /// How the signature is written that the private key of this public one has made.
    fn signed_by(
        &self,
        text: &[u8],
        algorithm: PublicAlgorithm,
        message: &Message,
        reading: &Reading<'_>,
        written: &[Written],
    ) -> Option<How> {
        let keys = KeyText(self.case.scheme.key.strip(text)).keys(&[algorithm.kind()]).ok()?;
        let signed = self.case.signed_text(message, reading).ok()?;
        let key = CheckingKey::new(keys.first()?, algorithm).ok()?;
        best_of(written, |one| key.verify(&signed, &one.bytes))
    }

    fn tag(
        &self,
        message: &Message,
        key: &[u8],
        algorithm: Algorithm,
        reading: &Reading<'_>,
    ) -> Option<Vec<u8>> {
        let mut mac = Mac::new(algorithm, key).ok()?;
        message.write(self.case.scheme.source(Some(key)), reading, |piece| mac.update(piece)).ok()?;
        Some(mac.finish().as_bytes().to_vec())
    }

    /// Looks at the request as it came.
    fn with_reading<T>(&self, look: impl FnOnce(&Reading<'_>) -> T) -> T {
        let bytes = [bytes::Bytes::copy_from_slice(self.body)];
        let content = Content::of_chunks(&self.evidence.head.headers, &bytes);
        look(&self.reading(self.evidence.head, &content))
    }

    fn reading<'r>(&'r self, head: &'r Head, content: &'r Content<'r>) -> Reading<'r> {
        Reading { head, content: Some(content), item: None, params: &self.verifier.params }
    }
}

/// The best reading in which a signature is the right one.
fn best_of(written: &[Written], is_right: impl Fn(&Written) -> bool) -> Option<How> {
    let hits: Vec<How> = written.iter().filter(|one| is_right(one)).map(|one| one.how).collect();
    let expected = hits.iter().find(|how| **how == How::AsExpected);
    let encoded = || hits.iter().find(|how| matches!(how, How::Encoded(_)));
    expected.or_else(encoded).or(hits.first()).copied()
}

fn algorithms() -> impl Iterator<Item = (&'static str, Algorithm)> {
    Algorithm::NAMES.iter().filter_map(|name| Algorithm::parse(name).map(|algorithm| (*name, algorithm)))
}

/// The signature that a request should have had, as it stands in its place.
pub fn expected(verifier: &SignatureVerifier, head: &Head, body: &Body) -> Option<String> {
    let content = Content::new(head, body);
    let reading = Reading { head, content: Some(&content), item: None, params: &verifier.params };
    let chosen = verifier.case(&reading).ok().flatten();
    let case = chosen.or_else(|| verifier.main())?;
    let items = case.items(&reading).ok()?;
    let reading = Reading { item: items.first().copied().flatten(), ..reading };
    let ready = case.ring.of(&case.scheme, &reading).ok()?.every().next()?;
    let tag = case.tag(case.messages.first()?, &ready.ready, &reading).ok()?;
    let signature = &case.scheme.signature;
    Some(signature.field.shape.write(None, &signature.encoding.encode(tag.as_bytes())))
}
