//! H: frames in numbers. Each must end in GOAWAY or stay harmless, and the process must go on.

use super::*;
use crate::rig::frames::{
    DATA, END_STREAM, End, Frames, GOAWAY, HEADERS, PING, PRIORITY, SETTINGS, WINDOW_UPDATE,
};
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::{Behaviour, Recorder};
use crate::rig::request::post;
use std::time::{Duration, Instant};

#[test]
fn floods() {
    let mut cases = Vec::new();
    let harmless = |case: Case| case.answers(&[200, 400, 401, 404, 408, 413, 431, 503]).or_close();
    cases.push(harmless(Case::frames("H21", |frames| {
        frames.send(WINDOW_UPDATE, 0, 0, &[0; 4]);
        ended(frames)
    })));
    cases.push(harmless(Case::frames("H21", |frames| {
        frames.headers(
            1,
            &[
                (b":method", b"GET"),
                (b":scheme", b"https"),
                (b":path", b"/x"),
                (b":authority", b"hooks.example"),
            ],
            true,
        );
        for _ in 0..200 {
            frames.send(DATA, 0, 1, b"late");
        }
        ended(frames)
    })));
    cases.push(harmless(Case::frames("H21", |frames| {
        frames.send(PRIORITY, 0, 1, &[0; 4]);
        ended(frames)
    })));
    cases.push(harmless(Case::frames("H23", |frames| {
        frames.headers(
            1,
            &[
                (b":method", b"POST"),
                (b":scheme", b"https"),
                (b":path", b"/hooks/github"),
                (b":authority", b"hooks.example"),
            ],
            false,
        );
        for _ in 0..5_000 {
            frames.send(DATA, 0, 1, b"");
        }
        ended(frames)
    })));
    for kind in [PING, SETTINGS] {
        cases.push(harmless(Case::frames("H24", move |frames| {
            let payload: &[u8] = if kind == PING { &[0; 8] } else { &[] };
            for _ in 0..3_000 {
                frames.send(kind, 0, 0, payload);
            }
            ended(frames)
        })));
    }
    cases.push(harmless(Case::frames("H20", made_you_reset)).forwards(Forwards::AtMost(200)));
    cases.push(harmless(Case::frames("H27", bomb)));
    Bench::new().run(cases);
}

/// Whatever came within a second counts as the end: GOAWAY, RST, an answer, or a connection that stays open.
fn ended(frames: &mut Frames) -> End {
    match frames.end_within(1, Duration::from_secs(1)) {
        End::Silent => End::Gone(0),
        end => end,
    }
}

/// Requests whose window then overflows, so that the server must reset what it has begun.
fn made_you_reset(frames: &mut Frames) -> End {
    for number in 0..200_u32 {
        let stream = number * 2 + 1;
        let fields = [
            (b":method".as_slice(), b"POST".as_slice()),
            (b":scheme", b"https"),
            (b":path", b"/hooks/open/x"),
            (b":authority", b"hooks.example"),
        ];
        frames.headers(stream, &fields, true);
        frames.send(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes());
    }
    ended(frames)
}

/// One 4 KB entry in the dynamic table, then ten thousand references to it.
fn bomb(frames: &mut Frames) -> End {
    let mut block = vec![0x83, 0x87, 0x44, 2, b'/', b'x', 0x41, 13];
    block.extend_from_slice(b"hooks.example");
    block.extend_from_slice(&[0x40, 1, b'a', 127, 0xa1, 0x1e]);
    block.extend(std::iter::repeat_n(b'v', 127 + 0x21 + 0x1e * 128));
    block.extend(std::iter::repeat_n(0xbe, 10_000));
    frames.send(HEADERS, END_STREAM | 4, 1, &block);
    ended(frames)
}

/// H25: streams whose answers may never be sent do not stay for ever, and others are served.
#[test]
fn a_closed_window_does_not_hold_streams_for_ever() {
    let bench = Bench::new();
    bench.recorder.by_default(Behaviour::Stream { chunks: 8, pause: Duration::ZERO });
    let mut frames = Frames::connect_with(
        bench.proxy.address,
        Some("hooks.example"),
        &[0, 1, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0],
    );
    for number in 0..20_u32 {
        frames.request(number * 2 + 1, &genuine());
    }
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(8) {
        match frames.frame(Instant::now() + Duration::from_millis(200)) {
            Err(End::Gone(_)) => break,
            _ => continue,
        }
    }
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "streams without window outlived the write time-out (1 s)"
    );
    bench.recorder.by_default(Behaviour::Ok);
    assert_eq!(
        crate::rig::frames::once(bench.proxy.address, Some("hooks.example"), &genuine()).status(),
        Some(200)
    );
}

/// X07: a connection without a request ends after the head time-out (2 s), whether it answers our PING or sends
/// frames of its own; it hears of it first.
#[test]
fn an_idle_connection_does_not_live_on_frames() {
    let bench = Bench::new();
    for pings in [false, true] {
        let mut frames = Frames::connect(bench.proxy.address, Some("hooks.example"));
        frames.request(1, &genuine());
        assert_eq!(frames.end(1).status(), Some(200));
        let (began, mut told) = (Instant::now(), false);
        loop {
            match frames.frame(Instant::now() + Duration::from_millis(100)) {
                Ok(frame) => told |= frame.kind == GOAWAY,
                Err(End::Gone(_)) => break,
                Err(_) => {}
            }
            if pings {
                frames.send(PING, 0, 0, &[0; 8]);
            }
            assert!(began.elapsed() < Duration::from_secs(9), "still open, pings: {pings}");
        }
        assert!(told && began.elapsed() > Duration::from_millis(1900), "{:?}", began.elapsed());
    }
}

/// X06: a client on a slow line that takes steadily gets its whole answer, however long that is.
#[test]
fn a_slow_and_steady_client_gets_all_of_its_answer() {
    const SIZE: usize = 320 * 1024;
    let bench = Bench::new();
    bench.recorder.next(Behaviour::status(200, "", &"x".repeat(SIZE)));
    let mut frames = Frames::connect(bench.proxy.address, Some("hooks.example"));
    frames.request(1, &post("/hooks/open/x").body("x"));
    let mut taken = 0;
    while taken < SIZE {
        match frames.frame(Instant::now() + Duration::from_secs(2)) {
            Ok(frame) if frame.kind == DATA => {
                taken += frame.payload.len();
                std::thread::sleep(Duration::from_millis(300) * frame.payload.len() as u32 / 0x4000);
                for stream in [0, 1] {
                    frames.send(WINDOW_UPDATE, 0, stream, &(frame.payload.len() as u32).to_be_bytes());
                }
            }
            Ok(_) => {}
            Err(end) => panic!("{end:?} after {taken} bytes"),
        }
    }
}

/// L02: a client that only sends frames does not hold the exit.
#[test]
fn frames_do_not_hold_the_exit() {
    let recorder = Recorder::start();
    let source = "[[source]]\nname = \"open\"\npath = \"/open\"\nscheme = \"none\"\n";
    let mut proxy = Proxy::start_with(Policy::tls().upstream(&recorder.url).add(source), &[]);
    let mut frames = Frames::connect(proxy.address, Some("hooks.example"));
    frames.request(1, &post("/open").body("x"));
    assert_eq!(frames.end(1).status(), Some(200));
    proxy.signal("TERM");
    let began = Instant::now();
    let mut status = None;
    while status.is_none() && began.elapsed() < Duration::from_secs(8) {
        frames.send(PING, 0, 0, &[0; 8]);
        status = proxy.exited_within(Duration::from_millis(200));
    }
    assert_eq!(status.and_then(|status| status.code()), Some(0));
}
