//! The objects themselves: read, checked against what they are for, and
//! against each other.

use std::path::PathBuf;

use bpf_arch::Arch;
use bpf_object::ObjectInfo;
use bytecode_image::{Difference, Labels, Severity, Slot, difference, lint_object};
use ui::{Exit, Failure, Failures, Table};

use super::File;

/// One object.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) arch: Arch,
    /// Where it lies, as it was typed; only a name for one that was compiled.
    pub(crate) path: PathBuf,
    /// Whether it is not a file yet.
    pub(crate) compiled: bool,
    pub(crate) bytes: Vec<u8>,
    pub(crate) info: ObjectInfo,
}

/// The objects of one image, in the order of the architecture table; at least
/// one.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    pub(crate) objects: Vec<Object>,
    /// Whether they are one for this machine, whose image is a plain one.
    pub(crate) plain: bool,
}

/// Reads the files. All that is wrong with any is reported together.
pub(crate) fn load(files: &[File], plain: bool) -> Result<Objects, Failures> {
    let mut failures = Failures::default();
    let mut objects = Vec::new();
    for file in files {
        match read(file) {
            Ok(object) => objects.push(object),
            Err(failure) => failures.0.push(failure),
        }
    }
    failures.or(Objects { objects, plain })
}

fn read(file: &File) -> Result<Object, Failure> {
    let File { arch, path } = file;
    let bytes = host::fs::read(path)?;
    let unusable = || format!("`{}` cannot be the object for {arch}", path.display());
    let info = bpf_object::read(&bytes).map_err(|error| {
        Failure::from(error).context(unusable()).hint("objects are what `clang -target bpf` makes")
    })?;
    checked(Object { arch: *arch, path: path.clone(), compiled: false, bytes, info })
}

/// Checks an object against what it is for.
///
/// # Errors
///
/// Fails if the byte order is another, or the object cannot be used.
pub(crate) fn checked(object: Object) -> Result<Object, Failure> {
    let Object { arch, path, info, .. } = &object;
    let unusable = || format!("`{}` cannot be the object for {arch}", path.display());
    let (found, expected) = (info.endian, arch.endian());
    if found != expected {
        let message = format!("it is {found}, and {arch} is {expected}");
        return Err(Failure::new(Exit::Failed, message).context(unusable()).hint(format!(
            "compile it with `-target {}`, or name what it is for",
            expected.clang_target()
        )));
    }
    // What is only a warning is said when the image is made.
    let findings = lint_object(info, Some(*arch)).into_iter();
    let errors = findings.filter(|finding| finding.severity == Severity::Error);
    let errors: Vec<_> = errors.map(|finding| finding.to_string()).collect();
    if !errors.is_empty() {
        return Err(Failure::new(Exit::Failed, errors.join("; ")).context(unusable()));
    }
    Ok(object)
}

impl Objects {
    /// Returns what `bytecode-image` makes an image of.
    pub(crate) fn slots(&self) -> Vec<Slot<'_>> {
        let objects = self.objects.iter();
        objects.map(|Object { arch, bytes, info, .. }| Slot { arch: *arch, bytes, info }).collect()
    }

    /// Returns what they are for, in order.
    pub(crate) fn archs(&self) -> Vec<Arch> {
        self.objects.iter().map(|object| object.arch).collect()
    }

    /// Returns the labels, which are the same for all.
    ///
    /// # Errors
    ///
    /// Fails if programs or maps are not the same on every architecture.
    pub(crate) fn labels(&self) -> Result<Labels, Failure> {
        let infos: Vec<_> = self.objects.iter().map(|o| (o.arch, &o.info)).collect();
        match difference(&infos).as_slice() {
            [] => Ok(self.objects.first().map(|o| Labels::of(&o.info)).unwrap_or_default()),
            differences => Err(divergence(differences)),
        }
    }
}

/// Shows what differs as a table.
fn divergence(differences: &[Difference]) -> Failure {
    let mut table = Table::new(&["WHAT", "IS", "ON"]);
    for Difference { subject, readings } in differences {
        for (index, (archs, reading)) in readings.iter().enumerate() {
            let subject = if index == 0 { subject.as_str() } else { "" };
            table.row([subject, reading.as_deref().unwrap_or("absent"), &cli::list(archs)]);
        }
    }
    let message = "the architectures differ in what the labels say of all";
    Failure::new(Exit::Failed, message)
        .detail(table.to_string())
        .hint("make the source the same for all, or an image of its own for each")
        .hint("`--allow-divergence` labels each platform by itself")
}
