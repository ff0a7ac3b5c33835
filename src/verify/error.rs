//! Why a request is not believed.

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
    /// The timestamp is not a whole number in plain digits.
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
}

impl VerifyError {
    /// The stable reason.
    pub fn reason(&self) -> Reason {
        match self {
            VerifyError::FieldMissing { .. } => Reason::FieldMissing,
            VerifyError::FieldRepeated { .. } => Reason::FieldRepeated,
            VerifyError::FieldMalformed { .. } => Reason::FieldMalformed,
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
        }
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
            VerifyError::FieldRepeated { field } => {
                write!(out, "{field} stands more than once, or with different values")
            }
            VerifyError::FieldMalformed { field }
            | VerifyError::SignatureMalformed { field }
            | VerifyError::CredentialMalformed { field } => write!(out, "{field} is not of its form"),
            VerifyError::TimestampMalformed { field } => {
                write!(out, "{field} is not a whole number in plain digits")
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
