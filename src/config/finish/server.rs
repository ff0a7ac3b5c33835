//! `[server]`, `[admin]` and `[log]`: everything around the sources.

use super::Context;
use super::addresses::{listen, networks, public_url};
use super::capture::capture;
use super::secrets::read_one;
use crate::base::limits::{Limits, Timeouts};
use crate::config::problem::Problem;
use crate::config::raw::{
    RawAdmin, RawDocument, RawLimits, RawLog, RawLogFormat, RawServer, RawTimeouts, RawTls,
};
use crate::config::settings::{AdminSettings, CertificateFiles, LogFormat, LogSettings, ServerSettings};
use crate::config::span::{Located, Span};
use crate::config::value::{Number, Period, Size};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::time::Duration;

/// Most header fields that can be asked for: the header map holds 32768 at most.
const MAX_HEADER_COUNT: u64 = 10_000;
/// Most worker threads that can be asked for.
const MAX_WORKERS: u64 = 1024;

/// The finished tables around the sources.
pub struct Frame {
    /// Nothing where it has mistakes.
    pub server: Option<ServerSettings>,
    pub admin: Option<AdminSettings>,
    pub log: LogSettings,
    pub trusted_proxies: Vec<IpNet>,
    pub limits: Limits,
    pub timeouts: Timeouts,
    /// For sources without one of their own.
    pub public_url: Option<String>,
    /// Our own addresses, with their place: no upstream may be one of them.
    pub own: Vec<Located<SocketAddr>>,
}

/// Finishes the tables around the sources.
pub fn frame(context: &mut Context<'_>, main: &RawDocument) -> Frame {
    let nothing = RawServer { flawed: true, ..RawServer::default() };
    let (raw, at) = match &main.server {
        Some(server) => (&server.value, Some(server.at)),
        None => (&nothing, None),
    };
    let limits = limits(context, raw.limits.as_ref().map(|limits| &limits.value));
    let timeouts = timeouts(context, raw.timeouts.as_ref().map(|timeouts| &timeouts.value));
    let trusted_proxies = networks(context, &raw.trusted_proxies);
    warn_trust_in_everyone(context, raw, &trusted_proxies);
    let mut own = addresses(context, raw);
    let server = at.and_then(|at| server(context, raw, at, &own));
    warn_closed_plaintext(context, raw, &own, trusted_proxies.is_empty());
    let (admin, admin_listen) = match &main.admin {
        Some(admin) => self::admin(context, admin),
        None => (None, None),
    };
    own.extend(admin_listen);
    distinct(context, &own);
    let public_url = raw.public_url.as_ref().and_then(|url| public_url(context, url));
    let log = log(main.log.as_ref().map(|log| &log.value));
    Frame { server, admin, log, trusted_proxies, limits, timeouts, public_url, own }
}

fn addresses(context: &mut Context<'_>, raw: &RawServer) -> Vec<Located<SocketAddr>> {
    let Some(written) = &raw.listen else { return Vec::new() };
    if written.value.0.is_empty() && !raw.flawed {
        context.error("bad_value", written.at, "`listen` names no address");
    }
    written.value.0.iter().filter_map(|text| listen(context, text)).collect()
}

fn server(
    context: &mut Context<'_>,
    raw: &RawServer,
    at: Span,
    own: &[Located<SocketAddr>],
) -> Option<ServerSettings> {
    let plaintext = raw.plaintext.as_ref().filter(|plaintext| plaintext.value);
    match (plaintext, &raw.tls) {
        (Some(plaintext), Some(tls)) => {
            let message = "`plaintext = true` and `[server.tls]` exclude each other";
            context.push(
                Problem::error("plaintext_with_tls", plaintext.at, message)
                    .other(tls.at, "TLS is set up here"),
            );
        }
        (None, None) if !raw.flawed => {
            let problem = Problem::error("missing_tls", at, "neither `[server.tls]` nor `plaintext = true`");
            context.push(problem.help(
                "add below `[server.tls]`: certificate = \"fullchain.pem\" and private_key = \"privkey.pem\"; \
                 or, if something in front terminates TLS, `plaintext = true`",
            ));
        }
        _ => {}
    }
    let workers = raw.workers.as_ref().map(|count| bounded(context, count, MAX_WORKERS));
    let certificates = raw.tls.as_ref().map(|tls| certificates(context, &tls.value)).unwrap_or_default();
    let listen = own.iter().map(|address| address.value).collect();
    Some(ServerSettings { listen, certificates, workers })
}

/// Without TLS only loopback and `trusted_proxies` may connect.
fn warn_closed_plaintext(
    context: &mut Context<'_>,
    raw: &RawServer,
    own: &[Located<SocketAddr>],
    nobody: bool,
) {
    if raw.plaintext.as_ref().is_none_or(|plaintext| !plaintext.value) || !nobody {
        return;
    }
    for address in own.iter().filter(|address| !address.value.ip().is_loopback()) {
        let message = "without TLS and without `trusted_proxies`, only this machine may connect here";
        let problem = Problem::warning("plaintext_closed", address.at, message);
        context.push(problem.help("name the load balancers in `trusted_proxies`, or listen on 127.0.0.1"));
    }
}

fn warn_trust_in_everyone(context: &mut Context<'_>, raw: &RawServer, networks: &[IpNet]) {
    let Some(written) = &raw.trusted_proxies else { return };
    if networks.iter().any(|network| network.prefix_len() == 0) {
        let message = "every address is a trusted proxy: any client may claim any address";
        context.push(Problem::warning("trusts_everyone", written.at, message));
    }
}

fn certificates(context: &Context<'_>, tls: &RawTls) -> Vec<CertificateFiles> {
    let pair = |certificate: &Option<Located<String>>, key: &Option<Located<String>>| {
        let (certificate, key) = (certificate.as_ref()?, key.as_ref()?);
        Some(CertificateFiles { certificate: context.path(certificate), private_key: context.path(key) })
    };
    let more = tls.more.iter().flat_map(|more| &more.value);
    let more = more.filter_map(|more| pair(&more.value.certificate, &more.value.private_key));
    pair(&tls.certificate, &tls.private_key).into_iter().chain(more).collect()
}

fn admin(
    context: &mut Context<'_>,
    raw: &Located<RawAdmin>,
) -> (Option<AdminSettings>, Option<Located<SocketAddr>>) {
    let token = raw.value.token.as_ref().and_then(|token| read_one(context, token));
    let capture = capture(context, &raw.value);
    let Some(address) = raw.value.listen.as_ref().and_then(|text| listen(context, text)) else {
        return (None, None);
    };
    if !address.value.ip().is_loopback() && raw.value.token.is_none() && !raw.value.flawed {
        let message = "the admin port is open to others and has no `token`";
        let problem = Problem::error("admin_open", address.at, message);
        context
            .push(problem.help("listen on 127.0.0.1, or add `token = { env = \"BONAFIDE_ADMIN_TOKEN\" }`"));
    }
    (Some(AdminSettings { listen: address.value, token, capture }), Some(address))
}

fn distinct(context: &mut Context<'_>, own: &[Located<SocketAddr>]) {
    for (index, address) in own.iter().enumerate() {
        let same = |other: &&Located<SocketAddr>| other.value == address.value && address.value.port() != 0;
        if let Some(first) = own.iter().take(index).find(same) {
            let problem =
                Problem::error("duplicate_address", address.at, "this address is listened on twice");
            context.push(problem.other(first.at, "first here"));
        }
    }
}

fn log(raw: Option<&RawLog>) -> LogSettings {
    let format =
        raw.and_then(|log| log.format.as_ref()).map_or(LogFormat::Auto, |format| match format.value {
            RawLogFormat::Auto => LogFormat::Auto,
            RawLogFormat::Json => LogFormat::Json,
            RawLogFormat::Text => LogFormat::Text,
        });
    LogSettings {
        format,
        requests: raw.and_then(|log| log.requests.as_ref()).is_none_or(|requests| requests.value),
    }
}

fn limits(context: &mut Context<'_>, raw: Option<&RawLimits>) -> Limits {
    let default = Limits::default();
    let Some(raw) = raw else { return default };
    let limits = Limits {
        target: size(context, &raw.target, default.target),
        head: size(context, &raw.head, default.head),
        header_count: count(context, &raw.header_count, default.header_count, MAX_HEADER_COUNT),
        body: size(context, &raw.body, default.body),
        held_bytes: size(context, &raw.held_bytes, default.held_bytes),
        connections: count(context, &raw.connections, default.connections, u64::from(u32::MAX)),
        http2_streams: count(context, &raw.http2_streams, default.http2_streams, u64::from(u32::MAX)),
        upstream_idle: count(context, &raw.upstream_idle, default.upstream_idle, u64::from(u32::MAX)),
    };
    let at = raw.body.as_ref().map(|body| body.at).or(raw.held_bytes.as_ref().map(|held| held.at));
    if let Some(at) = at.filter(|_| limits.body > limits.held_bytes) {
        context.error(
            "body_over_budget",
            at,
            "`body` is larger than `held_bytes`: such a body could never be held",
        );
    }
    limits
}

fn timeouts(context: &mut Context<'_>, raw: Option<&RawTimeouts>) -> Timeouts {
    let default = Timeouts::default();
    let Some(raw) = raw else { return default };
    Timeouts {
        handshake: period(context, &raw.handshake, default.handshake),
        head: period(context, &raw.head, default.head),
        body_idle: period(context, &raw.body_idle, default.body_idle),
        body: period(context, &raw.body, default.body),
        body_min_rate: size(context, &raw.body_min_rate, default.body_min_rate),
        write: period(context, &raw.write, default.write),
        connect: period(context, &raw.connect, default.connect),
        response: period(context, &raw.response, default.response),
        response_idle: period(context, &raw.response_idle, default.response_idle),
        upstream_idle: period(context, &raw.upstream_idle, default.upstream_idle),
        drain: period(context, &raw.drain, default.drain),
    }
}

fn period(context: &mut Context<'_>, raw: &Option<Located<Period>>, default: Duration) -> Duration {
    let Some(raw) = raw else { return default };
    if raw.value.0.is_zero() {
        no_zero(context, raw.at);
    }
    raw.value.0
}

/// A size in bytes, or its default.
pub fn size<T: TryFrom<u64>>(context: &mut Context<'_>, raw: &Option<Located<Size>>, default: T) -> T {
    let Some(raw) = raw else { return default };
    if raw.value.0 == 0 {
        no_zero(context, raw.at);
    }
    T::try_from(raw.value.0).unwrap_or(default)
}

fn count<T: TryFrom<u64>>(
    context: &mut Context<'_>,
    raw: &Option<Located<Number>>,
    default: T,
    most: u64,
) -> T {
    let Some(raw) = raw else { return default };
    let number = u64::try_from(bounded(context, raw, most)).unwrap_or(u64::MAX);
    T::try_from(number).unwrap_or(default)
}

fn bounded(context: &mut Context<'_>, raw: &Located<Number>, most: u64) -> usize {
    match raw.value {
        0 => no_zero(context, raw.at),
        number if number > most => context.error("bad_value", raw.at, format!("at most {most}")),
        _ => {}
    }
    usize::try_from(raw.value).unwrap_or(usize::MAX)
}

fn no_zero(context: &mut Context<'_>, at: Span) {
    let problem =
        Problem::error("zero", at, "zero would refuse everything; there is no way to switch a limit off");
    context.push(problem.help("remove the line for the default"));
}
