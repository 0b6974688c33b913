//! GitHub's expressions: what stands between `${{` and `}}`, and behind `if:`.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/expressions>.
//! Contexts, functions and syntax that are not known here are errors, also
//! where GitHub would not come to them.

mod function;
mod parse;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;

use serde_json::Value;

use parse::{Compare, Expression};
pub(super) use value::{is_true, text};

/// What expressions of one place may ask for.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// `github`, `env` and so on: those that GitHub gives in this place.
    pub(super) contexts: BTreeMap<&'static str, Value>,
    /// What `success()` and its like say; nothing where they are not known.
    pub(super) status: Option<Status>,
    /// Whether there are files that `hashFiles` could read.
    pub(super) files: bool,
}

/// How it went up to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Success,
    Failure,
    /// Of a job: not all that it needs ran.
    Skipped,
}

/// Returns what an expression comes to.
pub(super) fn evaluate(source: &str, scope: &Scope) -> Result<Value, String> {
    let expression = parse::parse(source)?;
    let in_place = |why: String| format!("{why}: `{source}`");
    check(&expression, scope).map_err(in_place)?;
    value_of(&expression, scope).map_err(in_place)
}

/// Returns a text with its expressions replaced by what they come to.
pub(super) fn interpolate(source: &str, scope: &Scope) -> Result<String, String> {
    let (mut done, mut rest) = (String::new(), source);
    while let Some((before, behind)) = rest.split_once("${{") {
        let end = parse::end(behind).ok_or_else(|| format!("`${{{{` is not closed: `{source}`"))?;
        done.push_str(before);
        done.push_str(&text(&evaluate(&behind[..end], scope)?));
        rest = &behind[end + "}}".len()..];
    }
    Ok(done + rest)
}

/// Returns whether a condition holds. One that does not ask how it went until
/// then holds only where it went well.
pub(super) fn condition(source: Option<&str>, scope: &Scope) -> Result<bool, String> {
    let source = source.unwrap_or("success()").trim();
    let inner = match source.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}")) {
        Some(inner) => inner,
        None => source,
    };
    // GitHub makes a text of what is partly an expression, and texts are true.
    if inner.contains("${{") {
        return Err(format!("only a part is an expression, so it is always true: `{source}`"));
    }
    let expression = parse::parse(inner)?;
    let asks = expression.any(&|part| match part {
        Expression::Call(function, _) => function.is_status(),
        _ => false,
    });
    let holds = is_true(&evaluate(inner, scope)?);
    Ok(holds && (asks || is_true(&evaluate("success()", scope)?)))
}

/// Refuses contexts and functions that there are not in this place.
fn check(expression: &Expression, scope: &Scope) -> Result<(), String> {
    let is_missing = expression.any(&|part| match part {
        Expression::Context(name) => !scope.contexts.contains_key(name.as_str()),
        Expression::Call(function, _) => !function.is_known(scope),
        _ => false,
    });
    match is_missing {
        true => Err("a context or function that there is not here".to_owned()),
        false => Ok(()),
    }
}

fn value_of(expression: &Expression, scope: &Scope) -> Result<Value, String> {
    let of = |part: &Expression| value_of(part, scope);
    Ok(match expression {
        Expression::Literal(value) => value.clone(),
        Expression::Context(name) => scope.contexts[name.as_str()].clone(),
        Expression::Index(whole, index) => value::member(&of(whole)?, &of(index)?),
        Expression::Not(inner) => Value::Bool(!is_true(&of(inner)?)),
        // Both give one of their sides, not a truth.
        Expression::And(left, right) => match of(left)? {
            left if is_true(&left) => of(right)?,
            left => left,
        },
        Expression::Or(left, right) => match of(left)? {
            left if is_true(&left) => left,
            _ => of(right)?,
        },
        Expression::Compare(compare, left, right) => {
            Value::Bool(holds(*compare, &of(left)?, &of(right)?)?)
        }
        Expression::Call(function, arguments) => {
            let arguments = arguments.iter().map(of).collect::<Result<Vec<_>, _>>()?;
            function.call(&arguments, scope)?
        }
    })
}

fn holds(compare: Compare, left: &Value, right: &Value) -> Result<bool, String> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let order = value::order(left, right)?;
    Ok(match compare {
        Compare::Equal => order == Some(Equal),
        Compare::NotEqual => order != Some(Equal),
        Compare::Less => order == Some(Less),
        Compare::AtMost => matches!(order, Some(Less | Equal)),
        Compare::Greater => order == Some(Greater),
        Compare::AtLeast => matches!(order, Some(Greater | Equal)),
    })
}
