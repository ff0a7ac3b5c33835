//! Why a request is not believed.

use super::public_key::CertificateFlaw;
use crate::base::names::Reason;
use crate::scheme::{Fault, FieldFault};
use std::fmt;
use std::sync::Arc;

/// One variant per check. Carries words of the policy file and numbers, never text of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyError {
    /// A field that is signed or needed is absent.
    FieldMissing {
        /// The place, in the policy's words.
        field: Arc<str>,
    },
    /// A field that stands once stands more than once, or its alternatives differ.
    FieldRepeated {
        /// The place, in the policy's words.
        field: Arc<str>,
    },
    /// A field is not of its form, or holds the separator that follows it in the message.
    FieldMalformed {
        /// The place, in the policy's words.
        field: Arc<str>,
    },
    /// A field does not say what it must say.
    FieldMismatch {
        /// The place, in the policy's words.
        field: Arc<str>,
    },
    /// The request is of no kind that the policy describes.
    KindUnknown,
    /// The field that chooses the secret names nobody.
    SecretUnknown {
        /// The place, in the policy's words.
        field: Arc<str>,
    },
    /// The signed text is one that a handshake would sign for anyone.
    HandshakeText,
    /// There is no signature of the version that the policy names.
    SignatureMissing {
        /// The place, in the policy's words.
        field: Arc<str>,
    },
    /// No signature has the right prefix, encoding and length.
    SignatureMalformed {
        /// The place, in the policy's words.
        field: Arc<str>,
    },
    /// More signatures than the policy allows.
    TooManySignatures {
        /// The place, in the policy's words.
        field: Arc<str>,
        /// Most signatures.
        limit: usize,
    },
    /// No signature is the MAC of the message under any live secret.
    SignatureMismatch {
        /// Signatures compared.
        signatures: usize,
        /// Secrets tried.
        secrets: usize,
    },
    /// The timestamp is not of its unit.
    TimestampMalformed {
        /// The place, in the policy's words.
        field: Arc<str>,
    },
    /// The timestamp lies too far in the past.
    TimestampTooOld {
        /// Seconds before now.
        age: i64,
        /// Seconds allowed.
        tolerance: i64,
    },
    /// The timestamp lies too far in the future.
    TimestampInFuture {
        /// Seconds after now.
        ahead: i64,
        /// Seconds allowed.
        tolerance: i64,
    },
    /// Every secret has passed its `until`.
    NoLiveSecret,
    /// There is no token or Basic credential.
    CredentialMissing {
        /// The place, in the policy's words.
        field: Arc<str>,
    },
    /// The credential is not of its form.
    CredentialMalformed {
        /// The place, in the policy's words.
        field: Arc<str>,
    },
    /// The token, user name or password is wrong.
    CredentialMismatch {
        /// Secrets tried.
        secrets: usize,
    },
    /// The JSON Web Token is not of its form.
    TokenMalformed {
        /// What is wrong with it, in our words.
        flaw: &'static str,
    },
    /// The token names no algorithm that the policy lists, or none that there is a key for.
    AlgorithmNotAllowed,
    /// `typ` is not what the policy demands.
    TokenTypeMismatch,
    /// There is no `kid`, and the keys are told apart by it.
    KidMissing,
    /// `kid` is not of its form.
    KidMalformed,
    /// There is no key of that `kid`.
    KeyUnknown,
    /// The key of that `kid` is for another algorithm.
    KeyMismatch,
    /// The certificates that a token brings do not lead to the pinned authority.
    CertificateRefused {
        /// Why.
        flaw: CertificateFlaw,
    },
    /// A claim that must be there is not.
    ClaimMissing {
        /// Its name.
        claim: Arc<str>,
    },
    /// A claim is not of its type or form.
    ClaimMalformed {
        /// Its name.
        claim: Arc<str>,
    },
    /// `iss` is another one.
    IssuerMismatch,
    /// `aud` does not hold ours.
    AudienceMismatch,
    /// `exp` has passed.
    TokenExpired {
        /// Seconds since.
        ago: i64,
        /// Seconds allowed.
        leeway: i64,
    },
    /// `nbf` or `iat` lie in the future.
    TokenNotYetValid {
        /// Seconds until.
        ahead: i64,
        /// Seconds allowed.
        leeway: i64,
    },
    /// `iat` is longer ago than allowed.
    TokenTooOld {
        /// Seconds since.
        age: i64,
        /// Seconds allowed.
        max_age: i64,
    },
    /// `exp` is further behind `iat` than allowed.
    LifetimeTooLong {
        /// Seconds.
        lifetime: i64,
        /// Seconds allowed.
        max: i64,
    },
    /// The body is another one than the token says.
    BodyHashMismatch,
    /// There is no body, and the token says a digest of one.
    BodyHashUnexpected,
    /// The sender is proved; a claim has none of the values that may send.
    ClaimNotAllowed {
        /// Its name.
        claim: Arc<str>,
    },
    /// Several signatures could be meant.
    SignatureAmbiguous,
    /// No signature has the `tag` of the policy.
    TagMismatch,
    /// A signature lacks a parameter that it must have.
    ParameterMissing {
        /// Its name.
        parameter: &'static str,
    },
    /// A parameter of the signature is not of its type or form, or not known.
    ParameterMalformed {
        /// Its name.
        parameter: &'static str,
    },
    /// The signature does not cover what it must cover.
    ComponentMissing {
        /// The component, in the policy's words.
        component: Arc<str>,
    },
    /// The signature covers what no request has or what the policy does not allow.
    ComponentNotAllowed {
        /// What is wrong with it, in our words.
        flaw: &'static str,
    },
    /// `expires` has passed.
    SignatureExpired {
        /// Seconds since.
        ago: i64,
        /// Seconds allowed.
        leeway: i64,
    },
    /// `Content-Digest` is not of its form, or holds no digest that is known here.
    DigestUnusable,
    /// The key is for something else, by its own word.
    KeyPurpose {
        /// The member of the key, in the policy's words.
        member: Arc<str>,
    },
    /// The key no longer counts.
    KeyRevoked,
    /// The keys could not be fetched.
    KeysUnavailable {
        /// What went wrong, one word.
        fault: &'static str,
    },
    /// The keys are not fetched again so soon.
    KeysCoolingDown,
}

impl VerifyError {
    /// The stable reason.
    pub fn reason(&self) -> Reason {
        match self {
            VerifyError::FieldMissing { .. } => Reason::FieldMissing,
            VerifyError::FieldRepeated { .. } => Reason::FieldRepeated,
            VerifyError::FieldMalformed { .. } => Reason::FieldMalformed,
            VerifyError::FieldMismatch { .. } => Reason::FieldMismatch,
            VerifyError::KindUnknown => Reason::KindUnknown,
            VerifyError::SecretUnknown { .. } => Reason::SecretUnknown,
            VerifyError::HandshakeText => Reason::HandshakeText,
            VerifyError::SignatureMissing { .. } => Reason::SignatureMissing,
            VerifyError::SignatureMalformed { .. } => Reason::SignatureMalformed,
            VerifyError::TooManySignatures { .. } => Reason::TooManySignatures,
            VerifyError::SignatureMismatch { .. } => Reason::SignatureMismatch,
            VerifyError::TimestampMalformed { .. } => Reason::TimestampMalformed,
            VerifyError::TimestampTooOld { .. } => Reason::TimestampTooOld,
            VerifyError::TimestampInFuture { .. } => Reason::TimestampInFuture,
            VerifyError::NoLiveSecret => Reason::NoLiveSecret,
            VerifyError::CredentialMissing { .. } => Reason::CredentialMissing,
            VerifyError::CredentialMalformed { .. } => Reason::CredentialMalformed,
            VerifyError::CredentialMismatch { .. } => Reason::CredentialMismatch,
            VerifyError::TokenMalformed { .. } => Reason::TokenMalformed,
            VerifyError::AlgorithmNotAllowed => Reason::AlgorithmNotAllowed,
            VerifyError::TokenTypeMismatch => Reason::TokenTypeMismatch,
            VerifyError::KidMissing => Reason::KidMissing,
            VerifyError::KidMalformed => Reason::KidMalformed,
            VerifyError::KeyUnknown => Reason::KeyUnknown,
            VerifyError::KeyMismatch => Reason::KeyMismatch,
            VerifyError::CertificateRefused { .. } => Reason::CertificateRefused,
            VerifyError::ClaimMissing { .. } => Reason::ClaimMissing,
            VerifyError::ClaimMalformed { .. } => Reason::ClaimMalformed,
            VerifyError::IssuerMismatch => Reason::IssuerMismatch,
            VerifyError::AudienceMismatch => Reason::AudienceMismatch,
            VerifyError::TokenExpired { .. } => Reason::TokenExpired,
            VerifyError::TokenNotYetValid { .. } => Reason::TokenNotYetValid,
            VerifyError::TokenTooOld { .. } => Reason::TokenTooOld,
            VerifyError::LifetimeTooLong { .. } => Reason::LifetimeTooLong,
            VerifyError::BodyHashMismatch => Reason::BodyHashMismatch,
            VerifyError::BodyHashUnexpected => Reason::BodyHashUnexpected,
            VerifyError::ClaimNotAllowed { .. } => Reason::ClaimNotAllowed,
            VerifyError::SignatureAmbiguous => Reason::SignatureAmbiguous,
            VerifyError::TagMismatch => Reason::TagMismatch,
            VerifyError::ParameterMissing { .. } => Reason::ParameterMissing,
            VerifyError::ParameterMalformed { .. } => Reason::ParameterMalformed,
            VerifyError::ComponentMissing { .. } => Reason::ComponentMissing,
            VerifyError::ComponentNotAllowed { .. } => Reason::ComponentNotAllowed,
            VerifyError::SignatureExpired { .. } => Reason::SignatureExpired,
            VerifyError::DigestUnusable => Reason::DigestUnusable,
            VerifyError::KeyPurpose { .. } => Reason::KeyPurpose,
            VerifyError::KeyRevoked => Reason::KeyRevoked,
            VerifyError::KeysUnavailable { .. } => Reason::KeysUnavailable,
            VerifyError::KeysCoolingDown => Reason::KeysCoolingDown,
        }
    }

    /// Whether it says nothing of the request: it could not be checked, and may be sent again.
    pub fn is_undecided(&self) -> bool {
        self.reason().status() == 503
    }

    /// A fault of a field that is neither signature nor timestamp nor credential.
    pub(super) fn of_field(FieldFault { field, fault }: FieldFault) -> VerifyError {
        match fault {
            Fault::Missing => VerifyError::FieldMissing { field },
            Fault::Repeated => VerifyError::FieldRepeated { field },
            Fault::Malformed => VerifyError::FieldMalformed { field },
        }
    }

    /// A fault of the signature.
    pub(super) fn of_signature(FieldFault { field, fault }: FieldFault) -> VerifyError {
        match fault {
            Fault::Missing => VerifyError::SignatureMissing { field },
            Fault::Repeated => VerifyError::FieldRepeated { field },
            Fault::Malformed => VerifyError::SignatureMalformed { field },
        }
    }

    /// A fault of the timestamp.
    pub(super) fn of_timestamp(FieldFault { field, fault }: FieldFault) -> VerifyError {
        match fault {
            Fault::Missing => VerifyError::FieldMissing { field },
            Fault::Repeated => VerifyError::FieldRepeated { field },
            Fault::Malformed => VerifyError::TimestampMalformed { field },
        }
    }
}

impl fmt::Display for VerifyError {
    /// The operator's detail.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VerifyError::FieldMissing { field }
            | VerifyError::SignatureMissing { field }
            | VerifyError::CredentialMissing { field } => write!(out, "{field} is absent"),
            VerifyError::FieldMismatch { field } => write!(out, "{field} says something else than it must"),
            VerifyError::KindUnknown => out.write_str("the request is of no kind that the policy describes"),
            VerifyError::SecretUnknown { field } => write!(out, "{field} names nobody who has a secret"),
            VerifyError::HandshakeText => {
                out.write_str("the signed text is one that a handshake would sign for anyone")
            }
            VerifyError::FieldRepeated { field } => {
                write!(out, "{field} stands more than once, or with different values")
            }
            VerifyError::FieldMalformed { field }
            | VerifyError::SignatureMalformed { field }
            | VerifyError::CredentialMalformed { field } => write!(out, "{field} is not of its form"),
            VerifyError::TimestampMalformed { field } => {
                write!(out, "{field} is not a time of its unit")
            }
            VerifyError::TooManySignatures { field, limit } => {
                write!(out, "{field} holds more than {limit} signatures")
            }
            VerifyError::SignatureMismatch { signatures, secrets } => {
                write!(out, "none of {signatures} signature(s) matches under {secrets} secret(s)")
            }
            VerifyError::TimestampTooOld { age, tolerance } => {
                write!(out, "{age} s old, tolerance {tolerance} s")
            }
            VerifyError::TimestampInFuture { ahead, tolerance } => {
                write!(out, "{ahead} s in the future, tolerance {tolerance} s")
            }
            VerifyError::NoLiveSecret => out.write_str("every secret has passed its `until`"),
            VerifyError::CredentialMismatch { secrets } => {
                write!(out, "the credential matches none of {secrets} secret(s)")
            }
            VerifyError::TokenMalformed { flaw } => out.write_str(flaw),
            VerifyError::AlgorithmNotAllowed => out.write_str("`alg` is not in `algorithms`, or has no key"),
            VerifyError::TokenTypeMismatch => out.write_str("`typ` is absent or not in `typ` of the policy"),
            VerifyError::KidMissing => out.write_str("there is no `kid`"),
            VerifyError::KidMalformed => {
                out.write_str("`kid` is not of the form that `kid` of the policy demands")
            }
            VerifyError::KeyUnknown => out.write_str("the issuer has no key of this `kid`"),
            VerifyError::CertificateRefused { flaw } => flaw.fmt(out),
            VerifyError::KeyMismatch => out.write_str("the key of this `kid` is for another algorithm"),
            VerifyError::ClaimMissing { claim } => write!(out, "claim {claim} is absent"),
            VerifyError::ClaimMalformed { claim } => write!(out, "claim {claim} is not of its form"),
            VerifyError::IssuerMismatch => out.write_str("`iss` is not the issuer of the policy"),
            VerifyError::AudienceMismatch => out.write_str("`aud` does not hold the audience of the policy"),
            VerifyError::TokenExpired { ago, leeway } => {
                write!(out, "expired {ago} s ago, leeway {leeway} s")
            }
            VerifyError::TokenNotYetValid { ahead, leeway } => {
                write!(out, "valid in {ahead} s, leeway {leeway} s")
            }
            VerifyError::TokenTooOld { age, max_age } => {
                write!(out, "issued {age} s ago, max_age {max_age} s")
            }
            VerifyError::LifetimeTooLong { lifetime, max } => {
                write!(out, "made to live {lifetime} s, max_lifetime {max} s")
            }
            VerifyError::BodyHashMismatch => out.write_str("the body is not the one that was signed"),
            VerifyError::BodyHashUnexpected => {
                out.write_str("the token holds a digest, and the body is empty")
            }
            VerifyError::ClaimNotAllowed { claim } => write!(out, "claim {claim} has no allowed value"),
            VerifyError::SignatureAmbiguous => {
                out.write_str("several signatures could be meant: name the `label` or the `tag` that counts")
            }
            VerifyError::TagMismatch => out.write_str("no signature has the `tag` of the policy"),
            VerifyError::ParameterMissing { parameter } => {
                write!(out, "the signature has no `{parameter}`")
            }
            VerifyError::ParameterMalformed { parameter } => {
                write!(out, "the signature: {parameter} is not of its form")
            }
            VerifyError::ComponentMissing { component } => {
                write!(out, "the signature does not cover {component}")
            }
            VerifyError::ComponentNotAllowed { flaw } => write!(out, "what is covered: {flaw}"),
            VerifyError::SignatureExpired { ago, leeway } => {
                write!(out, "expired {ago} s ago, leeway {leeway} s")
            }
            VerifyError::DigestUnusable => {
                out.write_str("header content-digest has no digest by sha-256 or sha-512, or is malformed")
            }
            VerifyError::KeyPurpose { member } => {
                write!(out, "`{member}` of the key is not what the policy demands")
            }
            VerifyError::KeyRevoked => out.write_str("the key is in `revoked` of the policy"),
            VerifyError::KeysUnavailable { fault } => write!(out, "no keys: {fault}"),
            VerifyError::KeysCoolingDown => {
                out.write_str("no key of this `kid` yet; the key server was asked a moment ago")
            }
        }
    }
}

impl std::error::Error for VerifyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_name_places_and_numbers() {
        let missing = VerifyError::SignatureMissing { field: "header Stripe-Signature, element v1".into() };
        assert_eq!(missing.to_string(), "header Stripe-Signature, element v1 is absent");
        assert_eq!(missing.reason(), Reason::SignatureMissing);
        let old = VerifyError::TimestampTooOld { age: 314, tolerance: 300 };
        assert_eq!(old.to_string(), "314 s old, tolerance 300 s");
    }
}
