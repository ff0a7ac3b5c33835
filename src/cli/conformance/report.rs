//! What came of the rows.

use super::place::Place;
use super::suite::{Planned, Row, Skip, Suite};
use crate::base::time::UnixTime;
use crate::cli::table::table;
use http::StatusCode;
use serde_json::{Value, json};

/// What came of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered as the row says.
    AsExpected(StatusCode),
    /// Let in, and should be refused.
    LetIn(StatusCode),
    /// Refused, and should be let in.
    Refused(StatusCode),
    /// Neither let in nor refused: a redirection, or a fault of the server.
    Broken(StatusCode),
    /// No answer, or none in HTTP.
    NoAnswer,
    /// Not sent.
    Skipped(Skip),
}

impl Outcome {
    /// Of an answer.
    pub fn of(status: StatusCode, genuine: bool) -> Outcome {
        match (status.is_success(), status.is_client_error()) {
            (true, _) if genuine => Outcome::AsExpected(status),
            (true, _) => Outcome::LetIn(status),
            (_, true) if genuine => Outcome::Refused(status),
            (_, true) => Outcome::AsExpected(status),
            (false, false) => Outcome::Broken(status),
        }
    }

    fn code(self) -> &'static str {
        match self {
            Outcome::AsExpected(_) => "as_expected",
            Outcome::LetIn(_) => "let_in",
            Outcome::Refused(_) => "refused",
            Outcome::Broken(_) => "broken",
            Outcome::NoAnswer => "no_answer",
            Outcome::Skipped(_) => "skipped",
        }
    }

    fn status(self) -> Option<u16> {
        match self {
            Outcome::AsExpected(status)
            | Outcome::LetIn(status)
            | Outcome::Refused(status)
            | Outcome::Broken(status) => Some(status.as_u16()),
            Outcome::NoAnswer | Outcome::Skipped(_) => None,
        }
    }

    fn skip(self) -> Option<Skip> {
        match self {
            Outcome::Skipped(skip) => Some(skip),
            _ => None,
        }
    }
}

/// All rows so far.
#[derive(Debug, Default)]
pub struct Report(Vec<Line>);

#[derive(Debug)]
struct Line {
    provider: &'static str,
    /// Its place in the file, from 1.
    row: usize,
    setup: Option<usize>,
    why: String,
    source: String,
    expect: &'static str,
    published: Option<bool>,
    now: Option<UnixTime>,
    outcome: Outcome,
}

impl Report {
    /// One row more.
    pub fn add(
        &mut self,
        suite: &Suite,
        (index, row): (usize, &Row),
        sent: Option<&Planned>,
        outcome: Outcome,
    ) {
        self.0.push(Line {
            provider: suite.provider.id,
            row: index + 1,
            setup: sent.map(|planned| planned.setup),
            why: row.message.why.clone(),
            source: row.message.source.clone(),
            expect: row.message.expected(),
            published: sent.map(|planned| planned.published),
            now: sent.map(|planned| planned.now),
            outcome,
        });
    }

    fn count(&self, counts: impl Fn(Outcome) -> bool) -> usize {
        self.0.iter().filter(|line| counts(line.outcome)).count()
    }

    /// Answers as the rows say.
    fn as_expected(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::AsExpected(_)))
    }

    fn skipped(&self) -> usize {
        self.count(|outcome| outcome.skip().is_some())
    }

    /// How many rows were sent.
    pub fn sent(&self) -> usize {
        self.0.len() - self.skipped()
    }

    /// Whether there was an answer to any row.
    pub fn heard(&self) -> bool {
        self.count(|outcome| outcome.status().is_some()) > 0
    }

    /// How many rows were answered otherwise, or not at all.
    pub fn faults(&self) -> usize {
        self.sent() - self.as_expected()
    }

    /// A table and the sum below it.
    pub fn text(&self) -> String {
        let rows = self.0.iter().map(|line| {
            let number = |number: Option<usize>| number.map_or(String::new(), |number| number.to_string());
            let (result, answer) = match line.outcome {
                Outcome::AsExpected(status) => ("ok".to_owned(), status.as_u16().to_string()),
                Outcome::Skipped(skip) => (format!("skipped: {}", skip.code()), String::new()),
                other => {
                    let answer = other.status().map_or("none".to_owned(), |status| status.to_string());
                    (format!("FAULT: {}", other.code()), answer)
                }
            };
            let sent = match line.published {
                None => "",
                Some(true) => "published",
                Some(false) => "anew",
            };
            let now = line.now.map_or(String::new(), |now| now.0.to_string());
            [
                line.provider.to_owned(),
                line.row.to_string(),
                number(line.setup),
                sent.to_owned(),
                now,
                line.expect.to_owned(),
                answer,
                result,
                line.why.clone(),
            ]
        });
        let titles = ["PROVIDER", "ROW", "SETUP", "SENT", "NOW", "EXPECT", "ANSWER", "RESULT", "WHY"];
        format!("{}{}", table(titles, rows), self.sum())
    }

    fn sum(&self) -> String {
        let (sent, fine, faults) = (self.sent(), self.as_expected(), self.faults());
        let mut text = format!("\n{sent} sent: {fine} as expected, {faults} not. {} skipped", self.skipped());
        let mut skips: Vec<Skip> = self.0.iter().filter_map(|line| line.outcome.skip()).collect();
        skips.sort();
        let mut distinct = skips.clone();
        distinct.dedup();
        for (index, skip) in distinct.into_iter().enumerate() {
            let count = skips.iter().filter(|other| **other == skip).count();
            let mark = if index == 0 { ":" } else { ";" };
            text.push_str(&format!("{mark}\n  {count} ({}): {}", skip.code(), skip.meaning()));
        }
        text.push_str(".\n");
        text
    }

    /// The same as one object.
    pub fn json(&self, place: &Place) -> Value {
        let rows = self.0.iter().map(|line| {
            json!({
                "provider": line.provider,
                "row": line.row,
                "setup": line.setup,
                "why": line.why,
                "source": line.source,
                "expect": line.expect,
                "sent": line.published.map(|published| if published { "as_published" } else { "signed_anew" }),
                "now": line.now.map(|now| now.0),
                "status": line.outcome.status(),
                "result": line.outcome.code(),
                "skipped": line.outcome.skip().map(Skip::code),
            })
        });
        let rows: Vec<Value> = rows.collect();
        json!({
            "ok": self.faults() == 0,
            "origin": place.origin,
            "sent": self.sent(),
            "as_expected": self.as_expected(),
            "faults": self.faults(),
            "skipped": self.skipped(),
            "rows": rows,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_held_against_what_was_expected() {
        for (status, genuine, refused) in [
            (200, "as_expected", "let_in"),
            (204, "as_expected", "let_in"),
            (302, "broken", "broken"),
            (401, "refused", "as_expected"),
            (404, "refused", "as_expected"),
            (503, "broken", "broken"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(
                (Outcome::of(status, true).code(), Outcome::of(status, false).code()),
                (genuine, refused)
            );
        }
    }
}
