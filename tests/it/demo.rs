//! `bonafide demo` as a user starts it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_bonafide");
const SENDERS: [&str; 11] = [
    "orders",
    "swt",
    "vumi",
    "fluid",
    "github",
    "shopify",
    "stripe",
    "slack",
    "standard-webhooks",
    "gitlab",
    "azure-devops",
];
/// The senders that are remembered.
const REMEMBERED: [&str; 6] = ["orders", "swt", "vumi", "stripe", "slack", "standard-webhooks"];
/// What forgers try on tokens, and what they get.
const TOKEN_FORGERIES: [(&str, &str, &str); 16] = [
    ("orders", "alg: none", "401"),
    ("orders", "public key as HS256 secret", "401"),
    ("orders", "another key", "401"),
    ("orders", "unknown kid", "401"),
    ("orders", "expired token", "401"),
    ("orders", "wrong scope", "403"),
    ("orders", "wrong audience", "401"),
    ("orders", "another body, same token", "409"),
    ("swt", "another body, same token", "401"),
    ("swt", "alg: none", "401"),
    ("swt", "expired token", "401"),
    ("vumi", "another body, same token", "401"),
    ("vumi", "alg: none", "401"),
    ("vumi", "public key as HS256 secret", "401"),
    ("vumi", "unknown kid", "401"),
    ("vumi", "expired token", "401"),
];

#[test]
fn once_shows_every_sender_and_ends_well() {
    let output = Command::new(PROGRAM).args(["demo", "--once"]).stdin(Stdio::null()).output().unwrap();
    let (shown, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{shown}{said}");
    assert_eq!(said, "");
    assert!(!shown.contains('\x1b'), "colours without a terminal: {shown}");
    let table = Table::read(&shown);
    assert_eq!(table.0.len(), 90, "{shown}");
    for sender in SENDERS {
        table.has(sender, "genuine", "200", true);
    }
    for sender in REMEMBERED {
        table.has(sender, "the same again", "200", false);
    }
    for sender in ["orders", "stripe"] {
        table.has(sender, "genuine, application fails", "500", true);
        table.has(sender, "sender's retry", "200", true);
    }
    for (sender, sent, answer) in TOKEN_FORGERIES {
        table.has(sender, sent, answer, false);
    }
    assert_eq!(table.0.iter().filter(|[_, _, _, saw]| saw == "nothing").count(), 75, "{shown}");
    let summary = "90 requests sent: 15 genuine ones reached the application, 69 forged ones did not.\n\
                   6 duplicates were acknowledged and not forwarded, 2 retries after a failure were forwarded.\n";
    assert!(shown.ends_with(summary), "{shown}");
}

/// The rows that are marked `ok`: sender, what was sent, answer, what the application saw.
struct Table(Vec<[String; 4]>);

impl Table {
    fn read(shown: &str) -> Table {
        let title = shown.lines().find(|line| line.starts_with("sender ")).unwrap();
        let [sent, answer, saw] =
            ["sent ", "answer", "the application saw"].map(|word| title.find(word).unwrap());
        let mut sender = String::new();
        let rows = shown.lines().filter_map(|line| line.strip_suffix("   ok")).map(|line| {
            let cells = [&line[..sent], &line[sent..answer], &line[answer..saw], &line[saw..]];
            let mut cells = cells.map(|cell| cell.trim().to_owned());
            if cells[0].is_empty() {
                cells[0].clone_from(&sender);
            }
            sender.clone_from(&cells[0]);
            cells
        });
        Table(rows.collect())
    }

    fn has(&self, sender: &str, sent: &str, answer: &str, arrived: bool) {
        let saw = if arrived { "1 request, body identical" } else { "nothing" };
        let row = [sender, sent, answer, saw];
        assert_eq!(self.0.iter().filter(|cells| **cells == row).count(), 1, "{row:?} in {:?}", self.0);
    }
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
    assert_eq!(commands.count(), 12, "{shown:?}");
    for remark in
        ["stripe, genuine, valid for 300 s", "orders, genuine, valid for 359 s", "again, it gets 200"]
    {
        assert!(shown.iter().any(|line| line.contains(remark)), "{remark}: {shown:?}");
    }
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
