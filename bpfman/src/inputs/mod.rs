//! What an image is to be made of: which files the user names, and for which
//! architectures. Both commands that take objects share these options.
//!
//! Not here: reading the files.

mod objects;
mod scan;
mod slots;

use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use clap::Args;
use ui::Failure;

pub(crate) use objects::{Object, Objects, checked, load};
use slots::SlotArgs;

/// The objects of an image.
#[derive(Args, Debug)]
#[command(next_help_heading = "Objects")]
pub(crate) struct InputArgs {
    /// One object, for this machine's architecture; the image is a plain one
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["cilium_ebpf_project"])]
    bytecode: Option<PathBuf>,

    /// A directory of objects whose names say their architectures, as bpf2go
    /// and `cargo xtask build-ebpf` make them
    #[arg(short, long, value_name = "DIR")]
    cilium_ebpf_project: Option<PathBuf>,

    #[command(flatten)]
    slots: SlotArgs,
}

/// What the user named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Inputs {
    /// One object, for this machine.
    One(File),
    /// An object for each of some architectures, in the table's order.
    Each(Vec<File>),
    /// A C file, to be compiled.
    Source(PathBuf),
}

/// A file and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) arch: Arch,
    /// As it was typed.
    pub(crate) path: PathBuf,
}

/// Where objects can come from: said where there are none.
const WAYS: &str = "name a C file, an object with `-b FILE`, a directory of objects with `-c DIR`, \
                    or one for each platform as `linux/arm64=FILE` or `--bc-arm64-el FILE`";

impl InputArgs {
    /// Returns what these options and the words beside them name. `platforms`
    /// are those that were asked for, none if all.
    pub(crate) fn inputs(self, words: &[String], platforms: &[Arch]) -> Result<Inputs, Failure> {
        let InputArgs { bytecode, cilium_ebpf_project, slots } = self;
        let ways = [
            bytecode.is_some(),
            cilium_ebpf_project.is_some(),
            !slots.0.is_empty(),
            !words.is_empty(),
        ];
        match ways.into_iter().filter(|way| *way).count() {
            0 => return Err(Failure::usage("there is nothing to make an image of").hint(WAYS)),
            1 => {}
            _ => {
                let message = "objects are named in more than one way";
                return Err(Failure::usage(message).hint(WAYS));
            }
        }
        if let Some(path) = bytecode {
            return one(path, platforms);
        }
        if let Some(dir) = cilium_ebpf_project {
            return Ok(Inputs::Each(scan::directory(&dir, platforms)?));
        }
        if !slots.0.is_empty() {
            return narrowed(slots.0, platforms).map(Inputs::Each);
        }
        of_words(words, platforms)
    }
}

/// One object is for the machine that it is packaged on.
fn one(path: PathBuf, platforms: &[Arch]) -> Result<Inputs, Failure> {
    if is_source(&path) {
        let message = format!("`{}` is a C file, not an object", path.display());
        return Err(Failure::usage(message).hint("name it without `-b`, and it is compiled"));
    }
    let host = Arch::host();
    let arch = match platforms {
        [arch] => Some(*arch),
        [] => host,
        _ => {
            let message = format!("one object cannot be for {}", cli::list(platforms));
            return Err(Failure::usage(message).hint("name one for each, as `linux/arm64=FILE`"));
        }
    };
    let arch = arch.ok_or_else(|| {
        Failure::usage("this machine's architecture is none that images are made for")
            .hint("`--platform` says which one the object is for")
    })?;
    Ok(Inputs::One(File { arch, path }))
}

/// Reads `linux/<arch>=PATH …`, one object or one C file.
fn of_words(words: &[String], platforms: &[Arch]) -> Result<Inputs, Failure> {
    let (slots, bare): (Vec<_>, Vec<_>) =
        words.iter().map(|word| (word, slot(word))).partition(|(_, slot)| slot.is_some());
    match (slots.is_empty(), bare.as_slice()) {
        (true, [(word, _)]) if is_source(word.as_ref()) => Ok(Inputs::Source(word.into())),
        (true, [(word, _)]) => one(word.into(), platforms),
        (true, _) => {
            let all: Vec<_> = bare.iter().map(|(word, _)| format!("`{word}`")).collect();
            let message = format!("{} files and no architectures: {}", all.len(), all.join(", "));
            Err(Failure::usage(message)
                .hint("several objects are named with theirs, as `linux/arm64=FILE`")
                .hint("an image holds one program file: C files are built one at a time"))
        }
        (false, [(word, _), ..]) => {
            Err(Failure::usage(format!("`{word}` says no architecture, the others do")).hint(WAYS))
        }
        (false, []) => {
            let files = slots.into_iter().filter_map(|(_, slot)| slot);
            let files = files.collect::<Result<Vec<File>, String>>().map_err(Failure::usage)?;
            narrowed(files, platforms).map(Inputs::Each)
        }
    }
}

/// Reads `linux/<arch>=PATH`; `None` for a path that only looks alike.
fn slot(word: &str) -> Option<Result<File, String>> {
    let (platform, path) = word.split_once('=')?;
    platform.starts_with("linux/").then(|| {
        let arch = cli::platform(platform)?;
        if path.is_empty() {
            return Err(format!("`{word}` names no file"));
        }
        Ok(File { arch, path: path.into() })
    })
}

/// Returns the files of the platforms that were asked for, in the table's
/// order; each platform may have one.
fn narrowed(mut files: Vec<File>, platforms: &[Arch]) -> Result<Vec<File>, Failure> {
    files.sort_by_key(|file| file.arch);
    for pair in files.windows(2) {
        if pair[0].arch == pair[1].arch {
            return Err(twice(&pair[0], &pair[1]));
        }
    }
    if let Some(file) = files.iter().find(|file| is_source(&file.path)) {
        let message = format!("`{}` is a C file, not an object", file.path.display());
        return Err(Failure::usage(message)
            .hint("a C file is named alone, and is compiled for every platform"));
    }
    if let Some(absent) = platforms.iter().find(|arch| !files.iter().any(|f| f.arch == **arch)) {
        return Err(Failure::usage(format!("there is no object for {absent}")));
    }
    files.retain(|file| platforms.is_empty() || platforms.contains(&file.arch));
    Ok(files)
}

fn twice(one: &File, other: &File) -> Failure {
    let message = format!(
        "two objects are for {}: `{}` and `{}`",
        one.arch,
        one.path.display(),
        other.path.display()
    );
    Failure::usage(message)
}

/// Returns whether a file is to be compiled, by its name.
fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "c")
}
