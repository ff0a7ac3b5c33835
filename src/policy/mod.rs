//! What the policy file means once it is built: sources, routes, rules and the permits they issue.

mod address;
mod answers;
mod key_source;
mod pattern;
mod permit;
mod replay;
mod routes;
mod source;
mod url_pattern;

pub use address::{AddressFlaw, UpstreamAddress};
pub use answers::{ANSWER_STATUSES, AnswerContent, Answers, Substitute};
pub use key_source::{CertificatePlace, KeyPlace, KeySource, PerKid, is_private};
pub use pattern::{PathPattern, PathTemplate, PatternFlaw};
pub use permit::{Permit, Waiver, WaiverKind};
pub use replay::{OnDuplicate, ReplayRule};
pub use routes::{Overlap, Route, Routes};
pub use source::{Check, Policy, Source};
pub use url_pattern::UrlPattern;
