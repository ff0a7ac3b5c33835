//! A request body as the list of pieces it arrived in.

use crate::base::limits::SMALL_CHUNK;
use bytes::{Bytes, BytesMut};
use std::fmt;

/// A complete or growing body: hashed and forwarded piece by piece, never joined.
///
/// Pieces below [`SMALL_CHUNK`] are copied together, so that one-byte pieces cannot make the list
/// (or the read buffers that they point into) many times larger than the body.
#[derive(Clone, Default)]
pub struct Body {
    chunks: Vec<Bytes>,
    small: BytesMut,
    length: u64,
}

impl Body {
    /// A body of one piece.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Body {
        let mut body = Body::default();
        body.push(bytes.into());
        body.finish();
        body
    }

    /// Appends a piece.
    pub fn push(&mut self, piece: Bytes) {
        self.length += piece.len() as u64;
        let first = self.chunks.is_empty() && self.small.is_empty();
        if piece.len() >= SMALL_CHUNK || (first && !piece.is_empty()) {
            self.finish();
            self.chunks.push(piece);
        } else {
            self.small.extend_from_slice(&piece);
            if self.small.len() >= 4 * SMALL_CHUNK {
                self.finish();
            }
        }
    }

    /// Ends the run of small pieces; call it after the last [`Body::push`].
    pub fn finish(&mut self) {
        if !self.small.is_empty() {
            self.chunks.push(self.small.split().freeze());
        }
    }

    /// Length of the whole body, bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether the body has no byte.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The pieces in order; together they are the body as received.
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// Gives the pieces away, in order.
    pub fn into_chunks(self) -> std::vec::IntoIter<Bytes> {
        self.chunks.into_iter()
    }
}

impl fmt::Debug for Body {
    /// The length alone: bodies are not for logs.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Body({} bytes)", self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_are_copied_together_and_nothing_is_lost() {
        let mut body = Body::default();
        let mut expected = Vec::new();
        for index in 0..40_000u32 {
            let piece = vec![index as u8; if index % 1000 == 0 { 5000 } else { 1 }];
            expected.extend_from_slice(&piece);
            body.push(piece.into());
        }
        body.finish();
        assert_eq!(body.chunks().concat(), expected);
        assert_eq!(body.len(), expected.len() as u64);
        assert!(body.chunks().len() < 200, "{} pieces", body.chunks().len());
    }

    #[test]
    fn one_piece_is_kept_as_it_came() {
        let piece = Bytes::from_static(b"{}");
        let body = Body::from_bytes(piece.clone());
        assert_eq!(body.chunks(), [piece]);
        assert!(Body::from_bytes("").chunks().is_empty());
    }

    #[test]
    fn a_body_does_not_print() {
        assert_eq!(format!("{:?}", Body::from_bytes("hunter2")), "Body(7 bytes)");
    }
}
