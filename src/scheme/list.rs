//! The inside of a value: a list of elements, named elements, a literal prefix.

use super::field::Fault;
use crate::base::limits::MAX_LIST_ELEMENTS;

/// How a value stands in the text of its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Separator of the elements; `None`: the text is one value.
    pub list: Option<String>,
    /// `t=` where elements are named; only with `list`.
    pub key: Option<String>,
    /// Literal text before the value (after the key).
    pub prefix: Option<String>,
}

impl Shape {
    /// Whether the whole text is the value.
    pub fn is_plain(&self) -> bool {
        self.list.is_none() && self.prefix.is_none()
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
        if !separator.contains(',') && text.contains(", ") {
            return Err(Fault::Repeated);
        }
        for (index, element) in text.split(separator.as_str()).enumerate() {
            if index >= MAX_LIST_ELEMENTS {
                return Err(Fault::Malformed);
            }
            let element = element.trim_matches([' ', '\t']);
            if let Some(value) = self.strip(element).filter(|_| !element.is_empty()) {
                take(value);
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
        self.each(text, |value| repeated |= found.replace(value).is_some())?;
        match found {
            Some(_) if repeated => Err(Fault::Repeated),
            Some(value) => Ok(value),
            None => Err(Fault::Missing),
        }
    }

    /// Writes `value` as it stands in its place, behind what other fields have put there.
    pub fn write(&self, before: Option<&str>, value: &str) -> String {
        let key = self.key.as_deref().unwrap_or_default();
        let prefix = self.prefix.as_deref().unwrap_or_default();
        match (before, &self.list) {
            (Some(before), Some(separator)) => format!("{before}{separator}{key}{prefix}{value}"),
            _ => format!("{key}{prefix}{value}"),
        }
    }

    fn strip<'t>(&self, text: &'t str) -> Option<&'t str> {
        let text = text.strip_prefix(self.key.as_deref().unwrap_or_default())?;
        text.strip_prefix(self.prefix.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(list: Option<&str>, key: Option<&str>, prefix: Option<&str>) -> Shape {
        let own = |text: Option<&str>| text.map(String::from);
        Shape { list: own(list), key: own(key), prefix: own(prefix) }
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
}
