//! The built binary as a child process, with its log.

use super::client::{Client, once};
use super::policy::Policy;
use super::request::post;
use super::response::Response;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long a start may take.
const START: Duration = Duration::from_secs(20);

/// A running proxy; dropped, its process is killed.
pub struct Proxy {
    child: Child,
    log: Arc<Log>,
    pub address: SocketAddr,
    pub policy: Policy,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Lines>,
    changed: Condvar,
    stalled: AtomicBool,
}

#[derive(Default)]
struct Lines {
    all: Vec<String>,
    /// The same lines as JSON; null where they are not.
    parsed: Vec<Value>,
    ended: bool,
}

/// A process that ended instead of listening.
#[derive(Debug)]
pub struct Failed {
    pub code: Option<i32>,
    pub log: String,
}

impl Proxy {
    /// Starts and waits for the `listening` line.
    pub fn start(policy: Policy) -> Proxy {
        Proxy::start_with(policy, &[])
    }

    pub fn start_with(policy: Policy, environment: &[(&str, &str)]) -> Proxy {
        match Proxy::try_start(policy, environment) {
            Ok(proxy) => proxy,
            Err(failed) => panic!("bonafide did not start: {:?}\n{}", failed.code, failed.log),
        }
    }

    /// Starts after these commands of a shell, such as `ulimit -n 64`.
    pub fn start_after(commands: &str, policy: Policy, environment: &[(&str, &str)]) -> Proxy {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &format!("{commands}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_bonafide")]);
        match Proxy::launch(shell, policy, environment) {
            Ok(proxy) => proxy,
            Err(failed) => panic!("bonafide did not start: {:?}\n{}", failed.code, failed.log),
        }
    }

    /// Starts; an error is a process that ended by itself.
    pub fn try_start(policy: Policy, environment: &[(&str, &str)]) -> Result<Proxy, Failed> {
        Proxy::launch(Command::new(env!("CARGO_BIN_EXE_bonafide")), policy, environment)
    }

    fn launch(mut program: Command, policy: Policy, environment: &[(&str, &str)]) -> Result<Proxy, Failed> {
        let file = policy.write();
        let mut child = program
            .args(["run", "--config"])
            .arg(file)
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = Arc::new(Log::default());
        let (reader, stderr) = (log.clone(), child.stderr.take().expect("stderr"));
        thread::spawn(move || reader.collect(BufReader::new(stderr)));
        let found = log.wait(START, |lines| lines.ended || listening(&lines.parsed).is_some());
        let text = || log.lines.lock().unwrap().all.join("\n");
        match listening(&log.lines.lock().unwrap().parsed) {
            Some(address) => return Ok(Proxy { child, log: log.clone(), address, policy }),
            None if !found => {
                let _ = child.kill();
            }
            None => {}
        }
        let code = child.wait().ok().and_then(|status| status.code());
        Err(Failed { code, log: text() })
    }

    /// The address of the admin port.
    pub fn admin(&self) -> SocketAddr {
        let line = self.find_line(|line| line["message"] == "admin listening").expect("an admin port");
        line["address"].as_str().and_then(|address| address.parse().ok()).expect("its address")
    }

    /// One answer of the admin port.
    pub fn ask_admin(&self, path: &str) -> Response {
        once(Client::plain(self.admin()), &post(path).method("GET")).expect("the admin port answers")
    }

    /// The value of a metric without labels, or of a series as it is written.
    pub fn metric(&self, series: &str) -> Option<u64> {
        let page = self.ask_admin("/metrics").text();
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        line.parse().ok()
    }

    /// Reads no further line of the log until [`Proxy::read_log`], so that its pipe fills.
    pub fn stall_log(&self) {
        self.log.stalled.store(true, Ordering::Relaxed);
    }

    /// Reads the log again.
    pub fn read_log(&self) {
        self.log.stalled.store(false, Ordering::Relaxed);
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, such as "TERM".
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{name}");
    }

    /// The exit status, once there is one.
    pub fn exited_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                _ if Instant::now() >= deadline => return None,
                _ => thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// SIGTERM, then the exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.exited_within(Duration::from_secs(10)).and_then(|status| status.code())
    }

    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// All log lines so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lines.lock().unwrap().all.clone()
    }

    /// The `request` line with this id; waits up to 3 s for it.
    pub fn log_line(&self, request_id: &str) -> Option<Value> {
        self.find_line(|line| line["message"] == "request" && line["request_id"] == request_id)
    }

    /// The newest line that fits; waits up to 3 s for it.
    pub fn find_line(&self, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        let find = |lines: &Lines| lines.parsed.iter().rev().find(|line| fits(line)).cloned();
        self.log.wait(Duration::from_secs(3), |lines| find(lines).is_some());
        find(&self.log.lines.lock().unwrap())
    }

    /// Every `request` line so far.
    pub fn request_lines(&self) -> Vec<Value> {
        self.log.lines.lock().unwrap().parsed.iter().filter(|line| is_request(line)).cloned().collect()
    }

    /// How many `request` lines have this id.
    pub fn count_lines(&self, request_id: &str) -> usize {
        let lines = self.log.lines.lock().unwrap();
        lines.parsed.iter().filter(|line| is_request(line) && line["request_id"] == request_id).count()
    }

    /// Waits until there are this many `request` lines.
    pub fn wait_for_requests(&self, count: usize) -> bool {
        let enough = |lines: &Lines| lines.parsed.iter().filter(|line| is_request(line)).count() >= count;
        self.log.wait(Duration::from_secs(5), enough)
    }
}

fn is_request(line: &Value) -> bool {
    line["message"] == "request"
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    fn collect(&self, reader: impl BufRead) {
        for line in reader.lines() {
            let Ok(line) = line else { break };
            while self.stalled.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(5));
            }
            let parsed = serde_json::from_str(&line).unwrap_or_default();
            let mut lines = self.lines.lock().unwrap();
            lines.all.push(line);
            lines.parsed.push(parsed);
            drop(lines);
            self.changed.notify_all();
        }
        self.lines.lock().unwrap().ended = true;
        self.changed.notify_all();
    }

    fn wait(&self, limit: Duration, done: impl Fn(&Lines) -> bool) -> bool {
        let lines = self.lines.lock().unwrap();
        let (lines, _) = self.changed.wait_timeout_while(lines, limit, |lines| !done(lines)).unwrap();
        done(&lines)
    }
}

fn listening(lines: &[Value]) -> Option<SocketAddr> {
    let line = lines.iter().find(|line| line["message"] == "listening")?;
    line["address"].as_str()?.parse().ok()
}
