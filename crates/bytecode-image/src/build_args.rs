//! What `Containerfile.bytecode` and `Containerfile.bytecode.multi.arch` are
//! given: which file goes where, and what the labels are to say.

use bpf_arch::Arch;

use crate::Labels;

/// The argument of the Containerfile for one object.
const BYTECODE_FILE: &str = "BYTECODE_FILE";

/// Returns names and values for the objects' paths in the build context: an
/// argument for each platform, in their order, then the labels.
pub fn build_args<'a>(
    files: impl IntoIterator<Item = (Arch, &'a str)>,
    labels: &Labels,
) -> Vec<(String, String)> {
    let files = files.into_iter().map(|(arch, path)| (arch.build_arg(), path));
    with_labels(files, labels)
}

/// Returns names and values for one object's path, and the labels.
pub fn build_args_of_one(path: &str, labels: &Labels) -> Vec<(String, String)> {
    with_labels([(BYTECODE_FILE, path)], labels)
}

fn with_labels<'a>(
    files: impl IntoIterator<Item = (&'static str, &'a str)>,
    labels: &Labels,
) -> Vec<(String, String)> {
    let files = files.into_iter().map(|(name, path)| (name.to_owned(), path.to_owned()));
    let [programs, maps] = labels.to_pairs().map(|(_, json)| json);
    files.chain([("PROGRAMS".to_owned(), programs), ("MAPS".to_owned(), maps)]).collect()
}
