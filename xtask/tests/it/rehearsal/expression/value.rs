//! What GitHub makes of values where another type is asked for.

use std::cmp::Ordering;

use serde_json::Value;

/// Returns whether a value counts as true.
pub(in super::super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(_) => {
            let number = number(value);
            number != 0.0 && !number.is_nan()
        }
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// Returns a value as it stands in a text.
pub(in super::super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(value) => value.to_string(),
        // As `f64` prints it: `1`, not `1.0`.
        Value::Number(_) => number(value).to_string(),
        Value::String(text) => text.clone(),
        Value::Array(_) => "Array".to_owned(),
        Value::Object(_) => "Object".to_owned(),
    }
}

/// Returns a value as number; NaN where it is none.
fn number(value: &Value) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) if text.trim().is_empty() => 0.0,
        Value::String(text) => super::parse::number(text.trim()).unwrap_or(f64::NAN),
        Value::Array(_) | Value::Object(_) => f64::NAN,
    }
}

/// Compares two values: texts without regard to case, what differs in type as
/// numbers. Nothing compares with what is no number.
pub(super) fn order(left: &Value, right: &Value) -> Result<Option<Ordering>, String> {
    match (left, right) {
        (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => {
            Err("lists and objects are not compared here".to_owned())
        }
        (Value::String(left), Value::String(right)) => {
            Ok(Some(left.to_lowercase().cmp(&right.to_lowercase())))
        }
        _ => Ok(number(left).partial_cmp(&number(right))),
    }
}

/// Returns a member of an object, whatever the case of its name, or of a list;
/// nothing where it is not there.
pub(super) fn member(whole: &Value, index: &Value) -> Value {
    let found = match whole {
        Value::Object(members) => {
            let name = text(index).to_lowercase();
            members.iter().find(|(key, _)| key.to_lowercase() == name).map(|(_, value)| value)
        }
        Value::Array(items) => {
            let index = number(index);
            items.iter().enumerate().find(|(at, _)| *at as f64 == index).map(|(_, value)| value)
        }
        _ => None,
    };
    found.cloned().unwrap_or(Value::Null)
}
