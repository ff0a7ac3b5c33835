//! A refused request of today like one of yesterday: what sets it apart from its genuine sibling is carried over to
//! the sibling's newly signed form.

use crate::verify::Draft;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::collections::{BTreeMap, BTreeSet};

/// Shorter words stand where they stand by chance.
const WORD: usize = 6;

/// The request `row` as it would be if its sibling were `now` and not `then`; nothing where no word can be told from
/// another.
pub fn twin(row: &Draft, then: &Draft, now: &Draft) -> Option<Draft> {
    let mut twin = now.clone();
    twin.method.clone_from(&row.method);
    twin.target = text(&row.target, &then.target, &now.target)?;
    twin.headers = headers(&row.headers, &then.headers, &now.headers)?;
    twin.body = if row.body == then.body {
        now.body.clone()
    } else if now.body == then.body {
        row.body.clone()
    } else {
        let of = |draft: &Draft| String::from_utf8(draft.body.to_vec()).ok();
        text(&of(row)?, &of(then)?, &of(now)?)?.into()
    };
    Some(twin)
}

fn headers(row: &HeaderMap, then: &HeaderMap, now: &HeaderMap) -> Option<HeaderMap> {
    let names: BTreeSet<&str> =
        [row, then, now].into_iter().flat_map(HeaderMap::keys).map(HeaderName::as_str).collect();
    let mut headers = HeaderMap::new();
    for name in names {
        let of = |map: &HeaderMap| map.get_all(name).iter().cloned().collect::<Vec<HeaderValue>>();
        let (row, then, now) = (of(row), of(then), of(now));
        let values = if row == then {
            now
        } else if now == then || row.is_empty() {
            row
        } else {
            let (then, now) = (joined(&then)?, joined(&now)?);
            let renewal = Renewal::new(&then, &now)?;
            let renewed = row.iter().map(|value| value.to_str().ok().map(|value| renewal.text(value)));
            let values = renewed.map(|text| HeaderValue::from_str(&text?).ok());
            values.collect::<Option<_>>()?
        };
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        values.into_iter().for_each(|value| {
            headers.append(name.clone(), value);
        });
    }
    Some(headers)
}

fn joined(values: &[HeaderValue]) -> Option<String> {
    let texts: Option<Vec<&str>> = values.iter().map(|value| value.to_str().ok()).collect();
    Some(texts?.join("\n"))
}

fn text(row: &str, then: &str, now: &str) -> Option<String> {
    Some(match () {
        () if row == then => now.to_owned(),
        () if now == then => row.to_owned(),
        () => Renewal::new(then, now)?.text(row),
    })
}

/// What became of the words of a text.
struct Renewal<'t>(BTreeMap<&'t str, &'t str>);

impl<'t> Renewal<'t> {
    /// Nothing where the texts have not the same number of words.
    fn new(then: &'t str, now: &'t str) -> Option<Renewal<'t>> {
        let (then, now): (Vec<_>, Vec<_>) = (words(then).collect(), words(now).collect());
        let same = then.len() == now.len();
        same.then(|| Renewal(then.into_iter().zip(now).filter(|(then, now)| then != now).collect()))
    }

    /// A text with its words renewed.
    fn text(&self, text: &str) -> String {
        let mut renewed = String::new();
        let mut rest = text;
        while let Some(first) = words(rest).next() {
            let Some((before, after)) = rest.split_once(first) else { break };
            renewed.push_str(before);
            renewed.push_str(&self.word(first));
            rest = after;
        }
        renewed + rest
    }

    /// A word, the start of one, one with something behind it, in another case, or a number as far from it as before.
    fn word(&self, word: &str) -> String {
        if let Some(now) = self.0.get(word) {
            return (*now).to_owned();
        }
        let longer = |then: &str| then.len() >= WORD && word.len() >= WORD;
        let found = self.0.iter().filter(|(then, _)| longer(then)).find_map(|(then, now)| {
            if word.eq_ignore_ascii_case(then) {
                let upper = word.bytes().any(|byte| byte.is_ascii_uppercase());
                return Some(if upper { now.to_ascii_uppercase() } else { now.to_ascii_lowercase() });
            }
            if let Some(more) = word.strip_prefix(then) {
                return Some(format!("{now}{more}"));
            }
            if then.starts_with(word) {
                return now.get(..word.len()).map(str::to_owned);
            }
            moved(word, then, now)
        });
        found.unwrap_or_else(|| word.to_owned())
    }
}

/// A number that lies as far from `now` as `word` does from `then`.
fn moved(word: &str, then: &str, now: &str) -> Option<String> {
    let number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok()).flatten()
    };
    let moved = number(word)?.checked_sub(number(then)?)?.checked_add(number(now)?)?;
    Some(moved.to_string()).filter(|text| text.len() == word.len() && word.len() == then.len())
}

/// Words of a value: numbers, names, hex and base64 with its signs, but for its padding.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let sign = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '_' | '-' | '%');
    text.split(move |letter| !sign(letter)).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    fn draft(signature: &'static str, body: &'static str) -> Draft {
        let mut draft = Draft::new(Method::POST, "/a?b=c", body);
        draft.headers.insert("x-sig", HeaderValue::from_static(signature));
        draft
    }

    /// What becomes of a header whose sibling was signed anew.
    fn renewed(row: &'static str) -> String {
        let (then, now) = (draft("t=1700000000,v1=0a1b2c3d", "x"), draft("t=1800000000,v1=99887766", "x"));
        let twin = twin(&draft(row, "y"), &then, &now).unwrap();
        assert_eq!(twin.body, "y");
        twin.headers["x-sig"].to_str().unwrap().to_owned()
    }

    #[test]
    fn what_sets_it_apart_is_kept_and_the_rest_is_new() {
        for (row, expected) in [
            ("t=1700000000,v1=0a1b2c3d", "t=1800000000,v1=99887766"),
            ("t=1700000000,v1=bad", "t=1800000000,v1=bad"),
            ("v0=0a1b2c3d,t=1700000000", "v0=99887766,t=1800000000"),
            ("t=1699999000,v1=0a1b2c3d", "t=1799999000,v1=99887766"),
            ("t=1700000000,v1=0a1b2c", "t=1800000000,v1=998877"),
            ("t=1700000000,v1=0a1b2c3d00", "t=1800000000,v1=9988776600"),
            ("t=1700000000,v1=0A1B2C3D", "t=1800000000,v1=99887766"),
            ("0a1b2c3d", "99887766"),
            ("", ""),
        ] {
            assert_eq!(renewed(row), expected, "{row}");
        }
    }

    #[test]
    fn what_is_missing_stays_missing() {
        let (then, now) = (draft("t=1700000000", "x"), draft("t=1800000000", "x"));
        let mut row = then.clone();
        row.headers.clear();
        row.target = "/a".to_owned();
        let twin = twin(&row, &then, &now).unwrap();
        assert!(twin.headers.is_empty());
        assert_eq!((twin.target.as_str(), &twin.body[..]), ("/a", &b"x"[..]));
    }

    #[test]
    fn a_body_that_was_signed_inside_is_renewed_as_well() {
        let twin = twin(
            &draft("s", "{\"sign\":\"aabbccdd\",\"n\":2}"),
            &draft("s", "{\"sign\":\"aabbccdd\",\"n\":1}"),
            &draft("s", "{\"sign\":\"eeff0011\",\"n\":1}"),
        );
        assert_eq!(twin.unwrap().body, "{\"sign\":\"eeff0011\",\"n\":2}");
        assert!(super::twin(&draft("s", "a"), &draft("s", "b c"), &draft("s", "b")).is_none());
    }
}
