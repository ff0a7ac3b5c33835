//! The body of an answer on its way to the client.

use super::record::{Entry, Record};
use super::upstream::Relay;
use crate::replay::ReplyFlaw;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;

/// The body of an answer. It carries the request's log entry, so the line is written when the last byte
/// was taken, or when the client left.
#[derive(Debug)]
pub struct OutBody {
    content: Content,
    /// Nothing once it is handed on.
    entry: Option<Entry>,
    offered: bool,
}

#[derive(Debug)]
enum Content {
    Full(Bytes),
    Upstream(Box<Relay>),
}

impl OutBody {
    /// These bytes, which are ours.
    pub fn full(bytes: Bytes, entry: Entry) -> OutBody {
        OutBody::new(Content::Full(bytes), entry)
    }

    /// What the upstream sends.
    pub fn relayed(relay: Relay, entry: Entry) -> OutBody {
        OutBody::new(Content::Upstream(Box::new(relay)), entry)
    }

    fn new(content: Content, entry: Entry) -> OutBody {
        let mut body = OutBody { content, entry: Some(entry), offered: false };
        if !body.is_end_stream() {
            body.offer();
        }
        body
    }

    /// The client left before the answer was there: the record says so.
    pub fn nobody_waits(&mut self) {
        self.note(|record| record.status = None);
    }

    fn note(&mut self, change: impl FnOnce(&mut Record)) {
        if let Some(entry) = &mut self.entry {
            entry.note(change);
        }
    }

    fn offer(&mut self) {
        if let Some(entry) = &self.entry {
            self.offered = true;
            entry.peer().activity.offer();
        }
    }

    fn taken(&mut self) {
        if let Some(entry) = self.entry.as_ref().filter(|_| self.offered) {
            self.offered = false;
            entry.peer().activity.taken();
        }
    }
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        this.taken();
        let piece = match &mut this.content {
            Content::Full(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Content::Full(bytes) => Ok(std::mem::take(bytes)),
            Content::Upstream(relay) => match std::task::ready!(relay.poll_piece(context)) {
                Some(piece) => piece,
                None => return Poll::Ready(None),
            },
        };
        if let Ok(piece) = &piece {
            this.note(|record| record.bytes_out += piece.len() as u64);
            this.offer();
        }
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Full(bytes) => bytes.is_empty(),
            Content::Upstream(relay) => relay.is_end(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Upstream(relay) => relay.size_hint(),
        }
    }
}

impl Drop for OutBody {
    /// A reply that a copy must get is read to its end even if the client is gone: in a task of its own, which keeps
    /// the record open and the connection counted.
    fn drop(&mut self) {
        self.taken();
        let Content::Upstream(relay) = &self.content else { return };
        if !relay.is_written_down() {
            let flaw = relay.flaw();
            return note_flaw(self.entry.as_mut(), flaw);
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let (content, mut entry) =
            (std::mem::replace(&mut self.content, Content::Full(Bytes::new())), self.entry.take());
        if let Content::Upstream(mut relay) = content {
            runtime.spawn(async move {
                relay.write_down_rest().await;
                note_flaw(entry.as_mut(), relay.flaw());
            });
        }
    }
}

fn note_flaw(entry: Option<&mut Entry>, flaw: Option<ReplyFlaw>) {
    if let (Some(entry), Some(flaw)) = (entry, flaw) {
        entry.note(|record| record.detail = Some(flaw.to_string()));
    }
}
