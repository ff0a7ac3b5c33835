//! Whole policy files: the samples, and `tests/config`.

mod explain;
mod profiles;
mod providers;

use super::problem::Problems;
use super::render;
use super::secrets::Environment;
use super::{Loaded, Options, load, schema};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(directory)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths
}

/// Loads a file; every variable whose name begins with `SET_` has a value.
fn loaded(path: &Path, secrets: bool) -> Result<Loaded, Problems> {
    let environment = Environment::from_fn(|name| name.starts_with("SET_").then(|| SECRET.into()));
    load(path, &Options { secrets, written: true }, &environment)
}

/// Loads a text as `bonafide.toml` of an empty directory.
fn text(policy: &str) -> Result<Loaded, Problems> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bonafide.toml");
    fs::write(&path, policy).unwrap();
    loaded(&path, true)
}

/// `code line:column` of every problem in the main file's text; included files are named.
fn found(problems: &Problems, main: &Path) -> Vec<String> {
    let row = |problem: &super::Problem| {
        let file = problems.files.file(problem.at.file).unwrap();
        let (line, column) = file.line_and_column(problem.at.start);
        let name = file.path.file_name().unwrap().to_string_lossy().into_owned();
        let name = if file.path == main { String::new() } else { format!("{name}:") };
        format!("{} {name}{line}:{column}", problem.code)
    };
    problems.iter().map(row).collect()
}

/// The first comment lines of a file: `# code line:column` each.
fn expected(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map_while(|line| line.strip_prefix("# "));
    lines.map(|line| line.split(" -- ").next().unwrap().trim().to_owned()).collect()
}

#[test]
fn valid_files_load_with_the_warnings_that_they_name() {
    let paths = files("tests/config/valid");
    for path in &paths {
        let loaded = loaded(path, true);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{}", render::human(&problems, false)));
        assert_eq!(found(&loaded.problems, path), expected(path), "{}\n{}", path.display(), loaded.problems);
    }
    assert_eq!(paths.len(), 15);
}

#[test]
fn invalid_files_fail_with_the_problems_that_they_name() {
    let paths = files("tests/config/invalid");
    for path in &paths {
        match loaded(path, true) {
            Ok(_) => panic!("{} loads", path.display()),
            Err(problems) => {
                assert_eq!(found(&problems, path), expected(path), "{}\n{problems}", path.display())
            }
        }
    }
    assert_eq!(paths.len(), 58);
}

/// Where most tests begin.
const FRAME: &str =
    "[server]\nlisten = \"127.0.0.1:8443\"\nplaintext = true\n[upstream]\nurl = \"http://127.0.0.1:3000\"\n";

fn source(rest: &str) -> String {
    format!("{FRAME}[[source]]\nname = \"a\"\npath = \"/a\"\n{rest}")
}

/// What the annotated sample is warned about, in its order.
const FULL: [&str; 12] = [
    "body_not_covered",
    "body_not_covered",
    "claim_unchecked",
    "claim_unchecked",
    "body_not_covered",
    "body_not_covered",
    "body_not_covered",
    "claim_unchecked",
    "claim_unchecked",
    "created_unchecked",
    "secret_literal",
    "waiver",
];

#[test]
fn samples_load_without_reading_a_secret() {
    let paths = files("config");
    for path in &paths {
        let environment = Environment::from_fn(|name| panic!("{name} was read"));
        let loaded = load(path, &Options { secrets: false, written: true }, &environment);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{}", render::human(&problems, false)));
        let codes: Vec<_> = loaded.problems.iter().map(|problem| problem.code).collect();
        let full = path.ends_with("bonafide.full.toml");
        let expected: &[&str] = if full { &FULL } else { &[] };
        assert_eq!(codes, expected, "{}", path.display());
    }
    assert_eq!(paths.len(), 2);
}

#[test]
fn the_defaults_of_the_full_sample_are_the_defaults() {
    let load = |path: &Path| loaded(path, false).unwrap().configuration;
    let full = load(&root().join("config/bonafide.full.toml"));
    let short = load(&root().join("config/bonafide.toml"));
    assert_eq!(full.policy.limits, short.policy.limits);
    assert_eq!(full.policy.timeouts, short.policy.timeouts);
    assert_eq!(full.log, short.log);
    assert_eq!(full.policy.limits, crate::base::limits::Limits::default());
}

/// Every key of a schema, wherever it stands, with its schema.
fn keys(schema: &Value, out: &mut Vec<(String, Value)>) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                if let ("properties", Value::Object(properties)) = (name.as_str(), member) {
                    out.extend(properties.iter().map(|(key, schema)| (key.clone(), schema.clone())));
                    properties.values().for_each(|schema| keys(schema, out));
                } else {
                    keys(member, out);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, out)),
        _ => {}
    }
}

#[test]
fn every_key_of_the_schema_is_described_and_stands_in_the_full_sample() {
    let sample = fs::read_to_string(root().join("config/bonafide.full.toml")).unwrap();
    let headers = sample.lines().filter(|line| line.starts_with('['));
    let tables: Vec<&str> = headers.flat_map(|line| line.split(['[', ']', '.'])).collect();
    let mut found = Vec::new();
    keys(&schema(), &mut found);
    assert!(found.len() > 80, "{}", found.len());
    for (key, schema) in found {
        assert!(
            schema["description"].as_str().is_some_and(|text| text.len() > 5),
            "{key} has no description"
        );
        let value = format!("{key} = ");
        let as_key = sample.match_indices(&value).any(|(at, _)| {
            sample[..at].chars().next_back().is_none_or(|before| matches!(before, ' ' | '\n'))
        });
        assert!(as_key || tables.contains(&key.as_str()), "{key} is not in the full sample");
    }
}

#[test]
fn the_schema_is_draft_7_and_closed() {
    let schema = schema();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["server"]));
    let source = &schema["properties"]["source"]["items"];
    assert_eq!(source["properties"]["mode"]["enum"], serde_json::json!(["enforce", "report"]));
    assert_eq!(source["required"], serde_json::json!(["name", "path"]));
    let listen = &schema["properties"]["server"]["properties"]["listen"]["oneOf"];
    assert_eq!(listen[0]["type"], "string");
    assert_eq!(listen[1]["type"], "array");
}

#[test]
fn show_prints_the_source_over_its_provider_without_secrets() {
    let policy = source(
        "provider = \"slack\"\nsecrets = [{ literal = \"hunter2-hunter2-hunter2\", name = \"x\" }, { env = \"SET_B\" }]\n\
         [source.signature.fields]\nt = { tolerance = \"1m\" }\n",
    );
    let loaded = text(&policy).unwrap();
    let shown = loaded.show("a").unwrap();
    assert!(
        shown.contains("secrets = [{ literal = \"***\", name = \"x\" }, { env = \"SET_B\" }]\n"),
        "{shown}"
    );
    assert!(shown.contains("message = \"v0:{t}:{body}\"\n"), "{shown}");
    let field = "t = { header = \"X-Slack-Request-Timestamp\", role = \"timestamp\", unit = \"s\", tolerance = \"1m\" }\n";
    assert!(shown.contains(field), "{shown}");
    assert!(toml::from_str::<toml::Table>(&shown).is_ok(), "{shown}");
    assert_eq!(loaded.show("b"), None);
}

#[test]
fn literal_secrets_are_never_shown() {
    for rest in [
        "provider = 5\nsecret = { literal = \"hunter2-hunter2\", nmae = \"x\" }\n",
        "secret = \"hunter2-hunter2\"\n",
        "secrets = [\"hunter2-hunter2\"]\n",
        "provider = \"github\"\nsecret = { value = \"hunter2-hunter2\" }\n",
        "provider = \"github\"\nsecret = { literal = \"hunter2-hunter2 }\n",
        "provider = \"svix\"\nsecret = { literal = \"hunter2-hunter2\" }\n",
        "[source.token]\nheader = 5\nvalue = \"hunter2-hunter2\"\n",
    ] {
        let problems = text(&source(rest)).unwrap_err();
        let said = format!("{}{}{problems}", render::human(&problems, false), render::json(&problems));
        let said = format!("{said}{problems:?}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn people_see_the_line_and_programs_a_row() {
    let problems =
        text(&source("provider = \"github\"\nmehtods = []\nsecret = { env = \"SET_A\" }\n")).unwrap_err();
    let human = render::human(&problems, false);
    let expected = "\n10 | mehtods = []\n   | ^^^^^^^\n   |\n   = help: did you mean `methods`?\n";
    assert!(human.starts_with("error[unknown_key]: unknown key `mehtods` in `[[source]]`\n"), "{human}");
    assert!(human.contains("bonafide.toml:10:1\n"), "{human}");
    assert!(human.contains(expected), "{human}");
    let json = render::json(&problems);
    assert_eq!((&json[0]["line"], &json[0]["column"]), (&10.into(), &1.into()));
    assert_eq!(json[0]["code"], "unknown_key");
    assert_eq!(json[0]["help"], "did you mean `methods`?");
    assert!(render::human(&problems, true).contains("\u{1b}["));
}

#[test]
fn strip_replaces_the_credentials_that_are_stripped_otherwise() {
    let token = "secret = { env = \"SET_A\" }\n[source.token]\nheader = \"X-Token\"\n";
    let strip = |policy: String| text(&policy).unwrap().configuration.policy.sources[0].strip.clone();
    assert_eq!(strip(source(token)), ["x-token"]);
    assert_eq!(strip(source(&format!("strip = [\"Cookie\"]\n{token}"))), ["cookie"]);
    assert_eq!(strip(source("provider = \"github\"\nsecret = { env = \"SET_A\" }\n")), [] as [&str; 0]);
}

#[test]
fn upstreams_are_shared_by_address_and_paths_belong_to_their_file() {
    let policy = source(
        "provider = \"github\"\nsecret = { env = \"SET_A\" }\nupstream = \"http://127.0.0.1:3000/\"\n\
         [[source]]\nname = \"b\"\npath = \"/b\"\nscheme = \"none\"\nupstream = \"https://app.internal\"\n",
    );
    let policy = policy.replace("3000\"\n[[", "3000\"\nca = \"tls/ca.pem\"\n[[");
    let configuration = text(&policy).unwrap().configuration;
    let upstreams: Vec<usize> = configuration.policy.sources.iter().map(|source| source.upstream).collect();
    assert_eq!(upstreams, [0, 1]);
    assert_eq!(configuration.policy.upstreams.len(), 2);
    assert_eq!(configuration.upstream_authorities.len(), 2);
    let ca = configuration.upstream_authorities[1].as_ref().unwrap();
    assert!(ca.value.is_absolute() && ca.value.ends_with("tls/ca.pem"));
}

#[test]
fn ten_thousand_mistakes_are_told_in_good_time() {
    let policy = format!("{FRAME}{}", "[[source]]\nnmae = \"a\"\n".repeat(10_000));
    let problems = text(&policy).unwrap_err();
    assert_eq!(problems.len(), 30_000);
    assert!(render::human(&problems, false).len() > 1_000_000);
}
