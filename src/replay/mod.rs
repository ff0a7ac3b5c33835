//! What was delivered already: a message passes once. Begin with [`Memory::admit`].

mod calendar;
mod counts;
mod delivery;
mod memory;
mod reply;
mod reservation;
mod room;
mod shard;
mod table;

pub use counts::Counts;
pub use delivery::{Delivery, SLACK, Terms};
pub use memory::{Admission, Memory};
pub use reply::{Reply, ReplyFlaw, Transcript};
pub use reservation::{Outcome, Reservation};
