//! Base64 as lenient as the programs that read it elsewhere are: what cosign
//! accepts is accepted.

use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine as _};

/// Go's decoder does not look at the bits that are left over.
const GO: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);

/// As Go's `base64.StdEncoding` decodes: padded, and line ends do not count.
pub(crate) fn standard(text: &str) -> Result<Vec<u8>, DecodeError> {
    GeneralPurpose::new(&STANDARD, GO).decode(text.replace(['\r', '\n'], ""))
}

/// As protobuf's JSON has bytes: in either alphabet, padded or not.
pub(crate) fn of_json(text: &str) -> Result<Vec<u8>, DecodeError> {
    let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    let lenient = GO.with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, lenient).decode(text.replace(['\r', '\n'], ""))
}
