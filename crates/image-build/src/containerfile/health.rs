//! HEALTHCHECK: a command, and how often it runs.

use parse_dockerfile as ast;
use serde_json::{Map, Value, json};

use super::instruction::{Command, InstructionError, set_flag};

/// A check of a container's health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    /// `None`: a check that the base image has is switched off.
    command: Option<Command>,
    /// Names of docker's config, and nanoseconds.
    times: Vec<(&'static str, u64)>,
    retries: u64,
}

/// The flags that hold a time, and what docker calls them in a config.
const TIMES: [(&str, &str); 4] = [
    ("interval", "Interval"),
    ("timeout", "Timeout"),
    ("start-period", "StartPeriod"),
    ("start-interval", "StartInterval"),
];

impl Health {
    pub(super) fn new(
        instruction: &ast::HealthcheckInstruction<'_>,
        command: &dyn Fn(&ast::Command<'_>) -> Result<Command, InstructionError>,
    ) -> Result<Health, InstructionError> {
        let mut values = [const { None }; TIMES.len()];
        let mut retries = None;
        for flag in &instruction.options {
            let name: &str = &flag.name.value;
            match TIMES.iter().position(|(time, _)| *time == name) {
                Some(i) => set_flag(&mut values[i], flag)?,
                None if name == "retries" => set_flag(&mut retries, flag)?,
                None => return Err(InstructionError::UnknownFlag(name.to_owned())),
            }
        }
        let bad = |flag: &str, reason: String| InstructionError::BadFlag {
            flag: flag.to_owned(),
            reason,
        };
        let mut times = Vec::new();
        for ((flag, name), value) in TIMES.into_iter().zip(values) {
            let Some(value) = value else { continue };
            let time = nanoseconds(&value)
                .ok_or_else(|| bad(flag, format!("is `{value}`, not a time such as `1m30s`")))?;
            match time {
                0 => {}
                1..1_000_000 => return Err(bad(flag, "is less than `1ms`".to_owned())),
                time => times.push((name, time)),
            }
        }
        let retries = match retries {
            Some(value) => value
                .parse::<u32>()
                .map_err(|_| bad("retries", format!("is `{value}`, not a number")))?,
            None => 0,
        };
        let command = match &instruction.arguments {
            ast::HealthcheckArguments::Cmd { arguments, .. } => Some(command(arguments)?),
            _ => None,
        };
        Ok(Health { command, times, retries: retries.into() })
    }

    /// Returns docker's `Healthcheck` of an image config.
    pub(crate) fn to_json(&self) -> Value {
        let test = match &self.command {
            None => vec!["NONE".to_owned()],
            Some(Command::Shell(line)) => vec!["CMD-SHELL".to_owned(), line.clone()],
            Some(Command::Exec(words)) => [&["CMD".to_owned()], words.as_slice()].concat(),
        };
        let mut health = Map::from_iter([("Test".to_owned(), json!(test))]);
        let numbers = self.times.iter().copied().chain([("Retries", self.retries)]);
        let numbers = numbers.filter(|(_, number)| *number != 0);
        health.extend(numbers.map(|(name, number)| (name.to_owned(), json!(number))));
        Value::Object(health)
    }
}

/// Parses a duration as Go writes it: decimal numbers with units, no sign.
fn nanoseconds(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 7] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60 * 1_000_000_000),
        ("h", 3600 * 1_000_000_000),
    ];
    if text == "0" {
        return Some(0);
    }
    let (mut rest, mut total) = (text, 0u64);
    while !rest.is_empty() {
        let number =
            rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let unit =
            rest.len() - rest[number..].trim_start_matches(|c: char| c.is_alphabetic()).len();
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == &rest[number..unit])?;
        let (whole, fraction) = rest[..number].split_once('.').unwrap_or((&rest[..number], ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let mut amount = whole.checked_mul(*scale)?;
        let mut digit = *scale;
        for c in fraction.bytes() {
            digit /= 10;
            amount = amount.checked_add(digit.checked_mul(u64::from(c - b'0'))?)?;
        }
        total = total.checked_add(amount)?;
        rest = &rest[unit..];
    }
    // Docker keeps it in 64 bits with a sign.
    Some(total).filter(|total| !text.is_empty() && i64::try_from(*total).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_go_s() {
        let cases = [
            ("0", Some(0)),
            ("1s", Some(1_000_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            (".5s", Some(500_000_000)),
            ("1.s", Some(1_000_000_000)),
            ("100ms2us3ns", Some(100_002_003)),
            ("1µs", Some(1_000)),
            ("", None),
            ("s", None),
            ("1", None),
            (".s", None),
            ("1x", None),
            ("-1s", None),
            ("1.2.3s", None),
            ("1 s", None),
            ("9999999999h", None),
        ];
        for (text, expected) in cases {
            assert_eq!(nanoseconds(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_time_panics(text: String, number in "[0-9.]{0,30}[a-zµ]{0,2}") {
            let _ = nanoseconds(&text);
            let _ = nanoseconds(&number);
        }
    }
}
