//! The memory against a plain map that does the same without care for time and space.

use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

#[derive(Clone, Debug)]
enum Step {
    Admit { id: u8, body: u8, valid: i64, deadline: i64 },
    Keep(usize),
    Release(usize),
    Pass(i64),
    Sweep,
    Limit(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let admit = (0u8..12, 0u8..10, -20i64..200, -5i64..150);
    prop_oneof![
        8 => admit.prop_map(|(id, body, valid, deadline)| Step::Admit { id, body: body / 9, valid, deadline }),
        2 => any::<usize>().prop_map(Step::Keep),
        2 => any::<usize>().prop_map(Step::Release),
        3 => (0i64..120).prop_map(Step::Pass),
        1 => Just(Step::Sweep),
        1 => (0usize..14).prop_map(Step::Limit),
    ]
}

struct Known {
    body: u8,
    expires: i64,
    /// The number of the reservation and its deadline, while it is under way.
    flight: Option<(usize, i64)>,
}

#[derive(Default)]
struct Model {
    known: HashMap<u8, Known>,
    limit: usize,
    reservations: usize,
    now: i64,
}

impl Model {
    fn admit(&mut self, id: u8, body: u8, valid: i64, deadline: i64) -> &'static str {
        self.known.retain(|_, known| known.expires >= self.now);
        let remembered = valid.max(self.now) + SLACK;
        let reserved = remembered.max(deadline + SLACK);
        let full = self.known.len() >= self.limit;
        match self.known.get_mut(&id) {
            None if full => return "full",
            Some(known) if known.flight.is_none_or(|(_, deadline)| deadline >= self.now) => {
                if known.body != body {
                    return "conflict";
                }
                known.expires = known.expires.max(remembered);
                return if known.flight.is_some() { "in flight" } else { "delivered" };
            }
            _ => {}
        }
        let expires = self.known.get(&id).map_or(reserved, |abandoned| abandoned.expires.max(reserved));
        self.known.insert(id, Known { body, expires, flight: Some((self.reservations, deadline)) });
        self.reservations += 1;
        "fresh"
    }

    fn settle(&mut self, reservation: usize, delivered: bool) {
        let owned = |known: &Known| known.flight.is_some_and(|(number, _)| number == reservation);
        if delivered {
            self.known.values_mut().filter(|known| owned(known)).for_each(|known| known.flight = None);
        } else {
            self.known.retain(|_, known| !owned(known));
        }
    }

    fn in_flight(&self) -> usize {
        self.known.values().filter(|known| known.flight.is_some()).count()
    }
}

/// Takes one of the open reservations, with its number in the model.
fn pick(open: &mut Vec<(usize, Reservation)>, choice: usize) -> Option<(usize, Reservation)> {
    (!open.is_empty()).then(|| open.swap_remove(choice % open.len()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn it_answers_as_the_model_does(steps in proptest::collection::vec(step(), 1..120)) {
        let memory = memory(6);
        let mut model = Model { limit: 6, ..Model::default() };
        let mut open: Vec<(usize, Reservation)> = Vec::new();
        for step in steps {
            match step {
                Step::Admit { id, body, valid, deadline } => {
                    let (valid, deadline) = (model.now + valid, model.now + deadline);
                    let terms = Terms { valid_until: UnixTime(valid), deadline: UnixTime(deadline), window: false };
                    let delivery = Delivery::new("s", &[id], &[body]);
                    let admission = memory.admit(&delivery, terms, UnixTime(model.now));
                    let number = model.reservations;
                    prop_assert_eq!(word(&admission), model.admit(id, body, valid, deadline));
                    if let Admission::Fresh(reservation) = admission {
                        open.push((number, reservation));
                    }
                }
                Step::Keep(choice) => if let Some((number, reservation)) = pick(&mut open, choice) {
                    reservation.keep();
                    model.settle(number, true);
                },
                Step::Release(choice) => if let Some((number, reservation)) = pick(&mut open, choice) {
                    drop(reservation);
                    model.settle(number, false);
                },
                Step::Pass(seconds) => model.now += seconds,
                Step::Sweep => {
                    prop_assert!(memory.sweep(UnixTime(model.now)));
                    model.known.retain(|_, known| known.expires >= model.now);
                    prop_assert_eq!(memory.entries(), model.known.len());
                    let counts = memory.counts();
                    let ended = counts.kept + counts.released + counts.taken_over;
                    prop_assert_eq!(counts.reserved - ended, model.in_flight() as u64);
                }
                Step::Limit(limit) => {
                    memory.set_limit(limit);
                    model.limit = limit;
                }
            }
        }
    }
}
