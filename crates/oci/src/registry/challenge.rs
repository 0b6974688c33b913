//! Challenges: what a registry says it wants to be shown.
//!
//! Reads the `WWW-Authenticate` header by the grammar of RFC 9110, 11.6.1
//! (formerly RFC 7235, 2.1 and 4.1): several challenges in one header,
//! separated by the same commas as their parameters, quoted strings with
//! escapes, and the old `token68` form. What follows a fault is not read.

/// One challenge: a scheme and its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// The scheme, in lower case: `basic`, `bearer`.
    pub(crate) scheme: String,
    /// Names in lower case, and values without quotes.
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// Returns the first parameter of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Reads the challenges of one header's value.
pub(crate) fn parse(header: &str) -> Vec<Challenge> {
    let mut cursor = Cursor(header);
    let mut challenges: Vec<Challenge> = Vec::new();
    loop {
        cursor.skip(" \t,");
        let Some(word) = cursor.token() else { return challenges };
        match (cursor.value_after_equals(), challenges.last_mut()) {
            // `name=value` belongs to the challenge before it.
            (Value::Given(value), Some(challenge)) => {
                challenge.parameters.push((word.to_ascii_lowercase(), value));
            }
            (Value::Absent, _) => {
                let scheme = word.to_ascii_lowercase();
                challenges.push(Challenge { scheme, parameters: Vec::new() });
                cursor.skip_token68();
            }
            (Value::Given(_), None) | (Value::Faulty, _) => return challenges,
        }
    }
}

enum Value {
    Given(String),
    Absent,
    Faulty,
}

struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn skip(&mut self, characters: &str) {
        self.0 = self.0.trim_start_matches(|c| characters.contains(c));
    }

    /// Takes a `token` (RFC 9110, 5.6.2).
    fn token(&mut self) -> Option<&'a str> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let end = self.0.find(|c| !plain(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// Takes `=` and a value, with the white space that old senders put
    /// around it. Takes nothing if there is no `=`.
    fn value_after_equals(&mut self) -> Value {
        let Some(rest) = self.0.trim_start_matches([' ', '\t']).strip_prefix('=') else {
            return Value::Absent;
        };
        self.0 = rest.trim_start_matches([' ', '\t']);
        let value = match self.0.strip_prefix('"') {
            Some(quoted) => self.quoted(quoted),
            None => self.token().map(str::to_owned),
        };
        value.map_or(Value::Faulty, Value::Given)
    }

    /// Takes a quoted string whose first quote is gone (RFC 9110, 5.6.4).
    fn quoted(&mut self, text: &'a str) -> Option<String> {
        let mut value = String::new();
        let mut characters = text.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.0 = &text[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                c => value.push(c),
            }
        }
        None
    }

    /// Skips the `token68` that may stand after a scheme instead of
    /// parameters: a word up to a comma or the end.
    fn skip_token68(&mut self) {
        let word = self.0.trim_start_matches(' ');
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
        let end = word.trim_start_matches(plain).trim_start_matches('=');
        let after = end.trim_start_matches([' ', '\t']);
        if end.len() < word.len() && (after.is_empty() || after.starts_with(',')) {
            self.0 = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(header: &str, expected: &[(&str, &[(&str, &str)])]) {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let expected: Vec<_> = expected
            .iter()
            .map(|(scheme, parameters)| Challenge {
                scheme: (*scheme).to_owned(),
                parameters: parameters.iter().map(pair).collect(),
            })
            .collect();
        assert_eq!(parse(header), expected, "{header}");
    }

    #[test]
    fn every_form_is_read() {
        check("", &[]);
        check("Basic", &[("basic", &[])]);
        check(r#"Basic realm="x""#, &[("basic", &[("realm", "x")])]);
        check(
            r#"Bearer realm="https://a/t",service="s",scope="repository:a/b:pull,push""#,
            &[(
                "bearer",
                &[
                    ("realm", "https://a/t"),
                    ("service", "s"),
                    ("scope", "repository:a/b:pull,push"),
                ],
            )],
        );
        check(
            r#"Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple""#,
            &[
                ("newauth", &[("realm", "apps"), ("type", "1"), ("title", r#"Login to "apps""#)]),
                ("basic", &[("realm", "simple")]),
            ],
        );
        check(
            "Negotiate, Basic REALM = x , ,Bearer",
            &[("negotiate", &[]), ("basic", &[("realm", "x")]), ("bearer", &[])],
        );
        check(
            "Negotiate YWJj/+==, Bearer realm=r",
            &[("negotiate", &[]), ("bearer", &[("realm", "r")])],
        );
        check(
            r#"Basic realm="", charset=UTF-8"#,
            &[("basic", &[("realm", ""), ("charset", "UTF-8")])],
        );
    }

    #[test]
    fn what_follows_a_fault_is_not_read() {
        check(r#"Basic realm="x"#, &[("basic", &[])]);
        check(r#"realm="x", Basic"#, &[]);
        check("Basic realm=@, Bearer", &[("basic", &[])]);
        check("Basic realm=x; Bearer", &[("basic", &[("realm", "x")])]);
    }

    proptest! {
        #[test]
        fn quoted_values_come_back(values in prop::collection::vec("[ -~é]{0,12}", 1..5)) {
            let quote = |value: &String| {
                format!("\"{}\"", value.replace('\\', r"\\").replace('"', r#"\""#))
            };
            let parameters: Vec<_> = values.iter().map(|v| format!("k={}", quote(v))).collect();
            let header = format!("Bearer {}, Basic realm=r", parameters.join(", "));
            let challenges = parse(&header);
            let read: Vec<_> = challenges[0].parameters.iter().map(|(_, v)| v.clone()).collect();
            prop_assert_eq!(read, values);
            prop_assert_eq!(challenges[1].get("realm"), Some("r"));
        }

        #[test]
        fn no_header_panics(header: String, wild in "[A-Za-z=\", \\\\]{0,40}") {
            let _ = parse(&header);
            let _ = parse(&wild);
        }
    }
}
