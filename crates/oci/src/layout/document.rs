//! The two small files of a layout: the marker and the index.

use std::path::Path;

use serde::Deserialize;

use crate::Error;
use crate::spec::Index;

/// The file that makes a directory a layout (image-layout.md, "oci-layout
/// file").
pub(crate) const MARKER_FILE: &str = "oci-layout";

/// The file that names what is in it ("index.json file").
pub(crate) const INDEX_FILE: &str = "index.json";

const VERSION: &str = "1.0.0";

/// The marker's bytes.
pub(crate) const MARKER: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

#[derive(Deserialize)]
struct Marker {
    #[serde(rename = "imageLayoutVersion")]
    version: String,
}

/// Checks a marker's version; `layout` is for the error.
pub(crate) fn parse_marker(layout: &Path, bytes: &[u8]) -> Result<(), Error> {
    let marker: Marker = serde_json::from_slice(bytes)
        .map_err(|e| Error::invalid_layout(layout, format!("`{MARKER_FILE}` is not valid: {e}")))?;
    if marker.version != VERSION {
        let reason = format!("`{MARKER_FILE}` has version `{}`, not {VERSION}", marker.version);
        return Err(Error::invalid_layout(layout, reason));
    }
    Ok(())
}

/// Parses an index file; `layout` is for the error.
pub(crate) fn parse_index(layout: &Path, bytes: &[u8]) -> Result<Index, Error> {
    let index: Index = serde_json::from_slice(bytes)
        .map_err(|e| Error::invalid_layout(layout, format!("`{INDEX_FILE}` is not valid: {e}")))?;
    if index.schema_version != 2 {
        let reason = format!("`{INDEX_FILE}` has schema version {}, not 2", index.schema_version);
        return Err(Error::invalid_layout(layout, reason));
    }
    Ok(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_marker_is_understood() {
        parse_marker(Path::new("d"), MARKER).unwrap();
        let cases = [
            ("", "`oci-layout` is not valid: EOF while parsing a value at line 1 column 0"),
            (r#"{"imageLayoutVersion":"2.0.0"}"#, "`oci-layout` has version `2.0.0`, not 1.0.0"),
        ];
        for (text, reason) in cases {
            let error = parse_marker(Path::new("d"), text.as_bytes()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("`d` is not a usable OCI image layout: {reason}")
            );
            assert_eq!(
                error.hint().unwrap(),
                "nothing was changed in it; move `d` away or delete it, then write it again"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>, text: String) {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                let _ = parse_marker(Path::new("d"), bytes);
                let _ = parse_index(Path::new("d"), bytes);
            }
        }
    }
}
