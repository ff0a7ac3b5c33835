//! Replies: remembered with their delivery, within their bounds, and gone with it.

use super::*;
use crate::base::limits::MAX_REPLY;
use crate::replay::{Reply, ReplyFlaw, Transcript};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};

fn headers(content_type: &str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap())])
}

fn begin(memory: &Arc<Memory>, id: u64) -> Transcript {
    let reservation = fresh(memory, &event(id), TERMS, NOW);
    reservation.keep_with_reply(StatusCode::CREATED, &headers("text/plain"))
}

fn reply(memory: &Arc<Memory>, id: u64) -> Option<Arc<Reply>> {
    match memory.admit(&event(id), TERMS, NOW) {
        Admission::Delivered(reply) => reply,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reply_is_given_again_and_forgotten_with_its_delivery() {
    let memory = memory(10);
    let mut transcript = begin(&memory, 1);
    transcript.add(b"challenge");
    transcript.add(b"-1");
    assert_eq!(answer(&memory, &event(1), NOW), "in flight");
    assert_eq!(answer(&memory, &altered(1), NOW), "conflict");
    transcript.end();
    let found = reply(&memory, 1).unwrap();
    assert_eq!((found.status, &*found.body, found.flaw), (StatusCode::CREATED, &b"challenge-1"[..], None));
    assert_eq!(found.fields, [(CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
    assert!(memory.reply_bytes() > found.body.len());
    drop(found);
    assert!(memory.sweep(later(300 + SLACK + 1)));
    assert_eq!((memory.entries(), memory.reply_bytes()), (0, 0));
}

#[test]
fn a_delivery_without_reply_has_none() {
    let memory = memory(10);
    deliver(&memory, 1);
    assert!(reply(&memory, 1).is_none());
    assert_eq!(memory.reply_bytes(), 0);
}

#[test]
fn a_flaw_leaves_the_status_alone() {
    type Ending = fn(&mut Transcript);
    let rows: [(Ending, Option<ReplyFlaw>, usize); 5] = [
        (|transcript| transcript.add(&[b'x'; MAX_REPLY]), None, MAX_REPLY),
        (|transcript| transcript.add(&[b'x'; MAX_REPLY + 1]), Some(ReplyFlaw::TooLarge), 0),
        (|transcript| (0..=MAX_REPLY).for_each(|_| transcript.add(b"x")), Some(ReplyFlaw::TooLarge), 0),
        (Transcript::break_off, Some(ReplyFlaw::BrokenOff), 0),
        (
            |transcript| drop(std::mem::replace(transcript, Transcript::without_room())),
            Some(ReplyFlaw::BrokenOff),
            0,
        ),
    ];
    for (number, (ending, flaw, length)) in rows.into_iter().enumerate() {
        let memory = memory(10);
        let mut transcript = begin(&memory, 1);
        transcript.add(b"");
        ending(&mut transcript);
        transcript.end();
        let found = reply(&memory, 1).unwrap();
        assert_eq!((found.flaw, found.body.len()), (flaw, length), "row {number}");
        assert_eq!(found.status, StatusCode::CREATED, "row {number}");
    }
}

#[test]
fn a_type_that_is_too_long_is_not_remembered() {
    let memory = memory(10);
    let reservation = fresh(&memory, &event(1), TERMS, NOW);
    let mut transcript = reservation.keep_with_reply(StatusCode::OK, &headers(&"x".repeat(10_000)));
    assert!(!transcript.is_open());
    transcript.add(b"body");
    transcript.end();
    let found = reply(&memory, 1).unwrap();
    assert_eq!((found.flaw, found.fields.len(), found.body.len()), (Some(ReplyFlaw::TooLarge), 0, 0));
}

#[test]
fn replies_share_their_room_and_deliveries_do_not_wait_for_it() {
    let memory = memory(1_000_000);
    let mut whole = 0;
    for id in 0.. {
        let mut transcript = begin(&memory, id);
        transcript.add(&[b'x'; MAX_REPLY]);
        transcript.end();
        match transcript.flaw() {
            None => whole += 1,
            Some(flaw) => {
                assert_eq!(flaw, ReplyFlaw::NoRoom);
                break;
            }
        }
    }
    assert!((10_000..HELD_REPLIES as u64 / MAX_REPLY as u64).contains(&whole), "{whole}");
    assert!(memory.reply_bytes() <= HELD_REPLIES);
    assert_eq!(answer(&memory, &event(whole), NOW), "delivered");
    assert!(memory.sweep(later(300 + SLACK + 1)) || memory.entries() > 0);
    while !memory.sweep(later(300 + SLACK + 1)) {}
    assert_eq!((memory.entries(), memory.reply_bytes()), (0, 0));
}

#[test]
fn a_reply_to_a_forgotten_delivery_belongs_to_nobody() {
    let memory = memory(10);
    let mut transcript = begin(&memory, 1);
    assert!(memory.sweep(later(300 + SLACK + 1)));
    fresh(&memory, &event(2), TERMS, NOW).keep();
    transcript.add(b"late");
    transcript.end();
    drop(transcript);
    assert!(reply(&memory, 2).is_none());
    assert_eq!(memory.reply_bytes(), 0);
}

#[tokio::test]
async fn a_copy_that_waits_is_woken_by_the_end_of_the_reply() {
    for breaks in [false, true] {
        let memory = memory(10);
        let transcript = begin(&memory, 1);
        let Admission::InFlight(outcome) = memory.admit(&event(1), TERMS, NOW) else {
            panic!("not in flight")
        };
        let waiting = tokio::spawn(outcome.wait());
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        let mut transcript = transcript;
        if !breaks {
            transcript.end();
        }
        drop(transcript);
        waiting.await.unwrap();
        assert_eq!(reply(&memory, 1).unwrap().flaw, breaks.then_some(ReplyFlaw::BrokenOff));
    }
}
