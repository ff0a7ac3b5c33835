//! What allows a request to be forwarded: a proof, or a waiver that the policy file spells out.

use crate::http::{Body, Head};
use crate::verify::{Verified, VerifyError};

/// The only thing that the forwarding code takes.
#[derive(Debug)]
pub enum Permit {
    /// The sender was proved.
    Verified(Verified),
    /// Forwarded without proof. The waiver comes from the policy; nothing else can make one.
    Waived {
        /// The request as received.
        head: Head,
        /// Its whole body.
        body: Body,
        /// Why it may pass.
        waiver: Waiver,
        /// In report mode: why it would have been refused.
        verdict: Option<VerifyError>,
    },
}

/// Leave to forward unverified requests of one source. Only [`super::Check`] issues it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiver {
    kind: WaiverKind,
}

/// Which words of the policy file waive the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaiverKind {
    /// `scheme = "none"`: nothing is checked.
    None,
    /// `mode = "report"`: checked, and forwarded whatever the verdict.
    Report,
}

impl Waiver {
    pub(super) fn new(kind: WaiverKind) -> Waiver {
        Waiver { kind }
    }

    /// Which words of the policy file issued it.
    pub fn kind(self) -> WaiverKind {
        self.kind
    }
}
