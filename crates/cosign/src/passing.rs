//! Failures that pass: a registry or a service of Sigstore that had enough,
//! or was out for a moment. They are waited for and tried again.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use host::{RunError, RunErrorKind};

/// How failures that may pass are met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How often one call is tried at most.
    pub attempts: u32,
    /// The pause before the second try, about; it doubles from then on.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// The longest pause that a server may ask for; one that asks for more is
    /// given up.
    pub asked: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            attempts: 7,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            asked: Duration::from_secs(300),
        }
    }
}

/// A pause before a call is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// What the call was about.
    pub what: String,
    /// What passes, as cosign said it.
    pub why: String,
    /// How long the pause is.
    pub pause: Duration,
}

/// What servers say that had enough or are out, in the words of cosign and of
/// Go's libraries; in lower case. Codes of registries are those of the
/// distribution specification.
const PASSING: [&str; 20] = [
    "toomanyrequests",
    "too many requests",
    "status code 429",
    "status: 429",
    "[429]",
    "[502]",
    "[503]",
    "rate limit",
    "retry-after",
    "status code 503",
    "service unavailable",
    "status code 502",
    "bad gateway",
    "status code 504",
    "gateway timeout",
    "connection reset by peer",
    "tls handshake timeout",
    "i/o timeout",
    "code = unavailable",
    "code = resourceexhausted",
];

/// Returns the line of a failed call that says that the failure may pass.
pub(crate) fn why(error: &RunError) -> Option<&str> {
    if !matches!(error.kind, RunErrorKind::Exited(_)) {
        return None;
    }
    error.stderr.lines().rev().find(|line| {
        let line = line.to_lowercase();
        PASSING.iter().any(|phrase| line.contains(phrase))
    })
}

/// Returns the seconds that a line says to wait: what follows `retry-after`
/// or `retry after`, with a unit or without.
fn asked(line: &str) -> Option<Duration> {
    let line = line.to_lowercase();
    let at = ["retry-after", "retry after"]
        .iter()
        .find_map(|word| line.find(word).map(|at| at + word.len()))?;
    let rest = line[at..].trim_start_matches(|c: char| !c.is_ascii_digit() && c != '\n');
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let number: u64 = rest[..end].parse().ok()?;
    match rest[end..].trim_start() {
        rest if rest.starts_with("ms") => Some(Duration::from_millis(number)),
        rest if rest.starts_with('m') => Some(Duration::from_secs(number.saturating_mul(60))),
        _ => Some(Duration::from_secs(number)),
    }
}

impl Patience {
    /// Returns the pause after try number `tried` (from 1) that failed with
    /// this line; `None` if there is to be no other.
    pub(crate) fn pause(&self, tried: u32, line: &str) -> Option<Duration> {
        let asked = asked(line);
        if tried >= self.attempts || asked.is_some_and(|pause| pause > self.asked) {
            return None;
        }
        let doubled = self.first.saturating_mul(1 << (tried - 1).min(16)).min(self.longest);
        // A part is random, so that those who were sent away do not return
        // together.
        let part = doubled / 2;
        Some(asked.unwrap_or(part).saturating_add(part.mul_f64(random())))
    }
}

/// A number from 0 to 1; the standard library's hash keys are random.
fn random() -> f64 {
    let bits = RandomState::new().hash_one(0);
    f64::from((bits >> 32) as u32) / f64::from(u32::MAX)
}

/// Sleeps, but not when the user wants the program to end. Returns whether
/// it slept to the end.
pub(crate) fn sleep(pause: Duration) -> bool {
    const MOMENT: Duration = Duration::from_millis(50);
    let until = Instant::now() + pause;
    while !host::interrupted() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(MOMENT));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn failed(stderr: &str) -> RunError {
        RunError {
            command: "cosign".into(),
            kind: RunErrorKind::Exited(1),
            stderr: stderr.into(),
            stdout: String::new(),
            source: None,
        }
    }

    #[test]
    fn what_passes_is_known_by_its_words() {
        let cases = [
            ("Error: signing [r/a@sha256:0]: GET https://r/v2/: TOOMANYREQUESTS: slow down", true),
            ("error: PUT https://r/v2/a: unexpected status code 429 Too Many Requests", true),
            ("main.go:1: unexpected status code 503 Service Unavailable", true),
            ("first\nread tcp 1.2.3.4:1->5.6.7.8:443: read: connection reset by peer\nlast", true),
            ("Post \"https://rekor.sigstore.dev\": net/http: TLS handshake timeout", true),
            ("[POST /api/v1/log/entries][429] createLogEntry default", true),
            ("rpc error: code = Unavailable desc = upstream", true),
            ("Error: reading key: unexpected EOF", false),
            ("Error: UNAUTHORIZED: authentication required; [map[Action:push]]", false),
            ("Error: signing: MANIFEST_UNKNOWN: manifest unknown", false),
            ("Error: reading key: decrypt: encrypted: decryption failed", false),
            ("GET https://r/v2/a/manifests/sha256:4294295034290000: NAME_UNKNOWN", false),
            ("", false),
        ];
        for (said, passes) in cases {
            assert_eq!(why(&failed(said)).is_some(), passes, "{said}");
        }
        let killed = RunError { kind: RunErrorKind::Killed(9), ..failed("status code 429") };
        assert_eq!(why(&killed), None);
    }

    #[test]
    fn a_server_may_say_when() {
        let seconds = |n| Some(Duration::from_secs(n));
        let cases = [
            ("429 Too Many Requests; Retry-After: 12", seconds(12)),
            (
                "toomanyrequests: retry-after: 640ms, allowed: 44000/minute",
                Some(Duration::from_millis(640)),
            ),
            ("rate limit exceeded, retry after 2m", seconds(120)),
            ("retry-after: soon", None),
            ("status code 429", None),
        ];
        for (line, expected) in cases {
            assert_eq!(asked(line), expected, "{line}");
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        let patience = Patience { attempts: 4, ..Patience::default() };
        for (tried, least, most) in [(1, 500, 1000), (2, 1000, 2000), (3, 2000, 4000)] {
            let pause = patience.pause(tried, "status code 429").unwrap().as_millis();
            assert!((least..=most).contains(&pause), "{tried}: {pause}");
        }
        assert_eq!(patience.pause(4, ""), None, "that was the last try");
        assert!(patience.pause(1, "retry-after: 20").unwrap() >= Duration::from_secs(20));
        assert_eq!(patience.pause(1, "retry-after: 301"), None, "that is too long");
    }

    proptest! {
        #[test]
        fn no_line_panics(line: String, rest in "[0-9ms :é]{0,30}") {
            let _ = why(&failed(&line));
            let _ = asked(&line);
            let _ = Patience::default().pause(1, &format!("Retry-After{rest}"));
        }
    }
}
