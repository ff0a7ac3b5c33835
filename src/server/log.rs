//! Where messages other than request lines go: standard error, in the same form.
//!
//! Nobody waits for standard error: a thread of its own writes to it, and what a stalled reader does not take
//! is dropped and counted. A worker that blocked here, or panicked because the reader is gone, would take its
//! requests with it.

use super::access_log::LogStyle;
use crate::config::LogFormat;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// Messages that may wait for a slow log.
const WAITING: usize = 1024;
/// How often and for how long the end of the process looks whether the last messages were written.
const LOOKS: u32 = 100;
const LOOK: Duration = Duration::from_millis(5);

/// Lines of all kinds that were not written. The process has one standard error, hence one count.
static DROPPED: AtomicU64 = AtomicU64::new(0);
/// Messages on their way to the writer.
static WAITS: AtomicU64 = AtomicU64::new(0);

/// Settles the form and installs the writer. `filter` is a level (`debug`), or levels by module
/// (`info,hyper=debug`); what cannot be read counts as `info`. A second call changes nothing.
///
/// # Errors
/// The thread that writes cannot be started.
pub fn install(format: LogFormat, filter: Option<&str>) -> std::io::Result<LogStyle> {
    let terminal = std::io::stderr().is_terminal();
    let style = match format {
        LogFormat::Json => LogStyle::Json,
        LogFormat::Text => LogStyle::Text,
        LogFormat::Auto if terminal => LogStyle::Text,
        LogFormat::Auto => LogStyle::Json,
    };
    let levels = filter.and_then(|filter| filter.parse().ok());
    let levels: Targets = levels.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let (sender, messages) = sync_channel(WAITING);
    std::thread::Builder::new().name("messages".to_owned()).spawn(move || write_messages(&messages))?;
    let writer = move || Message(sender.clone());
    let lines = tracing_subscriber::fmt::layer().with_target(false).with_writer(writer);
    let registry = tracing_subscriber::registry().with(levels);
    // The first writer that was installed stays.
    let _ = match style {
        LogStyle::Json => registry
            .with(lines.json().flatten_event(true).with_current_span(false).with_span_list(false))
            .try_init(),
        LogStyle::Text => registry.with(lines.with_ansi(terminal)).try_init(),
    };
    Ok(style)
}

/// Waits until every message is written, for half a second at most: the end of the process.
pub fn settle() {
    for _ in 0..LOOKS {
        if WAITS.load(Ordering::Relaxed) == 0 {
            return;
        }
        std::thread::sleep(LOOK);
    }
}

/// Lines that were not written because standard error was gone or too slow.
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Writes so many lines to standard error, or counts them as dropped. May block: for writing threads only.
pub fn write(lines: &[u8], count: usize) {
    if std::io::stderr().lock().write_all(lines).is_err() {
        drop_lines(count);
    }
}

fn drop_lines(count: usize) {
    DROPPED.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
}

fn write_messages(messages: &Receiver<Vec<u8>>) {
    while let Ok(message) = messages.recv() {
        write(&message, 1);
        WAITS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Takes one message, which comes in one piece.
struct Message(SyncSender<Vec<u8>>);

impl Write for Message {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        WAITS.fetch_add(1, Ordering::Relaxed);
        if self.0.try_send(line.to_vec()).is_err() {
            WAITS.fetch_sub(1, Ordering::Relaxed);
            drop_lines(1);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_nobody_takes_is_dropped_and_counted() {
        let (sender, messages) = sync_channel(1);
        let before = dropped();
        for _ in 0..3 {
            Message(sender.clone()).write_all(b"line\n").unwrap();
        }
        assert_eq!(dropped() - before, 2);
        assert_eq!(messages.try_iter().collect::<Vec<_>>(), [b"line\n"]);
    }
}
