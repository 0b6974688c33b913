//! `bpfman image extract`: the objects of an image as files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use bytecode_image::{Extracted, extract, is_bytecode};
use cli::registry::RegistryArgs;
use oci::{Digest, Image};
use serde::Serialize;
use ui::{Exit, Failure, Failures, Format};

use super::subject::{self, images_of};
use super::text::plain;
use crate::context::Context;

/// Write the objects of an image to files
///
/// Each platform's object becomes the file that bpf2go would make of it:
/// bpf_x86_bpfel.o for linux/amd64, bpf_s390_bpfeb.o for linux/s390x.
/// Everything is read and checked before anything is written. Names in the
/// image decide nothing.
///
/// Prints the paths.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bpfman image extract -o objects quay.io/me/pass:latest
  bpfman image extract -o objects --platform linux/arm64 quay.io/me/pass:latest
  bpfman image extract -o objects oci:images:quay.io/me/pass:latest
  bpfman image extract -o objects pass.tar")]
pub(crate) struct Args {
    /// An image of a registry, a layout (DIR or oci:DIR[:NAME]) or an archive
    /// (FILE, oci-archive:FILE[:NAME] or docker-archive:FILE[:NAME])
    #[arg(value_name = "IMAGE")]
    image: String,

    /// The directory of the files; made if it is not there
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// The platforms to write the objects of; all that are there unless given
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', value_parser = cli::platform)]
    platform: Vec<Arch>,

    #[command(flatten)]
    registries: RegistryArgs,
}

/// The command's JSON.
#[derive(Serialize)]
struct Report {
    schema: u32,
    /// Its full name, if it has one.
    reference: Option<String>,
    digest: String,
    files: Vec<FileReport>,
}

/// One file.
#[derive(Serialize)]
struct FileReport {
    path: String,
    platforms: Vec<&'static str>,
    size: usize,
    digest: String,
    changed: bool,
}

/// An object to be written.
struct Object {
    archs: Vec<Arch>,
    bytes: Vec<u8>,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let client = args.registries.client(Ok)?;
    let found = subject::find(&args.image, &client, cx)?.one(&args.image)?;
    let objects = objects(&images_of(&found.artifact), &args.platform)
        .map_err(|failures| about(failures, &plain(&found.label)))?;
    host::fs::create_dir_all(&args.output)?;
    let mut report = Report {
        schema: 1,
        reference: found.reference.as_ref().map(ToString::to_string),
        digest: found.artifact.digest().to_string(),
        files: Vec::new(),
    };
    for (name, object) in &objects {
        report.files.push(write(&args.output.join(name), object)?);
    }
    match cx.ui.format() {
        Format::Json => cx.ui.json(&report)?,
        Format::Human => report.files.iter().try_for_each(|file| cx.ui.result(&file.path))?,
    }
    let changed = report.files.iter().any(|file| file.changed);
    let unchanged = if changed { "" } else { ", unchanged" };
    let count = ui::count(report.files.len(), "file");
    cx.ui.step("Extracted", format_args!("{count}{unchanged}"));
    Ok(())
}

fn about(failures: Failures, label: &str) -> Failures {
    let context = |failure: Failure| failure.context(format!("failed to extract `{label}`"));
    Failures(failures.0.into_iter().map(context).collect())
}

fn write(path: &Path, Object { archs, bytes }: &Object) -> Result<FileReport, Failure> {
    Ok(FileReport {
        changed: host::fs::write_if_changed(path, bytes)?,
        path: path.display().to_string(),
        platforms: archs.iter().map(|arch| arch.platform()).collect(),
        size: bytes.len(),
        digest: Digest::of(bytes).to_string(),
    })
}

/// Reads the objects of the platforms, by the names of their files. All that
/// is wrong with any is reported together.
fn objects(images: &[&Image], wanted: &[Arch]) -> Result<BTreeMap<&'static str, Object>, Failures> {
    let mut failures = Failures::default();
    let mut objects: BTreeMap<&'static str, Object> = BTreeMap::new();
    let mut there = Vec::new();
    for image in images {
        let platform = image.platform();
        // A variant, as `linux/arm/v7`, is one of its architecture.
        let arch: Option<Arch> = format!("{}/{}", platform.os, platform.architecture).parse().ok();
        there.extend(arch);
        let outcome = match arch {
            Some(arch) if !wanted.is_empty() && !wanted.contains(&arch) => continue,
            None if !wanted.is_empty() => continue,
            Some(arch) => object(image, arch).and_then(|object| add(&mut objects, arch, object)),
            None => Err(Failure::new(
                Exit::Failed,
                format!("`{}` is no platform for bytecode", plain(&platform.to_string())),
            )
            .hint("`--platform` names those to extract")),
        };
        failures.0.extend(outcome.err());
    }
    if let Some(absent) = wanted.iter().find(|arch| !there.contains(arch)) {
        let message = format!("it is not for {absent}");
        failures.0.push(
            Failure::new(Exit::Empty, message).hint(format!("it is for {}", cli::list(&there))),
        );
    }
    if images.is_empty() {
        failures.0.push(Failure::new(Exit::Failed, "it is for no platform"));
    }
    failures.or(objects)
}

/// Reads one platform's object, which must be in its byte order.
fn object(image: &Image, arch: Arch) -> Result<Vec<u8>, Failure> {
    let Extracted { file, bytes, info } = extract(image).map_err(|error| {
        let failure = Failure::from(error).context(format!("there is no object for {arch}"));
        match is_bytecode(image) {
            true => failure,
            false => failure.hint("it is an image, but not one of an eBPF program"),
        }
    })?;
    let (own, expected) = (info.endian, arch.endian());
    if own != expected {
        let message = format!("`{file}` is {own}, but {arch} is {expected}");
        return Err(Failure::new(Exit::Failed, message));
    }
    Ok(bytes)
}

/// Adds an object to the files. Two architectures share a name.
fn add(
    objects: &mut BTreeMap<&'static str, Object>,
    arch: Arch,
    bytes: Vec<u8>,
) -> Result<(), Failure> {
    let name = arch.object_file();
    match objects.get_mut(name) {
        None => drop(objects.insert(name, Object { archs: vec![arch], bytes })),
        Some(other) if other.bytes == bytes => other.archs.push(arch),
        Some(other) => {
            let message =
                format!("{} and {arch} have different objects for `{name}`", other.archs[0]);
            return Err(Failure::new(Exit::Failed, message).hint(format!(
                "`--platform {}` or `--platform {arch}` says whose",
                other.archs[0]
            )));
        }
    }
    Ok(())
}
