//! HTTP/1.1 messages by hand: read, changed, and written as they are, for
//! servers that break what a library would put right.

use std::io::{BufRead, Read};

/// The first line and the fields of a request or an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub(crate) first: String,
    /// Names, in lower case, and values.
    pub(crate) fields: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn new(first: impl Into<String>) -> Head {
        Head { first: first.into(), fields: Vec::new() }
    }

    /// Reads one; `None` where the connection ends.
    pub(crate) fn read(from: &mut impl BufRead) -> Option<Head> {
        let mut head = Head::default();
        loop {
            let mut line = String::new();
            if from.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match (line.trim_end(), head.first.is_empty()) {
                ("", _) => return Some(head),
                (first, true) => head.first = first.to_owned(),
                (field, false) => {
                    let (name, value) = field.split_once(':')?;
                    head.fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                }
            }
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Puts this value in the place of those that are there.
    pub(crate) fn set(&mut self, name: &str, value: impl ToString) {
        self.remove(name);
        self.fields.push((name.to_owned(), value.to_string()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.fields.retain(|(key, _)| key != name);
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.first);
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }

    /// The length of the body, if it is stated.
    pub(crate) fn length(&self) -> u64 {
        self.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn word(&self, number: usize) -> &str {
        self.first.split(' ').nth(number).unwrap_or_default()
    }

    /// A request's method.
    pub(crate) fn method(&self) -> &str {
        self.word(0)
    }

    /// A request's path and query.
    pub(crate) fn target(&self) -> &str {
        self.word(1)
    }

    /// A request's path.
    pub(crate) fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }

    /// A parameter of a request's query, as it stands there.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target().split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// An answer's status.
    pub(crate) fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or(0)
    }
}

/// Reads the body of the answer to a request of this method.
pub(crate) fn read_body(from: &mut impl BufRead, answer: &Head, method: &str) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    if method == "HEAD" || matches!(answer.status(), 204 | 304) {
        return Some(body);
    }
    if answer.get("transfer-encoding") != Some("chunked") {
        body.resize(answer.length() as usize, 0);
        from.read_exact(&mut body).ok()?;
        return Some(body);
    }
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok()?;
        let length = u64::from_str_radix(line.trim(), 16).ok()?;
        from.take(length).read_to_end(&mut body).ok()?;
        from.read_line(&mut String::new()).ok()?;
        if length == 0 {
            return Some(body);
        }
    }
}
