//! One request of the demo: what had to happen, and what did.

use super::application::Seen;
use super::senders::Sender;
use super::trials::Trial;
use crate::base::names::{Verdict, exit, header};
use crate::verify::Draft;
use sha2::{Digest, Sha256};

/// A line of the table.
#[derive(Debug)]
pub struct Row {
    /// Who sent it, or is said to have.
    pub sender: &'static Sender,
    /// What it was meant to show.
    pub trial: &'static Trial,
    /// The request.
    pub sent: Draft,
    /// The status that the sender got; `None`: no answer.
    pub status: Option<u16>,
    /// What the application saw meanwhile.
    pub seen: Vec<Seen>,
}

impl Row {
    /// Whether everything went as it must: a genuine request reaches the application once and as it was sent, a
    /// forged or repeated one not at all, and the sender is told so.
    pub fn is_right(&self) -> bool {
        self.status == Some(self.trial.status)
            && match (self.trial.act.arrives(), self.seen.as_slice()) {
                (true, [seen]) => self.is_intact(seen) && self.is_marked(seen),
                (false, []) => true,
                _ => false,
            }
    }

    /// What the application saw, in words.
    pub fn observation(&self) -> String {
        match self.seen.as_slice() {
            [] => "nothing".to_owned(),
            [_] if !self.trial.act.arrives() => "1 request".to_owned(),
            [seen] if !self.is_intact(seen) => "1 request, not as it was sent".to_owned(),
            [seen] if !self.is_marked(seen) => "1 request, not marked as verified".to_owned(),
            [_] => "1 request, body identical".to_owned(),
            seen => format!("{} requests", seen.len()),
        }
    }

    fn is_intact(&self, seen: &Seen) -> bool {
        let digest: [u8; 32] = Sha256::digest(&self.sent.body).into();
        seen.method == self.sent.method && seen.target == self.sent.target && seen.digest == digest
    }

    fn is_marked(&self, seen: &Seen) -> bool {
        seen.our(header::SOURCE.as_str()) == Some(self.sender.name)
            && seen.our(header::VERDICT.as_str()) == Some(Verdict::Verified.code())
    }
}

/// The exit code for a whole table and for what reached the application outside of it.
pub fn exit_code(rows: &[Row], stray: &[Seen]) -> u8 {
    if rows.iter().all(Row::is_right) && stray.is_empty() { exit::OK } else { exit::NEGATIVE }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::cli::demo::senders::SENDERS;
    use crate::cli::demo::trials::Act;

    /// The first row of this kind that the data have, as it must be.
    pub fn row(act: impl Fn(Act) -> bool) -> Row {
        let trials = SENDERS.iter().flat_map(|sender| sender.trials.iter().map(move |trial| (sender, trial)));
        let (sender, trial) = trials.into_iter().find(|(_, trial)| act(trial.act)).unwrap();
        let sent = sender.draft(1);
        let ours = [("bonafide-source", sender.name), ("bonafide-verdict", "verified")];
        let seen = Seen {
            method: sent.method.clone(),
            target: sent.target.clone(),
            digest: Sha256::digest(&sent.body).into(),
            length: sent.body.len(),
            ours: ours.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        };
        let seen = if trial.act.arrives() { vec![seen] } else { Vec::new() };
        Row { sender, trial, sent, status: Some(trial.status), seen }
    }

    pub fn genuine() -> Row {
        row(|act| act == Act::Deliver)
    }

    pub fn refused() -> Row {
        row(|act| matches!(act, Act::Forge(_)))
    }

    #[test]
    fn what_went_as_it_must_gives_0() {
        let rows = [Act::Deliver, Act::Fail, Act::Retry, Act::Repeat].map(|act| row(|other| other == act));
        assert!(rows.iter().all(Row::is_right) && refused().is_right());
        assert_eq!(exit_code(&rows, &[]), exit::OK);
    }

    #[test]
    fn a_repeated_request_that_the_application_saw_gives_1() {
        let forwarded = Row { seen: genuine().seen, ..row(|act| act == Act::Repeat) };
        assert_eq!(forwarded.observation(), "1 request");
        assert_eq!(exit_code(&[forwarded], &[]), exit::NEGATIVE);
    }

    #[test]
    fn a_retry_that_the_application_did_not_see_gives_1() {
        let lost = Row { seen: Vec::new(), ..row(|act| act == Act::Retry) };
        assert_eq!((lost.status, lost.is_right()), (Some(200), false));
    }

    #[test]
    fn a_forged_request_that_the_application_saw_gives_1() {
        let leaked = Row { seen: genuine().seen, ..refused() };
        assert!(!leaked.is_right());
        assert_eq!(leaked.observation(), "1 request");
        assert_eq!(exit_code(&[genuine(), leaked], &[]), exit::NEGATIVE);
        assert_eq!(exit_code(&[genuine(), refused()], &genuine().seen), exit::NEGATIVE);
    }

    #[test]
    fn a_genuine_request_must_arrive_once_whole_and_marked() {
        let with = |change: fn(&mut Row)| {
            let mut row = genuine();
            change(&mut row);
            (row.is_right(), row.observation())
        };
        assert_eq!(with(|_| {}), (true, "1 request, body identical".to_owned()));
        assert_eq!(with(|row| row.seen.clear()), (false, "nothing".to_owned()));
        assert_eq!(with(|row| row.seen.extend(genuine().seen)), (false, "2 requests".to_owned()));
        let (right, words) = with(|row| row.seen[0].digest = [0; 32]);
        assert_eq!((right, words.as_str()), (false, "1 request, not as it was sent"));
        let (right, words) = with(|row| row.seen[0].ours.clear());
        assert_eq!((right, words.as_str()), (false, "1 request, not marked as verified"));
    }

    #[test]
    fn the_status_counts_too() {
        for status in [Some(200), Some(500), Some(404), None] {
            assert!(!Row { status, ..refused() }.is_right(), "{status:?}");
        }
        assert!(!Row { status: Some(502), ..genuine() }.is_right());
    }
}
