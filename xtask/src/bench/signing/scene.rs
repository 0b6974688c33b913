//! A key, both cosigns, and registries with images to sign.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cosign::{Cosigns, Format, Key, Major, Place, Sign, Signer};
use host::Cmd;
use host::fs::IoContext;
use oci::registry::{Client, Settings};
use oci::{Artifact, Image, Index, Named, Reference};
use rayon::prelude::*;
use signature::{PublicKey, Signatures};
use tempfile::TempDir;
use ui::{Exit, Failure};

use crate::bench::cases::failed;
use crate::bench::registry::Registry;
use crate::catalogue::{self, Catalogue};
use crate::context::Context;
use crate::go_tools::GO_TOOLS;
use crate::plan;
use crate::tools;
use crate::wish::Wish;

/// What the registry is called in the table of tools.
const REGISTRY: &str = "docker-registry";

/// What every run needs.
pub(super) struct Scene<'a> {
    cx: &'a Context<'a>,
    dir: TempDir,
    program: PathBuf,
    registry: PathBuf,
    cosigns: Cosigns,
    key: PublicKey,
    /// The names of the images, without a registry: `organization/name`.
    names: Vec<String>,
    workers: rayon::ThreadPool,
    /// Those who wait for registries, not for processors.
    waiting: rayon::ThreadPool,
}

/// Images in a registry.
pub(super) struct Published {
    registry: Registry,
    dir: TempDir,
    subjects: Vec<Reference>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(cx: &'a Context<'a>) -> Result<Scene<'a>, Failure> {
        let registry = host::find_tool(REGISTRY).ok_or_else(|| {
            Failure::missing(format!("`{REGISTRY}` is missing to sign in"))
                .hint(tools::how_to_install(&[REGISTRY]))
        })?;
        let cosigns = cosigns()?;
        let dir = directory()?;
        let keys = Cmd::new(cosigns.get(Major::Three)?.path()).arg("generate-key-pair");
        keys.dir(dir.path()).env("COSIGN_PASSWORD", "").run().map_err(failed)?;
        let config = ["signing-config", "create", "--out", "config.json"];
        let config = Cmd::new(cosigns.get(Major::Three)?.path()).args(config);
        config.dir(dir.path()).run().map_err(failed)?;
        let key = host::fs::read_to_string(&dir.path().join("cosign.pub"))?;
        let catalogue = Catalogue::load(&cx.root.join(catalogue::FILE)).map_err(Failure::usage)?;
        let entries = plan::named(&catalogue, &Wish::default())?;
        Ok(Scene {
            cx,
            dir,
            program: std::env::current_exe().io_context("find", Path::new("this program"))?,
            registry,
            cosigns,
            key: PublicKey::from_pem(&key)?,
            names: entries.into_iter().map(|(entry, _)| entry.full_name()).collect(),
            workers: rayon::ThreadPoolBuilder::new().num_threads(cx.jobs.get()).build()?,
            waiting: rayon::ThreadPoolBuilder::new().num_threads(16).build()?,
        })
    }

    pub(super) fn images(&self) -> usize {
        self.names.len()
    }

    pub(super) fn versions(&self) -> [String; 2] {
        let version = |major| self.cosigns.get(major).map(|own| own.version().to_string());
        Major::ALL.map(|major| version(major).unwrap_or_default())
    }

    /// Starts a registry with an image of each name.
    pub(super) fn publish(&self) -> Result<Published, Failure> {
        let dir = directory()?;
        let registry = Registry::start(&self.registry, dir.path())?;
        let named = |name: &String| {
            let reference: Reference = format!("{}/{name}:latest", registry.address).parse()?;
            Ok(Named { references: vec![reference], artifact: image(name)? })
        };
        let batch = self.names.iter().map(named).collect::<Result<Vec<_>, Failure>>()?;
        let client = Client::new(Settings::default());
        client.push(&batch, &|_| {}).into_iter().try_for_each(|pushed| pushed.map(drop))?;
        let subject =
            |named: &Named| named.references[0].with_digest(named.artifact.digest()).without_tag();
        let subjects = batch.iter().map(subject).collect();
        Ok(Published { registry, dir, subjects })
    }

    /// Runs each list of commands in its order, as many lists at a time as
    /// there are jobs.
    pub(super) fn run_all(&self, lists: &[Vec<Cmd>]) -> Result<(), Failure> {
        let one = |list: &Vec<Cmd>| list.iter().try_for_each(|cmd| cmd.run().map(drop));
        self.workers.install(|| lists.par_iter().try_for_each(one)).map_err(failed)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

impl Published {
    /// Returns the calls of cosign that sign everything.
    pub(super) fn commands(&self, scene: &Scene<'_>) -> Result<Vec<Vec<Cmd>>, Failure> {
        let signer = Signer::Key(Key::File(scene.path("cosign.key")));
        let (place, config) = (Place::default(), scene.path("config.json"));
        let command = |subject: &Reference, format: Format| {
            let sign = Sign { format, signer: &signer, subject, recursive: false };
            let cosign = Cmd::new(scene.cosigns.get(format.major())?.path());
            let cosign = cosign.args(sign.args(&place, Some(&config))).env("COSIGN_PASSWORD", "");
            let cosign = cosign.env("TUF_ROOT", scene.path("tuf"));
            Ok(cosign.env("DOCKER_CONFIG", self.dir.path()))
        };
        let both =
            |subject| Format::ALL.into_iter().map(|format| command(subject, format)).collect();
        self.subjects.iter().map(both).collect()
    }

    /// Signs everything by this program.
    pub(super) fn sign(&self, scene: &Scene<'_>) -> Result<(), Failure> {
        let mut command = Cmd::new(&scene.program).dir(&scene.cx.root).env("COSIGN_PASSWORD", "");
        command = command.args(["sign-images", "-q", "--registry", &self.registry.address]);
        command = command.args(["--jobs", &scene.cx.jobs.to_string(), "--tag", "latest"]);
        for major in Major::ALL {
            command = command.arg("--cosign").arg(scene.cosigns.get(major)?.path());
        }
        command.arg("--key").arg(scene.path("cosign.key")).run().map_err(failed)?;
        Ok(())
    }

    /// Verifies everything in this process.
    pub(super) fn verify(&self, scene: &Scene<'_>) -> Result<(), Failure> {
        let client = Client::new(Settings::default());
        let one = |subject: &Reference| {
            let found = subject.digest().map(|digest| Signatures::read(&client, subject, digest));
            let Some(found) = found.transpose()? else { return Ok(()) };
            for (verdict, word) in
                [(found.legacy(&scene.key), "legacy"), (found.bundle(&scene.key), "bundle")]
            {
                if !verdict.is_verified() {
                    let message =
                        format!("`{subject}` is signed, and its {word} signature is not good");
                    return Err(Failure::new(Exit::Failed, message).context(verdict.to_string()));
                }
            }
            Ok(())
        };
        scene.waiting.install(|| self.subjects.par_iter().try_for_each(one))
    }
}

/// Finds both cosigns: those of PATH, and for one that is not there that of the
/// tools that are built for tests.
fn cosigns() -> Result<Cosigns, Failure> {
    let found = Cosigns::find(&[])?;
    let mut named = Vec::new();
    for major in Major::ALL {
        let name = format!("cosign-{}", major.number());
        let built = || GO_TOOLS.iter().find(|tool| tool.name == name)?.path();
        let path = found.try_get(major).map(|own| own.path().to_owned()).or_else(built);
        named.push(path.ok_or_else(|| {
            Failure::missing(format!("`{name}` is missing to sign with"))
                .hint("`cargo xtask doctor --go-tools` builds it")
        })?);
    }
    Ok(Cosigns::find(&named)?)
}

/// Makes an index that no other is.
fn image(name: &str) -> Result<Artifact, Failure> {
    let image = |platform: &str| {
        Ok::<_, Failure>(Image::builder(platform.parse()?).label("name", name).build()?)
    };
    let platforms = ["linux/amd64", "linux/arm64", "linux/ppc64le", "linux/s390x"];
    let images = platforms.into_iter().map(image).collect::<Result<Vec<_>, _>>()?;
    Ok(Artifact::Index(Index::new(images, BTreeMap::new())?))
}

fn directory() -> Result<TempDir, Failure> {
    Ok(tempfile::tempdir().io_context("create a directory in", &std::env::temp_dir())?)
}
