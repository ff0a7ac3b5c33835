//! The fields of a `multipart/form-data` body (RFC 7578), read strictly: what a signature stands in
//! must have one reading.

use super::content::Pairs;
use crate::base::limits::MAX_FORM_FIELDS;

/// The boundary that a Content-Type names (RFC 2046 section 5.1.1).
pub fn boundary(content_type: &str) -> Option<&str> {
    let mut found = None;
    for parameter in content_type.split(';').skip(1) {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        if name.trim().eq_ignore_ascii_case("boundary") {
            let value = value.trim();
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            if found.replace(value).is_some() {
                return None;
            }
        }
    }
    found.filter(|boundary| (1..=70).contains(&boundary.len()) && !boundary.contains(['"', '\\']))
}

/// Names and values in order, without files. `None` when anything is out of order.
pub fn read(body: &[u8], boundary: &str) -> Option<Pairs> {
    let mut fields = Pairs::new();
    let first = format!("--{boundary}");
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(first.as_bytes())?;
    loop {
        if let Some(end) = rest.strip_prefix(b"--") {
            return matches!(end, b"" | b"\r\n").then_some(fields);
        }
        let part = rest.strip_prefix(b"\r\n")?;
        let head_end = find(part, b"\r\n\r\n")?;
        let (head, value) = (part.get(..head_end)?, part.get(head_end + 4..)?);
        let value_end = find(value, delimiter.as_bytes())?;
        if let Some(name) = name(std::str::from_utf8(head).ok()?)? {
            if fields.len() >= MAX_FORM_FIELDS {
                return None;
            }
            fields.push((name.as_bytes().to_vec(), value.get(..value_end)?.to_vec()));
        }
        rest = value.get(value_end + delimiter.len()..)?;
    }
}

/// Writes what [`read`] reads.
pub fn write(pairs: &Pairs, boundary: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in pairs {
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"");
        body.extend_from_slice(&[head.as_bytes(), name, b"\"\r\n\r\n", value, b"\r\n"].concat());
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

/// The field's name; `Some(None)` for a file.
fn name(head: &str) -> Option<Option<&str>> {
    let mut dispositions = head.split("\r\n").filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then_some(value.trim())
    });
    let (disposition, None) = (dispositions.next()?, dispositions.next()) else { return None };
    let mut parameters = disposition.split(';').map(str::trim);
    if !parameters.next()?.eq_ignore_ascii_case("form-data") {
        return None;
    }
    let (mut name, mut file) = (None, false);
    for parameter in parameters {
        let (key, value) = parameter.split_once('=')?;
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        match key.to_ascii_lowercase().as_str() {
            "name" if name.replace(value).is_some() || value.contains(['"', '\\']) => return None,
            "filename" | "filename*" => file = true,
            _ => {}
        }
    }
    name.map(|name| (!file).then_some(name))
}

fn find(text: &[u8], mark: &[u8]) -> Option<usize> {
    text.windows(mark.len()).position(|window| window == mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str) -> Option<Vec<(String, String)>> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        read(body.as_bytes(), "b")
            .map(|pairs| pairs.into_iter().map(|(name, value)| (text(name), text(value))).collect())
    }

    const A: &str = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n";

    #[test]
    fn fields_are_read_and_files_passed_over() {
        let file = "--b\r\ncontent-disposition: form-data; name=\"f\"; filename=\"x\"\r\nContent-Type: text/plain\r\n\r\nno\r\n";
        let found = texts(&format!("{A}{file}{A}--b--\r\n")).unwrap();
        assert_eq!(found, [("a".into(), "one".into()), ("a".into(), "one".into())]);
        assert_eq!(texts(&format!("{A}--b--")).unwrap().len(), 1);
        let written = write(&vec![(b"x".to_vec(), b"y\r\n".to_vec())], "b");
        assert_eq!(read(&written, "b"), Some(vec![(b"x".to_vec(), b"y\r\n".to_vec())]));
    }

    #[test]
    fn what_is_out_of_order_is_no_form() {
        for body in [
            "",
            "--b",
            "--c--\r\n",
            A,
            &format!("x{A}--b--\r\n"),
            &format!("{A}--b--\r\nmore"),
            &A.replace("name=\"a\"", ""),
            &format!("{}--b--", A.replace("name=\"a\"", "name=\"a\"; name=\"b\"")),
            &format!("{}--b--", A.replace("form-data", "attachment")),
        ] {
            assert_eq!(texts(body), None, "{body}");
        }
    }

    #[test]
    fn boundaries() {
        assert_eq!(boundary("multipart/form-data; boundary=abc"), Some("abc"));
        assert_eq!(boundary("multipart/form-data; charset=x; Boundary=\"a b\""), Some("a b"));
        for bad in ["multipart/form-data", "m/f; boundary=", "m/f; boundary=a; boundary=b"] {
            assert_eq!(boundary(bad), None, "{bad}");
        }
    }
}
