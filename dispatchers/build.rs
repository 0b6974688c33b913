//! Compiles the two dispatchers for the byte order of the target, so that the
//! crate can embed them.
//!
//! Objects come from the cache that `cargo xtask build-ebpf` uses too.

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bpf_arch::{Arch, Endian};
use bpf_build::{Built, Compiler, CompilerError, Libbpf, Request, Source, Workshop};

/// Each source, relative to the workspace, and what `src/dispatcher.rs` embeds.
const DISPATCHERS: [(&str, &str); 2] = [
    ("dispatchers/bpf/xdp_dispatcher_v2.bpf.c", "xdp_dispatcher.o"),
    ("dispatchers/bpf/tc_dispatcher.bpf.c", "tc_dispatcher.o"),
];

/// The project's own headers, relative to the workspace.
const INCLUDE: &str = "bpf/include";

const HOW_TO_GET_CLANG: &str = "this crate embeds compiled eBPF programs and needs clang 14 or \
    newer: `cargo xtask doctor --install-deps` installs it, CLANG names another one";

/// What decides which compiler is used and where the cache is. Not PATH: it
/// differs between a shell and an editor, which would compile in turns.
const VARIABLES: [&str; 2] = ["CLANG", "CARGO_TARGET_DIR"];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell("error", &chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("..");
    let root = std::fs::canonicalize(root)?;
    VARIABLES.iter().for_each(|name| println!("cargo::rerun-if-env-changed={name}"));
    // Directories, since a header that appears may be read before another.
    for input in ["Cargo.lock", "dispatchers/bpf", INCLUDE] {
        watch(&root.join(input));
    }
    let out = PathBuf::from(variable("OUT_DIR")?);
    let workshop = workshop(&root)?;
    watch(&std::fs::canonicalize(workshop.compiler().path())?);
    let built = workshop.build(&requests()?, NonZeroUsize::MIN, &|_| {});
    for (built, (source, object)) in built.into_iter().zip(DISPATCHERS) {
        let bytes = finish(built, source)?;
        host::fs::write_if_changed(&out.join(object), &bytes)?;
    }
    Ok(())
}

fn workshop(root: &Path) -> Result<Workshop, Box<dyn Error>> {
    let target = std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
    let dir = root.join(target.unwrap_or_else(|| "target".into())).join("bpf");
    let wanted = std::env::var_os("CLANG").filter(|clang| !clang.is_empty());
    let compiler = Compiler::find(wanted.as_ref().map(Path::new), &dir.join("compilers"));
    let compiler = compiler.map_err(|error| match error {
        CompilerError::NotFound { .. } | CompilerError::TooOld { .. } => {
            format!("{error}\n{HOW_TO_GET_CLANG}").into()
        }
        other => Box::<dyn Error>::from(other),
    })?;
    let libbpf = Libbpf::pinned(root)?;
    Ok(Workshop::open(root, &dir, compiler, &libbpf, &[INCLUDE.into()])?)
}

fn requests() -> Result<[Request; 2], Box<dyn Error>> {
    let endian = match variable("CARGO_CFG_TARGET_ENDIAN")?.as_str() {
        "big" => Endian::Big,
        _ => Endian::Little,
    };
    // Any will do: the dispatchers are the same for all of a byte order.
    let archs = Arch::PUBLISHED.into_iter().filter(|arch| arch.endian() == endian).take(1);
    let archs: Vec<Arch> = archs.collect();
    Ok(DISPATCHERS.map(|(path, _)| Request { source: Source::new(path), archs: archs.clone() }))
}

/// Returns the object's bytes, after passing on what clang said of it.
fn finish(built: Built, source: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    if let Some(failure) = built.failures.into_iter().next() {
        let messages = failure.error.messages().unwrap_or_default().to_owned();
        tell("error", &messages);
        return Err(failure.into());
    }
    let object = built.objects.into_values().next();
    let object = object.ok_or_else(|| format!("`{source}` was not compiled"))?;
    tell("warning", &object.warnings);
    Ok(object.bytes.clone())
}

/// Hands cargo a message; it takes lines, and does not strip clang's colours.
fn tell(kind: &str, text: &str) {
    text.lines().for_each(|line| println!("cargo::{kind}={}", plain(line)));
}

/// Returns a line without the terminal's escape sequences `ESC [ … m`.
fn plain(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

fn watch(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|error| format!("cargo did not set {name}: {error}"))
}

/// Returns an error and its causes, one a line.
fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}\n  caused by: {cause}"))
}
