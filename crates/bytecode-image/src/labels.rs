//! The two labels by which an image says what its object holds, and the four
//! of before.

use std::collections::BTreeMap;

use bpf_object::ObjectInfo;

use crate::Rule;

/// The label of the programs: a JSON object, function name → type.
pub const PROGRAMS: &str = "io.ebpf.programs";

/// The label of the maps: a JSON object, map name → type.
pub const MAPS: &str = "io.ebpf.maps";

/// What both labels were before: function, type and two more, all needed. Of
/// one program, and no maps.
const LEGACY: [&str; 4] = [
    "io.ebpf.bpf_function_name",
    "io.ebpf.program_type",
    "io.ebpf.program_name",
    "io.ebpf.filename",
];

/// What the labels say. Sorted, so that equal objects give equal labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// Function name → program type.
    pub programs: BTreeMap<String, String>,
    /// Map name → map type, without the maps that hold the program's data.
    pub maps: BTreeMap<String, String>,
}

impl LabelError {
    pub(crate) fn rule(&self) -> Rule {
        match self {
            LabelError::Missing(_) => Rule::LabelMissing,
            LabelError::Malformed(..) => Rule::LabelMalformed,
            LabelError::NoType(..) => Rule::LabelNoType,
        }
    }
}

/// Why labels cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// The label is not there.
    #[error("the label `{0}` is missing")]
    Missing(&'static str),
    /// The label is not what the specification wants.
    #[error("the label `{0}` is no JSON object of strings: `{1}`")]
    Malformed(&'static str, String),
    /// The type of a program or map is empty, which bpfman refuses.
    #[error("the label `{0}` gives `{1}` no type")]
    NoType(&'static str, String),
}

impl Labels {
    /// Returns the labels of an object. A program whose type no loader infers
    /// is left out.
    pub fn of(object: &ObjectInfo) -> Labels {
        let programs = object
            .programs
            .iter()
            .filter_map(|program| Some((program.name.clone(), program.kind?.label().to_owned())));
        let maps = object.maps.iter().filter(|map| !map.internal);
        let maps = maps.map(|map| (map.name.clone(), map.kind.label().to_string()));
        Labels { programs: programs.collect(), maps: maps.collect() }
    }

    /// Reads the labels of an image.
    ///
    /// # Errors
    ///
    /// Fails where bpfman would refuse the image: a label is missing, is no
    /// JSON object of strings, or holds an empty string.
    pub fn parse(labels: &BTreeMap<String, String>) -> Result<Labels, LabelError> {
        Ok(Labels { programs: parse(labels, PROGRAMS)?, maps: parse(labels, MAPS)? })
    }

    /// Reads the labels of before, which bpfman in Rust falls back to where
    /// one of the others is missing; `None` where they are not complete.
    pub fn parse_legacy(labels: &BTreeMap<String, String>) -> Option<Labels> {
        let values = LEGACY.map(|key| labels.get(key));
        let [Some(function), Some(kind), Some(_), Some(_)] = values else { return None };
        let programs = [(function.clone(), kind.clone())].into();
        Some(Labels { programs, maps: BTreeMap::new() })
    }

    /// Returns both labels as key and compact JSON.
    pub fn to_pairs(&self) -> [(&'static str, String); 2] {
        let json = |map: &BTreeMap<String, String>| {
            serde_json::Value::from_iter(map.iter().map(|(k, v)| (k.clone(), v.clone())))
                .to_string()
        };
        [(PROGRAMS, json(&self.programs)), (MAPS, json(&self.maps))]
    }
}

/// Reads one of the labels.
pub(crate) fn parse(
    labels: &BTreeMap<String, String>,
    key: &'static str,
) -> Result<BTreeMap<String, String>, LabelError> {
    let text: &String = labels.get(key).ok_or(LabelError::Missing(key))?;
    let map: BTreeMap<String, String> =
        serde_json::from_str(text).map_err(|_| LabelError::Malformed(key, text.clone()))?;
    match map.iter().find(|(_, kind)| kind.is_empty()) {
        Some((name, _)) => Err(LabelError::NoType(key, name.clone())),
        None => Ok(map),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(programs: &str, maps: &str) -> BTreeMap<String, String> {
        [(PROGRAMS, programs), (MAPS, maps)].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[test]
    fn labels_survive_the_round_trip_sorted() {
        let parsed = Labels::parse(&labels(r#"{"z":"xdp","a":"tc"}"#, "{}")).unwrap();
        let pairs = parsed.to_pairs();
        assert_eq!(
            pairs,
            [(PROGRAMS, r#"{"a":"tc","z":"xdp"}"#.to_owned()), (MAPS, "{}".to_owned())]
        );
    }

    #[test]
    fn labels_of_before_are_read_when_complete() {
        let mut labels: BTreeMap<String, String> =
            LEGACY.map(|key| (key.to_owned(), format!("{key}'s"))).into();
        let parsed = Labels::parse_legacy(&labels).unwrap();
        let program = ("io.ebpf.bpf_function_name's", "io.ebpf.program_type's");
        assert_eq!(parsed.programs, [program].map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        assert!(parsed.maps.is_empty());
        for key in LEGACY {
            let value = labels.remove(key).unwrap();
            assert_eq!(Labels::parse_legacy(&labels), None, "{key}");
            labels.insert(key.to_owned(), value);
        }
    }

    #[test]
    fn what_bpfman_refuses_is_refused() {
        let mut missing = labels("{}", "{}");
        missing.remove(MAPS);
        let cases = [
            (missing, "the label `io.ebpf.maps` is missing"),
            (labels("{", "{}"), "the label `io.ebpf.programs` is no JSON object of strings: `{`"),
            (labels("[]", "{}"), "the label `io.ebpf.programs` is no JSON object of strings: `[]`"),
            (
                labels(r#"{"a":1}"#, "{}"),
                "the label `io.ebpf.programs` is no JSON object of strings: `{\"a\":1}`",
            ),
            (labels(r#"{"a":""}"#, "{}"), "the label `io.ebpf.programs` gives `a` no type"),
        ];
        for (labels, message) in cases {
            assert_eq!(Labels::parse(&labels).unwrap_err().to_string(), message);
        }
    }
}
