//! `sign-images`: the catalogue's images that a registry has, signed.

use std::time::Instant;

use serde::Serialize;
use ui::{Failure, Failures, Format};

use crate::context::Context;
use crate::published::PublishedArgs;
use crate::signing::{How, SignedReport, SigningArgs};

/// Sign images that are in a registry
///
/// Signs what the names of the selected images of images.yaml stand for in
/// their registry, each digest once whatever its tags, by cosign, in both
/// formats. What the same key or identity has signed is left as it is. Prints
/// a line `repository@digest: signed`, or `already signed`, for each.
///
/// With a key nothing is written to a public log. Without one Sigstore's
/// services certify who signs: in GitHub Actions the workflow, which needs
/// `id-token: write`; elsewhere whoever a token in SIGSTORE_ID_TOKEN names, or
/// at a terminal the user. cosign then opens a browser for each signature, one
/// after another, so select few images or give a key.
///
/// cosign gets the credentials of an image's registry alone, in a file that
/// only the user can read. `--jobs` says how many images are signed at once:
/// the number of processors with a key, 4 without.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask sign-images
  cargo xtask sign-images --key cosign.key bpfman/
  cargo xtask sign-images --key env://COSIGN_PRIVATE_KEY --recursive
  cargo xtask sign-images --attest --key cosign.key
  cargo xtask sign-images --registry localhost:5000 --signatures bundle xdp_pass")]
pub(crate) struct Args {
    #[command(flatten)]
    published: PublishedArgs,

    #[command(flatten)]
    signing: SigningArgs,

    /// Attest what is attached to the images, too: records and bills of
    /// materials, as `build-images --attest` attaches them; by cosign 3
    #[arg(long, help_heading = "Signing")]
    attest: bool,
}

/// The command's JSON.
#[derive(Serialize)]
struct Report {
    schema: u32,
    images: Vec<SignedReport>,
    failures: Vec<Failure>,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let started = Instant::now();
    let published = args.published.open(cx)?;
    let signing = args.signing.open(args.attest, published.variables.clone(), cx)?;
    let (subjects, mut failures) = published.subjects(cx);
    let (images, failed) = signing.run(&published.client, &subjects, cx);
    failures.extend(failed);
    say_how_many(&images, started, cx);
    match cx.ui.format() {
        Format::Json => {
            let failures = failures.clone();
            cx.ui.json(&Report { schema: 1, images, failures })?;
        }
        Format::Human => images.iter().try_for_each(|image| cx.ui.result(image.line()))?,
    }
    Failures(failures).or(())
}

fn say_how_many(images: &[SignedReport], started: Instant, cx: &Context<'_>) {
    let signed = images.iter().filter(|image| image.how() == How::Signed).count();
    let (count, already) = (ui::count(signed, "image"), images.len() - signed);
    let time = ui::human_seconds(started.elapsed().as_secs_f64());
    cx.ui.step("Signed", format_args!("{count}, {already} already, in {time}"));
}
