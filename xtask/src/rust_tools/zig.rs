//! zig, and the program that lets cargo compile C and link with it: from the
//! Python index, where both are kept for every machine.

use std::path::{Path, PathBuf};

use host::Cmd;
use ui::Failure;

use crate::context::Context;
use crate::rust_tools::{place, run};
use crate::tools;

/// Exact versions: zig's musl and linker become part of what is built.
const ZIGBUILD: &str = "0.24.1";
const ZIG: &str = "0.17.1";

/// Finds `cargo-zigbuild` and the versions of both.
pub(super) fn find(folder: &Path) -> Option<(PathBuf, String)> {
    let program = host::find_tool(folder.join(key()).join("bin/cargo-zigbuild"))?;
    host::find_tool(self::program(folder))?;
    Some((program, ZIGBUILD.to_owned()))
}

/// Returns where zig is.
pub(super) fn program(folder: &Path) -> PathBuf {
    folder.join(key()).join("ziglang/zig")
}

fn key() -> String {
    format!("zigbuild-{ZIGBUILD}-zig-{ZIG}")
}

/// Fetches both with a pip of its own, which goes again.
pub(super) fn fetch(folder: &Path, cx: &Context<'_>) -> Result<(), Failure> {
    let python = host::find_tool("python3").ok_or_else(|| {
        Failure::missing("`python3` is missing to fetch zig")
            .hint(tools::how_to_install(&["python3"]))
            .hint("`cargo-zigbuild` and `zig` of PATH will do as well")
    })?;
    cx.ui.step("Fetching", format_args!("cargo-zigbuild {ZIGBUILD} and zig {ZIG}"));
    place(folder, &key(), |work, done| {
        let venv = work.join("venv");
        run(&Cmd::new(&python).args(["-m", "venv"]).arg(&venv), cx)?;
        let pip = Cmd::new(venv.join("bin/python3"))
            .args(["-m", "pip", "install", "--no-deps", "--only-binary=:all:", "--no-compile"])
            .args(["--disable-pip-version-check", "--quiet", "--target"])
            .arg(done)
            .args([format!("cargo-zigbuild=={ZIGBUILD}"), format!("ziglang=={ZIG}")]);
        run(&pip, cx).map(drop)
    })
    .map_err(|failure| {
        let failure = failure.context("failed to fetch zig");
        failure.hint("`cargo-zigbuild` and `zig` of PATH will do as well")
    })
}
