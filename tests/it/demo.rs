//! `bonafide demo` as a user starts it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_bonafide");
const SENDERS: [&str; 8] =
    ["fluid", "github", "shopify", "stripe", "slack", "standard-webhooks", "gitlab", "azure-devops"];

#[test]
fn once_shows_every_sender_and_ends_well() {
    let output = Command::new(PROGRAM).args(["demo", "--once"]).stdin(Stdio::null()).output().unwrap();
    let (shown, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{shown}{said}");
    assert_eq!(said, "");
    assert!(!shown.contains('\x1b'), "colours without a terminal: {shown}");
    let rows: Vec<&str> = shown.lines().filter(|line| line.ends_with("   ok")).collect();
    assert_eq!(rows.len(), 49, "{shown}");
    for sender in SENDERS {
        let genuine = rows.iter().find(|row| row.split_whitespace().next() == Some(sender));
        let genuine = genuine.unwrap_or_else(|| panic!("no row of {sender}: {shown}"));
        assert!(genuine.contains("genuine") && genuine.contains("1 request, body identical"), "{genuine}");
    }
    assert_eq!(rows.iter().filter(|row| row.contains("   nothing   ")).count(), 41, "{shown}");
    let summary = "49 requests sent: 8 genuine ones reached the application, 41 forged ones did not.";
    assert!(shown.lines().any(|line| line == summary), "{shown}");
}

#[test]
fn it_shows_commands_and_stays_until_it_is_interrupted() {
    let mut demo = Command::new(PROGRAM).arg("demo").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let shown: Vec<String> = {
        let mut shown = Vec::new();
        for line in lines {
            let last = line.starts_with("Ctrl-C");
            shown.push(line);
            if last {
                break;
            }
        }
        shown
    };
    let commands = shown.iter().filter(|line| line.starts_with("curl -ik 'https://127.0.0.1:"));
    assert_eq!(commands.count(), 8, "{shown:?}");
    assert!(shown.iter().any(|line| line.contains("stripe, genuine, valid for 300 s")), "{shown:?}");
    assert!(demo.try_wait().unwrap().is_none(), "it did not stay");
    let kill = Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert_eq!(demo.wait().unwrap().code(), Some(0));
}

#[test]
fn an_address_in_use_is_said_so() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(PROGRAM).args(["demo", "--once", "--listen", &address]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains(&format!("cannot listen on {address}")), "{said}");
}
