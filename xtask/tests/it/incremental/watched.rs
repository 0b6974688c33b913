//! A checkout whose compiler is watched: a script notes each of its runs, so
//! that what the program says of them need not be believed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::files;
use crate::support::{Checkout, Run, finish, program};

/// A file that was written within a tick of the clock before a run began
/// might have been written during it: its object is not kept.
const SETTLED: Duration = Duration::from_millis(25);

/// A checkout with a script for a compiler.
pub struct Watched {
    pub checkout: Checkout,
}

/// What a run came to.
pub struct Outcome {
    pub run: Run,
    /// The compilations: source and clang's name of the byte order, sorted.
    pub compiled: Vec<String>,
    /// How often the compiler was run for anything else.
    pub asked: usize,
    /// What was added, removed or written below `target`.
    pub touched: Vec<String>,
}

impl Watched {
    pub fn new(checkout: Checkout) -> Watched {
        let watched = Watched { checkout };
        watched.install("");
        watched
    }

    /// Puts the script in place; `first` are lines that it begins with.
    pub fn install(&self, first: &str) {
        script(&self.clang(), &self.log(), first);
    }

    pub fn clang(&self) -> PathBuf {
        self.checkout.path().join("tools/clang")
    }

    fn log(&self) -> PathBuf {
        self.checkout.path().join("clang.log")
    }

    /// Returns where images go unless told otherwise.
    pub fn images(&self) -> PathBuf {
        self.checkout.path().join("target/images")
    }

    /// Returns `build-images`, ready to run.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.checkout.build_images_command(args);
        command.env("CLANG", self.clang());
        command
    }

    /// Builds images, and sees what became of it.
    pub fn build(&self, args: &[&str]) -> Outcome {
        self.watch(&mut self.command(args))
    }

    /// Runs a command, which must succeed, and sees what became of it.
    pub fn watch(&self, command: &mut Command) -> Outcome {
        std::thread::sleep(SETTLED);
        let target = self.checkout.path().join("target");
        let before = files::stamps(&target);
        let _ = std::fs::remove_file(self.log());
        let run = finish(command.output().unwrap());
        assert_eq!(run.code, 0, "{}", run.stderr);
        let (compiled, asked) = self.compiled();
        let touched = files::changed(&before, &files::stamps(&target)).into_iter().collect();
        Outcome { run, compiled, asked, touched }
    }

    /// Reads what the script noted since the last run.
    pub fn compiled(&self) -> (Vec<String>, usize) {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let (compiling, other): (Vec<_>, Vec<_>) =
            log.lines().partition(|line| line.contains(" -c "));
        let after = |line: &str, word| line.split(word).nth(1).unwrap().to_owned();
        let mut compiled: Vec<String> = compiling
            .into_iter()
            .map(|line| {
                let source = after(line, " -c ");
                let target = after(line, " -target ");
                let first = |text: &str| text.split(' ').next().unwrap().to_owned();
                format!("{} {}", first(&source), first(&target))
            })
            .collect();
        compiled.sort();
        (compiled, other.len())
    }
}

impl Outcome {
    /// Returns the names of the images of which a file was touched.
    pub fn images(&self) -> Vec<String> {
        let below = self.touched.iter().filter_map(|name| name.strip_prefix("images/"));
        let layouts = below.filter_map(|name| {
            let end = name.find("/blobs").or_else(|| name.find("/index.json"))?;
            Some(name[..end].to_owned())
        });
        let mut images: Vec<_> = layouts.collect();
        images.dedup();
        images
    }
}

/// Writes a script that notes its arguments and runs the real compiler.
pub fn script(path: &Path, log: &Path, first: &str) {
    let text = format!(
        "{first}\nprintf '%s\\n' \"$*\" >>'{}'\nexec '{}' \"$@\"\n",
        log.display(),
        clang().path().display()
    );
    program(path, &text);
}

/// Returns the compiler that the tests are run with.
pub fn clang() -> bpf_build::Compiler {
    let wanted = std::env::var_os("CLANG").map(PathBuf::from);
    let memory = tempfile::tempdir().unwrap();
    bpf_build::Compiler::find(wanted.as_deref(), memory.path()).unwrap()
}
