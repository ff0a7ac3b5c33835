//! The rows of one provider, the receivers that they need, and the requests of today that stand for them.

use super::place::Place;
use super::setup::Setup;
use super::twin::twin;
use super::vectors::{Message, SetupKey, Vectors};
use crate::base::names::Reason;
use crate::base::time::UnixTime;
use crate::cli::Failure;
use crate::cli::subject::unknown;
use crate::config::{ProviderEntry, provider_names};
use crate::verify::Draft;
use http::header::HOST;
use http::{HeaderMap, Method};

/// How long before or after the time that is allowed a stale request is signed, seconds.
const BEYOND: [i64; 3] = [120, 7200, 400 * 86_400];

/// The rows of one provider.
#[derive(Debug)]
pub struct Suite {
    /// The provider.
    pub provider: ProviderEntry,
    /// Those of receivers have a number.
    pub setups: Vec<Setup>,
    /// The rows, in the order of the file.
    pub rows: Vec<Row>,
    /// The same setups with other secrets, for forgers.
    forgers: Vec<Setup>,
    published: bool,
}

/// A row and what its receiver knows.
#[derive(Debug)]
pub struct Row {
    /// The row.
    pub message: Message,
    setup: usize,
    request: Draft,
}

/// What is sent for a row.
#[derive(Debug)]
pub struct Planned {
    /// The number of the setup.
    pub setup: usize,
    /// The request.
    pub draft: Draft,
    /// Whether it stands in the file so.
    pub published: bool,
    /// When it is looked at.
    pub now: UnixTime,
}

/// Why nothing is sent for a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// The target is a receiver of another setup.
    OtherSetup,
    /// Only the sender could sign it at the present time.
    PrivateKey,
    /// No request of today is judged as the row says, for the same reason.
    NoTwin,
    /// As published it is judged otherwise at this address, which is signed.
    Address,
    /// Bonafide refuses to be set up so.
    Setup,
}

impl Skip {
    /// As written to JSON.
    pub fn code(self) -> &'static str {
        match self {
            Skip::OtherSetup => "other_setup",
            Skip::PrivateKey => "private_key",
            Skip::NoTwin => "no_twin",
            Skip::Address => "address",
            Skip::Setup => "setup",
        }
    }

    /// For people.
    pub fn meaning(self) -> &'static str {
        match self {
            Skip::OtherSetup => "for a receiver that is set up otherwise: --setup, or {setup} in --target",
            Skip::PrivateKey => "only their sender could sign them at the present time",
            Skip::NoTwin => "nothing of the present time would be judged so for the same reason",
            Skip::Address => "they hold only at the address, or for the settings, that they were made for",
            Skip::Setup => "Bonafide refuses the secret of the receiver",
        }
    }
}

impl Suite {
    /// Sets up the receivers. As `published`, each distinct setup is one, and no secret is replaced.
    ///
    /// # Errors
    /// A provider that is not built in (2).
    pub fn new(vectors: Vectors, place: &Place, published: bool) -> Result<Suite, Failure> {
        let Vectors { provider: id, messages } = vectors;
        let provider = ProviderEntry::find(&id).ok_or_else(|| unknown("provider", &id, provider_names()))?;
        let mut keys: Vec<SetupKey> = Vec::new();
        for message in &messages {
            if !keys.contains(&message.setup) {
                keys.push(message.setup.clone());
            }
        }
        let genuine = |key: &SetupKey| messages.iter().any(|row| row.setup == *key && row.expect.is_none());
        let none = messages.iter().all(|row| row.expect.is_some());
        let mut numbers = 1..;
        let setups: Vec<Setup> = keys
            .iter()
            .map(|key| {
                let number = if published || none || genuine(key) { numbers.next() } else { None };
                Setup::new(&provider, number, key, methods(&messages, key), place, !published)
            })
            .collect();
        let forgers = setups.iter().map(|setup| setup.with_other_secrets(&provider, place)).collect();
        let rows = messages.into_iter().map(|message| {
            let setup = keys.iter().position(|key| *key == message.setup).unwrap_or_default();
            let path = setups.get(setup).map_or("/", |setup| setup.path.as_str());
            let request = request(&message, path, place);
            Row { message, setup, request }
        });
        let rows = rows.collect();
        Ok(Suite { provider, setups, rows, forgers, published })
    }

    /// What is sent for a row at this time.
    ///
    /// # Errors
    /// Why there is nothing.
    pub fn plan(&self, row: &Row, now: UnixTime) -> Result<Planned, Skip> {
        self.setup(row.setup)?.verifier().map_err(|_| Skip::Setup)?;
        if self.published {
            return self.as_published(row, row.message.now).ok_or(Skip::Address);
        }
        match row.message.expect {
            None => self.genuine(row, now),
            Some(reason) => self.refused(row, reason, now),
        }
    }

    fn setup(&self, index: usize) -> Result<&Setup, Skip> {
        self.setups.get(index).ok_or(Skip::Setup)
    }

    fn as_published(&self, row: &Row, now: UnixTime) -> Option<Planned> {
        self.proven(row, row.setup, row.request.clone(), now)
    }

    /// A request that Bonafide judges as the row says, at a receiver of this setup.
    fn proven(&self, row: &Row, setup: usize, draft: Draft, now: UnixTime) -> Option<Planned> {
        let receiver = self.setups.get(setup)?;
        let verdict = receiver.judge(&draft, now).ok()?;
        let published = draft.headers == row.request.headers
            && draft.body == row.request.body
            && draft.target == row.request.target;
        (verdict == row.message.expect).then_some(receiver.number)?.map(|setup| Planned {
            setup,
            draft,
            published,
            now,
        })
    }

    /// As it stands where that is still genuine, else signed anew.
    fn genuine(&self, row: &Row, now: UnixTime) -> Result<Planned, Skip> {
        if let Some(planned) = self.as_published(row, now) {
            return Ok(planned);
        }
        let draft = signed(&row.request, self.setup(row.setup)?, now)?;
        self.proven(row, row.setup, draft, now).ok_or(Skip::NoTwin)
    }

    fn refused(&self, row: &Row, reason: Reason, now: UnixTime) -> Result<Planned, Skip> {
        if let Some(planned) = self.stale(row, reason, now) {
            return Ok(planned);
        }
        let verifier = self.setup(row.setup)?.verifier().map_err(|_| Skip::Setup)?;
        let mut why = if verifier.can_sign() { Skip::NoTwin } else { Skip::PrivateKey };
        let mut alone = true;
        for sibling in self.siblings(row) {
            alone = false;
            match self.like(row, sibling, now) {
                Ok(planned) => return Ok(planned),
                Err(skip) => why = why.min(skip),
            }
        }
        if let Some(planned) = self.forged(row, reason, now) {
            return Ok(planned);
        }
        // With nothing genuine beside it, only the clock could make the reason another one.
        let planned = (alone && !verifier.reads_time()).then(|| self.as_published(row, now)).flatten();
        planned.ok_or(why)
    }

    /// The receivers that may get a row: its own, else those that know something else than its sender.
    fn receivers(&self, row: &Row) -> Vec<usize> {
        let is_receiver = |index: &usize| self.setups.get(*index).is_some_and(|setup| setup.number.is_some());
        if is_receiver(&row.setup) {
            return vec![row.setup];
        }
        (0..self.setups.len()).filter(is_receiver).collect()
    }

    /// A genuine request of another time, where it is the time that is wrong.
    fn stale(&self, row: &Row, reason: Reason, now: UnixTime) -> Option<Planned> {
        let sign = match reason {
            Reason::TimestampTooOld | Reason::TokenExpired | Reason::TokenTooOld => -1,
            Reason::TimestampInFuture => 1,
            _ => return None,
        };
        let signed = self.receivers(row).into_iter().find_map(|to| {
            let setup = self.setups.get(to)?;
            let tolerance = setup.verifier().ok()?.tolerance().map_or(0, |(seconds, _)| seconds);
            let request = at_path(&row.request, &setup.path);
            BEYOND.into_iter().find_map(|beyond| {
                let at = UnixTime(now.0.saturating_add(sign * tolerance.saturating_add(beyond)));
                self.proven(row, to, signed(&request, setup, at).ok()?, now)
            })
        });
        // What was too old when it was published is so today.
        signed.or_else(|| self.as_published(row, now).filter(|_| sign < 0))
    }

    /// Genuine rows, those first that are most like it.
    fn siblings(&self, row: &Row) -> Vec<&Row> {
        let (own, request) = (&row.message.setup, &row.request);
        let near = |other: &&Row| {
            let setup = &other.message.setup;
            other.message.expect.is_none() && setup.params == own.params && setup.overrides == own.overrides
        };
        let mut found: Vec<&Row> = self.rows.iter().filter(near).collect();
        found.sort_by_key(|other| {
            let headers = differences(&other.request.headers, &request.headers);
            let parts = [other.request.body != request.body, other.request.target != request.target];
            let parts = headers + parts.into_iter().filter(|differ| *differ).count();
            (other.setup != row.setup, parts, other.message.now.since(row.message.now).abs())
        });
        found
    }

    /// A request that differs from the sibling, signed anew, as the row differs from the sibling.
    fn like(&self, row: &Row, sibling: &Row, now: UnixTime) -> Result<Planned, Skip> {
        if row.setup == sibling.setup {
            let genuine = self.genuine(sibling, now)?.draft;
            let draft = twin(&row.request, &sibling.request, &genuine).ok_or(Skip::NoTwin)?;
            return self.proven(row, row.setup, draft, now).ok_or(Skip::NoTwin);
        }
        // One of them has the receiver, the other one signs.
        let own = self.setup(row.setup)?.number.is_some();
        let (to, by) = if own { (row.setup, sibling.setup) } else { (sibling.setup, row.setup) };
        let path = &self.setup(to)?.path;
        let (own, then) = (at_path(&row.request, path), at_path(&sibling.request, path));
        let signed = signed(&then, self.setup(by)?, now)?;
        let draft = twin(&own, &then, &signed).ok_or(Skip::NoTwin)?;
        self.proven(row, to, draft, now).ok_or(Skip::NoTwin)
    }

    /// The row's request, signed with another secret than the receiver's.
    fn forged(&self, row: &Row, reason: Reason, now: UnixTime) -> Option<Planned> {
        if !matches!(reason, Reason::SignatureMismatch | Reason::CredentialMismatch) {
            return None;
        }
        self.receivers(row).into_iter().find_map(|to| {
            let signer = if to == row.setup { self.forgers.get(to) } else { self.setups.get(row.setup) };
            let request = at_path(&row.request, &self.setups.get(to)?.path);
            self.proven(row, to, signed(&request, signer?, now).ok()?, now)
        })
    }
}

fn signed(request: &Draft, signer: &Setup, at: UnixTime) -> Result<Draft, Skip> {
    let verifier = signer.verifier().map_err(|_| Skip::Setup)?;
    if !verifier.can_sign() {
        return Err(Skip::PrivateKey);
    }
    let mut draft = request.clone();
    verifier.sign(&mut draft, at).map(|()| draft).map_err(|_| Skip::NoTwin)
}

/// The request to another path, with its query.
fn at_path(request: &Draft, path: &str) -> Draft {
    let query = request.target.find('?').and_then(|at| request.target.get(at..)).unwrap_or_default();
    Draft { target: format!("{path}{query}"), ..request.clone() }
}

/// How many fields differ.
fn differences(one: &HeaderMap, other: &HeaderMap) -> usize {
    let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
    names.filter(|name| !one.get_all(*name).iter().eq(other.get_all(*name))).count()
}

/// The methods that messages of a setup name, and the usual one.
fn methods(messages: &[Message], key: &SetupKey) -> Vec<Method> {
    let own: Vec<&Message> = messages.iter().filter(|message| message.setup == *key).collect();
    if own.iter().all(|message| message.method.is_none()) {
        return Vec::new();
    }
    let mut methods = Vec::new();
    for method in own.iter().map(|message| message.method.clone().unwrap_or(Method::POST)) {
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    methods
}

fn request(message: &Message, path: &str, place: &Place) -> Draft {
    let query = message.query.as_ref().map_or(String::new(), |query| format!("?{query}"));
    let method = message.method.clone().unwrap_or(Method::POST);
    let mut draft = Draft::new(method, format!("{path}{query}"), message.body.clone());
    draft.headers.clone_from(&message.headers);
    draft.headers.insert(HOST, place.host.to_value());
    draft
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::conformance::vectors;
    use std::path::Path;

    const NOW: UnixTime = UnixTime(1_900_000_000);

    /// Every provider's rows, the receivers at this address.
    fn suites(public_url: &str, published: bool) -> Vec<Suite> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
        let place = Place::new(Some("http://127.0.0.1:1/{provider}/{setup}"), Some(public_url)).unwrap();
        let files = vectors::read(&directory).unwrap_or_else(|failure| panic!("{failure}"));
        files.into_iter().map(|file| Suite::new(file, &place, published).unwrap()).collect()
    }

    #[test]
    fn nearly_every_row_has_a_request_of_today_and_none_is_of_another_time() {
        let suites = suites("https://hooks.example", false);
        let (mut rows, mut without) = (0, Vec::new());
        for suite in &suites {
            for row in &suite.rows {
                rows += 1;
                let what = (suite.provider.id, row.message.why.as_str());
                match suite.plan(row, NOW) {
                    Ok(planned) => {
                        let to =
                            suite.setups.iter().find(|setup| setup.number == Some(planned.setup)).unwrap();
                        assert_eq!(to.judge(&planned.draft, NOW), Ok(row.message.expect), "{what:?}");
                        assert!(planned.draft.target.starts_with(&to.path), "{what:?}");
                        assert_eq!(planned.now, NOW);
                    }
                    Err(Skip::PrivateKey) => {}
                    Err(skip) => without.push((what, skip)),
                }
            }
        }
        assert!(rows > 1500 && without.len() * 50 < rows, "{rows}: {without:#?}");
    }

    #[test]
    fn what_is_as_published_is_looked_at_when_it_was() {
        let suites = suites("https://hooks.example", true);
        let rows = || suites.iter().flat_map(|suite| suite.rows.iter().map(move |row| (suite, row)));
        let planned =
            rows().filter_map(|(suite, row)| suite.plan(row, NOW).ok().map(|planned| (row, planned)));
        let mut count = 0;
        for (row, planned) in planned {
            count += 1;
            assert!(planned.published && planned.now == row.message.now, "{}", row.message.why);
            assert_eq!(planned.draft.body, row.message.body);
        }
        // Signed addresses are others, and some secrets no policy may have.
        assert!(count * 10 > rows().count() * 8, "{count}");
    }

    /// The code of what comes of the only refused row, and whether it was published so.
    fn planned(refused: &str) -> Result<bool, Skip> {
        let genuine = r#"{"source": "own", "why": "x", "secrets": ["hunter2hunter2hunter2"], "now": 1700000000,
            "headers": [["Stripe-Signature", "t=1700000000,v1=SIGNATURE"]], "body": "{}", "expect": "verified"}"#;
        let mac = "c1a11ac9d0ec07d0d5a9a0a5a24b64c5d3a8d8a0e5a2a8d8a0e5a2a8d8a0e5a2";
        let genuine = genuine.replace("SIGNATURE", mac);
        let text = format!(
            r#"{{"provider": "stripe", "origin": "own", "licence": "CC0-1.0", "messages": [{genuine}, {}]}}"#,
            refused.replace("SIGNATURE", mac)
        );
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a.json"), text).unwrap();
        let place = Place::new(Some("http://127.0.0.1:1/"), None).unwrap();
        let file = vectors::read(directory.path()).unwrap().into_iter().next().unwrap();
        let suite = Suite::new(file, &place, false).unwrap();
        suite.plan(suite.rows.last().unwrap(), NOW).map(|planned| planned.published)
    }

    #[test]
    fn a_forgery_is_sent_only_where_it_is_refused_for_the_same_reason() {
        let row = |body: &str, signature: &str, expect: &str| {
            format!(
                r#"{{"source": "own", "why": "x", "secrets": ["hunter2hunter2hunter2"], "now": 1700000000,
                "headers": [["Stripe-Signature", "{signature}"]], "body": "{body}", "expect": "{expect}"}}"#
            )
        };
        assert_eq!(planned(&row("[]", "t=1700000000,v1=SIGNATURE", "signature_mismatch")), Ok(false));
        assert_eq!(planned(&row("{}", "t=1700000000,v0=SIGNATURE", "signature_missing")), Ok(false));
        assert_eq!(planned(&row("{}", "t=1700000000,v1=SIGNATURE", "timestamp_too_old")), Ok(false));
        assert_eq!(planned(&row("{}", "v1=SIGNATURE", "field_missing")), Ok(false));
        assert_eq!(planned(&row("{}", "t=1700000000,v1=SIGNATURE", "token_expired")), Err(Skip::NoTwin));
        assert_eq!(
            planned(&row("{}", "t=1700000000,v1=SIGNATURE", "signature_malformed")),
            Err(Skip::NoTwin)
        );
    }
}
