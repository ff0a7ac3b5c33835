//! The inside of a value: a list of elements, named or counted elements, a literal prefix.

use super::field::Fault;
use crate::base::limits::MAX_LIST_ELEMENTS;
use std::borrow::Cow;

/// How a value stands in the text of its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Separator of lists, where there are several of them; only with `list`.
    pub group: Option<String>,
    /// Separator of the elements; `None`: the text is one value.
    pub list: Option<String>,
    /// `t=` where elements are named; only with `list`.
    pub key: Option<String>,
    /// Which elements count, where they are counted; only with `list`.
    pub position: Option<Position>,
    /// Literal text before the value (after the key).
    pub prefix: Option<String>,
    /// Literal text behind the value.
    pub suffix: Option<String>,
}

/// Elements by their number, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The first.
    pub from: usize,
    /// Whether all behind it count as well.
    pub open: bool,
}

impl Position {
    /// `1`, or `1..`.
    pub fn parse(text: &str) -> Option<Position> {
        let (number, open) = text.strip_suffix("..").map_or((text, false), |number| (number, true));
        let from = number.parse().ok().filter(|from| *from < MAX_LIST_ELEMENTS)?;
        number.bytes().all(|byte| byte.is_ascii_digit()).then_some(Position { from, open })
    }

    fn holds(self, at: usize) -> bool {
        at == self.from || self.open && at > self.from
    }
}

impl Shape {
    /// Whether the whole text is the value.
    pub fn is_plain(&self) -> bool {
        self.list.is_none() && self.prefix.is_none() && self.suffix.is_none()
    }

    /// Calls `take` with each value in `text`. In a list, white space around elements is dropped, and
    /// empty elements and those of another key or prefix are passed over.
    ///
    /// # Errors
    /// [`Fault::Malformed`] when a single value lacks the prefix, or a list has more than
    /// [`MAX_LIST_ELEMENTS`] elements; [`Fault::Repeated`] when it was joined from two field lines.
    pub fn each<'t>(&self, text: &'t str, mut take: impl FnMut(&'t str)) -> Result<(), Fault> {
        let Some(separator) = &self.list else {
            take(self.strip(text).ok_or(Fault::Malformed)?);
            return Ok(());
        };
        // Two field lines that something on the way joined (RFC 9110 section 5.3).
        let comma = |separator: &str| separator.contains(',');
        if !comma(separator) && !self.group.as_deref().is_some_and(comma) && text.contains(", ") {
            return Err(Fault::Repeated);
        }
        let mut count = 0;
        let whole = [text];
        let groups: Box<dyn Iterator<Item = &'t str>> = match &self.group {
            Some(group) => Box::new(text.split(group.as_str())),
            None => Box::new(whole.into_iter()),
        };
        for group in groups {
            for (index, element) in group.split(separator.as_str()).enumerate() {
                count += 1;
                if count > MAX_LIST_ELEMENTS {
                    return Err(Fault::Malformed);
                }
                let element = element.trim_matches([' ', '\t']);
                let counts = self.position.is_none_or(|position| position.holds(index));
                if let Some(value) = self.strip(element).filter(|_| counts && !element.is_empty()) {
                    take(value);
                }
            }
        }
        Ok(())
    }

    /// The one value in `text`.
    ///
    /// # Errors
    /// As [`Shape::each`], and [`Fault::Missing`] or [`Fault::Repeated`] when there is none or more than one.
    pub fn one<'t>(&self, text: &'t str) -> Result<&'t str, Fault> {
        let (mut found, mut repeated) = (None, false);
        // Lists of a group may each say it, as long as they say the same.
        let grouped = self.group.is_some();
        self.each(text, |value| {
            repeated |= found.replace(value).is_some_and(|before| !grouped || before != value);
        })?;
        match found {
            Some(_) if repeated => Err(Fault::Repeated),
            Some(value) => Ok(value),
            None => Err(Fault::Missing),
        }
    }

    /// Writes `value` as it stands in its place, with what other fields have put there.
    pub fn write(&self, before: Option<&str>, value: &str) -> String {
        let key = self.key.as_deref().unwrap_or_default();
        let prefix = self.prefix.as_deref().unwrap_or_default();
        let suffix = self.suffix.as_deref().unwrap_or_default();
        let element = format!("{key}{prefix}{value}{suffix}");
        match (before, &self.list, self.position) {
            (before, Some(separator), Some(position)) => {
                let mut elements: Vec<Cow<'_, str>> = before
                    .into_iter()
                    .flat_map(|before| before.split(separator.as_str()))
                    .map(Cow::from)
                    .collect();
                elements.resize(elements.len().max(position.from + 1), Cow::Borrowed(""));
                if let Some(place) = elements.get_mut(position.from) {
                    *place = Cow::Owned(element);
                }
                elements.join(separator)
            }
            (Some(before), Some(separator), None) => {
                let mut elements: Vec<&str> = before.split(separator.as_str()).collect();
                // What is already said of this name is said anew.
                elements.retain(|known| self.key.is_none() || self.strip(known).is_none());
                elements.push(&element);
                elements.join(separator)
            }
            _ => element,
        }
    }

    fn strip<'t>(&self, text: &'t str) -> Option<&'t str> {
        let text = text.strip_prefix(self.key.as_deref().unwrap_or_default())?;
        let text = text.strip_prefix(self.prefix.as_deref().unwrap_or_default())?;
        text.strip_suffix(self.suffix.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(list: Option<&str>, key: Option<&str>, prefix: Option<&str>) -> Shape {
        let own = |text: Option<&str>| text.map(String::from);
        Shape { list: own(list), key: own(key), prefix: own(prefix), ..Shape::default() }
    }

    fn all(shape: &Shape, text: &str) -> Result<Vec<String>, Fault> {
        let mut found = Vec::new();
        shape.each(text, |value| found.push(value.to_owned()))?;
        Ok(found)
    }

    #[test]
    fn a_single_value_needs_its_prefix() {
        let github = shape(None, None, Some("sha256="));
        assert_eq!(github.one("sha256=ab"), Ok("ab"));
        for bad in ["ab", "sha1=ab", "SHA256=ab", " sha256=ab", "sha256", ""] {
            assert_eq!(github.one(bad), Err(Fault::Malformed), "{bad}");
        }
        assert_eq!(shape(None, None, None).one(""), Ok(""));
    }

    #[test]
    fn named_elements_stand_once() {
        let t = shape(Some(","), Some("t="), None);
        assert_eq!(t.one("t=1,v1=a"), Ok("1"));
        assert_eq!(t.one("v1=a, \tt=1 "), Ok("1"));
        assert_eq!(t.one("v1=a,tt=1,T=1,t"), Err(Fault::Missing));
        assert_eq!(t.one("t=1,t=1"), Err(Fault::Repeated));
        assert_eq!(t.one(""), Err(Fault::Missing));
    }

    #[test]
    fn values_stand_in_quotes() {
        let quoted = |key: &str| {
            let [prefix, suffix] = ["\""; 2].map(|quote| Some(quote.to_owned()));
            Shape { suffix, prefix, ..shape(Some(","), Some(key), None) }
        };
        let text = "keyid=\"a=b\", signature=\"YQ==\"";
        assert_eq!((quoted("keyid=").one(text), quoted("signature=").one(text)), (Ok("a=b"), Ok("YQ==")));
        assert_eq!(quoted("keyid=").one("keyid=\"a"), Err(Fault::Missing));
        assert_eq!(quoted("a=").write(Some("b=\"1\""), "2"), "b=\"1\",a=\"2\"");
    }

    #[test]
    fn other_versions_are_passed_over() {
        let v1 = shape(Some(" "), None, Some("v1,"));
        assert_eq!(all(&v1, "v2,x v1,a  v1a,y v1,b").unwrap(), ["a", "b"]);
        assert!(all(&v1, "v2,x").unwrap().is_empty());
        assert_eq!(all(&v1, "v1,a, v1,b"), Err(Fault::Repeated));
    }

    #[test]
    fn a_list_is_looked_at_up_to_the_limit() {
        let v1 = shape(Some(","), Some("v1="), None);
        let list = |count: usize| vec!["v1=a"; count].join(",");
        assert_eq!(all(&v1, &list(MAX_LIST_ELEMENTS)).unwrap().len(), MAX_LIST_ELEMENTS);
        assert_eq!(all(&v1, &list(MAX_LIST_ELEMENTS + 1)), Err(Fault::Malformed));
    }

    #[test]
    fn what_is_written_is_read() {
        let t = shape(Some(","), Some("t="), None);
        let v1 = shape(Some(","), Some("v1="), Some("x"));
        let text = v1.write(Some(&t.write(None, "5")), "ab");
        assert_eq!(text, "t=5,v1=xab");
        assert_eq!((t.one(&text), v1.one(&text)), (Ok("5"), Ok("ab")));
    }

    #[test]
    fn elements_are_counted() {
        let at = |text: &str| Shape { position: Position::parse(text), ..shape(Some("|"), None, None) };
        assert_eq!(at("1").one("a|b|c"), Ok("b"));
        assert_eq!(all(&at("1.."), "a|b|c").unwrap(), ["b", "c"]);
        assert_eq!(at("3").one("a|b|c"), Err(Fault::Missing));
        assert_eq!(at("1").write(Some(&at("0").write(None, "x")), "y"), "x|y");
        for bad in ["", "-1", "+1", "..", "1..2", "100"] {
            assert_eq!(Position::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn lists_stand_in_groups() {
        let grouped = Shape { group: Some(" ".into()), ..shape(Some(","), Some("v1="), None) };
        assert_eq!(all(&grouped, "t=1,v1=a t=1,v1=b").unwrap(), ["a", "b"]);
        let second =
            Shape { group: Some("&".into()), position: Position::parse("1"), ..shape(Some("|"), None, None) };
        assert_eq!(all(&second, "k|a&l|b").unwrap(), ["a", "b"]);
    }
}
