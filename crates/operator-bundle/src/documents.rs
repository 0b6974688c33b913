//! YAML documents of strangers, and the objects that they are.

use serde::Deserialize;
use serde_yaml::Value;

use crate::Finding;
use crate::files::{Files, Node};

/// An object of the manifests.
#[derive(Debug)]
pub(crate) struct Document {
    /// The file it is in, and the line where it starts if it is not the first.
    pub(crate) place: String,
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) value: Value,
}

/// Reads every file in a directory of manifests.
pub(crate) fn read(files: &Files, directory: &str, findings: &mut Vec<Finding>) -> Vec<Document> {
    let mut documents = Vec::new();
    for (path, node) in files.below(directory) {
        // What is wrong with others was said.
        let Node::File(bytes) = node else { continue };
        let Some(values) = values(path, bytes, findings) else { continue };
        if values.is_empty() {
            findings.push(Finding::error(path, "it holds nothing"));
        }
        for (place, value) in values {
            documents.extend(document(place, value, findings));
        }
    }
    documents
}

/// Returns the documents of a file, but those that hold nothing, each with the
/// place where it starts; `None` if the file is not YAML.
pub(crate) fn values(
    path: &str,
    bytes: &[u8],
    findings: &mut Vec<Finding>,
) -> Option<Vec<(String, Value)>> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        findings.push(Finding::error(path, "it is no text: its bytes are not UTF-8"));
        return None;
    };
    let mut starts = starts(text).into_iter();
    let mut values = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let start = starts.next().filter(|line| *line > 1);
        match Value::deserialize(document) {
            Ok(Value::Null) => {}
            Ok(value) => values.push((at(path, start), value)),
            Err(error) => {
                let line = error.location().map(|location| location.line());
                let message = format!("it is not valid YAML: {error}");
                findings.push(Finding::error(at(path, line.or(start)), message));
                return None;
            }
        }
    }
    Some(values)
}

fn at(path: &str, line: Option<usize>) -> String {
    match line {
        Some(line) => format!("{path}, line {line}"),
        None => path.to_owned(),
    }
}

/// Returns the lines, from 1, on which documents start: after each marker, and
/// the first one where there is something before the first marker.
fn starts(text: &str) -> Vec<usize> {
    let is_marker = |line: &str| line == "---" || line.starts_with("--- ");
    let says = |line: &str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && !line.starts_with('%')
    };
    let mut starts = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if is_marker(line) || starts.is_empty() && says(line) {
            starts.push(number);
        }
    }
    starts
}

/// Returns the object that a document is.
fn document(place: String, value: Value, findings: &mut Vec<Finding>) -> Option<Document> {
    let mut missing = Vec::new();
    let mut text = |name: &'static str, found: Option<&Value>| {
        let found = found.and_then(Value::as_str).filter(|text| !text.is_empty());
        if found.is_none() {
            missing.push(name);
        }
        found.unwrap_or_default().to_owned()
    };
    let api_version = text("`apiVersion`", value.get("apiVersion"));
    let kind = text("`kind`", value.get("kind"));
    let name = text("`metadata.name`", value.get("metadata").and_then(|it| it.get("name")));
    if !missing.is_empty() {
        let message = format!("it is no object: it has no {}", missing.join(" and no "));
        findings.push(Finding::error(place, message));
        return None;
    }
    Some(Document { place, api_version, kind, name, value })
}

/// Returns the value at a path of names.
pub(crate) fn at_path<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| value.get(*name))
}

/// Returns the values of a list at a path of names; none if there is no list.
pub(crate) fn list<'v>(value: &'v Value, path: &[&str]) -> &'v [Value] {
    at_path(value, path).and_then(Value::as_sequence).map_or(&[], Vec::as_slice)
}

/// Returns the text at a path of names; an empty one if there is none.
pub(crate) fn text<'v>(value: &'v Value, path: &[&str]) -> &'v str {
    at_path(value, path).and_then(Value::as_str).unwrap_or_default()
}
