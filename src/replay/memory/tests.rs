mod crowd;
mod model;
mod replies;

use super::super::delivery::SLACK;
use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

const NOW: UnixTime = UnixTime(1_000_000);
/// Valid for five minutes, under way for at most 30 seconds.
const TERMS: Terms =
    Terms { valid_until: UnixTime(NOW.0 + 300), deadline: UnixTime(NOW.0 + 30), window: false };

fn memory(limit: usize) -> Arc<Memory> {
    Arc::new(Memory::new(limit))
}

fn event(id: u64) -> Delivery {
    Delivery::new("github", &id.to_be_bytes(), b"body")
}

/// The same event with another body.
fn altered(id: u64) -> Delivery {
    Delivery::new("github", &id.to_be_bytes(), b"another body")
}

fn later(seconds: i64) -> UnixTime {
    UnixTime(NOW.0 + seconds)
}

/// The reservation that the delivery must get.
fn fresh(memory: &Arc<Memory>, delivery: &Delivery, terms: Terms, now: UnixTime) -> Reservation {
    match memory.admit(delivery, terms, now) {
        Admission::Fresh(reservation) => reservation,
        other => panic!("{other:?}"),
    }
}

/// Has `id` delivered at `NOW`.
fn deliver(memory: &Arc<Memory>, id: u64) {
    fresh(memory, &event(id), TERMS, NOW).keep();
}

/// What `delivery` is answered at `now`, in a word; a reservation is released at once.
fn answer(memory: &Arc<Memory>, delivery: &Delivery, now: UnixTime) -> &'static str {
    word(&memory.admit(delivery, TERMS, now))
}

fn word(admission: &Admission) -> &'static str {
    match admission {
        Admission::Fresh(_) => "fresh",
        Admission::Delivered(_) => "delivered",
        Admission::InFlight(_) => "in flight",
        Admission::Conflict => "conflict",
        Admission::Full => "full",
    }
}

#[test]
fn what_was_kept_is_delivered_once() {
    let memory = memory(10);
    let reservation = fresh(&memory, &event(1), TERMS, NOW);
    assert_eq!(answer(&memory, &event(1), NOW), "in flight");
    reservation.keep();
    assert_eq!(answer(&memory, &event(1), NOW), "delivered");
    assert_eq!(answer(&memory, &event(2), NOW), "fresh");
    let counts = Counts { reserved: 2, kept: 1, released: 1, duplicates: 1, waits: 1, ..Counts::default() };
    assert_eq!(memory.counts(), counts);
}

#[test]
fn what_was_released_passes_again_whatever_its_body() {
    let memory = memory(10);
    drop(fresh(&memory, &event(1), TERMS, NOW));
    assert_eq!(memory.entries(), 0);
    drop(fresh(&memory, &altered(1), TERMS, NOW));
    fresh(&memory, &event(1), TERMS, NOW).keep();
    assert_eq!(answer(&memory, &event(1), NOW), "delivered");
}

#[test]
fn a_panic_releases() {
    let memory = memory(10);
    let reservation = fresh(&memory, &event(1), TERMS, NOW);
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _held = reservation;
        std::panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(panicked.is_err());
    assert_eq!(answer(&memory, &event(1), NOW), "fresh");
}

#[test]
fn another_body_conflicts_and_disturbs_nothing() {
    let memory = memory(10);
    let long = Terms { valid_until: later(9000), ..TERMS };
    let reservation = fresh(&memory, &event(1), TERMS, NOW);
    assert_eq!(word(&memory.admit(&altered(1), long, NOW)), "conflict");
    assert_eq!(answer(&memory, &event(1), NOW), "in flight");
    reservation.keep();
    assert_eq!(word(&memory.admit(&altered(1), long, NOW)), "conflict");
    assert_eq!(answer(&memory, &event(1), NOW), "delivered");
    assert_eq!(answer(&memory, &altered(1), later(300 + SLACK)), "conflict");
    assert_eq!(answer(&memory, &altered(1), later(300 + SLACK + 1)), "fresh"); // not prolonged
    assert_eq!(memory.counts().conflicts, 3);
}

#[test]
fn sources_are_independent() {
    let memory = memory(10);
    fresh(&memory, &Delivery::new("a", b"1", b"body"), TERMS, NOW).keep();
    assert_eq!(answer(&memory, &Delivery::new("b", b"1", b"body"), NOW), "fresh");
    assert_eq!(answer(&memory, &Delivery::new("b", b"1", b"other"), NOW), "fresh");
    assert_eq!(answer(&memory, &Delivery::new("a", b"1", b"body"), NOW), "delivered");
}

#[test]
fn a_record_outlives_its_message_by_the_slack() {
    for unswept in [true, false] {
        for (second, expected) in [(300, "delivered"), (300 + SLACK, "delivered"), (300 + SLACK + 1, "fresh")]
        {
            let memory = memory(10);
            deliver(&memory, 1);
            assert!(unswept || memory.sweep(later(second)));
            let terms = Terms { valid_until: later(300), deadline: later(second), window: false };
            assert_eq!(word(&memory.admit(&event(1), terms, later(second))), expected, "{second}");
        }
    }
}

#[test]
fn a_message_past_its_limit_is_remembered_from_now() {
    let memory = memory(10);
    let late = Terms { valid_until: later(-500), deadline: later(-500), window: false };
    fresh(&memory, &event(1), late, NOW).keep();
    assert_eq!(word(&memory.admit(&event(1), late, later(SLACK))), "delivered");
    // ... which prolonged it
    assert_eq!(word(&memory.admit(&event(1), late, later(2 * SLACK))), "delivered");
    assert_eq!(word(&memory.admit(&event(1), late, later(3 * SLACK + 1))), "fresh");
}

#[test]
fn a_reservation_is_not_forgotten_before_its_deadline() {
    let memory = memory(10);
    let terms = Terms { valid_until: later(10), deadline: later(1000), window: false };
    let reservation = fresh(&memory, &event(1), terms, NOW);
    assert!(memory.sweep(later(1000)));
    assert_eq!(answer(&memory, &event(1), later(1000)), "in flight");
    reservation.keep();
    assert_eq!(answer(&memory, &event(1), later(1000)), "delivered");
}

#[test]
fn a_later_retry_prolongs_the_record() {
    let memory = memory(10);
    deliver(&memory, 1);
    let retry = Terms { valid_until: later(800), ..TERMS };
    assert_eq!(word(&memory.admit(&event(1), retry, later(200))), "delivered");
    assert_eq!(answer(&memory, &event(1), later(250)), "delivered"); // does not shorten it
    assert!(memory.sweep(later(700)));
    assert_eq!(answer(&memory, &event(1), later(800 + SLACK)), "delivered");

    let reservation = fresh(&memory, &event(2), TERMS, NOW);
    assert_eq!(word(&memory.admit(&event(2), retry, NOW)), "in flight");
    reservation.keep();
    assert_eq!(answer(&memory, &event(2), later(800 + SLACK)), "delivered");
}

#[test]
fn the_next_takes_over_after_the_deadline() {
    for kept in [true, false] {
        let memory = memory(10);
        let stuck = fresh(&memory, &event(1), TERMS, NOW);
        assert_eq!(answer(&memory, &event(1), later(30)), "in flight");
        assert_eq!(answer(&memory, &altered(1), later(30)), "conflict");
        let terms = Terms { deadline: later(90), ..TERMS };
        let next = fresh(&memory, &event(1), terms, later(31));
        if kept {
            stuck.keep()
        } else {
            drop(stuck)
        }
        assert_eq!(answer(&memory, &event(1), later(31)), "in flight", "the former owner has no effect");
        next.keep();
        assert_eq!(answer(&memory, &event(1), later(31)), "delivered");
        let counts = memory.counts();
        assert_eq!((counts.reserved, counts.kept, counts.released, counts.taken_over), (2, 1, 0, 1));
    }
}

#[test]
fn a_former_owner_does_not_touch_who_has_its_slot_now() {
    let memory = memory(10);
    let stuck = fresh(&memory, &event(1), TERMS, NOW);
    let gone = later(300 + SLACK + 1);
    assert!(memory.sweep(gone));
    assert_eq!((memory.entries(), memory.counts().released), (0, 1));
    let terms = Terms { valid_until: later(900), deadline: later(900), window: false };
    let held: Vec<Reservation> = (0..10).map(|id| fresh(&memory, &event(id), terms, gone)).collect();
    drop(stuck);
    assert_eq!(memory.entries(), 10);
    held.into_iter().for_each(Reservation::keep);
    assert_eq!(answer(&memory, &event(1), gone), "delivered");
}

#[test]
fn an_abandoned_reservation_counts_as_released_for_another_body_too() {
    let memory = memory(10);
    let stuck = fresh(&memory, &event(1), TERMS, NOW);
    fresh(&memory, &altered(1), TERMS, later(31)).keep();
    stuck.keep();
    assert_eq!(answer(&memory, &altered(1), later(31)), "delivered");
    assert_eq!(answer(&memory, &event(1), later(31)), "conflict");
}

#[test]
fn who_is_late_but_still_the_owner_delivers() {
    let memory = memory(10);
    let slow = fresh(&memory, &event(1), TERMS, NOW);
    assert!(memory.sweep(later(200)));
    slow.keep();
    assert_eq!(answer(&memory, &event(1), later(200)), "delivered");
}

#[test]
fn full_refuses_the_new_and_keeps_the_old() {
    let memory = memory(3);
    (0..3).for_each(|id| deliver(&memory, id));
    for id in 3..100 {
        assert_eq!(answer(&memory, &event(id), later(300 + SLACK)), "full");
    }
    for id in 0..3 {
        assert_eq!(answer(&memory, &event(id), later(300)), "delivered");
        assert_eq!(answer(&memory, &altered(id), later(300)), "conflict");
    }
    assert_eq!((memory.entries(), memory.counts().full), (3, 97));
    deliver_all_anew(&memory, later(300 + SLACK + 1));
}

/// Room is made from whatever shards the expired ones are in.
fn deliver_all_anew(memory: &Arc<Memory>, now: UnixTime) {
    let terms = Terms { valid_until: UnixTime(now.0 + 300), deadline: now, window: false };
    (500..503).for_each(|id| fresh(memory, &event(id), terms, now).keep());
    assert_eq!((memory.entries(), answer(memory, &event(503), now)), (3, "full"));
}

#[test]
fn a_release_makes_room() {
    let memory = memory(1);
    let first = fresh(&memory, &event(1), TERMS, NOW);
    assert_eq!(answer(&memory, &event(2), NOW), "full");
    drop(first);
    let second = fresh(&memory, &event(2), TERMS, NOW);
    assert_eq!(answer(&memory, &event(1), NOW), "full");
    second.keep();
}

#[test]
fn an_abandoned_reservation_makes_room_when_it_expires() {
    let memory = memory(1);
    let stuck = fresh(&memory, &event(1), TERMS, NOW);
    assert_eq!(answer(&memory, &event(2), later(300 + SLACK)), "full");
    deliver_at(&memory, 2, later(300 + SLACK + 1));
    drop(stuck);
    assert_eq!((answer(&memory, &event(2), later(301 + SLACK)), memory.entries()), ("delivered", 1));
}

fn deliver_at(memory: &Arc<Memory>, id: u64, now: UnixTime) {
    fresh(memory, &event(id), TERMS, now).keep();
}

#[test]
fn the_limit_can_be_changed() {
    let memory = memory(0);
    assert_eq!(answer(&memory, &event(1), NOW), "full");
    memory.set_limit(2);
    (0..2).for_each(|id| deliver(&memory, id));
    memory.set_limit(1);
    assert_eq!(
        (answer(&memory, &event(0), NOW), answer(&memory, &event(1), NOW)),
        ("delivered", "delivered")
    );
    assert_eq!((answer(&memory, &event(2), NOW), memory.entries()), ("full", 2));
    memory.set_limit(usize::MAX);
    assert_eq!(answer(&memory, &event(2), NOW), "fresh");
}

#[test]
fn nothing_is_printed_of_what_identifies_a_message() {
    let memory = memory(1);
    let admission = memory.admit(&event(1), TERMS, NOW);
    assert_eq!(format!("{admission:?} {memory:?}"), "Fresh(Reservation(..)) Memory(1 entries)");
}

#[test]
fn a_reservation_may_move_to_another_thread() {
    fn moves<T: Send + Sync + 'static>() {}
    moves::<Reservation>();
    moves::<Outcome>();
}

#[test]
fn a_window_ends_when_it_ends_and_copies_do_not_prolong_it() {
    let memory = Arc::new(Memory::new(10));
    let terms = |now: i64| Terms { valid_until: later(now + 5), deadline: later(now + 30), window: true };
    let delivery = Delivery::new("a", b"id", b"body");
    let Admission::Fresh(first) = memory.admit(&delivery, terms(0), later(0)) else { panic!("not fresh") };
    first.keep();
    for second in [0, 3, 5] {
        assert!(matches!(memory.admit(&delivery, terms(second), later(second)), Admission::Delivered(_)));
    }
    let Admission::Fresh(next) = memory.admit(&delivery, terms(6), later(6)) else { panic!("not fresh") };
    next.keep();
    assert!(matches!(memory.admit(&delivery, terms(11), later(11)), Admission::Delivered(_)));
    assert!(memory.sweep(later(12)));
    assert_eq!(memory.entries(), 0);
}
