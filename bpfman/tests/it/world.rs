//! A directory with objects in it, to run the program in.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use bpf_arch::{Arch, Endian};
use oci::layout::Tree;
use oci::{Artifact, Entry, EntryLimits, Image, Layout, Reference};
use tempfile::TempDir;

/// A program and a map, without any header.
pub(super) const PASS: &str = r#"
struct {
    int (*type)[2];
    int (*max_entries)[1];
    unsigned int *key;
    unsigned long long *value;
} packets __attribute__((section(".maps"), used));

__attribute__((section("xdp"), used)) int pass(void *ctx) { return 2; }

char _license[] __attribute__((section("license"), used)) = "GPL";
"#;

/// What both labels of [`PASS`] say.
pub(super) const LABELS: [&str; 2] = [r#"{"pass":"xdp"}"#, r#"{"packets":"array"}"#];

/// The object of [`PASS`] for each byte order, made once.
static OBJECTS: LazyLock<[Vec<u8>; 2]> =
    LazyLock::new(|| [Endian::Little, Endian::Big].map(|endian| compiled(PASS, endian)));

/// libbpf's sources, as the workspace pins them.
static LIBBPF: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = test_support::workspace_root();
    bpf_build::Libbpf::pinned(&root).unwrap().dir().to_owned()
});

/// A directory of its own. Its name has a blank and an equals sign in it:
/// every test is also a test of those.
pub(super) struct World {
    dir: TempDir,
}

/// What a run of the program came to.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Compiles without the workspace's help.
pub(super) fn compiled(source: &str, endian: Endian) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("x.c"), dir.path().join("x.o"));
    std::fs::write(&from, source).unwrap();
    let clang = std::env::var_os("CLANG").unwrap_or_else(|| "clang".into());
    let clang = host::find_tool(PathBuf::from(clang)).expect("clang is needed");
    // Its default for the instruction set changes with LLVM.
    let flags = ["-g", "-O2", "-mcpu=v2", "-target", endian.clang_target(), "-c"];
    host::Cmd::new(clang).args(flags).arg(&from).arg("-o").arg(&to).run().unwrap();
    std::fs::read(&to).unwrap()
}

/// Returns the object of [`PASS`] for an architecture.
pub(super) fn object(arch: Arch) -> &'static [u8] {
    match arch.endian() {
        Endian::Little => &OBJECTS[0],
        Endian::Big => &OBJECTS[1],
    }
}

impl World {
    pub(super) fn new() -> World {
        let world = World { dir: tempfile::Builder::new().prefix("wor ld=").tempdir().unwrap() };
        std::fs::create_dir(world.dir.path().join("here")).unwrap();
        world
    }

    /// Makes a world with a directory `objects` for these architectures, and
    /// the project's Containerfiles.
    pub(super) fn with_objects(archs: &[Arch]) -> World {
        let world = World::new();
        for arch in archs {
            world.write(&format!("objects/{}", arch.object_file()), object(*arch));
        }
        for name in ["Containerfile.bytecode", "Containerfile.bytecode.multi.arch"] {
            let file = test_support::workspace_root().join(name);
            world.write(name, std::fs::read(file).unwrap());
        }
        world
    }

    /// The directory that the program runs in.
    pub(super) fn here(&self) -> PathBuf {
        self.dir.path().join("here")
    }

    pub(super) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.here().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Returns the program, ready to run: without the environment of the test
    /// run but for what finds tools.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bpfman"));
        command.arg("image").args(args).current_dir(self.here()).env_clear().stdin(Stdio::null());
        for name in ["PATH", "CLANG"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.env("HOME", self.dir.path().join("home"));
        command
    }

    pub(super) fn run(&self, args: &[&str]) -> Run {
        finish(self.command(args).output().unwrap())
    }

    /// Runs `build` with libbpf's headers as the workspace pins them.
    pub(super) fn compile(&self, args: &[&str]) -> Run {
        let libbpf = LIBBPF.to_str().unwrap();
        self.run(&[&["build", "--libbpf-dir", libbpf], args].concat())
    }

    /// Returns what lies in the tree of layouts `out` under a name.
    pub(super) fn load(&self, name: &str) -> Artifact {
        let reference: Reference = name.parse().unwrap();
        let directory = Tree::new(self.here().join("out")).directory(&reference);
        let layout = Layout::open(&directory).unwrap();
        layout.load(&layout.resolve(reference.tag().unwrap()).unwrap()).unwrap()
    }
}

/// Puts what a process wrote into words.
pub(super) fn finish(output: Output) -> Run {
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Run {
    /// Asserts that it went well, and returns the results.
    pub(super) fn done(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self.stdout
    }

    /// Returns the exit code and what was said, without the names of
    /// directories of this run.
    pub(super) fn failed(self, world: &World) -> (i32, String) {
        assert_eq!(self.stdout, "", "what failed gives no result");
        let here = world.here();
        let said = self.stderr.replace(&*here.to_string_lossy(), "HERE");
        (self.code, said)
    }
}

/// Returns the one file of a bytecode image.
pub(super) fn only_entry(image: &Image) -> Entry {
    let [layer] = image.layers() else { panic!("{} layers", image.layers().len()) };
    let limits = EntryLimits { total: 1 << 20, entries: 9, kept: 1 << 20 };
    let mut entries = layer.entries(limits).unwrap();
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

/// Says what an artifact is: a line for each platform, with the file's name
/// and whether it is the object of [`PASS`], and the labels.
pub(super) fn describe(artifact: &Artifact) -> String {
    let mut text = match artifact {
        Artifact::Image(_) => "image\n".to_owned(),
        Artifact::Index(_) => "index\n".to_owned(),
    };
    for image in artifact.images() {
        let entry = only_entry(image);
        let arch: Arch = image.platform().to_string().parse().unwrap();
        let same = if entry.bytes == object(arch) { "as it was" } else { "another" };
        text += &format!("{arch} {} {same}", entry.name);
        for (key, value) in image.labels() {
            text += &format!(" {key}={value}");
        }
        text += "\n";
    }
    text
}

/// Returns a directory that other users can come to.
pub(super) fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
}

impl World {
    /// The directory around the one that the program runs in.
    pub(super) fn around(&self) -> &Path {
        self.dir.path()
    }
}
