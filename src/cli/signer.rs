//! What signs a request as its sender would, or with secrets that were made up: `sign` and `send` have it in common.

use super::Failure;
use super::format::Format;
use super::message::read;
use super::request::{Address, RequestArguments};
use super::subject::{Subject, SubjectArguments};
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::verify::{Algorithm, Draft, NamedSecret, SignError, SigningKey};
use std::path::{Path, PathBuf};

/// Options of `bonafide sign` and `bonafide send`.
#[derive(Debug, clap::Args)]
pub struct SignerArguments {
    #[command(flatten)]
    subject: SubjectArguments,
    #[command(flatten)]
    request: RequestArguments,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// A file with the private key (PEM, PKCS#8) of a sender whose tokens have public keys.
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// The name of that key, for the token.
    #[arg(long, requires = "private_key")]
    kid: Option<String>,
    /// Print a curl command that sends the request to `--url`.
    #[arg(long, conflicts_with = "format")]
    pub curl: bool,
}

/// A sender with its keys, and the request that it is about to sign.
#[derive(Debug)]
pub struct Signer<'a> {
    arguments: &'a SignerArguments,
    secrets: Vec<NamedSecret>,
    key: Option<SigningKey>,
    /// Whose request it is.
    pub subject: Subject,
    /// Where it goes.
    pub address: Address,
    /// The request without proof.
    pub blank: Draft,
}

impl SignerArguments {
    /// Reads the files.
    ///
    /// # Errors
    /// What keeps the request from being signed.
    pub fn signer(&self) -> Result<Signer<'_>, Failure> {
        let SignerArguments { subject: named, request: options, private_key, kid, .. } = self;
        options.one_stdin(named.files().chain(private_key))?;
        let secrets = named.secrets()?;
        let subject = named.subject(&secrets, options.origin()?)?;
        let request = options.request(subject.path())?;
        let address = request.address;
        if self.curl && address.origin.is_none() {
            return Err(Failure::usage("--curl needs a full address: --url https://host/path".to_owned()));
        }
        let body = subject.body(request.body)?;
        let mut blank = Draft::new(request.method, address.target.as_str(), body);
        blank.headers = request.headers;
        blank.captures = subject.captures(&address.target);
        blank.params = named.params();
        let key = private_key.as_deref().map(|path| signing_key(&subject, path, kid.clone())).transpose()?;
        Ok(Signer { arguments: self, secrets, key, subject, address, blank })
    }

    /// `--at`, or the clock.
    pub fn now(&self) -> UnixTime {
        self.request.now()
    }

    /// The file with the body.
    pub fn body_file(&self) -> Option<&Path> {
        self.request.body.as_deref()
    }
}

impl Signer<'_> {
    /// The request without proof, as an event of its own: ids that are made up differ from those of all others.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn next(&self) -> Result<Draft, Failure> {
        Ok(Draft { salt: random::<16>()?.to_vec(), ..self.blank.clone() })
    }

    /// Writes the proof.
    ///
    /// # Errors
    /// The draft cannot carry it, or lacks what only the sender knows.
    pub fn sign(&self, draft: &mut Draft, now: UnixTime) -> Result<(), Failure> {
        draft.key.clone_from(&self.key);
        self.subject.verifier.sign(draft, now).map_err(refused)
    }

    /// Somebody who knows none of the secrets and keys, and has made up others of their form.
    ///
    /// # Errors
    /// As for the first signer; a key of another kind than can be made up.
    pub fn forger(&self) -> Result<Signer<'_>, Failure> {
        let SignerArguments { subject, request, kid, .. } = self.arguments;
        let other = subject.with_other_secrets(&self.secrets, request.origin()?, random()?)?;
        let key = self.key.as_ref().map(|key| other_key(key.algorithm(), kid.clone())).transpose()?;
        let (address, blank) = (self.address.clone(), self.blank.clone());
        Ok(Signer { arguments: self.arguments, secrets: Vec::new(), key, subject: other, address, blank })
    }
}

fn refused(error: SignError) -> Failure {
    Failure::usage(format!("the request cannot be signed: {error}"))
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| Failure::start("the system has no random bytes".to_owned()))?;
    Ok(bytes)
}

/// The key with the first algorithm of the source that it is for.
fn signing_key(subject: &Subject, path: &Path, kid: Option<String>) -> Result<SigningKey, Failure> {
    let pem = Secret::new(read(path)?);
    let public = subject.verifier.algorithms().iter().filter(|algorithm| !algorithm.is_symmetric());
    let key = public.copied().find_map(|algorithm| SigningKey::new(algorithm, &pem, kid.clone()).ok());
    key.ok_or_else(|| {
        Failure::usage(format!("{}: no private key for the algorithms of {subject}", path.display()))
    })
}

/// A new private key for an algorithm.
fn other_key(algorithm: Algorithm, kid: Option<String>) -> Result<SigningKey, Failure> {
    let kinds = [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ];
    let made = kinds.into_iter().find_map(|kind| {
        let pem = Secret::new(rcgen::KeyPair::generate_for(kind).ok()?.serialize_pem().into_bytes());
        SigningKey::new(algorithm, &pem, kid.clone()).ok()
    });
    made.ok_or_else(|| Failure::usage(format!("no other key for {} can be made up", algorithm.name())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_can_be_made_up_for_every_public_algorithm() {
        for name in Algorithm::names() {
            let algorithm = Algorithm::parse(name).unwrap();
            if !algorithm.is_symmetric() {
                assert_eq!(other_key(algorithm, None).unwrap().algorithm(), algorithm);
            }
        }
    }
}
