//! What clang is told, as a value: pure, so that it can be compared, printed
//! and hashed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bpf_arch::Arch;

/// The instruction set unless a source asks for another. Stated, because
/// LLVM 20 changed its default from v1 to v3; v2 runs from Linux 4.14 on.
const DEFAULT_CPU: &str = "v2";

/// Where the host's own headers are.
pub(crate) const SYSTEM_INCLUDE: &str = "/usr/include";

/// The first LLVM that reads configuration files unasked, and knows the flag
/// against it.
const CONFIG_FILES_SINCE: u32 = 16;

/// One C source and what it is compiled with. Paths are relative to the
/// workshop's root, or absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The C file.
    pub path: PathBuf,
    /// Include directories of its own, before the workshop's; `{arch}`
    /// stands for libbpf's name of the architecture, such as `x86`.
    pub include: Vec<String>,
    /// Macros: `NAME` or `NAME=VALUE`.
    pub define: Vec<String>,
    /// The instruction set: `v1`, `v2` (the default), `v3`, `v4`.
    pub cpu: Option<String>,
    /// Whether the host's own headers are searched, last.
    pub system_headers: bool,
}

impl Source {
    /// Returns a source compiled with nothing special.
    pub fn new(path: impl Into<PathBuf>) -> Source {
        Source { path: path.into(), ..Source::default() }
    }

    /// Returns the file's name without its last extension:
    /// `xdp_dispatcher_v2.bpf` for `xdp_dispatcher_v2.bpf.c`.
    pub fn stem(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// What is the same for all sources of one run.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// Include directories: libbpf's, then the project's.
    pub(crate) include: Vec<PathBuf>,
    /// Directories whose names must not reach the object, and what stands
    /// for them there.
    pub(crate) prefix_map: Vec<(PathBuf, &'static str)>,
    pub(crate) clang_major: u32,
}

/// Returns the arguments that decide what comes out: all but where to write.
pub(crate) fn argv(source: &Source, arch: Arch, setting: &Setting) -> Vec<OsString> {
    let cpu = source.cpu.as_deref().unwrap_or(DEFAULT_CPU);
    let mut argv: Vec<OsString> = Vec::new();
    if setting.clang_major >= CONFIG_FILES_SINCE {
        argv.push("--no-default-config".into());
    }
    // -g makes clang write BTF, which comes from the same description.
    // -fno-ident and -fno-addrsig leave out two sections that nobody reads
    // and that would differ between compilers. A source that asks for the
    // time would be another program every day.
    let fixed = ["-g", "-O2", "-Wall", "-Werror=date-time", "-fno-ident", "-fno-addrsig"];
    argv.extend(fixed.map(OsString::from));
    argv.extend(["-target", arch.endian().clang_target()].map(OsString::from));
    argv.push(format!("-mcpu={cpu}").into());
    argv.push(format!("-D__TARGET_ARCH_{}", arch.libbpf()).into());
    argv.extend(source.define.iter().map(|define| format!("-D{define}").into()));
    argv.push("-fdebug-compilation-dir=.".into());
    // What lies outside the root would leave its place in the object.
    let include = include_dirs(source, arch, setting);
    let beside = source.path.parent().filter(|dir| dir.is_absolute());
    let known = setting.prefix_map.iter().map(|(from, to)| (from.as_path(), *to));
    let is_known = |dir: &&Path| setting.prefix_map.iter().any(|(from, _)| from == dir);
    let outside = include.iter().map(PathBuf::as_path).filter(|dir| dir.is_absolute());
    let outside = outside.filter(|dir| !is_known(dir)).chain(beside).map(|dir| (dir, "."));
    let maps = known.chain(outside);
    argv.extend(maps.map(|(from, to)| {
        joined(&["-ffile-prefix-map=".as_ref(), from, "=".as_ref(), to.as_ref()])
    }));
    // No header of the host, unless asked for.
    argv.push("-nostdlibinc".into());
    argv.extend(include.iter().flat_map(|dir| ["-I".into(), dir.into()]));
    for dir in system_dirs(source) {
        argv.extend(["-idirafter".into(), dir.into_os_string()]);
    }
    argv.push("-c".into());
    argv.push(operand(&source.path));
    argv
}

/// Returns the directories searched for `#include <…>`, in order, without
/// the system's.
pub(crate) fn include_dirs(source: &Source, arch: Arch, setting: &Setting) -> Vec<PathBuf> {
    let own = source.include.iter().map(|dir| dir.replace("{arch}", arch.libbpf()).into());
    own.chain(setting.include.iter().cloned()).collect()
}

/// Debian keeps the headers of each architecture in a directory of its own,
/// which `-target bpf` no longer searches.
fn system_dirs(source: &Source) -> Vec<PathBuf> {
    if !source.system_headers {
        return Vec::new();
    }
    let machine = std::env::consts::ARCH;
    let multiarch = Path::new(SYSTEM_INCLUDE).join(format!("{machine}-linux-gnu"));
    [multiarch, SYSTEM_INCLUDE.into()].into_iter().filter(|dir| dir.is_dir()).collect()
}

/// A file whose name begins with `-` or `@` would be read as an option.
fn operand(path: &Path) -> OsString {
    match path.as_os_str().as_encoded_bytes().first() {
        Some(b'-' | b'@') => Path::new(".").join(path).into_os_string(),
        _ => path.as_os_str().to_owned(),
    }
}

fn joined(parts: &[&Path]) -> OsString {
    parts.iter().fold(OsString::new(), |mut all, part| {
        all.push(part);
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(clang_major: u32) -> Setting {
        Setting {
            include: vec!["target/headers".into(), "bpf/include".into()],
            prefix_map: vec![("target/headers".into(), "libbpf")],
            clang_major,
        }
    }

    fn text(source: &Source, arch: Arch, major: u32) -> String {
        let argv = argv(source, arch, &setting(major));
        argv.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn arguments_are_complete_and_hold_no_path_of_the_machine() {
        assert_eq!(
            text(&Source::new("bpf/xdp_pass.bpf.c"), Arch::S390x, 14),
            "-g -O2 -Wall -Werror=date-time -fno-ident -fno-addrsig -target bpfeb -mcpu=v2 -D__TARGET_ARCH_s390 \
             -fdebug-compilation-dir=. -ffile-prefix-map=target/headers=libbpf -nostdlibinc \
             -I target/headers -I bpf/include -c bpf/xdp_pass.bpf.c"
        );
    }

    #[test]
    fn what_a_source_asks_for_comes_before_the_rest() {
        let source = Source {
            path: "/elsewhere/a b/-x.c".into(),
            include: vec!["vmlinux/{arch}".into(), "/abs".into()],
            define: vec!["A".into(), "B=1".into()],
            cpu: Some("v3".into()),
            system_headers: false,
        };
        assert_eq!(
            text(&source, Arch::Ppc64le, 16),
            "--no-default-config -g -O2 -Wall -Werror=date-time -fno-ident -fno-addrsig -target bpfel -mcpu=v3 \
             -D__TARGET_ARCH_powerpc -DA -DB=1 -fdebug-compilation-dir=. \
             -ffile-prefix-map=target/headers=libbpf -ffile-prefix-map=/abs=. \
             -ffile-prefix-map=/elsewhere/a b=. -nostdlibinc -I vmlinux/powerpc -I /abs -I target/headers -I bpf/include -c \
             /elsewhere/a b/-x.c"
        );
    }

    #[test]
    fn a_file_name_is_never_read_as_an_option() {
        for name in ["-o.c", "@args.c"] {
            assert!(text(&Source::new(name), Arch::Amd64, 14).ends_with(&format!("-c ./{name}")));
        }
    }

    #[test]
    fn the_stem_keeps_all_but_the_last_extension() {
        for (path, stem) in [
            ("a/xdp_dispatcher_v2.bpf.c", "xdp_dispatcher_v2.bpf"),
            ("xdp_counter.c", "xdp_counter"),
        ] {
            assert_eq!(Source::new(path).stem(), stem);
        }
    }
}
