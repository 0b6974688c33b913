//! Everything that can be wrong with what goes in: for each way to get it
//! wrong the words that the user reads, the exit code, and what is left.

mod catalogue;
mod compiler;
mod damage;
mod disk;
mod inspect;
mod layouts;
mod options;
mod programs;
mod sources;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::support::{Checkout, Run, finish};

/// What a run came to, in words that are the same on every machine.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    code: i32,
    stdout: String,
    /// Without what was quoted.
    stderr: String,
    /// What clang said: the lines that are indented by four blanks.
    quoted: String,
}

impl Said {
    fn of(run: &Run, checkout: &Checkout) -> Said {
        let stderr = steady(&run.stderr, checkout);
        let quotes = |line: &&str| line.starts_with("    ");
        let lines = |quoted: bool| -> String {
            let lines = stderr.lines().filter(|line| quotes(line) == quoted);
            lines.map(|line| format!("{line}\n")).collect()
        };
        let stdout = without_digests(&steady(&run.stdout, checkout));
        Said { code: run.code, stdout, stderr: lines(false), quoted: lines(true) }
    }

    /// Compares everything but what clang said.
    #[track_caller]
    fn is(&self, code: i32, stdout: &str, stderr: &str) {
        let said = (self.code, self.stdout.as_str(), self.stderr.as_str());
        assert_eq!(said, (code, stdout, stderr), "{self:#?}");
    }
}

/// Runs `build-images`, its steps not shown: they come in any order.
fn quiet(checkout: &Checkout, args: &[&str]) -> Said {
    Said::of(&checkout.build_images(&[&["-q"], args].concat()), checkout)
}

/// Runs another command, just so.
fn quiet_command(checkout: &Checkout, args: &[&str]) -> Said {
    Said::of(&checkout.run(&[args, &["-q"]].concat()), checkout)
}

/// Runs a command that is set up already.
fn said(command: &mut Command, checkout: &Checkout) -> Said {
    Said::of(&finish(command.output().unwrap()), checkout)
}

/// Takes out what differs from machine to machine: the checkout's path, the
/// names of temporary files, the name of the compiler, `sudo`.
fn steady(text: &str, checkout: &Checkout) -> String {
    let text = text.replace(checkout.path().to_str().unwrap(), "CHECKOUT");
    let compiler = CLANG.file_name().unwrap().to_str().unwrap();
    let text = text.replace(&format!("`{compiler}` exited"), "`clang` exited");
    let text = starred(&text, ".staged-", |c| c.is_ascii_alphanumeric());
    starred(&text, "/.tmp", |c| c.is_ascii_alphanumeric()).replace("`sudo ", "`")
}

/// Objects differ from clang to clang, and so do digests.
fn without_digests(text: &str) -> String {
    starred(text, "sha256:", |c| c.is_ascii_hexdigit())
}

/// Puts a star in place of what follows each `prefix`.
fn starred(text: &str, prefix: &str, follows: fn(char) -> bool) -> String {
    let mut parts = text.split(prefix);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| format!("{text}{prefix}*{}", part.trim_start_matches(follows)))
}

/// The compiler that the tests are run with.
static CLANG: LazyLock<PathBuf> = LazyLock::new(|| {
    let wanted = std::env::var_os("CLANG").filter(|clang| !clang.is_empty());
    let dir = tempfile::tempdir().unwrap();
    let found = bpf_build::Compiler::find(wanted.as_deref().map(Path::new), dir.path());
    found.unwrap().path().to_owned()
});

/// Returns `build-images -q --dry-run` with these options and environment,
/// programs being looked for in `path` alone.
fn dry_run(
    checkout: &Checkout,
    path: impl AsRef<OsStr>,
    envs: &[(&str, &str)],
    args: &[&str],
) -> Command {
    let mut command = checkout.build_images_command(&["-q", "--dry-run"]);
    command.args(args).env_remove("CLANG").env("PATH", path).envs(envs.iter().copied());
    command
}

/// An XDP program that passes every packet, without a licence.
const PASS: &str = "#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC(\"xdp\") int pass(struct xdp_md *ctx)
{
\treturn XDP_PASS;
}
";

/// What makes it one that can be loaded.
const LICENSE: &str = "char _license[] SEC(\"license\") = \"GPL\";\n";

/// Returns the entry of an image made from `bytecode`.
fn entry(name: &str, bytecode: &str) -> String {
    format!(
        "  - {{name: {name}, organization: o, description: d, licenses: MIT, bytecode: {bytecode}}}\n"
    )
}
