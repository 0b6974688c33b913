//! How images were built before: each clang run by itself, one after another,
//! then `podman build --manifest` for one image after another.

use std::path::Path;

use bpf_arch::Arch;
use host::Cmd;
use ui::Failure;

use super::cases::Bench;
use super::{CONTAINERFILE, Measurement, timed};
use crate::context::Context;

/// How many images there are of the sources: some share one.
const IMAGES: usize = 22;

/// Measures it beside a cold build, whose median took `cold_s` seconds.
pub(super) fn measure(
    bench: &Bench<'_>,
    podman: &Path,
    runs: usize,
    cold_s: f64,
    cx: &Context<'_>,
) -> Result<Vec<Measurement>, Failure> {
    let commands = bench.unshared_commands();
    let context = bench.fresh("old-way");
    host::fs::create_dir_all(&context)?;
    host::fs::write_atomic(&context.join("Containerfile"), CONTAINERFILE.as_bytes())?;
    for arch in Arch::PUBLISHED {
        let object = bench.fresh("alone").join("0");
        host::fs::write_atomic(
            &context.join(format!("{}.o", arch.goarch())),
            &host::fs::read(&object)?,
        )?;
    }
    let mut times = Vec::new();
    for run in 0..runs {
        cx.ui.note(format_args!("the old way, {} of {runs}", run + 1));
        let storage = bench.fresh(&format!("podman-{run}"));
        let (time, outcome) = timed(|| {
            bench.run_all(&commands, 1)?;
            (0..IMAGES).try_for_each(|image| build(podman, &storage, &context, image))
        });
        outcome?;
        times.push(time);
    }
    let name = format!("the old way: {} clang runs, {IMAGES} podman builds", commands.len());
    let mut measurement = Measurement::new(name, times);
    let value = measurement.median_s / cold_s;
    measurement.ratio = Some(super::Ratio { to: "cold build of all bytecode".into(), value });
    Ok(vec![measurement])
}

/// Builds one image, in storage of its own: nothing of the user's is touched.
fn build(podman: &Path, storage: &Path, context: &Path, image: usize) -> Result<(), Failure> {
    let platforms = Arch::PUBLISHED.map(Arch::platform).join(",");
    Cmd::new(podman)
        .arg("--root")
        .arg(storage.join("root"))
        .arg("--runroot")
        .arg(storage.join("run"))
        .args(["build", "--isolation", "chroot", "--platform", &platforms])
        .arg("--manifest")
        .arg(format!("localhost/image-{image}"))
        .args(["--build-arg", &format!("PROGRAMS={{\"program_{image}\":\"xdp\"}}")])
        .args(["--build-arg", "MAPS={}"])
        .arg(context.as_os_str())
        .run()
        .map_err(|error| {
            let said = error.stderr.clone();
            Failure::from(error).detail(said).context("podman does not build here")
        })?;
    Ok(())
}
