//! One request from its head to the last byte of its answer. Begin with [`handle`].

mod answer;
mod body;
mod capture;
mod guard;
mod handle;
mod handshake;
mod hint;
mod ids;
mod live;
mod out_body;
mod persist;
mod places;
mod prove;
mod record;
mod redact;
mod reject;
pub mod upstream;

pub use body::Budget;
pub use capture::{Captured, Captures};
pub use handle::handle;
pub use hint::Hints;
pub use ids::RequestIds;
pub use live::{Activity, Live, Peer, Signs, Worker};
pub use out_body::OutBody;
pub use places::{Connections, Place};
pub use record::{Lines, Record, Recorder, Scribe};
pub use reject::Rejection;
