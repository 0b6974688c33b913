//! `attestation::go::read`: whatever a program says of itself, it is understood
//! or is nothing.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(info) = attestation::go::read(Cursor::new(bytes)) {
        let _ = format!("{info:?}");
    }
});
