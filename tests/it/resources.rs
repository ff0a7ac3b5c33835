//! What the system may refuse: file descriptors, and somebody who reads the log.

use crate::abuse::BODY;
use crate::rig::client::{Client, Wire, connect, once};
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::Recorder;
use crate::rig::request::{Request, post};
use std::thread;
use std::time::{Duration, Instant};

const OPEN: &str = "[[source]]\nname = \"open\"\npath = \"/open/*\"\nscheme = \"none\"\n";
const ADMIN: &str = "[admin]\nlisten = \"127.0.0.1:0\"\n";

fn request() -> Request {
    post("/open/x").body(BODY)
}

fn policy(recorder: &Recorder, tables: &str) -> Policy {
    Policy::plaintext().upstream(&recorder.url).add(ADMIN).add(OPEN).add(tables)
}

fn warned(proxy: &Proxy) -> Option<(u64, u64)> {
    let line = proxy.find_line(|line| line["limit"].is_u64() && line["needed"].is_u64())?;
    Some((line["limit"].as_u64()?, line["needed"].as_u64()?))
}

/// The soft limit becomes the hard one, and a limit that is too low for `connections` is told.
#[test]
fn the_limit_of_open_files_is_raised_or_told() {
    let recorder = Recorder::start();
    let few = "[server.limits]\nconnections = 100\n";
    let proxy = Proxy::start_after("ulimit -S -n 100", policy(&recorder, few), &[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", proxy.pid())).expect("its limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a line");
    let numbers: Vec<&str> = line.split_whitespace().skip(3).take(2).collect();
    assert!(numbers[0] == numbers[1] && numbers[0] != "100", "{line}");
    assert!(!proxy.log().iter().any(|line| line.contains("open files")), "{:?}", proxy.log());
    let proxy = Proxy::start_after("ulimit -n 64", policy(&recorder, few), &[]);
    assert_eq!(warned(&proxy), Some((64, 264)));
}

/// X13: without descriptors connections wait, and are served once there are some again.
#[test]
fn the_accept_loop_survives_the_want_of_descriptors() {
    let recorder = Recorder::start();
    let mut proxy = Proxy::start_after("ulimit -n 64", policy(&recorder, ""), &[]);
    let clients: Vec<_> = (0..200).map(|_| connect(proxy.address).expect("the backlog takes it")).collect();
    let failed = proxy.find_line(|line| line["message"] == "accept failed");
    assert!(failed.is_some(), "64 descriptors cannot serve 200 connections");
    let before = cpu_ticks(&proxy);
    thread::sleep(Duration::from_secs(1));
    let spent = cpu_ticks(&proxy) - before;
    assert!(spent < 50, "{spent} of 100 ticks were spent on spinning");
    drop(clients);
    assert!(proxy.is_alive());
    assert_eq!(once(Client::plain(proxy.address), &request()).expect("it recovers").status, 200);
    let tries = proxy.log().iter().filter(|line| line.contains("accept failed")).count();
    assert!(tries < 100, "{tries} tries: it does not back off");
}

/// Processor time of the process in hundredths of a second (proc_pid_stat(5), fields 14 and 15).
fn cpu_ticks(proxy: &Proxy) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", proxy.pid())).expect("its state");
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
}

/// L15: nobody reads the log. Requests, reload, the admin port and the end go on; lines are dropped and counted.
#[test]
fn a_stalled_log_stops_nothing() {
    let recorder = Recorder::start();
    let mut proxy = Proxy::start_with(policy(&recorder, ""), &[]);
    let admin = proxy.admin();
    proxy.stall_log();
    let mut client = Client::plain(proxy.address);
    let long = post(format!("/open/{}", "x".repeat(500))).body(BODY).http1();
    let began = Instant::now();
    let mut sent = 0;
    while dropped(admin) == 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "no line was dropped, {sent} requests");
        for _ in 0..20 {
            sent += 1;
            assert_eq!(client.send(&long).answer().expect("an answer").status, 200, "request {sent}");
        }
    }
    for _ in 0..3 {
        proxy.signal("HUP");
        thread::sleep(Duration::from_millis(100));
    }
    assert!(dropped(admin) > 0, "the admin port answers after a reload");
    assert_eq!(client.send(&long).answer().expect("an answer").status, 200);
    drop(client);
    proxy.signal("TERM");
    let status = proxy.exited_within(Duration::from_secs(8)).expect("it ends while nobody reads");
    assert_eq!(status.code(), Some(0));
    proxy.read_log();
}

fn dropped(admin: std::net::SocketAddr) -> u64 {
    let page = once(Client::plain(admin), &post("/metrics").method("GET")).expect("the metrics").text();
    let line = page.lines().find_map(|line| line.strip_prefix("bonafide_log_lines_dropped_total "));
    line.and_then(|number| number.parse().ok()).expect("the metric")
}

/// L15: the reader of the log is gone, or there never was one.
#[test]
fn a_closed_log_stops_nothing() {
    for redirection in ["", "2>&-", "2>/dev/full"] {
        let recorder = Recorder::start();
        let address = crate::process::free_port();
        let policy = Policy::plaintext_on(&address.to_string()).upstream(&recorder.url).add(OPEN);
        let command = format!("exec \"$0\" run --config \"$1\" {redirection}");
        let mut child = std::process::Command::new("/bin/sh")
            .args(["-c", &command, env!("CARGO_BIN_EXE_bonafide")])
            .arg(policy.write())
            .env_clear()
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("it starts");
        // without a redirection this is a pipe whose reader is gone
        drop(child.stderr.take());
        let began = Instant::now();
        while connect(address).is_err() && began.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(20));
        }
        for _ in 0..3 {
            let client = Client::over(Wire::Plain(connect(address).expect("it listens")));
            assert_eq!(once(client, &request()).expect("an answer").status, 200, "{redirection}");
            thread::sleep(Duration::from_millis(100));
        }
        let alive = child.try_wait().expect("a state").is_none();
        let _ = child.kill().and_then(|()| child.wait());
        assert!(alive, "{redirection}");
    }
}
