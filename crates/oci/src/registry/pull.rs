//! Pulling: a name to its manifests, its platform, its blobs.
//!
//! Manifests and configs are read now, layers when they are used. Every byte
//! is verified against the digest that named it; documents have a cap, and
//! an index that nests or names without end is refused.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::blob::Repository;
use super::download::{Download, Source};
use super::error::Refusal;
use super::{Client, Error};
use crate::spec::{self, Descriptor};
use crate::tasks;
use crate::{Artifact, Blob, Content, Image, Index, Platform, Reference, image, media};

/// How deep indexes may nest.
const DEPTH_MAX: usize = 4;
/// How many manifests one name may have.
const MANIFESTS_MAX: usize = 1000;

impl Client {
    /// Returns what a name stands for: media type, digest and size of its
    /// manifest or index; `None` if it stands for nothing.
    ///
    /// # Errors
    ///
    /// Fails if the registry does.
    pub fn resolve(&self, reference: &Reference) -> Result<Option<Descriptor>, Error> {
        let (repository, name) = self.named(reference)?;
        repository.head_manifest(self, &name)
    }

    /// Returns the manifest or index itself, verified; `None` if the name
    /// stands for nothing.
    ///
    /// # Errors
    ///
    /// Fails if the registry does, or its bytes are not those of the digest.
    pub fn manifest(&self, reference: &Reference) -> Result<Option<Blob>, Error> {
        let (repository, name) = self.named(reference)?;
        repository.get_manifest(self, &name)
    }

    /// Returns a blob of a repository; it is fetched, and verified, when it
    /// is read. `reference` names the repository.
    ///
    /// # Errors
    ///
    /// Fails if the registry's name or certificates cannot be used.
    pub fn blob(&self, reference: &Reference, descriptor: &Descriptor) -> Result<Blob, Error> {
        let (repository, _) = self.named(reference)?;
        let source = Arc::new(Source::new(self, &repository, reference));
        Ok(Blob::new(descriptor.clone(), Content::Remote(source)))
    }

    /// Pulls an image: the one for `platform`, or all that the name stands
    /// for. Its layers stay where they are, and are read from there when they
    /// are used: to be written to a layout, or pushed to another registry.
    ///
    /// # Errors
    ///
    /// Fails if the registry does, bytes are not those of their digests, a
    /// document cannot be parsed, or there is no image for the platform.
    pub fn pull(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
    ) -> Result<Artifact, Error> {
        let (repository, name) = self.named(reference)?;
        let source = Arc::new(Source::new(self, &repository, reference));
        let pull = Pull { client: self, repository, source, n_manifests: AtomicUsize::new(0) };
        let top = pull.manifest(&name)?;
        match platform {
            Some(platform) => Ok(Artifact::Image(pull.for_platform(top, platform, 0)?)),
            None => pull.all(top, 0),
        }
    }

    /// Returns the repository of a reference and its digest or else its tag.
    pub(crate) fn named(&self, reference: &Reference) -> Result<(Repository, String), Error> {
        let host = self.registry(reference.registry())?;
        let repository = Repository { host, name: reference.repository().to_owned() };
        let digest = reference.digest().map(|digest| digest.to_string());
        let name = digest.or_else(|| reference.tag().map(str::to_owned)).unwrap_or_default();
        Ok((repository, name))
    }
}

struct Pull<'a> {
    client: &'a Client,
    repository: Repository,
    source: Arc<Source>,
    n_manifests: AtomicUsize,
}

impl Pull<'_> {
    fn url(&self, name: &str) -> String {
        self.repository.url(&format!("manifests/{name}")).to_string()
    }

    fn manifest(&self, name: &str) -> Result<Blob, Error> {
        if self.n_manifests.fetch_add(1, Ordering::Relaxed) >= MANIFESTS_MAX {
            return Err(self.unexpected(name, "it names too many manifests"));
        }
        let refusal = || Refusal {
            method: "GET".into(),
            url: self.url(name),
            status: 404,
            code: None,
            message: Some("there is no such image".into()),
            registry: None,
            credentials: None,
            retry_after: None,
        };
        let found = self.repository.get_manifest(self.client, name)?;
        found.ok_or_else(|| Error::Refused(Box::new(refusal())))
    }

    /// Gets a manifest that another names, which says how long it is.
    fn child(&self, descriptor: &Descriptor) -> Result<Blob, Error> {
        let child = self.manifest(&descriptor.digest.to_string())?;
        if child.size() != descriptor.size {
            let (url, digest) = (self.url(&descriptor.digest.to_string()), descriptor.digest);
            let reason = format!("it has {} bytes, not {}", child.size(), descriptor.size);
            return Err(Error::Corrupt { url, digest, reason });
        }
        // What names it says what it is, where its own word is missing.
        let stated = &child.descriptor().media_type;
        if media::is_index(stated) || media::is_manifest(stated) {
            return Ok(child);
        }
        let content = child.content().clone();
        Ok(Blob::new(
            Descriptor::new(&descriptor.media_type, child.digest(), child.size()),
            content,
        ))
    }

    fn for_platform(&self, top: Blob, wanted: &Platform, depth: usize) -> Result<Image, Error> {
        if !media::is_index(&top.descriptor().media_type) {
            let image = self.image(top)?;
            return match fits(&image.platform(), wanted) {
                true => Ok(image),
                false => Err(self.no_platform(
                    &image.manifest_blob().clone(),
                    wanted,
                    vec![image.platform()],
                )),
            };
        }
        let index: spec::Index = image::parse(&top, "image index")?;
        let platforms: Vec<Option<Platform>> = index
            .manifests
            .iter()
            .map(|child| child.platform.as_ref().map(Platform::from))
            .collect();
        let exact = platforms.iter().position(|own| own.as_ref() == Some(wanted));
        let fitting =
            || platforms.iter().position(|own| own.as_ref().is_some_and(|own| fits(own, wanted)));
        match exact.or_else(fitting) {
            Some(child) if depth < DEPTH_MAX => {
                self.for_platform(self.child(&index.manifests[child])?, wanted, depth + 1)
            }
            Some(_) => {
                Err(self.unexpected(&top.digest().to_string(), "its indexes nest too deeply"))
            }
            None => Err(self.no_platform(&top, wanted, platforms.into_iter().flatten().collect())),
        }
    }

    fn all(&self, top: Blob, depth: usize) -> Result<Artifact, Error> {
        // In parallel at the top alone: a nest would multiply the threads.
        let n_workers = if depth == 0 { self.client.settings().concurrency } else { 1 };
        if !media::is_index(&top.descriptor().media_type) {
            return Ok(Artifact::Image(self.image(top)?));
        }
        if depth >= DEPTH_MAX {
            return Err(self.unexpected(&top.digest().to_string(), "its indexes nest too deeply"));
        }
        let index: spec::Index = image::parse(&top, "image index")?;
        let children = tasks::each(&index.manifests, n_workers, |child| {
            self.all(self.child(child)?, depth + 1)
        });
        Ok(Artifact::Index(Index::from_parts(
            top,
            children.into_iter().collect::<Result<_, _>>()?,
        )?))
    }

    fn image(&self, manifest: Blob) -> Result<Image, Error> {
        let document: spec::Manifest = image::parse(&manifest, "image manifest")?;
        let layers = document.layers.into_iter().map(|layer| self.remote(layer));
        let config = self.config(document.config)?;
        Ok(Image::from_parts(manifest, config, layers.collect())?)
    }

    /// Returns a config, in memory unless it is no document at all: that of a
    /// thing that is no image may be anything.
    fn config(&self, descriptor: Descriptor) -> Result<Blob, Error> {
        let limit = image::DOCUMENT_MAX;
        if descriptor.size > limit && !media::is_config(&descriptor.media_type) {
            return Ok(self.remote(descriptor));
        }
        if descriptor.size > limit {
            let url = self.repository.url(&format!("blobs/{}", descriptor.digest)).to_string();
            return Err(Error::TooLarge { url, limit });
        }
        let (client, repository) = (self.client.clone(), self.repository.clone());
        let mut bytes = Vec::new();
        let read = Download::new(client, repository, &descriptor).read_to_end(&mut bytes);
        read.map_err(|fault| {
            crate::Error::from_read(Path::new(&**self.source.full_name()), fault)
        })?;
        let blob = Blob::new(descriptor, Content::Memory(bytes.into()));
        Ok(blob.with_origin(self.source.full_name()))
    }

    fn remote(&self, descriptor: Descriptor) -> Blob {
        let blob = Blob::new(descriptor, Content::Remote(Arc::clone(&self.source) as _));
        blob.with_origin(self.source.full_name())
    }

    fn unexpected(&self, name: &str, reason: &str) -> Error {
        Error::Unexpected { method: "GET".into(), url: self.url(name), reason: reason.into() }
    }

    fn no_platform(&self, top: &Blob, wanted: &Platform, platforms: Vec<Platform>) -> Error {
        let (url, platform) = (self.url(&top.digest().to_string()), Box::new(wanted.clone()));
        Error::NoPlatform { url, platform, platforms }
    }
}

/// Returns whether an image runs where it is wanted. Without a variant any
/// will do.
fn fits(own: &Platform, wanted: &Platform) -> bool {
    own.os == wanted.os
        && own.architecture == wanted.architecture
        && (wanted.variant.is_none() || own.variant == wanted.variant)
}
