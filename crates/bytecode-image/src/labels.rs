//! The two labels by which an image says what its object holds.

use std::collections::BTreeMap;

use bpf_object::ObjectInfo;

/// The label of the programs: a JSON object, function name → type.
pub const PROGRAMS: &str = "io.ebpf.programs";

/// The label of the maps: a JSON object, map name → type.
pub const MAPS: &str = "io.ebpf.maps";

/// What the labels say. Sorted, so that equal objects give equal labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// Function name → program type.
    pub programs: BTreeMap<String, String>,
    /// Map name → map type, without the maps that hold the program's data.
    pub maps: BTreeMap<String, String>,
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
        let read = |key| {
            let text: &String = labels.get(key).ok_or(LabelError::Missing(key))?;
            let map: BTreeMap<String, String> =
                serde_json::from_str(text).map_err(|_| LabelError::Malformed(key, text.clone()))?;
            match map.iter().find(|(_, kind)| kind.is_empty()) {
                Some((name, _)) => Err(LabelError::NoType(key, name.clone())),
                None => Ok(map),
            }
        };
        Ok(Labels { programs: read(PROGRAMS)?, maps: read(MAPS)? })
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
