//! One request of the demo: what had to happen, and what did.

use super::application::Seen;
use super::senders::{Forgery, Sender};
use crate::base::names::{Verdict, exit, header};
use sha2::{Digest, Sha256};

/// A line of the table.
#[derive(Debug)]
pub struct Row {
    /// Who sent it, or is said to have.
    pub sender: &'static Sender,
    /// The forgery; `None` for the genuine request.
    pub forgery: Option<&'static Forgery>,
    /// The status that the sender got; `None`: no answer.
    pub status: Option<u16>,
    /// What the application saw meanwhile.
    pub seen: Vec<Seen>,
}

impl Row {
    /// What was sent, in words.
    pub fn sent(&self) -> &'static str {
        self.forgery.map_or("genuine", |forgery| forgery.label)
    }

    /// Whether everything went as it must: a genuine request reaches the application once and as it was
    /// sent, a forged one not at all, and the sender is told so.
    pub fn is_right(&self) -> bool {
        let status = self.forgery.map_or(200, |forgery| forgery.status);
        self.status == Some(status)
            && match (self.forgery, self.seen.as_slice()) {
                (None, [seen]) => self.is_intact(seen) && self.is_marked(seen),
                (Some(_), []) => true,
                _ => false,
            }
    }

    /// What the application saw, in words.
    pub fn observation(&self) -> String {
        match self.seen.as_slice() {
            [] => "nothing".to_owned(),
            [_] if self.forgery.is_some() => "1 request".to_owned(),
            [seen] if !self.is_intact(seen) => "1 request, not as it was sent".to_owned(),
            [seen] if !self.is_marked(seen) => "1 request, not marked as verified".to_owned(),
            [_] => "1 request, body identical".to_owned(),
            seen => format!("{} requests", seen.len()),
        }
    }

    fn is_intact(&self, seen: &Seen) -> bool {
        let draft = self.sender.draft();
        let digest: [u8; 32] = Sha256::digest(&draft.body).into();
        seen.method == draft.method && seen.target == draft.target && seen.digest == digest
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

    pub fn genuine() -> Row {
        let sender = &SENDERS[0];
        let draft = sender.draft();
        let ours = [("bonafide-source", sender.name), ("bonafide-verdict", "verified")];
        let seen = Seen {
            method: draft.method,
            target: draft.target,
            digest: Sha256::digest(&draft.body).into(),
            length: draft.body.len(),
            ours: ours.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        };
        Row { sender, forgery: None, status: Some(200), seen: vec![seen] }
    }

    pub fn refused() -> Row {
        Row { forgery: SENDERS[0].forgeries.first(), status: Some(401), seen: Vec::new(), ..genuine() }
    }

    #[test]
    fn what_went_as_it_must_gives_0() {
        assert!(genuine().is_right() && refused().is_right());
        assert_eq!(exit_code(&[genuine(), refused()], &[]), exit::OK);
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
