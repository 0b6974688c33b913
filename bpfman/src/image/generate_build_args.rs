//! `bpfman image generate-build-args`: what a Containerfile for bytecode is to
//! be given, for those who run an engine themselves.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use bytecode_image::Labels;
use clap::ValueEnum;
use host::fs::IoContext;
use serde::Serialize;
use ui::{Failure, Failures, Format};

use crate::context::Context;
use crate::inputs::{InputArgs, Inputs, Object, Objects, load};

/// Print the build arguments for a bytecode image
///
/// Reads the objects and prints, a line each, what `Containerfile.bytecode` or
/// `Containerfile.bytecode.multi.arch` takes: which file goes where, and the
/// programs and maps for the labels.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bpfman image generate-build-args -c .output/xdp_dispatcher_v2.bpf
  bpfman image generate-build-args -b pass.o
  bpfman image generate-build-args -o json linux/amd64=x.o linux/s390x=z.o
  bpfman image generate-build-args --github -c .output/tc_dispatcher.bpf")]
pub(crate) struct Args {
    /// An object for this machine, or `linux/<arch>=FILE` for each platform
    #[arg(value_name = "OBJECT")]
    objects: Vec<String>,

    #[command(flatten)]
    inputs: InputArgs,

    /// How to print them: text or json, as `--format`
    #[arg(short, long, value_name = "FORM", value_enum, hide_possible_values = true)]
    output: Option<Form>,

    /// Append them to the files that GITHUB_ENV and GITHUB_OUTPUT name too,
    /// for the next steps of a workflow
    #[arg(long)]
    github: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Json,
}

/// The command's JSON.
#[derive(Serialize)]
struct Report {
    schema: u32,
    platforms: Vec<&'static str>,
    build_args: BTreeMap<String, String>,
    programs: BTreeMap<String, String>,
    maps: BTreeMap<String, String>,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let (files, plain) = match args.inputs.inputs(&args.objects, &[])? {
        Inputs::One(file) => (vec![file], true),
        Inputs::Each(files) => (files, false),
        Inputs::Source(path) => {
            let message = format!("`{}` is a C file, not an object", path.display());
            return Err(Failure::usage(message)
                .hint("`bpfman image build` compiles it and makes the image")
                .into());
        }
    };
    let github = if args.github { github_files()? } else { Vec::new() };
    let objects = load(&files, plain)?;
    let labels = objects.labels()?;
    let pairs = build_args(&objects, &labels)?;
    match (args.output, cx.ui.format()) {
        (Some(Form::Json), _) | (None, Format::Json) => {
            cx.ui.json(&report(&objects, labels, &pairs))?;
        }
        _ => {
            pairs.iter().try_for_each(|(key, value)| cx.ui.result(format_args!("{key}={value}")))?
        }
    }
    for path in github {
        let text: String = pairs.iter().map(|(key, value)| assignment(key, value)).collect();
        append(&path, &text)?;
    }
    Ok(())
}

/// Returns what the Containerfiles take, in the order of the slots: which
/// object goes where, then what the labels say.
pub(crate) fn build_args(
    objects: &Objects,
    labels: &Labels,
) -> Result<Vec<(String, String)>, Failure> {
    let path = |object: &Object| match object.path.to_str() {
        Some(path) => Ok((object.arch, path.to_owned())),
        None => {
            Err(Failure::usage(format!("`{}` is no UTF-8, so no argument", object.path.display())))
        }
    };
    let files = objects.objects.iter().map(path).collect::<Result<Vec<_>, _>>()?;
    Ok(match files.as_slice() {
        [(_, path)] if objects.plain => bytecode_image::build_args_of_one(path, labels),
        files => {
            let files = files.iter().map(|(arch, path)| (*arch, path.as_str()));
            bytecode_image::build_args(files, labels)
        }
    })
}

fn report(objects: &Objects, labels: Labels, pairs: &[(String, String)]) -> Report {
    let files = pairs.iter().filter(|(key, _)| !["PROGRAMS", "MAPS"].contains(&key.as_str()));
    Report {
        schema: 1,
        platforms: objects.archs().into_iter().map(|arch| arch.platform()).collect(),
        build_args: files.cloned().collect(),
        programs: labels.programs,
        maps: labels.maps,
    }
}

/// Returns the files that GitHub's runner reads when the step ends.
fn github_files() -> Result<Vec<PathBuf>, Failure> {
    let file = |name| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let files: Vec<_> = ["GITHUB_ENV", "GITHUB_OUTPUT"].into_iter().filter_map(file).collect();
    if files.is_empty() {
        let message = "`--github` needs GITHUB_ENV or GITHUB_OUTPUT, and neither is set";
        return Err(
            Failure::usage(message).hint("GitHub's runner sets them; elsewhere leave it out")
        );
    }
    Ok(files)
}

/// Returns one assignment in the form that takes any value: between two lines
/// that do not occur in it
/// (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions#multiline-strings>).
fn assignment(key: &str, value: &str) -> String {
    let mut delimiter = "EOF".to_owned();
    while value.lines().any(|line| line == delimiter) {
        delimiter.push('_');
    }
    format!("{key}<<{delimiter}\n{value}\n{delimiter}\n")
}

fn append(path: &std::path::Path, text: &str) -> Result<(), Failure> {
    let mut file =
        OpenOptions::new().append(true).create(true).open(path).io_context("open", path)?;
    Ok(file.write_all(text.as_bytes()).io_context("write", path)?)
}
