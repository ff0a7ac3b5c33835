//! `capture` of `[admin]`: how many refused requests are kept, and how much of each.

use super::Context;
use super::server::size;
use crate::base::limits::{CAPTURE_BYTES, KIB, MAX_CAPTURES, MIB};
use crate::config::problem::Problem;
use crate::config::raw::RawAdmin;
use crate::config::settings::CaptureSettings;

/// Bytes of a body that are kept unless the policy says otherwise.
const BODY: usize = 64 * KIB as usize;

/// What is kept; nothing unless it is asked for.
pub fn capture(context: &mut Context<'_>, raw: &RawAdmin) -> CaptureSettings {
    let body = size(context, &raw.capture_body, BODY);
    let Some(written) = raw.capture.as_ref().filter(|written| written.value > 0) else {
        return CaptureSettings { requests: 0, body };
    };
    let requests = usize::try_from(written.value).unwrap_or(usize::MAX);
    if requests > MAX_CAPTURES {
        context.error("bad_value", written.at, format!("at most {MAX_CAPTURES}"));
    } else if requests.saturating_mul(body) > CAPTURE_BYTES {
        let at = raw.capture_body.as_ref().map_or(written.at, |body| body.at);
        let message =
            format!("`capture` bodies of this size are more than {} MiB", CAPTURE_BYTES / MIB as usize);
        context
            .push(Problem::error("bad_value", at, message).help("keep fewer requests or less of each body"));
    }
    let message = "bodies of refused requests are kept in memory, for whoever may ask the admin port";
    let problem = Problem::warning("capture", written.at, message);
    context.push(problem.help("switch it off again when you know why they are refused"));
    CaptureSettings { requests, body }
}
