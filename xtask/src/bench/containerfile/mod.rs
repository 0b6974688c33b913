//! `bench containerfile`: the project's Containerfile for bytecode images, by
//! everybody who can carry it out.
//!
//! Each run starts with nothing, and writes a layout; the same once more is a
//! build of what has not changed. What was written is looked at, or doing
//! nothing would be the fastest. Then programs of a size at which compressing
//! takes the time.

mod contender;
mod large;
mod report;

use std::path::Path;
use std::time::Duration;

use bpf_arch::Arch;
use bpf_build::Built;
use bytecode_image::Labels;
use image_build::BuildRequest;
use oci::layout::tag_of;
use oci::{EntryKind, EntryLimits, Image, Layout};
use ui::{Exit, Failure, Failures};

use super::cases::Bench;
use super::race::race;
use super::{Args, timed};
use crate::context::Context;
use contender::{Contender, contenders};
use report::Report;

/// The Containerfile that is carried out.
const CONTAINERFILE: &str = "Containerfile.bytecode.multi.arch";

/// The source of the object.
const SOURCE: &str = "examples/go-xdp-counter/bpf/xdp_counter.c";

/// The object's name in the image.
const OBJECT: &str = "xdp_counter.o";

/// The tag of what is built.
const TAG: &str = "latest";

/// What every run needs.
struct Scene<'a> {
    bench: Bench<'a>,
    objects: Built,
    request: BuildRequest,
}

/// How long all runs of one contender took, in their order.
#[derive(Debug, Default, PartialEq)]
struct Samples {
    cold: Vec<Duration>,
    unchanged: Vec<Duration>,
}

pub(super) fn run(args: &Args, cx: &Context<'_>) -> Result<(), Failures> {
    let runs = args.runs.get();
    let scene = Scene::new(cx)?;
    let mut failures = Failures::default();
    // First, while little else was in memory.
    let large = large::measure(&scene.bench, runs, cx);
    let large = large.map_err(|failure| failures.0.push(failure)).ok();
    let (contenders, not_run) = contenders(runs, !args.no_old_way);
    let turn = |contender: &Contender, samples: &mut Samples| scene.turn(contender, samples);
    let all = race(&contenders, runs, cx, &mut failures, turn);
    Report::new(&all, large, scene.object_bytes(), not_run).print(cx)?;
    failures.or(())
}

impl<'a> Scene<'a> {
    /// Compiles the objects, and writes them where the Containerfile finds
    /// them.
    fn new(cx: &'a Context<'a>) -> Result<Scene<'a>, Failure> {
        let bench = Bench::new(cx)?;
        let objects = bench.objects(Path::new(SOURCE))?;
        let context = bench.fresh("context");
        let platforms = Arch::PUBLISHED.map(|arch| arch.platform().parse()).into_iter();
        let host = Arch::host().unwrap_or(Arch::Amd64).platform().parse()?;
        let mut request = BuildRequest::new(
            cx.root.join(CONTAINERFILE),
            &context,
            platforms.collect::<Result<_, oci::ParseError>>()?,
            host,
        );
        for (arch, object) in &objects.objects {
            let directory = context.join(arch.goarch());
            host::fs::create_dir_all(&directory)?;
            host::fs::write_atomic(&directory.join(OBJECT), &object.bytes)?;
            let path = format!("{}/{OBJECT}", arch.goarch());
            request.build_args.insert(arch.build_arg().to_owned(), path);
            let labels = Labels::of(&object.info).to_pairs().map(|(_, value)| value);
            request
                .build_args
                .extend(["PROGRAMS", "MAPS"].map(str::to_owned).into_iter().zip(labels));
        }
        Ok(Scene { bench, objects, request })
    }

    fn object_bytes(&self) -> usize {
        self.objects.objects.values().map(|object| object.bytes.len()).max().unwrap_or(0)
    }

    /// One contender's run: from nothing, and once more.
    fn turn(&self, contender: &Contender, samples: &mut Samples) -> Result<(), Failure> {
        let state = self.bench.fresh_dir()?;
        let started = contender.start(self, &state)?;
        for times in [&mut samples.cold, &mut samples.unchanged] {
            let (time, outcome) = timed(|| started.work.run());
            outcome?;
            times.push(time);
        }
        self.check(&started.layout)
    }

    /// Looks at what was written.
    fn check(&self, layout: &Path) -> Result<(), Failure> {
        let wrong =
            |what: String| Failure::new(Exit::Failed, format!("`{}` {what}", layout.display()));
        let layout = Layout::open(layout)?;
        // podman leaves the old one there, without a tag.
        let tagged = layout.index().manifests.iter().find(|entry| tag_of(entry) == Some(TAG));
        let entry = tagged.ok_or_else(|| wrong(format!("holds no image tagged `{TAG}`")))?;
        let artifact = layout.load(entry)?;
        for (arch, object) in &self.objects.objects {
            let name = arch.goarch();
            let images = artifact.images();
            let image = images.into_iter().find(|image| image.platform().architecture == name);
            let image = image.ok_or_else(|| wrong(format!("has no image for {name}")))?;
            if files(image)? != [(OBJECT.to_owned(), object.bytes.clone())] {
                return Err(wrong(format!("has another object for {name}")));
            }
        }
        Ok(())
    }
}

/// Returns the names and bytes of the files of an image.
fn files(image: &Image) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut files = Vec::new();
    for layer in image.layers() {
        let entries = layer.entries(EntryLimits::default())?;
        let entries = entries.into_iter().filter(|entry| entry.kind == EntryKind::File);
        files.extend(entries.map(|entry| (entry.name, entry.bytes)));
    }
    Ok(files)
}
