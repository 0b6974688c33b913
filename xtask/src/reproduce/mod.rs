//! `reproduce`: a published image, made again from the checkout by its record.

mod rebuilt;
mod recorded;

use std::path::{Path, PathBuf};

use attestation::{CompilerRecord, Difference, Kind, Record};
use cli::registry::RegistryArgs;
use cli::{Scratch, typed};
use serde::Serialize;
use signature::PublicKey;
use ui::{Exit, Failure, Failures, Format};

use crate::catalogue::{self, Catalogue};
use crate::compile::CompileArgs;
use crate::context::Context;
use crate::credentials;
use crate::tools;
use rebuilt::Rebuilt;
use recorded::Recorded;

/// Make a bytecode image again, and say whether it is the same
///
/// Reads the record that `build-images --attest` has attached to the image,
/// compiles what it names from this checkout, without any cache, and compares
/// digests. Prints `REFERENCE@DIGEST: identical`, or `differs` and in what:
/// sources and headers that changed, libbpf, arguments, or the compiler, with a
/// way to get the one that the record names. Where the image differs the exit
/// code is 1.
///
/// The image is one of a registry, or of a layout or archive:
/// REFERENCE, oci:DIR:NAME or oci-archive:FILE:NAME.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask reproduce quay.io/bpfman/xdp-dispatcher:latest
  cargo xtask reproduce --key cosign.pub quay.io/bpfman/xdp-dispatcher:latest
  cargo xtask reproduce --clang clang-16 oci:images:quay.io/o/pass:latest")]
pub(crate) struct Args {
    /// The image
    #[arg(value_name = "REFERENCE")]
    image: String,

    /// Believe no record but one that this public key attests
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    #[command(flatten)]
    compile: CompileArgs,

    #[command(flatten)]
    registries: RegistryArgs,
}

/// The command's JSON.
#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    /// As it was typed.
    reference: &'a str,
    /// As the catalogue has it.
    image: &'a str,
    digest: String,
    /// The digest of what this checkout makes.
    rebuilt: String,
    identical: bool,
    /// What the record says compiled it, and what did here.
    compiler: Compilers<'a>,
    differences: &'a [Difference],
    failures: &'a [Failure],
}

#[derive(Serialize)]
struct Compilers<'a> {
    recorded: &'a CompilerRecord,
    here: &'a CompilerRecord,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let word = args.image.as_str();
    let catalogue = Catalogue::load(&cx.root.join(catalogue::FILE)).map_err(Failure::usage)?;
    let source = recorded::place(word)?;
    let key = args.key.as_deref().map(public_key).transpose()?;
    let client = args.registries.client(|files| {
        credentials::of_organizations(files, &catalogue.organizations, &catalogue.registry)
    })?;
    let work = Scratch::default();
    let recorded = Recorded::find(&source, word, key.as_ref(), &client, work.path()?)?;
    if recorded.records.is_empty() {
        return Err(recorded.without_record(word, key.is_some()).into());
    }
    // Nothing that was compiled before is believed.
    let world = cx.at(cx.root.clone(), work.path()?.join("target"));
    let workshop = args.compile.workshop(&world)?;
    bpf_build::settle();
    // Of several records one may be of this compiler.
    let is_own = |record: &Record| record.compiler.digest.sha256 == workshop.compiler().identity();
    let own = recorded.records.iter().find(|(record, _)| is_own(record));
    let (record, name) = own.unwrap_or(&recorded.records[0]);
    let plan = rebuilt::plan(&catalogue, record, name)?;
    let rebuilt = rebuilt::rebuild(&plan, &workshop, &world).map_err(|failures| {
        let context = |failure: Failure| {
            failure.context(format!("failed to make `{word}` again")).hint(rebuilt::CHECK_OUT)
        };
        Failures(failures.into_iter().map(context).collect())
    })?;
    say(word, name, &recorded, record, &rebuilt, cx)
}

/// Reads a public key in PEM form.
fn public_key(path: &Path) -> Result<PublicKey, Failure> {
    let path = typed(path)?;
    let text = host::fs::read_to_string(&path).map_err(Failure::usage)?;
    PublicKey::from_pem(&text).map_err(|error| {
        Failure::usage(error)
            .context(format!("`{}` is no public key", path.display()))
            .hint("`cosign public-key --key cosign.key` prints that of a private key")
    })
}

/// Says what came of it.
fn say(
    word: &str,
    name: &str,
    recorded: &Recorded,
    record: &Record,
    rebuilt: &Rebuilt,
    cx: &Context<'_>,
) -> Result<(), Failures> {
    let artifact = &recorded.artifact;
    let identical = rebuilt.is(artifact);
    let differences = rebuilt.differences(record, artifact);
    let failures: Vec<Failure> = match identical {
        true => Vec::new(),
        false => vec![failure(word, record, rebuilt, &differences)],
    };
    if identical {
        for difference in &differences {
            cx.ui.note(format_args!("Without effect: {difference}"));
        }
    }
    match cx.ui.format() {
        Format::Json => cx.ui.json(&Report {
            schema: 1,
            reference: word,
            image: name,
            digest: artifact.digest().to_string(),
            rebuilt: rebuilt.index.digest().to_string(),
            identical,
            compiler: Compilers { recorded: &record.compiler, here: &rebuilt.record.compiler },
            differences: &differences,
            failures: &failures,
        })?,
        Format::Human => {
            let what = if identical { "identical" } else { "differs" };
            // A name may have its digest already.
            let word = word.split('@').next().unwrap_or_default();
            cx.ui.result(format_args!("{word}@{}: {what}", artifact.digest()))?;
        }
    }
    Failures(failures).or(())
}

fn failure(word: &str, record: &Record, rebuilt: &Rebuilt, differences: &[Difference]) -> Failure {
    let message = format!("`{word}` is not what this checkout makes");
    let lines: Vec<String> = differences.iter().map(ToString::to_string).collect();
    let mut failure = Failure::new(Exit::Failed, message).detail(lines.join("\n"));
    let is_any = |kinds: &[Kind]| differences.iter().any(|it| kinds.contains(&it.kind));
    if is_any(&[Kind::Compiler]) {
        let (recorded, here) = (&record.compiler.version, &rebuilt.record.compiler.version);
        failure = failure.hint(if recorded == here {
            format!("clang {recorded} was built otherwise there: another distribution has it")
        } else {
            tools::how_to_get_clang(recorded)
        });
    }
    if is_any(&[Kind::Source, Kind::Header, Kind::Arguments, Kind::Platforms]) {
        failure = failure.hint(rebuilt::CHECK_OUT);
    }
    if is_any(&[Kind::Libbpf]) {
        failure = failure.hint("`--libbpf-dir` names a checkout of the libbpf that was recorded");
    }
    failure
}
