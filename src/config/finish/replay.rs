//! What a source remembers of what was delivered.

use super::Context;
use crate::config::problem::Problem;
use crate::config::raw::{RawDuplicate, RawReplay, RawReplayBy, RawReplayStore, RawReply, RawSource};
use crate::config::span::Located;
use crate::config::value::Switch;
use crate::policy::{OnDuplicate, ReplayRule};
use crate::verify::{Remember, Verifier};
use std::time::Duration;

/// Deliveries that are remembered unless the policy says otherwise.
const ENTRIES: usize = 1_000_000;
/// Most that it may say.
const MAX_ENTRIES: u64 = 100_000_000;
/// Longest `window` and `wait`.
const MAX_WINDOW: Duration = Duration::from_secs(31 * 24 * 3600);
const MAX_WAIT: Duration = Duration::from_secs(60);

/// `[replay]`: how many deliveries are remembered.
pub fn entries(context: &mut Context<'_>, raw: Option<&Located<RawReplayStore>>) -> usize {
    let Some(written) = raw.and_then(|raw| raw.value.max_entries.as_ref()) else { return ENTRIES };
    if written.value == 0 || written.value > MAX_ENTRIES {
        context.error("bad_value", written.at, format!("expected 1 to {MAX_ENTRIES}"));
    }
    usize::try_from(written.value).unwrap_or(ENTRIES)
}

/// The rule of a source. On by default where the proof covers a time
/// or an id; where it covers neither, an equal body may be a new event.
pub fn rule(context: &mut Context<'_>, raw: &Located<RawSource>, verifier: &Verifier) -> Option<ReplayRule> {
    let by_default = verifier.has_timestamp() || verifier.has_event_id();
    let nothing = RawReplay::default();
    let table = match raw.value.replay.as_ref().map(|replay| &replay.value) {
        Some(Switch::Off) => return None,
        None if !by_default => return None,
        Some(Switch::On(table)) => table,
        None => &nothing,
    };
    Some(ReplayRule {
        by: match table.by.as_ref().map(|word| word.value) {
            Some(RawReplayBy::UnsignedId) => Remember::UnsignedEvent,
            Some(RawReplayBy::Message) => Remember::Message,
            Some(RawReplayBy::Event) | None => Remember::Event,
        },
        window: window(context, table, raw, by_default),
        wait: wait(context, table),
        duplicate: match table.duplicate.as_ref().map(|word| word.value) {
            Some(RawDuplicate::Reject) => OnDuplicate::Reject,
            Some(RawDuplicate::Accept) | None => OnDuplicate::Accept,
        },
        reply: raw.value.reply.as_ref().is_some_and(|word| word.value == RawReply::Matters),
    })
}

/// `reply = "matters"` says how copies are answered; without copies there is nothing to answer. What a built-in
/// provider says is for those of its sources that remember.
pub fn warn_unused_reply(context: &mut Context<'_>, raw: &Located<RawSource>, rule: Option<&ReplayRule>) {
    let Some(reply) = raw.value.reply.as_ref().filter(|word| word.value == RawReply::Matters) else { return };
    let message = match rule {
        _ if context.is_built_in(reply.at) => return,
        Some(rule) if rule.duplicate == OnDuplicate::Accept => return,
        Some(_) => "with `duplicate = \"reject\"` a copy gets 409, so no reply is given again",
        None => {
            "this source remembers no deliveries: a copy is forwarded, and the application replies to it anew"
        }
    };
    context.push(Problem::warning("reply_unused", reply.at, message));
}

fn window(
    context: &mut Context<'_>,
    table: &RawReplay,
    raw: &Located<RawSource>,
    bounded: bool,
) -> Option<i64> {
    let Some(window) = &table.window else {
        if !bounded && !table.flawed {
            let at = raw.value.replay.as_ref().map_or(raw.at, |replay| replay.at);
            let message = "this needs a `window`: nothing in the message says how long it may come again";
            let problem = Problem::error("missing_key", at, message);
            context.push(
                problem.help("write `replay = { window = \"10m\" }`; an equal message within it is a copy"),
            );
        }
        return None;
    };
    let period = window.value.0;
    if period < Duration::from_secs(1) || period > MAX_WINDOW || period.subsec_nanos() != 0 {
        context.error("bad_value", window.at, "a window is 1 second to 31 days, in whole seconds");
    }
    i64::try_from(period.as_secs()).ok()
}

fn wait(context: &mut Context<'_>, table: &RawReplay) -> Duration {
    let Some(wait) = &table.wait else { return ReplayRule::default().wait };
    if wait.value.0 > MAX_WAIT {
        context.error("bad_value", wait.at, "a copy waits for a minute at most");
    }
    wait.value.0
}
