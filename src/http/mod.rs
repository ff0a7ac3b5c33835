//! The HTTP gate and what it lets through: a well-formed head, a body as a list of chunks. Pure, over parts.

pub mod authority;
mod body;
pub mod forwarded;
pub mod gate;
mod head;
pub mod headers;
pub mod target;

pub use authority::Authority;
pub use body::Body;
pub use gate::{Arrival, GateError, admit};
pub use head::{Captures, Head};
pub use target::Target;
