//! The rows as people read them.

use super::application::Seen;
use super::row::Row;
use super::trials::Act;
use std::fmt::Write as _;

const BOLD: &str = "\x1b[1m";
const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[1;31m";
const PLAIN: &str = "\x1b[0m";

const TITLES: [&str; 4] = ["sender", "sent", "answer", "the application saw"];

/// What the table cannot show.
const NOTE: &str = "\
A signature covers the body, and so do the tokens of swt and vumi. The token of orders does not, which
`bonafide check` warns of: its other body was noticed because the token had been delivered before. A
static token or a password only says who speaks, so there is no `body changed` for it. Where neither a
time nor an id is proved, an equal request may be a new event: it is forwarded each time, and there is
no `the same again`.";

/// The table and its summary, with colours (`anstream` removes them where they do not belong).
pub fn table(rows: &[Row], stray: &[Seen]) -> String {
    let cells: Vec<[String; 4]> = rows.iter().map(cells).collect();
    let mut widths = TITLES.map(str::len);
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.len());
        }
    }
    let mut out = format!("{BOLD}{}{PLAIN}\n", line(&TITLES.map(str::to_owned), &widths).trim_end());
    let mut last = "";
    for (row, mut cells) in rows.iter().zip(cells) {
        if std::mem::replace(&mut last, row.sender.name) == row.sender.name {
            cells[0].clear();
        }
        let (colour, mark) = if row.is_right() { (GREEN, "ok") } else { (RED, "WRONG") };
        let _ = writeln!(out, "{}{colour}{mark}{PLAIN}", line(&cells, &widths));
    }
    out.push_str(&summary(rows, stray));
    out
}

fn cells(row: &Row) -> [String; 4] {
    let status = row.status.map_or("none".to_owned(), |status| status.to_string());
    [row.sender.name.to_owned(), row.trial.label.to_owned(), status, row.observation()]
}

fn line(cells: &[String; 4], widths: &[usize; 4]) -> String {
    cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}   ")).collect()
}

/// What became of all of them, in a few sentences.
fn summary(rows: &[Row], stray: &[Seen]) -> String {
    let count = |of: fn(&Row) -> bool| rows.iter().filter(|row| of(row)).count();
    let delivered = count(|row| row.trial.act.arrives() && !row.seen.is_empty());
    let retries = count(|row| row.trial.act == Act::Retry && !row.seen.is_empty());
    let kept_off = count(|row| matches!(row.trial.act, Act::Forge(_)) && row.seen.is_empty());
    let acknowledged =
        count(|row| row.trial.act == Act::Repeat && row.seen.is_empty() && row.status == Some(200));
    let wrong = count(|row| !row.is_right());
    let mut text = format!(
        "\n{NOTE}\n\n\
         {} requests sent: {delivered} genuine ones reached the application, {kept_off} forged ones did not.\n\
         {acknowledged} duplicates were acknowledged and not forwarded, \
         {retries} retries after a failure were forwarded.\n",
        rows.len()
    );
    if wrong > 0 {
        let _ = writeln!(text, "{RED}{wrong} of them did not go as they must.{PLAIN}");
    }
    if !stray.is_empty() {
        let _ = writeln!(text, "{RED}{} more reached the application afterwards.{PLAIN}", stray.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::row::tests::{genuine, refused, row};

    fn plain(rows: &[Row], stray: &[Seen]) -> String {
        anstream::adapter::strip_str(&table(rows, stray)).to_string()
    }

    #[test]
    fn the_table_is_aligned_and_summed_up() {
        let rows = [Act::Deliver, Act::Repeat, Act::Fail, Act::Retry].map(|act| row(|other| other == act));
        let want = "\
sender   sent                         answer   the application saw
orders   genuine                      200      1 request, body identical   ok
         the same again               200      nothing                     ok
         genuine, application fails   500      1 request, body identical   ok
         sender's retry               200      1 request, body identical   ok
";
        let shown = plain(&rows, &[]);
        assert!(shown.starts_with(want), "{shown}");
        let end = "\n\n\
4 requests sent: 3 genuine ones reached the application, 0 forged ones did not.
1 duplicates were acknowledged and not forwarded, 1 retries after a failure were forwarded.
";
        assert!(shown.ends_with(end), "{shown}");
    }

    #[test]
    fn what_is_wrong_is_marked() {
        let leaked = Row { seen: genuine().seen, ..refused() };
        let shown = plain(&[leaked], &genuine().seen);
        assert!(shown.contains("401      1 request             WRONG\n"), "{shown}");
        assert!(shown.contains("0 genuine ones reached the application, 0 forged ones did not."), "{shown}");
        assert!(shown.contains("1 of them did not go"), "{shown}");
        assert!(shown.contains("1 more reached"), "{shown}");
        assert!(!plain(&[refused()], &[]).contains("WRONG"));
    }

    #[test]
    fn a_duplicate_that_was_forwarded_or_refused_is_not_counted_as_acknowledged() {
        let again = || row(|act| act == Act::Repeat);
        let forwarded = Row { seen: genuine().seen, ..again() };
        let shown = plain(&[forwarded, Row { status: Some(503), ..again() }], &[]);
        assert!(shown.contains("\n0 duplicates were acknowledged"), "{shown}");
        assert!(shown.contains("2 of them did not go"), "{shown}");
    }
}
