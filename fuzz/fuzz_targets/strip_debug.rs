//! `bpf_object::strip_debug`: stripping twice is stripping once, and what it
//! makes of a readable object is readable.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(stripped) = bpf_object::strip_debug(bytes) else { return };
    assert_eq!(bpf_object::strip_debug(&stripped).as_ref(), Ok(&stripped));
    if let Ok(info) = bpf_object::read(bytes)
        && info.has_dwarf()
    {
        let after = bpf_object::read(&stripped).unwrap();
        assert!(!after.has_dwarf());
        assert_eq!(after.license, info.license);
        assert_eq!(after.programs.len(), info.programs.len());
    }
});
