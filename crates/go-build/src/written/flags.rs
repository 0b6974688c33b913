//! The flags of `go build`: which are heeded, which do not matter, and which
//! the host does not do.

use super::WrittenError;

/// What the flags of a command come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// Those that count for the program, as `-NAME=VALUE`; of several with one
    /// name the last, as by Go, but for those that add up.
    pub(super) heeded: Vec<String>,
    pub(super) is_vendored: bool,
    pub(super) output: Option<String>,
}

/// What is done about a flag that has a value.
enum Value {
    /// It is handed on, if the words in it are among these.
    Words(&'static [&'static str]),
    /// It is handed on.
    Any,
    /// It is handed on if it is one of these.
    OneOf(&'static [&'static str]),
    /// It has no part in the program.
    Ignored,
    Output,
}

/// What is done about a flag that is there or not.
enum Switch {
    /// It has no part in the program.
    Ignored,
    /// It must have one of these values if it has any: so all is built.
    Only(&'static [&'static str]),
}

/// Flags with a value (`go help build`). Of those for compiler, assembler and
/// linker, only what reads, writes and starts nothing by itself; a build ID of
/// its own would hide whether a program has changed.
const VALUES: [(&str, Value); 11] = [
    ("o", Value::Output),
    ("mod", Value::OneOf(&["vendor", "readonly"])),
    (
        "ldflags",
        Value::Words(&[
            "s",
            "w",
            "X",
            "extldflags",
            "linkmode=internal",
            "linkmode=auto",
            "checklinkname",
            "compressdwarf",
        ]),
    ),
    ("gcflags", Value::Words(&["N", "l", "B", "C", "e", "m", "dwarf", "spectre"])),
    ("asmflags", Value::Words(&["D", "e", "spectre"])),
    ("tags", Value::Any),
    ("pgo", Value::OneOf(&["auto", "off"])),
    ("buildmode", Value::OneOf(&["default", "exe"])),
    ("compiler", Value::OneOf(&["gc"])),
    ("p", Value::Ignored),
    ("installsuffix", Value::Ignored),
];

/// Flags that are there or not. What is up to date is told by content, so that
/// building all again changes nothing.
const SWITCHES: [(&str, Switch); 6] = [
    ("a", Switch::Ignored),
    ("v", Switch::Ignored),
    ("x", Switch::Ignored),
    ("modcacherw", Switch::Ignored),
    ("trimpath", Switch::Only(&["true", "1", "t", "T", "TRUE", "True"])),
    ("buildvcs", Switch::Only(&["false", "auto", "0", "f", "F", "FALSE", "False"])),
];

impl Flags {
    /// Reads flags up to the first word that is none; returns the words from
    /// there on.
    pub(super) fn read<'a>(&mut self, words: &'a [String]) -> Result<&'a [String], WrittenError> {
        let mut rest = words;
        while let [word, after @ ..] = rest {
            let Some(flag) = word.strip_prefix('-').filter(|flag| !flag.is_empty()) else { break };
            if flag == "-" {
                return Ok(after);
            }
            let flag = flag.strip_prefix('-').unwrap_or(flag);
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (flag, None),
            };
            rest = after;
            if let Some((_, switch)) = SWITCHES.iter().find(|(known, _)| *known == name) {
                check(switch, name, value, word)?;
                continue;
            }
            let Some((_, what)) = VALUES.iter().find(|(known, _)| *known == name) else {
                return Err(WrittenError::Flag(word.clone()));
            };
            let value = match (value, rest) {
                (Some(value), _) => value,
                (None, [value, after @ ..]) => {
                    rest = after;
                    value
                }
                (None, []) => return Err(WrittenError::NoValue(word.clone())),
            };
            self.take(name, value, what)?;
        }
        Ok(rest)
    }

    fn take(&mut self, name: &str, value: &str, what: &Value) -> Result<(), WrittenError> {
        let refused = || WrittenError::Flag(format!("-{name}={value}"));
        match what {
            Value::Output => {
                self.output = Some(value.to_owned());
                return Ok(());
            }
            Value::Ignored => return Ok(()),
            Value::Any => {}
            Value::OneOf(known) => {
                if !known.contains(&value) {
                    return Err(refused());
                }
            }
            Value::Words(known) => {
                for word in tool_flags(value).ok_or_else(refused)? {
                    let word = word.strip_prefix('-').unwrap_or(&word);
                    let plain = word.split('=').next().unwrap_or_default();
                    if !known.contains(&plain) && !known.contains(&word) {
                        return Err(WrittenError::Flag(format!("-{name}=-{word}")));
                    }
                }
            }
        }
        if name == "mod" {
            self.is_vendored = value == "vendor";
        }
        self.heeded.push(format!("-{name}={value}"));
        Ok(())
    }
}

fn check(switch: &Switch, name: &str, value: Option<&str>, word: &str) -> Result<(), WrittenError> {
    match (switch, value) {
        (Switch::Ignored, _) => Ok(()),
        (Switch::Only(values), Some(value)) if values.contains(&value) => Ok(()),
        // Without a value it says yes.
        (Switch::Only(values), None) if values.contains(&"true") => Ok(()),
        _ => Err(WrittenError::Flag(if value.is_some() {
            word.to_owned()
        } else {
            format!("-{name}")
        })),
    }
}

/// Returns the flags in `[PATTERN=]FLAGS`, each with its dash and without the
/// word that may follow it; `None` if they cannot be told apart.
///
/// The words are split as by Go (cmd/internal/quoted): at blanks, but for what
/// starts with a quote and ends with it.
fn tool_flags(value: &str) -> Option<Vec<String>> {
    let value = value.trim_start();
    let flags = match value.starts_with('-') {
        true => value,
        false if value.is_empty() => "",
        false => value.split_once('=')?.1,
    };
    let mut words = split(flags)?.into_iter();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let word = word.strip_prefix('-').filter(|word| !word.is_empty())?.to_owned();
        let word = word.strip_prefix('-').map_or(word.clone(), str::to_owned);
        match word.as_str() {
            "X" | "extldflags" | "D" => drop(words.next()?),
            // Its value decides.
            "linkmode" => {
                found.push(format!("-linkmode={}", words.next()?));
                continue;
            }
            _ => {}
        }
        found.push(format!("-{word}"));
    }
    Some(found)
}

/// Splits words as Go splits them; `None` if a quote is not closed.
pub(super) fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches(is_blank);
    while let Some(first) = rest.chars().next() {
        let (word, after) = if matches!(first, '"' | '\'') {
            rest[1..].split_once(first)?
        } else {
            rest.split_at(rest.find(is_blank).unwrap_or(rest.len()))
        };
        words.push(word.to_owned());
        rest = after.trim_start_matches(is_blank);
    }
    Some(words)
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}
