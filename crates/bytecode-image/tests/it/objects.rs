//! Objects that the machine's clang compiles from `fixtures/`, each wrong in
//! its own way.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bpf_arch::Arch;
use host::Cmd;

/// Compiles the fixture with these macros (`NAME` or `NAME=VALUE`), or without
/// debug information where one is `-g0`. Each only once.
///
/// `None` where there is no clang, which is then said.
pub(crate) fn compile(arch: Arch, defines: &[&str]) -> Option<Vec<u8>> {
    static COMPILED: Mutex<Option<HashMap<Vec<String>, Vec<u8>>>> = Mutex::new(None);
    let clang = test_support::tool("clang")?;
    let mut args: Vec<String> = ["-O2", "-mcpu=v2", "-Wall", "-Werror", "-fno-addrsig", "-target"]
        .map(str::to_owned)
        .into();
    args.push(arch.endian().clang_target().to_owned());
    args.push(format!("-D__TARGET_ARCH_{}", arch.libbpf()));
    args.push("-g".to_owned());
    args.extend(defines.iter().map(|define| match define.starts_with('-') {
        true => (*define).to_owned(),
        false => format!("-D{define}"),
    }));
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let compiled = compiled.get_or_insert_default();
    let object = compiled.entry(args).or_insert_with_key(|args| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let source = root.join("tests/fixtures/object.bpf.c");
        let cmd = Cmd::new(clang).args(args).arg("-c").arg(source).args(["-o", "-"]);
        bpf_object::strip_debug(&cmd.run().unwrap().stdout).unwrap()
    });
    Some(object.clone())
}
