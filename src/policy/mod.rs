//! What the policy file means once it is built: sources, routes, rules and the permits they issue.

mod address;
mod pattern;
mod permit;
mod routes;
mod source;

pub use address::{AddressFlaw, UpstreamAddress};
pub use pattern::{PathPattern, PathTemplate, PatternFlaw};
pub use permit::{Permit, Waiver, WaiverKind};
pub use routes::{Overlap, Route, Routes};
pub use source::{Check, Policy, Source};
