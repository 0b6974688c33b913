//! Trying again: what is worth it, how long to wait, how often.
//!
//! A registry says with `Retry-After` when to come back (RFC 9110, 10.2.3);
//! else the wait doubles from try to try. A part of each wait is random, so
//! that the clients that one outage sent away do not return at once.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

/// How failures that may pass are met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often one request is sent at most.
    pub attempts: u32,
    /// The wait before the second try, about; it doubles from then on.
    pub first_wait: Duration,
    /// The longest such wait.
    pub longest_wait: Duration,
    /// The longest wait that a registry may ask for; one that asks for more
    /// is given up.
    pub patience: Duration,
    /// How many requests of a client are sent again, all together: an outage
    /// is to end a run, not to stretch it.
    pub budget: u32,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy {
            attempts: 6,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(15),
            patience: Duration::from_secs(120),
            budget: 300,
        }
    }
}

/// The policy and what is left of its budget.
#[derive(Debug)]
pub(crate) struct Retries {
    policy: RetryPolicy,
    left: AtomicU32,
}

impl Retries {
    pub(crate) fn new(policy: RetryPolicy) -> Retries {
        let left = AtomicU32::new(policy.budget);
        Retries { policy, left }
    }

    /// Returns how long to wait after try number `tried` (from 1), or `None`
    /// if there is to be no other.
    pub(crate) fn next(&self, tried: u32, asked: Option<Duration>) -> Option<Duration> {
        if tried >= self.policy.attempts || asked.is_some_and(|wait| wait > self.policy.patience) {
            return None;
        }
        let take = |left: u32| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        let doubled = self.policy.first_wait.saturating_mul(1 << (tried - 1).min(16));
        let wait = doubled.min(self.policy.longest_wait);
        Some(asked.unwrap_or(wait / 2) + wait.mul_f64(random_fraction() / 2.0))
    }
}

/// Returns whether a request that was answered so may succeed later.
pub(crate) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

/// A number from 0 to 1; the standard library's hash keys are random.
fn random_fraction() -> f64 {
    let bits = RandomState::new().hash_one(0);
    f64::from((bits >> 32) as u32) / f64::from(u32::MAX)
}

/// Reads `Retry-After`: seconds, or a date, of which what is left from `now`.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|c| c.is_ascii_digit()) {
        // More digits than fit are a long time as well.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
    }
    Some(http_date(value)?.duration_since(now).unwrap_or_default())
}

/// Reads a date in each of the three forms of RFC 9110, 5.6.7.
fn http_date(text: &str) -> Option<SystemTime> {
    let words: Vec<&str> = text.split([' ', '-', ',']).filter(|word| !word.is_empty()).collect();
    let (day, month, year, time) = match words[..] {
        // Sun, 06 Nov 1994 08:49:37 GMT; Sunday, 06-Nov-94 08:49:37 GMT
        [_, day, month, year, time, "GMT"] => (day, month, year, time),
        // Sun Nov  6 08:49:37 1994
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let months =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = 1 + months.iter().position(|name| *name == month)?;
    let day: u8 = day.parse().ok()?;
    let mut number: u16 = year.parse().ok()?;
    if year.len() == 2 {
        number += if number < 70 { 2000 } else { 1900 };
    }
    let text = format!("{number:04}-{month:02}-{day:02}T{time}Z");
    humantime::parse_rfc3339(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(n: u64) -> Option<Duration> {
        Some(Duration::from_secs(n))
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let cases = [
            ("0", seconds(0)),
            (" 120 ", seconds(120)),
            ("99999999999999999999999", seconds(u64::from(u32::MAX))),
            ("Sun, 06 Nov 1994 08:49:37 GMT", seconds(7)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", seconds(7)),
            ("Sun Nov  6 08:49:37 1994", seconds(7)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", seconds(0)),
            ("Sun, 32 Nov 1994 08:49:00 GMT", None),
            ("Sun, 06 Nov 1994 08:49:00 CET", None),
            ("-1", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
        ];
        for (value, expected) in cases {
            assert_eq!(retry_after(value, now), expected, "{value}");
        }
    }

    #[test]
    fn waits_grow_and_end() {
        let policy = RetryPolicy { attempts: 4, budget: 5, ..RetryPolicy::default() };
        let retries = Retries::new(policy);
        for (tried, least, most) in [(1, 125, 250), (2, 250, 500), (3, 500, 1000)] {
            let wait = retries.next(tried, None).unwrap().as_millis();
            assert!((least..=most).contains(&wait), "{tried}: {wait}");
        }
        assert_eq!(retries.next(4, None), None, "that was the last try");
        assert!(retries.next(1, seconds(2)).unwrap() >= Duration::from_secs(2));
        assert_eq!(retries.next(1, seconds(121)), None, "that is too long");
        assert!(retries.next(1, None).is_some());
        assert_eq!(retries.next(1, None), None, "the budget is spent");
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let passing: Vec<u16> = (100..600).filter(|status| is_passing(*status)).collect();
        assert_eq!(passing[..4], [408, 425, 429, 500]);
        assert_eq!(passing.len(), 103);
    }

    proptest! {
        #[test]
        fn no_value_panics(value: String, wild in "[A-Za-z0-9:, -]{0,32}") {
            let _ = retry_after(&value, SystemTime::UNIX_EPOCH);
            let _ = retry_after(&wild, SystemTime::UNIX_EPOCH);
        }
    }
}
