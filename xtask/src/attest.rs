//! What is attested of the images that a run makes: of a bytecode image how it
//! was made and what went in, of one with programs in Go their modules. Not
//! here: the documents' forms, which are crate `attestation`'s, and signing
//! them.

use std::collections::BTreeMap;
use std::fs::File;

use attestation::spdx::{self, Program, SourceFile};
use attestation::{
    CompilerRecord, Digests, FileRecord, LibbpfRecord, ObjectRecord, PREDICATE, Record, Referrer,
    go,
};
use bpf_arch::Arch;
use bpf_build::{Built, Object, Provenance, Source, Workshop};
use bytecode_image::Recipe;
use host::fs::IoContext;
use oci::registry::Companion;
use oci::{Artifact, Digest};
use ui::{Exit, Failure};

use crate::on_host;
use crate::plan::{Origin, Plan, Planned};

/// What documents are made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) workshop: Option<&'a Workshop>,
    /// What became of each request.
    pub(crate) built: &'a [Built],
    /// The programs that the host has made.
    pub(crate) handmade: &'a on_host::Made,
}

/// Returns what is to be attached to an image of the plan: nothing to those
/// that were made elsewhere.
///
/// # Errors
///
/// Fails if it is not known for certain how the image was made.
pub(crate) fn of_image(
    plan: &Plan,
    image: &Planned,
    artifact: &Artifact,
    evidence: Evidence<'_>,
) -> Result<Vec<Companion>, Failure> {
    let referrers = match &image.origin {
        Origin::Objects { request, recipe } => {
            let Some(workshop) = evidence.workshop else { return Ok(Vec::new()) };
            let source = &plan.requests[*request].source;
            let made = Making {
                source,
                recipe,
                platforms: &image.platforms,
                built: &evidence.built[*request],
                workshop,
            };
            of_bytecode(&image.image, artifact.digest(), &made)?
        }
        Origin::Containerfile(file) if file.has_cargo_programs() => Vec::new(),
        Origin::Containerfile(file) => {
            let licenses = file.annotations.get(LICENSES).map(String::as_str).unwrap_or_default();
            let subject = spdx::Subject {
                name: &image.image,
                digest: artifact.digest(),
                created: plan.created,
                licenses,
            };
            let programs = programs(image, evidence.handmade)?;
            vec![Referrer::spdx(spdx::of_programs(&subject, &programs))]
        }
        Origin::Mirror(_) | Origin::Stored => Vec::new(),
    };
    let about = |referrer: &Referrer| Ok(referrer.about(artifact.descriptor())?);
    referrers.iter().map(about).collect()
}

/// The annotation that has an image's licences (OCI image specification,
/// annotations.md).
const LICENSES: &str = "org.opencontainers.image.licenses";

/// How a bytecode image is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Making<'a> {
    pub(crate) source: &'a Source,
    pub(crate) recipe: &'a Recipe,
    pub(crate) platforms: &'a [Arch],
    pub(crate) built: &'a Built,
    pub(crate) workshop: &'a Workshop,
}

/// An object of an image, with what it was made from and what it serves.
struct Part<'a> {
    object: &'a Object,
    provenance: &'a Provenance,
    platforms: Vec<Arch>,
}

impl<'a> Making<'a> {
    /// Returns the record of the image.
    ///
    /// # Errors
    ///
    /// Fails if it is not known for certain what an object was made from.
    pub(crate) fn record(&self) -> Result<Record, Failure> {
        let Making { source, recipe, workshop, .. } = self;
        let (compiler, libbpf) = (workshop.compiler(), workshop.libbpf());
        let digest = |sha256: &str| Digests { sha256: sha256.to_owned() };
        let object = |part: &Part<'_>| ObjectRecord {
            platforms: part.platforms.iter().map(|arch| arch.platform().to_owned()).collect(),
            file: recipe.file.clone(),
            digest: digest(&Digest::of(&part.object.bytes).hex()),
            argv: part.provenance.argv.clone(),
            inputs: part
                .provenance
                .inputs
                .iter()
                .map(|input| FileRecord { name: input.name.clone(), digest: digest(&input.sha256) })
                .collect(),
        };
        Ok(Record {
            source: source.path.display().to_string(),
            created: recipe.created,
            compiler: CompilerRecord {
                name: "clang".to_owned(),
                version: compiler.version().to_string(),
                digest: digest(compiler.identity()),
            },
            libbpf: LibbpfRecord {
                version: libbpf.version.clone(),
                digest: digest(&libbpf.sha256),
            },
            objects: self.parts()?.iter().map(object).collect(),
        })
    }

    /// Returns the distinct objects, in the order of their first platforms.
    fn parts(&self) -> Result<Vec<Part<'a>>, Failure> {
        let mut parts: Vec<Part<'a>> = Vec::new();
        for arch in self.platforms {
            let Some(object) = self.built.objects.get(arch) else { continue };
            let Some(provenance) = &object.provenance else {
                return Err(unknown(self.source));
            };
            let is_it = |part: &&mut Part<'_>| {
                part.object.bytes == object.bytes && part.provenance == provenance
            };
            match parts.iter_mut().find(is_it) {
                Some(part) => part.platforms.push(*arch),
                None => parts.push(Part { object, provenance, platforms: vec![*arch] }),
            }
        }
        Ok(parts)
    }
}

fn unknown(source: &Source) -> Failure {
    let path = source.path.display();
    let message = format!("it is not known for certain what `{path}` was compiled from");
    Failure::new(Exit::Failed, message)
        .hint("a file changed meanwhile: run it again; `.incbin` and computed includes hide files")
}

fn of_bytecode(name: &str, digest: Digest, made: &Making<'_>) -> Result<Vec<Referrer>, Failure> {
    let record =
        made.record().map_err(|failure| failure.context(format!("no record of `{name}`")))?;
    let parts = made.parts()?;
    let inputs = parts.iter().flat_map(|part| &part.provenance.inputs);
    let sources: BTreeMap<String, SourceFile> = inputs
        .map(|input| {
            let (sha1, license) = (input.sha1.clone(), input.license.clone());
            (input.name.clone(), SourceFile { sha1, license })
        })
        .collect();
    let objects = parts.iter().map(|part| &part.object.bytes);
    let objects: BTreeMap<String, &[u8]> =
        objects.map(|bytes| (Digest::of(bytes).hex(), bytes.as_slice())).collect();
    let recipe = made.recipe;
    let subject =
        spdx::Subject { name, digest, created: recipe.created, licenses: &recipe.licenses };
    let bill = spdx::of_bytecode(&subject, &record, &sources, &objects);
    Ok(vec![Referrer::statement(PREDICATE, record.statement(name, digest)), Referrer::spdx(bill)])
}

/// Reads what Go has noted in the programs of an image that the host made.
fn programs(image: &Planned, handmade: &on_host::Made) -> Result<Vec<Program>, Failure> {
    let mut programs = Vec::new();
    for (arch, path) in handmade.go_programs(image)? {
        let file = File::open(&path).io_context("open", &path)?;
        let Some(info) = go::read(file) else {
            let message = format!("`{}` does not say what it was linked from", path.display());
            return Err(Failure::new(Exit::Failed, message).hint("it has no `.go.buildinfo`"));
        };
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        programs.push(Program { file, platform: arch.platform().to_owned(), info });
    }
    Ok(programs)
}
