//! What signs a request as its sender would, or with secrets that were made up: `sign` and `send` have it in common.

use super::Failure;
use super::format::Format;
use super::message::read;
use super::request::{Address, RequestArguments};
use super::subject::{Subject, SubjectArguments};
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::scheme::KeyKind;
use crate::verify::{Algorithm, Draft, NamedSecret, PrivateKey, SignError, SigningKey};
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
    /// A file with the private key (PEM, PKCS#8) of a sender that signs with one.
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// The name of that key, for the token or signature.
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
    key: Option<PlayedKey>,
    /// Whose request it is.
    pub subject: Subject,
    /// Where it goes.
    pub address: Address,
    /// The request without proof.
    pub blank: Draft,
}

/// The private key of a sender that is played here.
#[derive(Clone, Debug)]
enum PlayedKey {
    Token(SigningKey),
    Signature(PrivateKey),
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
        blank.origin.clone_from(&address.origin);
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
        match &self.key {
            Some(PlayedKey::Token(key)) => draft.key = Some(key.clone()),
            Some(PlayedKey::Signature(key)) => draft.private_key = Some(key.clone()),
            None => {}
        }
        self.subject.verifier.sign(draft, now).map_err(refused)
    }

    /// Somebody who knows none of the secrets and keys, and has made up others of their form.
    ///
    /// # Errors
    /// As for the first signer; a key of another kind than can be made up.
    pub fn forger(&self) -> Result<Signer<'_>, Failure> {
        let SignerArguments { subject, request, kid, .. } = self.arguments;
        let other = subject.with_other_secrets(&self.secrets, request.origin()?, random()?)?;
        let key = match &self.key {
            Some(PlayedKey::Token(key)) => Some(PlayedKey::Token(other_key(key.algorithm(), kid.clone())?)),
            Some(PlayedKey::Signature(key)) => Some(PlayedKey::Signature(other_private_key(key.kind())?)),
            None => None,
        };
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
fn signing_key(subject: &Subject, path: &Path, kid: Option<String>) -> Result<PlayedKey, Failure> {
    let pem = Secret::new(read(path)?);
    let of_signature = subject.verifier.public_algorithms().into_iter();
    let of_signature =
        of_signature.filter_map(|algorithm| PrivateKey::new(algorithm.kind(), pem.expose()).ok()).next();
    if let Some(key) = of_signature {
        return Ok(PlayedKey::Signature(key));
    }
    let public = subject.verifier.algorithms().iter().filter(|algorithm| !algorithm.is_symmetric());
    let key = public.copied().find_map(|algorithm| SigningKey::new(algorithm, &pem, kid.clone()).ok());
    key.map(PlayedKey::Token).ok_or_else(|| {
        Failure::usage(format!("{}: no private key for the algorithms of {subject}", path.display()))
    })
}

/// A new private key for an algorithm.
fn other_key(algorithm: Algorithm, kid: Option<String>) -> Result<SigningKey, Failure> {
    let made = made_up(|pem| SigningKey::new(algorithm, pem, kid.clone()).ok());
    made.ok_or_else(|| Failure::usage(format!("no other key for {} can be made up", algorithm.name())))
}

fn other_private_key(kind: KeyKind) -> Result<PrivateKey, Failure> {
    let made = made_up(|pem| PrivateKey::new(kind, pem.expose()).ok());
    made.ok_or_else(|| Failure::usage("no other key of this kind can be made up".to_owned()))
}

/// The first of the kinds of private keys, made up and in PEM, that can be taken.
fn made_up<K>(take: impl Fn(&Secret) -> Option<K>) -> Option<K> {
    let kinds = [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ECDSA_P521_SHA512,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ];
    kinds.into_iter().find_map(|kind| {
        let pem = rcgen::KeyPair::generate_for(kind).ok()?.serialize_pem();
        take(&Secret::new(pem.into_bytes()))
    })
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
