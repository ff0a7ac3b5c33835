//! How components are named and what they stand for.

use super::*;
use crate::verify::http_signature::fields::{byte_sequences, inputs};

/// The line of one component, without its name.
fn value(component: &str, head: &Head, structured: &[(&str, FieldType)]) -> Result<String, String> {
    let mut definition = anything(&["ed25519"]);
    for (name, kind) in structured {
        definition.structured.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), *kind);
    }
    let input = inputs(&format!("a=({component})")).map_err(|flaw| flaw.to_string())?.remove(0);
    let (name, arguments) = &input.components[0];
    let component = Component::new(name, arguments).map_err(|flaw| flaw.0.to_owned())?;
    let message = Message { head, address: None, definition: &definition };
    let base = message.base(std::slice::from_ref(&component), "()");
    let base = base.map_err(|(_, flaw)| format!("{flaw:?}"))?;
    let line = base.strip_suffix("\n\"@signature-params\": ()").unwrap();
    Ok(line.strip_prefix(&format!("{component}: ")).unwrap().to_owned())
}

#[test]
fn every_example_of_section_2_has_its_value() {
    let file = read("rfc9421_components.json");
    let mut seen = 0;
    for row in file["examples"].as_array().unwrap() {
        let component = row["component"].as_str().unwrap();
        let line = row["request_line"].as_str().unwrap_or("POST / HTTP/1.1");
        let target = line.split(' ').nth(1).unwrap();
        // The gate takes neither, and a target in absolute form becomes its path.
        if target == "*" || target.starts_with("https:") {
            continue;
        }
        // We are behind TLS.
        if row["scheme"] == "http" {
            continue;
        }
        let host = row["host"].as_str().unwrap_or("www.example.com");
        let head = head(line.split(' ').next().unwrap(), host, target, pairs(&row["headers"]));
        let known = [("example-dict", FieldType::Dictionary)];
        assert_eq!(value(component, &head, &known).as_deref(), Ok(row["value"].as_str().unwrap()), "{row}");
        seen += 1;
    }
    assert_eq!(seen, 24);
    let plain = Address::of_url("http://www.example.com:80").unwrap();
    let head = head("POST", "other.example", "/a?b", HeaderMap::new());
    let definition = anything(&["ed25519"]);
    let message = Message { head: &head, address: Some(&plain), definition: &definition };
    let base = message.base(&list(&["@scheme", "@authority", "@target-uri"]), "()").unwrap();
    assert!(base.starts_with(
        "\"@scheme\": http\n\"@authority\": www.example.com\n\"@target-uri\": http://www.example.com/a?b\n"
    ));
}

#[test]
fn what_is_no_component_of_a_request_is_refused() {
    let headers = map(&[
        ("date", "today"),
        ("dict", "a=1, b=2"),
        ("bad", "a=1, ="),
        ("umlaut", "\u{e4}"),
        ("empty", ""),
    ]);
    let head = head("POST", "a.example", "/p?one=1&two=2&two=3&bad=%ff", headers);
    let known =
        [("dict", FieldType::Dictionary), ("bad", FieldType::Dictionary), ("umlaut", FieldType::Item)];
    for component in [
        "\"@signature-params\"",
        "\"@speed\"",
        "\"@status\"",
        "\"@method\";req",
        "\"@method\";sf",
        "\"date\";foo",
        "\"date\";req",
        "\"date\";tr",
        "\"date\";bs=1",
        "\"date\";sf=?0",
        "\"date\";bs;sf",
        "\"dict\";bs;key=\"a\"",
        "\"date\";sf",
        "\"date\";key=\"a\"",
        "\"dict\";key=\"c\"",
        "\"dict\";key=a",
        "\"dict\";name=\"a\"",
        "\"bad\";sf",
        "\"umlaut\"",
        "\"absent\"",
        "\"Date\"",
        "\"\"",
        "\"a b\"",
        "\"@query-param\"",
        "\"@query-param\";name=\"none\"",
        "\"@query-param\";name=\"two\"",
        "\"@query-param\";name=\"bad\"",
        "\"@query-param\";name=\"one\";sf",
        "\"@query-param\";name=one",
        "date",
        "1",
        "(\"date\")",
    ] {
        assert!(value(component, &head, &known).is_err(), "{component}");
    }
    assert_eq!(value("\"empty\"", &head, &known).as_deref(), Ok(""));
    assert_eq!(value("\"dict\";sf;key=\"b\"", &head, &known).as_deref(), Ok("2"));
    assert_eq!(value("\"@query-param\";name=\"one\"", &head, &known).as_deref(), Ok("1"));
}

#[test]
fn a_parameter_of_the_query_is_found_in_whatever_way_it_is_written() {
    let of = |query: &str, name: &str| {
        let head = head("GET", "a.example", &format!("/?{query}"), HeaderMap::new());
        value(&format!("\"@query-param\";name=\"{name}\""), &head, &[])
    };
    assert_eq!(of("a=1", "a").as_deref(), Ok("1"));
    assert_eq!(of("%61=1", "a").as_deref(), Ok("1"));
    assert_eq!(of("a=1&%61=2", "a"), Err("Repeated".to_owned()));
    assert_eq!(of("&&a=1&", "a").as_deref(), Ok("1"));
    assert_eq!(of("a", "a").as_deref(), Ok(""));
    assert_eq!(of("a=b=c~%7e%2B+", "a").as_deref(), Ok("b%3Dc%7E%7E%2B%20"));
    assert_eq!(of("a=%zz%", "a").as_deref(), Ok("%25zz%25"));
    assert_eq!(of("a%20b=1", "a%20b").as_deref(), Ok("1"));
    assert_eq!(of("a+b=1", "a%20b").as_deref(), Ok("1"));
    assert_eq!(of("A=1", "a"), Err("Absent".to_owned()));
    assert_eq!(of("a=1;b=2", "b"), Err("Absent".to_owned()));
}

#[test]
fn policy_words_and_identifiers_are_the_same() {
    assert_eq!(list(&["@query-param;name=\"a b\""])[0].to_string(), "\"@query-param\";name=\"a b\"");
    assert_eq!(list(&["x;key=\"a\";sf"])[0], list(&["x;sf;key=\"a\""])[0]);
    assert_ne!(list(&["x;key=\"a\""])[0], list(&["x"])[0]);
    for text in ["", "@status", "@", "X", "x;req", "x;y", "a\"b", "x;key=1", ";sf", "x y"] {
        assert!(Component::parse(text).is_none(), "{text}");
    }
}

#[test]
fn fields_that_have_one_value_have_one() {
    let of = |lines: &[(&str, &str)], component: &str| {
        value(component, &head("POST", "a.example", "/", map(lines)), &[])
    };
    assert_eq!(
        of(&[("content-type", "a/b"), ("content-type", "a/b")], "\"content-type\""),
        Err("Repeated".to_owned())
    );
    assert_eq!(of(&[("content-type", "a/b, c/d")], "\"content-type\""), Err("Repeated".to_owned()));
    assert_eq!(
        of(&[("content-type", "a/b; c=\"d,e\"")], "\"content-type\"").as_deref(),
        Ok("a/b; c=\"d,e\"")
    );
    assert_eq!(of(&[("x", " a "), ("x", "\tb")], "\"x\"").as_deref(), Ok("a, b"));
    let mut nominated = head("POST", "a.example", "/", map(&[("x", "1")]));
    nominated.nominated.push(HeaderName::from_static("x"));
    assert_eq!(value("\"x\"", &nominated, &[]), Err("Nominated".to_owned()));
}

#[test]
fn dictionaries_are_read_as_the_test_suite_of_structured_fields_says() {
    let (mut taken, mut refused) = (0, 0);
    for name in
        ["binary", "dictionary", "param-dict", "listlist", "string", "token", "number", "boolean", "date"]
    {
        for case in read(&format!("structured-field-tests/{name}.json")).as_array().unwrap() {
            let raw: Vec<&str> =
                case["raw"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
            let kind = FieldType::parse(case["header_type"].as_str().unwrap()).unwrap();
            let fails = case["must_fail"] == true;
            let can_fail = case["can_fail"] == true;
            let Ok(values) = raw
                .iter()
                .map(|line| HeaderValue::from_bytes(line.as_bytes()))
                .collect::<Result<Vec<_>, _>>()
            else {
                continue;
            };
            let mut headers = HeaderMap::new();
            values.into_iter().for_each(|value| {
                headers.append("x", value);
            });
            let found = value("\"x\";sf", &head("POST", "a.example", "/", headers), &[("x", kind)]);
            if fails {
                refused += 1;
                assert!(found.is_err(), "{case}: {found:?}");
            } else if let Ok(found) = found {
                taken += 1;
                let canonical = case["canonical"]
                    .as_array()
                    .cloned()
                    .unwrap_or_else(|| case["raw"].as_array().cloned().unwrap());
                assert_eq!(json!([found]), Value::Array(canonical), "{case}");
            } else {
                // An empty list has no form, and a suite that knows no blanks at the ends.
                let empty = case["expected"].as_array().is_some_and(Vec::is_empty);
                assert!(can_fail || empty, "{case}: {found:?}");
            }
        }
    }
    assert_eq!((taken, refused), (80, 71));
}

#[test]
fn names_stand_once_and_values_have_their_types() {
    assert_eq!(inputs("a=(\"x\" \"y\";sf);created=1, b=()").unwrap().len(), 2);
    for text in [
        "a=(\"x\"), a=(\"y\")",
        "a=(\"x\");created=1;created=2",
        "a=(\"x\";sf;sf)",
        "a=(x)",
        "a=(:YQ==:)",
        "a=\"x\"",
        "a",
        "a=(\"x\"",
        "a=(\"x\"),",
        "A=()",
        "a=(\"x\"\t\"y\")",
        "a=(\"x\n\")",
    ] {
        assert!(inputs(text).is_err(), "{text}");
    }
    let many = (0..11).map(|number| format!("l{number}=()")).collect::<Vec<_>>().join(", ");
    assert!(inputs(&many).is_err());
    let wide =
        format!("a=({})", (0..65).map(|number| format!("\"h{number}\"")).collect::<Vec<_>>().join(" "));
    assert!(inputs(&wide).is_err());
    assert_eq!(byte_sequences("a=:YQ==:, b=:YQ:", false).unwrap().len(), 2);
    for text in [
        "a=:YQ==:, a=:YQ==:",
        "a=\"YQ==\"",
        "a=YQ==",
        "a=:Y-Q_:",
        "a=:YQ==:;b",
        "a=:Y Q==:",
        "a=(:YQ==:)",
        "a=:YQ==",
    ] {
        assert!(byte_sequences(text, false).is_err(), "{text}");
    }
    assert_eq!(
        byte_sequences("a=:-_-_:", true).unwrap()[0].1,
        byte_sequences("a=:+/+/:", false).unwrap()[0].1
    );
    assert!(byte_sequences("a=:-/+_:", true).is_err());
}
