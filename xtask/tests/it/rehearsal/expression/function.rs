//! The functions of expressions.

use serde_json::Value;

use super::value::{order, text};
use super::{Scope, Status};

/// What `hashFiles` gives here, whatever the files.
pub(super) const HASH: &str = "5fa1d9c4a0f54f8b0ff54d0ab39b8b2e8ad41dd98a2a0fb36f1b0d3ac3ecbcd4";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Contains,
    StartsWith,
    EndsWith,
    Format,
    Join,
    ToJson,
    FromJson,
    HashFiles,
    Success,
    Failure,
    Always,
    Cancelled,
}

/// Their names, and how many arguments they take.
const FUNCTIONS: [(&str, Function, usize, usize); 12] = [
    ("contains", Function::Contains, 2, 2),
    ("startsWith", Function::StartsWith, 2, 2),
    ("endsWith", Function::EndsWith, 2, 2),
    ("format", Function::Format, 1, 255),
    ("join", Function::Join, 1, 2),
    ("toJSON", Function::ToJson, 1, 1),
    ("fromJSON", Function::FromJson, 1, 1),
    ("hashFiles", Function::HashFiles, 1, 255),
    ("success", Function::Success, 0, 0),
    ("failure", Function::Failure, 0, 0),
    ("always", Function::Always, 0, 0),
    ("cancelled", Function::Cancelled, 0, 0),
];

impl Function {
    /// Finds one by its name, whose case does not matter.
    pub(super) fn named(name: &str, arguments: usize) -> Result<Function, String> {
        let row = FUNCTIONS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
        let (_, function, least, most) = row.ok_or_else(|| format!("no function `{name}`"))?;
        if (*least..=*most).contains(&arguments) {
            Ok(*function)
        } else {
            Err(format!("`{name}` takes {least} to {most} arguments"))
        }
    }

    /// Returns whether it says how it went until now.
    pub(super) fn is_status(self) -> bool {
        use Function::{Always, Cancelled, Failure, Success};
        matches!(self, Success | Failure | Always | Cancelled)
    }

    /// Returns whether there is such a function in this place.
    pub(super) fn is_known(self, scope: &Scope) -> bool {
        match self {
            Function::HashFiles => scope.files,
            _ => scope.status.is_some() || !self.is_status(),
        }
    }

    pub(super) fn call(self, arguments: &[Value], scope: &Scope) -> Result<Value, String> {
        let folded = |at: usize| text(&arguments[at]).to_lowercase();
        let status = |expected| Value::Bool(scope.status == Some(expected));
        Ok(match self {
            Function::Contains => match &arguments[0] {
                Value::Array(items) => {
                    let mut same = items.iter().map(|item| order(item, &arguments[1]));
                    Value::Bool(same.any(|order| order == Ok(Some(std::cmp::Ordering::Equal))))
                }
                _ => Value::Bool(folded(0).contains(&folded(1))),
            },
            Function::StartsWith => Value::Bool(folded(0).starts_with(&folded(1))),
            Function::EndsWith => Value::Bool(folded(0).ends_with(&folded(1))),
            Function::Format => Value::String(format(&text(&arguments[0]), &arguments[1..])?),
            Function::Join => {
                let between = arguments.get(1).map_or(",".to_owned(), text);
                Value::String(match &arguments[0] {
                    Value::Array(items) => {
                        items.iter().map(text).collect::<Vec<_>>().join(&between)
                    }
                    other => text(other),
                })
            }
            Function::ToJson => {
                let json = serde_json::to_string_pretty(&arguments[0]);
                Value::String(json.map_err(|error| error.to_string())?)
            }
            Function::FromJson => {
                let json = serde_json::from_str(&text(&arguments[0]));
                json.map_err(|error| format!("fromJSON: {error}"))?
            }
            Function::HashFiles => Value::String(HASH.to_owned()),
            Function::Success => status(Status::Success),
            Function::Failure => status(Status::Failure),
            Function::Always => Value::Bool(true),
            // Nobody cancels a rehearsal.
            Function::Cancelled => Value::Bool(false),
        })
    }
}

/// Puts values in place of `{0}`, `{1}` and so on; `{{` and `}}` are braces.
fn format(template: &str, values: &[Value]) -> Result<String, String> {
    let (mut done, mut rest) = (String::new(), template);
    while let Some(at) = rest.find(['{', '}']) {
        let (before, behind) = rest.split_at(at);
        done.push_str(before);
        let brace = &behind[..1];
        rest = &behind[1..];
        if let Some(doubled) = rest.strip_prefix(brace) {
            done.push_str(brace);
            rest = doubled;
            continue;
        }
        let wrong = || format!("format: `{template}` with {} values", values.len());
        let (number, behind) = rest.split_once('}').filter(|_| brace == "{").ok_or_else(wrong)?;
        let value = number.parse().ok().and_then(|at: usize| values.get(at));
        done.push_str(&text(value.ok_or_else(wrong)?));
        rest = behind;
    }
    Ok(done + rest)
}
