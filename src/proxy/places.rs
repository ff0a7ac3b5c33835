//! The count of connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Connections in use, within a limit: open ones, and those that were left while the upstream still works
/// for them. So nobody piles up work at the upstream by asking and hanging up.
#[derive(Debug, Default)]
pub struct Connections {
    open: AtomicUsize,
    refused: AtomicUsize,
}

/// One connection in use; dropping it makes room.
#[derive(Debug)]
pub struct Place(Arc<Connections>);

impl Connections {
    /// A place for one more connection, unless `limit` are in use.
    pub fn take(self: &Arc<Connections>, limit: usize) -> Option<Place> {
        if self.open.fetch_add(1, Ordering::Relaxed) < limit {
            return Some(Place(self.clone()));
        }
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.refused.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// Connections in use now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Connections closed at once because too many were in use.
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_and_given_back() {
        let connections = Arc::new(Connections::default());
        let first = connections.take(1);
        assert!(first.is_some());
        assert!(connections.take(1).is_none());
        drop(first);
        assert!(connections.take(1).is_some());
        assert_eq!((connections.open(), connections.refused()), (0, 1));
    }
}
