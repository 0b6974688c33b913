//! `-c DIR`: the objects of a directory, by their names.

use std::path::{Path, PathBuf};

use bpf_arch::{Arch, archs_of_file};
use host::fs::IoContext;
use ui::Failure;

use super::{File, narrowed, twice};

/// Returns the objects in `dir`, not below it. What does not end in `.o` is
/// left alone: bpf2go writes Go files beside them.
pub(super) fn directory(dir: &Path, platforms: &[Arch]) -> Result<Vec<File>, Failure> {
    let mut files: Vec<File> = Vec::new();
    for path in objects(dir)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let archs = archs_of_file(&name).map_err(|error| {
            let message = format!("`{}` does not say what it is for: {error}", path.display());
            Failure::usage(message).hint(
                "objects are named as bpf2go names them, such as `bpf_arm64_bpfel.o`; \
                 `linux/arm64=FILE` names one of any name",
            )
        })?;
        for arch in meant(&archs, platforms) {
            let file = File { arch, path: path.clone() };
            match files.iter().find(|other| other.arch == arch) {
                Some(other) => return Err(twice(other, &file)),
                None => files.push(file),
            }
        }
    }
    if files.is_empty() {
        let message = format!("`{}` holds no objects", dir.display());
        return Err(Failure::usage(message).hint("objects are files whose names end in `.o`"));
    }
    narrowed(files, platforms)
}

/// Returns what an object is taken for: what its name means first, the rest
/// only if they are asked for.
fn meant(archs: &[Arch], platforms: &[Arch]) -> Vec<Arch> {
    let asked: Vec<Arch> = archs.iter().filter(|arch| platforms.contains(arch)).copied().collect();
    if asked.is_empty() { archs[..1].to_vec() } else { asked }
}

fn objects(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    std::fs::metadata(dir).io_context("open", dir).map_err(Failure::usage)?;
    let mut paths = host::fs::read_dir(dir)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "o"));
    paths.sort();
    Ok(paths)
}
