//! Path patterns: exact, with one-segment captures, or with a trailing `/*`.

use crate::http::Captures;
use crate::http::target::Target;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Longest value of a capture, bytes.
const MAX_CAPTURE: usize = 128;

/// Longest literal segment, bytes.
const MAX_SEGMENT: usize = 1024;

/// A parsed `path` of a source: `/hooks/github`, `/hooks/{tenant}/github` or `/legacy/*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: Arc<str>,
    segments: Vec<Segment>,
    tail: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Capture(Arc<str>),
}

/// Why a text is no path pattern; `Display` is a sentence for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternFlaw {
    /// It does not begin with `/`.
    NoSlash,
    /// A byte that a normal-form path cannot hold, or a form that the gate refuses.
    NotNormal,
    /// `{` or `}` that is not one whole segment, or a bad name.
    Capture,
    /// The same capture twice.
    Repeated,
    /// `*` elsewhere than as the last segment.
    Star,
    /// A name that the path of the source does not capture.
    UnknownCapture,
}

impl PathPattern {
    /// Parses a pattern. Literal parts must be in the normal form that the gate lets through.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(text: &str) -> Result<PathPattern, PatternFlaw> {
        let inner = text.strip_prefix('/').ok_or(PatternFlaw::NoSlash)?;
        let (inner, tail) = match inner.strip_suffix('*') {
            Some("") => ("", true),
            Some(rest) => (rest.strip_suffix('/').ok_or(PatternFlaw::Star)?, true),
            None => (inner, false),
        };
        let mut segments = Vec::new();
        if !(tail && inner.is_empty()) {
            let last = inner.split('/').count() - 1;
            for (index, segment) in inner.split('/').enumerate() {
                segments.push(parse_segment(segment, index == last && !tail)?);
            }
        }
        if has_duplicates(&segments) {
            return Err(PatternFlaw::Repeated);
        }
        Ok(PathPattern { text: text.into(), segments, tail })
    }

    /// As written in the policy file.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether only one path matches.
    pub fn is_exact(&self) -> bool {
        !self.tail && self.segments.iter().all(|segment| matches!(segment, Segment::Literal(_)))
    }

    /// The captures of `path`, or nothing where it does not match. Bytes are compared as they are.
    pub fn matches(&self, path: &str) -> Option<Captures> {
        if !self.literals_match(path) {
            return None;
        }
        let mut rest = path.strip_prefix('/');
        let mut captures = Captures::new();
        for segment in &self.segments {
            let (found, after) = next_segment(rest?);
            if let Segment::Capture(name) = segment {
                captures
                    .push((name.clone(), Some(found).filter(|found| is_capture_value(found))?.to_owned()));
            }
            rest = after;
        }
        (self.tail == rest.is_some()).then_some(captures)
    }

    /// Whether the literal segments are there: the cheap question, asked of every pattern until one answers.
    fn literals_match(&self, path: &str) -> bool {
        let mut rest = path.strip_prefix('/');
        self.segments.iter().all(|segment| {
            let Some((found, after)) = rest.map(next_segment) else {
                return false;
            };
            rest = after;
            !matches!(segment, Segment::Literal(literal) if literal != found)
        })
    }

    /// What follows the `/*` of this pattern in a path that matches it; empty without `/*`.
    pub fn tail_of<'p>(&self, path: &'p str) -> &'p str {
        if !self.tail {
            return "";
        }
        let mut rest = path.strip_prefix('/').unwrap_or(path);
        for _ in &self.segments {
            rest = rest.split_once('/').map_or("", |(_, after)| after);
        }
        rest
    }

    /// Most specific first: literal before capture before `/*`, from the left.
    /// `Equal` means that the two match the same paths.
    pub fn specificity(&self, other: &PathPattern) -> Ordering {
        let mut theirs = other.segments.iter();
        for mine in &self.segments {
            let order = match (mine, theirs.next()) {
                (Segment::Literal(a), Some(Segment::Literal(b))) => a.cmp(b),
                (Segment::Literal(_), Some(Segment::Capture(_))) => Ordering::Less,
                (Segment::Capture(_), Some(Segment::Literal(_))) => Ordering::Greater,
                (Segment::Capture(_), Some(Segment::Capture(_))) => Ordering::Equal,
                (_, None) => Ordering::Less,
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        if theirs.next().is_some() { Ordering::Greater } else { self.tail.cmp(&other.tail) }
    }

    /// Whether there is a path that both match.
    pub fn overlaps(&self, other: &PathPattern) -> bool {
        let pairs = self.segments.iter().zip(&other.segments);
        let alike = |(mine, theirs): (&Segment, &Segment)| match (mine, theirs) {
            (Segment::Literal(mine), Segment::Literal(theirs)) => mine == theirs,
            (Segment::Literal(text), Segment::Capture(_)) | (Segment::Capture(_), Segment::Literal(text)) => {
                is_capture_value(text)
            }
            (Segment::Capture(_), Segment::Capture(_)) => true,
        };
        let long_enough = match (self.tail, other.tail) {
            (false, false) => self.segments.len() == other.segments.len(),
            (false, true) => self.segments.len() > other.segments.len(),
            (true, false) => self.segments.len() < other.segments.len(),
            (true, true) => true,
        };
        long_enough && pairs.into_iter().all(alike)
    }

    /// The names of the captures.
    pub fn captures(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Capture(name) => Some(&**name),
            Segment::Literal(_) => None,
        })
    }
}

/// The first segment, and what follows the slash behind it.
fn next_segment(path: &str) -> (&str, Option<&str>) {
    match path.split_once('/') {
        Some((segment, after)) => (segment, Some(after)),
        None => (path, None),
    }
}

fn parse_segment(segment: &str, last: bool) -> Result<Segment, PatternFlaw> {
    if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        return if !name.is_empty() && name.bytes().all(word) {
            Ok(Segment::Capture(name.into()))
        } else {
            Err(PatternFlaw::Capture)
        };
    }
    if segment.contains(['{', '}']) {
        return Err(PatternFlaw::Capture);
    }
    if segment.contains('*') {
        return Err(PatternFlaw::Star);
    }
    let normal = !segment.contains('?') && Target::parse(&format!("/{segment}"), MAX_SEGMENT).is_ok();
    if (segment.is_empty() && !last) || !normal {
        return Err(PatternFlaw::NotNormal);
    }
    Ok(Segment::Literal(segment.to_owned()))
}

fn has_duplicates(segments: &[Segment]) -> bool {
    segments.iter().enumerate().any(|(index, segment)| {
        matches!(segment, Segment::Capture(_))
            && segments.iter().skip(index + 1).any(|other| other == segment)
    })
}

/// `[A-Za-z0-9._~-]{1,128}`.
fn is_capture_value(value: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-');
    (1..=MAX_CAPTURE).contains(&value.len()) && value.bytes().all(allowed)
}

/// A parsed `upstream_path`: text with `{capture}` and a trailing `/*` that stands for the source's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate(PathPattern);

impl PathTemplate {
    /// Parses a template for a source whose path is `pattern`.
    ///
    /// # Errors
    /// As [`PathPattern::parse`]; also captures and a `/*` that `pattern` does not have.
    pub fn parse(text: &str, pattern: &PathPattern) -> Result<PathTemplate, PatternFlaw> {
        let template = PathPattern::parse(text)?;
        if template.tail && !pattern.tail {
            return Err(PatternFlaw::Star);
        }
        if template.captures().any(|name| pattern.captures().all(|known| known != name)) {
            return Err(PatternFlaw::UnknownCapture);
        }
        Ok(PathTemplate(template))
    }

    /// As written in the policy file.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The paths that it makes, or some more.
    pub fn pattern(&self) -> &PathPattern {
        &self.0
    }

    /// The path for the upstream; `tail` is what followed the `/*` of the source.
    pub fn fill(&self, captures: &Captures, tail: &str) -> String {
        let mut path = String::with_capacity(self.0.text.len() + tail.len());
        for segment in &self.0.segments {
            path.push('/');
            path.push_str(match segment {
                Segment::Literal(literal) => literal,
                Segment::Capture(name) => {
                    captures.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
                }
            });
        }
        if self.0.tail {
            path.push('/');
            path.push_str(tail);
        }
        path
    }
}

impl fmt::Display for PatternFlaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            PatternFlaw::NoSlash => "a path begins with `/`",
            PatternFlaw::NotNormal => {
                "a path is written in normal form: no empty, `.` or `..` segments, no query, and only bytes that a URL may hold"
            }
            PatternFlaw::Capture => "a capture is one whole segment, `{name}` with lower-case letters, digits and `_`",
            PatternFlaw::Repeated => "the same capture stands twice",
            PatternFlaw::Star => "`*` stands only at the end, after `/`, and needs one in `path`",
            PatternFlaw::UnknownCapture => "`path` does not capture this name",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> PathPattern {
        PathPattern::parse(text).unwrap()
    }

    #[test]
    fn patterns_match_raw_bytes() {
        assert!(pattern("/hooks/github").matches("/hooks/github").is_some());
        for other in ["/hooks/github/", "/Hooks/github", "/hooks", "/hooks/github/x", "/hooks/githu"] {
            assert!(pattern("/hooks/github").matches(other).is_none(), "{other}");
        }
        assert!(pattern("/").matches("/").is_some());
        assert!(pattern("/a/").matches("/a/").is_some());
        assert!(pattern("/a/").matches("/a").is_none());
    }

    #[test]
    fn captures_are_one_bounded_segment() {
        let tenant = pattern("/hooks/{tenant}/github");
        assert_eq!(
            tenant.matches("/hooks/acme-1/github"),
            Some(vec![("tenant".into(), "acme-1".to_owned())])
        );
        for other in ["/hooks//github", "/hooks/a/b/github", "/hooks/a%20b/github", "/hooks/a;b/github"] {
            assert!(tenant.matches(other).is_none(), "{other}");
        }
        assert!(tenant.matches(&format!("/hooks/{}/github", "a".repeat(129))).is_none());
    }

    #[test]
    fn a_trailing_star_takes_the_rest() {
        let open = pattern("/open/*");
        assert!(open.matches("/open/").is_some());
        assert!(open.matches("/open/a/b").is_some());
        assert!(open.matches("/open").is_none());
        assert_eq!(open.tail_of("/open/a/b"), "a/b");
        assert!(pattern("/*").matches("/anything/at/all").is_some());
        assert_eq!(pattern("/*").tail_of("/x/y"), "x/y");
    }

    #[test]
    fn order_is_literal_capture_star() {
        use Ordering::{Equal, Less};
        assert_eq!(pattern("/a/b").specificity(&pattern("/a/{x}")), Less);
        assert_eq!(pattern("/a/{x}").specificity(&pattern("/a/*")), Less);
        assert_eq!(pattern("/a/b/*").specificity(&pattern("/a/*")), Less);
        assert_eq!(pattern("/a/{x}").specificity(&pattern("/a/{y}")), Equal);
        assert_eq!(pattern("/a/b").specificity(&pattern("/a/b")), Equal);
    }

    #[test]
    fn patterns_that_share_a_path_overlap() {
        for (one, other, shared) in [
            ("/a", "/a", true),
            ("/a", "/b", false),
            ("/a", "/a/", false),
            ("/{x}", "/a", true),
            ("/{x}", "/a%20b", false),
            ("/{x}/a", "/b/{y}", true),
            ("/*", "/a", true),
            ("/a/*", "/a", false),
            ("/a/*", "/a/", true),
            ("/a/*", "/a/b/*", true),
            ("/a/*", "/b/*", false),
            ("/*", "/*", true),
        ] {
            assert_eq!(pattern(one).overlaps(&pattern(other)), shared, "{one} {other}");
            assert_eq!(pattern(other).overlaps(&pattern(one)), shared, "{other} {one}");
        }
    }

    #[test]
    fn bad_patterns_are_named() {
        for (text, flaw) in [
            ("hooks", PatternFlaw::NoSlash),
            ("", PatternFlaw::NoSlash),
            ("/a//b", PatternFlaw::NotNormal),
            ("/a/../b", PatternFlaw::NotNormal),
            ("/a?x=1", PatternFlaw::NotNormal),
            ("/a b", PatternFlaw::NotNormal),
            ("/a/x{t}", PatternFlaw::Capture),
            ("/a/{}", PatternFlaw::Capture),
            ("/{a}/{a}", PatternFlaw::Repeated),
            ("/a*", PatternFlaw::Star),
            ("/*/a", PatternFlaw::Star),
        ] {
            assert_eq!(PathPattern::parse(text), Err(flaw), "{text}");
        }
    }

    #[test]
    fn templates_are_filled() {
        let source = pattern("/hooks/{tenant}/*");
        let template = PathTemplate::parse("/in/{tenant}/*", &source).unwrap();
        let captures = source.matches("/hooks/acme/a/b").unwrap();
        assert_eq!(template.fill(&captures, source.tail_of("/hooks/acme/a/b")), "/in/acme/a/b");
        assert_eq!(PathTemplate::parse("/x", &source).unwrap().fill(&captures, "a"), "/x");
        assert_eq!(PathTemplate::parse("/{who}", &source), Err(PatternFlaw::UnknownCapture));
        assert_eq!(PathTemplate::parse("/x/*", &pattern("/y")), Err(PatternFlaw::Star));
    }
}
