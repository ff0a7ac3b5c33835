//! `bonafide send`: sends what a genuine sender, or a forger, would send to a running proxy.

mod tamper;

use super::Failure;
use super::curl::{CurlBody, curl_command, quoted};
use super::format::Format;
use super::message::{print_bytes, tell};
use super::peer::{Answer, PeerArguments};
use super::request::Address;
use super::sign::{pairs, row};
use super::signer::{Signer, SignerArguments};
use crate::base::names::exit;
use crate::verify::Draft;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use serde_json::json;
use std::os::unix::ffi::OsStrExt;
use tamper::{Forger, Tamper};

/// Options of `bonafide send`.
#[derive(Debug, clap::Args)]
pub struct SendArguments {
    #[command(flatten)]
    signer: SignerArguments,
    /// Change something of the signed request, so that it must be refused.
    #[arg(long, value_enum, value_name = "WHAT")]
    tamper: Option<Tamper>,
    /// How many requests are sent, one after the other; each is an event of its own, as far as its id is made up here.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    repeat: u32,
    /// Send the same bytes each time.
    #[arg(long)]
    same: bool,
    #[command(flatten)]
    peer: PeerArguments,
}

/// Sends, and prints the answers: 0 when all are 2xx, else 1.
///
/// # Errors
/// What keeps the request from being signed (2); no answer (5).
pub fn send(arguments: &SendArguments) -> Result<u8, Failure> {
    let mut signer = arguments.signer.signer()?;
    let (Some(origin), Some(host)) = (signer.address.origin.clone(), signer.address.host.clone()) else {
        return Err(Failure::usage("--url https://host/path is missing: where to send it".to_owned()));
    };
    let headers = &mut signer.blank.headers;
    headers.insert(HOST, host.to_value());
    // The body is framed here, as long as it is.
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    let forger = arguments.tamper.map(|tamper| Forger::new(tamper, &signer)).transpose()?;
    let make = || make(arguments, &signer, forger.as_ref());
    if arguments.signer.curl {
        print_bytes(&curl(arguments, make()?, &signer.address)?)?;
        return Ok(exit::OK);
    }
    let server = arguments.peer.server(&origin, &host)?;
    let (mut kept, mut code) = (None, exit::OK);
    for _ in 0..arguments.repeat {
        let draft = match kept.take().filter(|_| arguments.same) {
            Some(draft) => draft,
            None => make()?,
        };
        let answer = server.send(&draft, arguments.peer.patience())?;
        if !answer.status.is_success() {
            code = exit::NEGATIVE;
        }
        print_bytes(&shown(&answer, &draft, &signer.address, arguments.signer.format))?;
        kept = Some(draft);
    }
    Ok(code)
}

/// The next request.
fn make(
    arguments: &SendArguments,
    signer: &Signer<'_>,
    forger: Option<&Forger<'_>>,
) -> Result<Draft, Failure> {
    let (mut draft, now) = (signer.next()?, arguments.signer.now());
    match forger {
        Some(forger) => forger.forge(draft, now),
        None => signer.sign(&mut draft, now).map(|()| draft),
    }
}

fn shown(answer: &Answer, draft: &Draft, address: &Address, format: Format) -> Vec<u8> {
    match format {
        Format::Human => {
            let mut out = format!("{:?} {}\n", answer.version, answer.status).into_bytes();
            out.extend_from_slice(&answer.body);
            if !out.ends_with(b"\n") {
                out.push(b'\n');
            }
            out
        }
        Format::Json => {
            let row = json!({
                "status": answer.status.as_u16(),
                "headers": pairs(&answer.headers),
                "body": String::from_utf8_lossy(&answer.body),
                "sent": row(draft, address),
            });
            format!("{row}\n").into_bytes()
        }
    }
}

fn curl(arguments: &SendArguments, mut draft: Draft, address: &Address) -> Result<Vec<u8>, Failure> {
    let mut options = Vec::new();
    if arguments.peer.insecure {
        options.push(b"--insecure".to_vec());
    }
    if let Some(file) = arguments.peer.ca() {
        options.extend([b"--cacert".to_vec(), quoted(file.as_os_str().as_bytes())]);
    }
    if let Some(connect) = &arguments.peer.connect {
        options.extend([b"--connect-to".to_vec(), quoted(format!("::{connect}").as_bytes())]);
    }
    // It is that of the URL.
    draft.headers.remove(HOST);
    let changed = arguments.tamper == Some(Tamper::Body);
    let body = match arguments.signer.body_file() {
        Some(_) if changed && draft.body.contains(&0) => {
            return Err(Failure::usage(
                "a changed body with a zero byte cannot stand in a command".to_owned(),
            ));
        }
        Some(_) if changed => CurlBody::Inline,
        Some(file) => CurlBody::File(file),
        None => CurlBody::Nothing,
    };
    if arguments.repeat > 1 {
        tell("bonafide: the command sends it once\n");
    }
    Ok(curl_command(&draft, address, body, &options))
}
