//! How often each thing happened.

use std::ops::AddAssign;

/// Events since the start. `reserved` = `kept` + `released` + `taken_over` + the reservations still open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Admissions that got a reservation.
    pub reserved: u64,
    /// Reservations that ended in a delivery.
    pub kept: u64,
    /// Reservations that ended without one, or were forgotten long after their deadline.
    pub released: u64,
    /// Admissions of what was delivered already.
    pub duplicates: u64,
    /// Admissions of what was under way.
    pub waits: u64,
    /// Admissions of a known event with another body.
    pub conflicts: u64,
    /// Admissions refused for want of room.
    pub full: u64,
    /// Reservations whose place was taken after their deadline.
    pub taken_over: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.reserved += other.reserved;
        self.kept += other.kept;
        self.released += other.released;
        self.duplicates += other.duplicates;
        self.waits += other.waits;
        self.conflicts += other.conflicts;
        self.full += other.full;
        self.taken_over += other.taken_over;
    }
}
