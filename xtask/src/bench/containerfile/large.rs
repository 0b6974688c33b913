//! Programs so large that compressing them takes the time.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bpf_arch::Arch;
use host::fs::{IoContext, Staged};
use image_build::{BuildRequest, LayerCache, native};
use oci::{Artifact, Attributes, Index, LayerBuilder};
use serde::Serialize;
use tempfile::TempDir;
use ui::Failure;

use super::contender::no_image;
use crate::bench::cases::Bench;
use crate::bench::{Measurement, cost, timed};
use crate::build_images::report::peak_memory;
use crate::context::Context;

/// How long each program is.
const SIZE: usize = 200_000_000;

const CONTAINERFILE: &str = "FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH} /app\n";

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Large {
    bytes: usize,
    /// Of the layer of one platform.
    compressed_bytes: u64,
    /// Of all programs together.
    mb_per_s_of_1_platform: f64,
    mb_per_s_of_4_platforms: f64,
    /// Of the processor's time for one platform, the part for hashing what is
    /// compressed and what comes of it; the rest is nearly all compressing.
    hashing_share: Option<f64>,
    /// The most that this process ever held: after the first run for one
    /// platform, and after the last one for all.
    peak_memory_kib_of_1_platform: Option<u64>,
    peak_memory_kib_of_4_platforms: Option<u64>,
    #[serde(skip)]
    pub(super) measurements: Vec<Measurement>,
}

/// Where the programs are.
struct Place {
    dir: TempDir,
    request: BuildRequest,
    cache: LayerCache,
}

/// What builds took, and what the last one made.
#[derive(Default)]
struct Times {
    one: Vec<Duration>,
    cpu: Vec<Duration>,
    kept: Vec<Duration>,
    all: Vec<Duration>,
    hashing: Vec<Duration>,
    hashing_cpu: Vec<Duration>,
    compressed_bytes: u64,
}

pub(super) fn measure(bench: &Bench<'_>, runs: usize, cx: &Context<'_>) -> Result<Large, Failure> {
    let place = Place::new(bench)?;
    let [one, all] = [1, Arch::PUBLISHED.len()].map(|count| place.request(count));
    let mut times = Times::default();
    let mut peak_of_one = None;
    // So that there is something in it.
    place.build(&one, true)?;
    for run in 0..runs {
        cx.ui.step("Measuring", format_args!("large programs, run {} of {runs}", run + 1));
        let (cpu, built) = spent(|| place.build(&one, false));
        let (time, compressed) = built?;
        times.cpu.extend(cpu);
        times.one.push(time);
        times.compressed_bytes = compressed;
        peak_of_one = peak_of_one.or_else(peak_memory);
        times.kept.push(place.build(&one, true)?.0);
        let (cpu, hashed) = spent(|| place.hash());
        times.hashing.push(hashed?);
        times.hashing_cpu.extend(cpu);
        times.all.push(place.build(&all, false)?.0);
    }
    Ok(times.found(peak_of_one, peak_memory()))
}

/// Returns what `work` cost the processors, and what it returns.
fn spent<T>(work: impl FnOnce() -> T) -> (Option<Duration>, T) {
    let before = cost::of(std::process::id());
    let value = work();
    let after = cost::of(std::process::id());
    (after.zip(before).and_then(|(after, before)| after.checked_sub(before)), value)
}

impl Times {
    fn found(self, peak_of_one: Option<u64>, peak_of_all: Option<u64>) -> Large {
        let compressed = self.compressed_bytes;
        let megabytes = SIZE as f64 / 1e6;
        let one = Measurement::new("200 MB: 1 platform", self.one);
        let all = Measurement::new("200 MB: 4 platforms", self.all).beside(&one);
        let kept = Measurement::new("200 MB: 1 platform, kept from before", self.kept).beside(&one);
        let hashing = Measurement::new("200 MB: hashing alone", self.hashing).beside(&one);
        let [cpu, hashing_cpu] =
            [self.cpu, self.hashing_cpu].map(|times| Measurement::new("cpu", times).median_s);
        let hashed = hashing_cpu * (1.0 + compressed as f64 / SIZE as f64);
        Large {
            bytes: SIZE,
            compressed_bytes: compressed,
            mb_per_s_of_1_platform: megabytes / one.median_s,
            mb_per_s_of_4_platforms: megabytes * Arch::PUBLISHED.len() as f64 / all.median_s,
            hashing_share: Some(hashed / cpu).filter(|share| share.is_finite()),
            peak_memory_kib_of_1_platform: peak_of_one,
            peak_memory_kib_of_4_platforms: peak_of_all,
            measurements: vec![one, all, kept, hashing],
        }
    }
}

impl Large {
    /// Returns the numbers in words.
    pub(super) fn words(&self) -> String {
        let memory =
            |kib: Option<u64>| kib.map_or("?".to_owned(), |kib| ui::human_bytes(kib * 1024));
        let share =
            self.hashing_share.map_or("?".to_owned(), |share| format!("{:.0} %", share * 100.0));
        format!(
            "programs of {} MB: {:.0} MB/s for 1 platform, {:.0} MB/s for 4; hashing takes {share} of \
             the processor's time; peak memory {} for 1 platform, {} for 4",
            self.bytes / 1_000_000,
            self.mb_per_s_of_1_platform,
            self.mb_per_s_of_4_platforms,
            memory(self.peak_memory_kib_of_1_platform),
            memory(self.peak_memory_kib_of_4_platforms),
        )
    }
}

impl Place {
    /// Writes a program for each platform: this one, over and over, and at the
    /// start what makes each another.
    fn new(bench: &Bench<'_>) -> Result<Place, Failure> {
        let scratch = bench.fresh_dir()?;
        let dir = tempfile::tempdir_in(&scratch).io_context("create a directory in", &scratch)?;
        let context = dir.path().join("context");
        host::fs::create_dir_all(&context)?;
        let containerfile = dir.path().join("Containerfile");
        host::fs::write_atomic(&containerfile, CONTAINERFILE.as_bytes())?;
        let program = std::env::current_exe().io_context("find", Path::new("this program"))?;
        for arch in Arch::PUBLISHED {
            let name = arch.goarch().as_bytes();
            let mut staged = Staged::new(&context)?;
            staged.put(name)?;
            let mut left = (SIZE - name.len()) as u64;
            while left > 0 {
                let mut piece = host::fs::open_regular(&program)?.take(left);
                left -= io::copy(&mut piece, &mut staged).io_context("copy", &program)?;
            }
            staged.place(&context.join(arch.goarch()))?;
        }
        let host = Arch::host().unwrap_or(Arch::Amd64).platform().parse()?;
        let request = BuildRequest::new(containerfile, context, Vec::new(), host);
        let cache = LayerCache::new(dir.path().join("cache"));
        Ok(Place { dir, request, cache })
    }

    fn request(&self, platforms: usize) -> BuildRequest {
        let archs = Arch::PUBLISHED.into_iter().take(platforms);
        let platforms = archs.filter_map(|arch| arch.platform().parse().ok()).collect();
        BuildRequest { platforms, ..self.request.clone() }
    }

    /// Builds where nothing was built before; returns how long that takes and
    /// how large the first layer is.
    fn build(&self, request: &BuildRequest, keeps: bool) -> Result<(Duration, u64), Failure> {
        let work = tempfile::tempdir_in(self.dir.path())
            .io_context("create a directory in", self.dir.path())?;
        let builder = native::Builder::new(work.path());
        let builder = if keeps { builder.cache(&self.cache) } else { builder };
        let (time, built) = timed(|| builder.build(request, &no_image));
        Ok((time, first_layer(built?.index)))
    }

    /// Returns how long it takes to hash the program of a platform.
    fn hash(&self) -> Result<Duration, Failure> {
        let path: PathBuf = self.dir.path().join("context").join(Arch::PUBLISHED[0].goarch());
        let mut file = host::fs::open_regular(&path)?;
        let attributes = Attributes { mode: 0o644, uid: 0, gid: 0 };
        let mut builder = LayerBuilder::measuring(0);
        let (time, hashed) = timed(|| {
            builder.file(Path::new("app"), attributes, SIZE as u64, &mut file)?;
            Ok::<_, oci::Error>(builder.diff_id())
        });
        hashed?;
        Ok(time)
    }
}

fn first_layer(index: Index) -> u64 {
    let artifact = Artifact::Index(index);
    let images = artifact.images();
    let layer = images.first().and_then(|image| image.layers().first());
    layer.map_or(0, |layer| layer.blob().size())
}
