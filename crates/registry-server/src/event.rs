//! What a server has to say while it runs.

use std::fmt;
use std::net::SocketAddr;

/// Something that happened. Printed, it is one line.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A request got its answer.
    Answered {
        /// Who asked.
        client: SocketAddr,
        /// How.
        method: String,
        /// For what: path and query, as they came.
        target: String,
        /// What came of it, by RFC 9110.
        status: u16,
        /// How many bytes the answer has, besides its head.
        length: u64,
    },
    /// A connection came to nothing.
    Failed {
        /// Who wanted it.
        client: SocketAddr,
        /// Why.
        reason: String,
    },
    /// Something of the tree cannot be read, and somebody asked for it.
    Unreadable {
        /// What, and why not.
        reason: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Answered { client, method, target, status, length } => {
                let target = shown(target);
                write!(f, "{client} {method} {target} {status} {length}")
            }
            Event::Failed { client, reason } => write!(f, "{client} {}", shown(reason)),
            Event::Unreadable { reason } => f.write_str(&shown(reason)),
        }
    }
}

/// Makes a stranger's text fit for a terminal: one line without commands to
/// it, and not a long one.
pub(crate) fn shown(text: &str) -> String {
    const LENGTH: usize = 1000;
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let mut shown: String = text.chars().take(LENGTH).map(plain).collect();
    if text.chars().nth(LENGTH).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_lines() {
        let client = "127.0.0.1:1".parse().unwrap();
        let answered = |target: &str| Event::Answered {
            client,
            method: "GET".into(),
            target: target.into(),
            status: 200,
            length: 7,
        };
        assert_eq!(answered("/v2/?n=1").to_string(), "127.0.0.1:1 GET /v2/?n=1 200 7");
        assert_eq!(answered("/\u{1b}\n\u{9b}").to_string(), "127.0.0.1:1 GET /��� 200 7");
        assert_eq!(answered(&"x".repeat(9999)).to_string().chars().count(), 16 + 1000 + 7);
        let failed = Event::Failed { client, reason: "why".into() };
        assert_eq!(failed.to_string(), "127.0.0.1:1 why");
        assert_eq!(Event::Unreadable { reason: "what".into() }.to_string(), "what");
    }
}
