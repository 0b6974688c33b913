//! `bpf_object::read` and every question that its answer takes.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(info) = bpf_object::read(bytes) else { return };
    for program in &info.programs {
        let _ = bpf_object::section::loaders(&program.section);
    }
    for map in &info.maps {
        let _ = map.kind.label();
    }
    for global in info.globals.iter().take(100) {
        let _ = info.variable(&global.name);
    }
    let _ = info.metadata_uint("metadata", "dispatcher_version");
    let _ = format!("{:?} {:?} {}", info.requirements(), info.core, info.isa());
    let _ = format!("{info:?}");
});
