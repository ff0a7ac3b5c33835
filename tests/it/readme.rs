//! The README: its tables, commands and policies agree with the program.

use bonafide::base::limits::{KIB, Limits, MIB, Timeouts};
use bonafide::base::names::{Reason, exit, field, metric};
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};
use std::time::Duration;

const README: &str = include_str!("../../README.md");
const PROGRAM: &str = env!("CARGO_BIN_EXE_bonafide");

/// What stands before a source that the README shows alone.
const FRAME: &str = "[server]\nlisten = \"127.0.0.1:8080\"\nplaintext = true\n\n[upstream]\nurl = \"http://127.0.0.1:3000\"\n\n";

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().expect("the program starts")
}

/// The lines from a heading to the next one of any level; `#` inside a code block is no heading.
fn section(heading: &str) -> Vec<&'static str> {
    let mut fenced = false;
    let mut lines = README.lines().skip_while(|line| line.trim_start_matches('#').trim() != heading);
    assert!(lines.next().is_some_and(|line| line.starts_with('#')), "no heading {heading}");
    lines
        .take_while(|line| {
            fenced ^= line.starts_with("```");
            fenced || !line.starts_with('#')
        })
        .collect()
}

/// The rows of the tables of a section, without their heads.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let lines = section(heading);
    let is_rule = |line: &&str| line.starts_with("| ---");
    let rows = lines.iter().enumerate().filter(|(index, line)| {
        line.starts_with('|') && !is_rule(line) && !lines.get(index + 1).is_some_and(is_rule)
    });
    rows.map(|(_, line)| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// Code blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let (mut blocks, mut open) = (Vec::new(), None::<(bool, String)>);
    for line in README.lines() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(found)) => open = Some((found == language, String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take().filter(|open| open.0).map(|open| open.1)),
            (Some((_, text)), None) => text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    blocks
}

/// The texts between backticks.
fn spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_reason_stands_in_its_table_and_nothing_else() {
    let expected: Vec<[String; 4]> = Reason::ALL
        .iter()
        .map(|reason| {
            let (status, blame) = (reason.status().to_string(), reason.blame().code().to_owned());
            [format!("`{}`", reason.code()), status, blame, reason.meaning().to_owned()]
        })
        .collect();
    assert_eq!(rows("Reason codes"), expected);
}

#[test]
fn every_status_of_a_refusal_stands_in_the_table_of_answers() {
    // 200 is ours where a copy of what was delivered is acknowledged.
    let own = |reason: &&Reason| reason.status() != 499;
    let expected: BTreeSet<_> = Reason::ALL.iter().filter(own).map(|reason| reason.status()).collect();
    let rows = rows("Answers");
    let written = rows.iter().filter_map(|row| row.first()).flat_map(|cell| cell.split(", "));
    assert_eq!(written.map(|status| status.parse().expect("a status")).collect::<BTreeSet<u16>>(), expected);
}

fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(MIB) => format!("{}MiB", bytes / MIB),
        _ if bytes.is_multiple_of(KIB) => format!("{}KiB", bytes / KIB),
        _ => format!("{bytes}B"),
    }
}

/// Every limit and time-out with its default, as the policy file writes it.
fn defaults() -> BTreeMap<String, String> {
    // Without `..`, so that a new one does not compile before it stands here.
    let Limits { target, head, header_count, body, held_bytes, connections, http2_streams, upstream_idle } =
        Limits::default();
    let limits = [
        ("target", size(target as u64)),
        ("head", size(head as u64)),
        ("header_count", header_count.to_string()),
        ("body", size(body)),
        ("held_bytes", size(held_bytes)),
        ("connections", connections.to_string()),
        ("http2_streams", http2_streams.to_string()),
        ("upstream_idle", upstream_idle.to_string()),
    ];
    let Timeouts {
        handshake,
        head,
        body_idle,
        body,
        body_min_rate,
        write,
        connect,
        response,
        response_idle,
        upstream_idle,
        drain,
    } = Timeouts::default();
    let seconds = |period: Duration| format!("{}s", period.as_secs());
    let timeouts = [
        ("handshake", seconds(handshake)),
        ("head", seconds(head)),
        ("body_idle", seconds(body_idle)),
        ("body", seconds(body)),
        ("body_min_rate", size(body_min_rate)),
        ("write", seconds(write)),
        ("connect", seconds(connect)),
        ("response", seconds(response)),
        ("response_idle", seconds(response_idle)),
        ("upstream_idle", seconds(upstream_idle)),
        ("drain", seconds(drain)),
    ];
    let limits = limits.map(|(key, value)| (format!("server.limits.{key}"), value));
    limits.into_iter().chain(timeouts.map(|(key, value)| (format!("server.timeouts.{key}"), value))).collect()
}

#[test]
fn every_limit_stands_in_the_table_with_its_default() {
    let rows = rows("Limits and defaults");
    let cell =
        |row: &[&str], index: usize| row.get(index).map_or("", |cell| cell.trim_matches('`')).to_owned();
    let written: BTreeMap<_, _> = rows.iter().map(|row| (cell(row, 0), cell(row, 1))).collect();
    assert_eq!(written, defaults());
    assert_eq!(written.len(), rows.len(), "a key stands twice");
}

#[test]
fn every_key_of_the_tables_of_limits_is_one_of_the_policy_file() {
    let schema = bonafide::config::schema();
    for key in defaults().keys() {
        let pointer: String = key.split('.').map(|part| format!("/properties/{part}")).collect();
        assert!(schema.pointer(&pointer).is_some(), "{key}");
    }
}

#[test]
fn log_fields_metrics_and_exit_codes_are_those_of_the_program() {
    let log: Vec<_> =
        rows("Log").into_iter().filter_map(|row| row.first().copied()).flat_map(spans).collect();
    let fields = [
        field::TIMESTAMP,
        field::LEVEL,
        field::MESSAGE,
        field::REQUEST_ID,
        field::SOURCE,
        field::CLIENT,
        field::PEER,
        field::VERDICT,
        field::REASON,
        field::DETAIL,
        field::BLAME,
        field::HINT,
        field::STATUS,
        field::UPSTREAM_STATUS,
        field::METHOD,
        field::HOST,
        field::PATH,
        field::PROTOCOL,
        field::KEY,
        field::EVENT_ID,
        field::BYTES_IN,
        field::BYTES_OUT,
        field::DURATION_MS,
        field::BODY_MS,
        field::UPSTREAM_MS,
    ];
    assert_eq!(log, fields);
    let names =
        rows("Admin port and metrics").into_iter().filter_map(|row| row.first().copied()).flat_map(spans);
    let metrics = [
        metric::REQUESTS,
        metric::CONNECTIONS,
        metric::CONNECTIONS_REFUSED,
        metric::HELD_BYTES,
        metric::LOG_LINES_DROPPED,
        metric::KEY_LOOKUPS,
        metric::KEY_FETCHES,
        metric::KEYS,
        metric::KEY_AGE,
        metric::REPLAY_ENTRIES,
        metric::REPLAY_REPLY_BYTES,
        metric::REPLAY_OUTCOMES,
        metric::WAIVERS,
        metric::RELOAD_SUCCESSFUL,
        metric::BUILD_INFO,
    ];
    assert_eq!(names.collect::<Vec<_>>(), metrics);
    let codes = section("Exit codes").into_iter().flat_map(spans).map(|code| code.parse().expect("a number"));
    let exits =
        [exit::OK, exit::NEGATIVE, exit::USAGE, exit::CONFIG, exit::START, exit::PEER, exit::INTERRUPTED];
    assert_eq!(codes.collect::<Vec<u8>>(), exits);
}

#[test]
fn the_page_of_senders_is_what_the_program_prints() {
    let kept = std::fs::read_to_string(rooted("docs/senders.md")).unwrap_or_default();
    let output = run(&["providers", "list", "--format", "markdown"]);
    let renew = "cargo run -- providers list --format markdown > docs/senders.md";
    assert!(
        kept.as_bytes() == output.stdout,
        "docs/senders.md is not what the program prints; renew it: {renew}"
    );
}

#[test]
fn the_page_of_senders_that_are_not_built_in_names_none_that_is() {
    let page = std::fs::read_to_string(rooted("docs/not-built-in.md")).unwrap_or_default();
    let built_in = crate::rig::provider::ids();
    let is_built_in = |id: &str| built_in.iter().any(|known| known == id);
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let mut count = 0;
    for (id, why) in rows {
        count += 1;
        assert!(!is_built_in(id), "{id} is built in");
        if let Some((take, _)) = why.strip_prefix('`').and_then(|why| why.split_once('`')) {
            assert!(is_built_in(take), "{take}, which is to be taken for {id}");
        }
    }
    assert!(count > 10, "{count} rows");
}

/// Every finding that `explain` can name stands on the page about signatures that do not match.
#[test]
fn every_finding_stands_on_its_page() {
    let page = std::fs::read_to_string(rooted("docs/signature-does-not-match.md")).unwrap_or_default();
    let mut count = 0;
    for file in ["bodies", "credential", "keys", "messages", "signature", "urls"] {
        let source =
            std::fs::read_to_string(rooted(&format!("src/verify/explain/{file}.rs"))).expect("a file");
        let words = source.split('"').filter(|word| {
            word.contains('_') && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        });
        for code in words.filter(|word| FINDINGS.iter().any(|start| word.starts_with(start))) {
            assert!(page.contains(&format!("`{code}`")), "{code}");
            count += 1;
        }
    }
    assert!(count > 20, "{count} findings");
}

/// How the names of findings begin.
const FINDINGS: [&str; 11] = [
    "clock_",
    "timestamp_unit",
    "secret_",
    "body_",
    "url_",
    "signature_",
    "algorithm_",
    "message_",
    "other_provider",
    "token_",
    "credential_",
];

#[test]
fn every_policy_of_the_readme_passes_the_check() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("bonafide.toml");
    let path = path.to_str().expect("a path in UTF-8");
    let mut checked = 0;
    for block in blocks("toml") {
        let text = match block.lines().next() {
            Some("# bonafide.toml") => block.clone(),
            Some("# a source") => format!("{FRAME}{block}"),
            other => panic!("a policy begins with `# bonafide.toml` or `# a source`, not with {other:?}"),
        };
        std::fs::write(path, text).expect("the policy is written");
        let output = run(&["check", "--no-secrets", "--config", path]);
        assert_eq!(output.status.code(), Some(0), "{block}{}", String::from_utf8_lossy(&output.stderr));
        checked += 1;
    }
    assert_eq!(checked, 9);
}

/// What is typed: the lines of shell blocks, joined where a backslash ends them, and each text between
/// backticks; a row of the table of commands counts as one line.
fn typed() -> Vec<String> {
    let mut lines: Vec<String> = blocks("sh").iter().flat_map(|block| joined(block)).collect();
    let mut fenced = false;
    for line in README.lines() {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        if fenced || fence {
            continue;
        }
        if line.starts_with("| `bonafide ") {
            lines.push(spans(line).join(" "));
        } else {
            lines.extend(spans(line).into_iter().map(str::to_owned));
        }
    }
    lines
}

fn joined(block: &str) -> Vec<String> {
    block.replace("\\\n", " ").lines().map(str::to_owned).collect()
}

/// The subcommands of `bonafide` in a line.
fn subcommands(line: &str) -> Vec<&str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_program = |word: &str| word == "bonafide" || word.ends_with("/bonafide");
    let is_name = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
    let pairs = words.windows(2).filter_map(|pair| match pair {
        ["--", name] if words.first() == Some(&"cargo") => Some(*name),
        [program, name] if is_program(program) => Some(*name),
        _ => None,
    });
    pairs.filter(is_name).collect()
}

fn help_of(command: &str) -> String {
    let output = run(&[command, "--help"]);
    assert_eq!(output.status.code(), Some(0), "there is no `bonafide {command}`");
    String::from_utf8(output.stdout).expect("help in UTF-8")
}

fn options(text: &str) -> BTreeSet<&str> {
    let words = text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '-'));
    words.filter(|word| word.len() > 3 && word.starts_with("--")).collect()
}

#[test]
fn every_command_and_option_of_the_readme_exists() {
    let (mut seen, mut help) = (BTreeSet::new(), BTreeMap::new());
    for line in typed() {
        let commands = subcommands(&line);
        for command in &commands {
            help.entry((*command).to_owned()).or_insert_with(|| help_of(command));
            seen.insert((*command).to_owned());
        }
        // What stands before `--` or belongs to another program is not ours.
        let Some(ours) = commands.first().and_then(|first| line.split_once(first)).map(|(_, after)| after)
        else {
            continue;
        };
        for option in options(ours) {
            let known = commands.iter().any(|command| options(&help[*command]).contains(option));
            assert!(known, "{option} in `{line}`");
        }
    }
    let listed = rows("Commands").into_iter().filter_map(|row| spans(row.first()?).first().copied());
    let listed: BTreeSet<String> =
        listed.filter_map(|command| command.strip_prefix("bonafide ")).map(str::to_owned).collect();
    let program = String::from_utf8(run(&["--help"]).stdout).expect("help in UTF-8");
    let program = program.lines().skip_while(|line| *line != "Commands:").skip(1);
    let program =
        program.take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next());
    let program: BTreeSet<String> = program.filter(|name| *name != "help").map(str::to_owned).collect();
    assert_eq!(listed, program);
    assert_eq!(seen, program);
}

#[test]
fn every_option_of_the_end_to_end_benchmark_exists() {
    let program = include_str!("../../benches/end-to-end/run");
    let section = section("Performance").join("\n");
    let others = ["--bench", "--release", "--help"]; // of cargo, and of every program
    let ours: Vec<_> = options(&section).into_iter().filter(|option| !others.contains(option)).collect();
    assert_eq!(ours.len(), 3, "{ours:?}");
    for option in ours {
        assert!(program.contains(&format!("add_argument(\"{option}\"")), "{option}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let headings: BTreeSet<String> = README
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"))
        .collect();
    let targets: Vec<_> = README
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .collect();
    assert!(!targets.is_empty());
    for target in targets {
        match target.strip_prefix('#') {
            Some(heading) => assert!(headings.contains(heading), "{target}"),
            None => assert!(root.join(target).exists(), "{target}"),
        }
    }
}

fn rooted(path: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
