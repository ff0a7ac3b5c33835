//! Many at once.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, yield_now};

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// The handle to wait for the delivery of event 1.
fn in_flight(memory: &Arc<Memory>) -> Outcome {
    match memory.admit(&event(1), TERMS, NOW) {
        Admission::InFlight(outcome) => outcome,
        other => panic!("{other:?}"),
    }
}

/// Admits until `id` is delivered, or delivers it. The first `failures` who get the place fail.
async fn persist(memory: Arc<Memory>, id: u64, failures: usize, tries: Arc<AtomicUsize>) {
    loop {
        match memory.admit(&event(id), TERMS, NOW) {
            Admission::Fresh(reservation) => {
                let failed = tries.fetch_add(1, Ordering::SeqCst) < failures;
                yield_now().await;
                if failed { drop(reservation) } else { return reservation.keep() }
            }
            Admission::InFlight(outcome) => outcome.wait().await,
            Admission::Delivered(_) => return,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn one_of_many_who_wait_gets_the_place() {
    runtime().block_on(async {
        let (memory, tries) = (memory(10), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for _ in 0..200 {
            tasks.spawn(persist(memory.clone(), 1, 20, tries.clone()));
        }
        tasks.join_all().await;
        assert_eq!(tries.load(Ordering::SeqCst), 21);
        let counts = memory.counts();
        assert_eq!((counts.reserved, counts.kept, counts.released), (21, 1, 20));
    });
}

/// Ends a reservation in some way, and returns those that are to be held until the waking was seen.
type End = fn(&Arc<Memory>, Reservation) -> Vec<Reservation>;

#[test]
fn every_end_wakes_who_waits_and_no_sooner() {
    let kept: End = |_, reservation| {
        reservation.keep();
        vec![]
    };
    let released: End = |_, _| vec![];
    let taken_over: End = |memory, stuck| vec![stuck, fresh(memory, &event(1), TERMS, later(31))];
    let expired: End = |memory, stuck| {
        assert!(memory.sweep(later(9000)));
        vec![stuck]
    };
    for end in [kept, released, taken_over, expired] {
        runtime().block_on(async {
            let memory = memory(10);
            let reservation = fresh(&memory, &event(1), TERMS, NOW);
            let (impatient, waiting) = (in_flight(&memory), tokio::spawn(in_flight(&memory).wait()));
            tokio::select! {
                biased;
                () = impatient.wait() => panic!("woken early"),
                () = yield_now() => {}
            }
            assert!(!waiting.is_finished());
            let _held = end(&memory, reservation);
            waiting.await.unwrap();
        });
    }
}

#[test]
fn an_outcome_that_came_before_the_wait_is_not_missed() {
    runtime().block_on(async {
        let memory = memory(10);
        let reservation = fresh(&memory, &event(1), TERMS, NOW);
        let outcome = in_flight(&memory);
        reservation.keep();
        outcome.wait().await;
    });
}

#[test]
fn threads_deliver_each_event_once() {
    const EVENTS: usize = 300;
    let (memory, counts) = (memory(EVENTS), [(); EVENTS].map(|()| Arc::new(AtomicUsize::new(0))));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for (id, tries) in counts.iter().enumerate() {
                    runtime().block_on(persist(memory.clone(), id as u64, 3, tries.clone()));
                }
            });
        }
    });
    assert!(counts.iter().all(|tries| tries.load(Ordering::SeqCst) == 4));
    let counts = memory.counts();
    assert_eq!((counts.kept, counts.released, counts.full), (EVENTS as u64, 3 * EVENTS as u64, 0));
    assert_eq!(memory.entries(), EVENTS);
}

#[test]
fn the_limit_holds_exactly_among_threads() {
    let (memory, kept) = (memory(1000), AtomicUsize::new(0));
    thread::scope(|scope| {
        for first in 0..8 {
            let (memory, kept) = (&memory, &kept);
            scope.spawn(move || {
                for id in (first..4000).step_by(8) {
                    drop(memory.admit(&event(id), TERMS, NOW));
                    if let Admission::Fresh(reservation) = memory.admit(&event(id), TERMS, NOW) {
                        kept.fetch_add(1, Ordering::SeqCst);
                        reservation.keep();
                    }
                    assert!(memory.entries() <= 1000);
                }
            });
        }
    });
    assert_eq!((memory.entries(), kept.load(Ordering::SeqCst)), (1000, 1000));
}

#[test]
fn threads_that_compete_for_expired_room_all_find_some() {
    let memory = memory(800);
    (0..800).for_each(|id| deliver(&memory, id));
    let (now, full) = (later(301 + SLACK), AtomicUsize::new(0));
    let terms = Terms { valid_until: later(900), deadline: later(900), window: false };
    thread::scope(|scope| {
        for first in 1..9 {
            let (memory, full) = (&memory, &full);
            scope.spawn(move || {
                for id in 0..100 {
                    match memory.admit(&event(first * 1000 + id), terms, now) {
                        Admission::Fresh(reservation) => reservation.keep(),
                        _ => drop(full.fetch_add(1, Ordering::SeqCst)),
                    }
                }
            });
        }
    });
    assert_eq!((memory.entries(), full.load(Ordering::SeqCst)), (800, 0));
}

#[test]
fn failing_without_end_leaves_nothing_behind() {
    let memory = memory(10);
    for round in 0..200_000 {
        let terms = Terms { valid_until: later(round % 1000), ..TERMS };
        drop(fresh(&memory, &event(1), terms, NOW));
    }
    assert_eq!(memory.entries(), 0);
    let shard = memory.shards[memory.spot(&event(1)).shard].lock().unwrap();
    assert!(shard.is_bare(1));
}

#[test]
fn what_has_expired_is_not_met_again_though_unswept() {
    let memory = memory(3000);
    (0..3000).for_each(|id| deliver(&memory, id));
    let now = later(301 + SLACK);
    let terms = Terms { valid_until: later(900), deadline: now, window: false };
    (0..3000).for_each(|id| fresh(&memory, &altered(id), terms, now).keep());
    assert_eq!(memory.entries(), 3000);
    assert!((0..3000).all(|id| answer(&memory, &altered(id), now) == "delivered"));
    while !memory.sweep(later(901 + SLACK)) {}
    assert_eq!((memory.entries(), memory.counts().full), (0, 0));
}

#[test]
fn a_busy_memory_sweeps_itself() {
    let memory = memory(10_000);
    (0..3000).for_each(|id| deliver(&memory, id));
    let now = later(301 + SLACK);
    (3000..6000).for_each(|id| deliver_at(&memory, id, now));
    assert_eq!(memory.entries(), 3000);
}

/// Fills the memory with `many`, checks each, and lets them expire.
fn fill(many: u64) {
    let memory = memory(many as usize);
    let terms = |id: u64| Terms { valid_until: later((id % 300) as i64), deadline: NOW, window: false };
    (0..many).for_each(|id| fresh(&memory, &event(id), terms(id), NOW).keep());
    assert_eq!(answer(&memory, &event(many), NOW), "full");
    assert!((0..many).all(|id| matches!(memory.admit(&event(id), terms(id), NOW), Admission::Delivered(_))));
    assert_eq!(memory.entries(), many as usize);

    let half = later(150 + SLACK);
    while !memory.sweep(half) {}
    let live = (0..many).filter(|id| id % 300 >= 150).count();
    assert_eq!(memory.entries(), live);
    assert_eq!(answer(&memory, &event(149), half), "fresh");
    assert_eq!(answer(&memory, &event(150), half), "delivered");
}

#[test]
fn two_hundred_thousand_are_kept_apart() {
    fill(200_000);
}

#[test]
#[ignore = "takes seconds without optimisation"]
fn a_million_are_kept_apart() {
    fill(1_000_000);
}
