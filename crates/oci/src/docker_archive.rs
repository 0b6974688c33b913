//! Docker archives: images in one tar, as `docker save` and `podman save`
//! write them.
//!
//! What is in one stands in `manifest.json`: for each image its config, its
//! names and its layers, all files of the tar (Docker image specification
//! v1.2, "Combined Image JSON + Filesystem Changeset Format"). Since docker 25
//! an archive is an OCI layout as well; a manifest found there is taken as it
//! is. Nothing is ever unpacked: names are looked up in the tar's list, so
//! that none can lead out of it.

mod write;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use host::fs::IoContext;
use serde::{Deserialize, Serialize};

pub use write::write;

use crate::image::{DOCUMENT_MAX, parse};
use crate::layer::LayerBuilder;
use crate::layout::{DEPTH_MAX, INDEX_FILE, MARKER_FILE};
use crate::spec::{self, Descriptor, ImageConfig, to_bytes};
use crate::tarball::{self, Entry, EntryKind, EntryLimits, invalid};
use crate::{
    Artifact, Blob, Content, Digest, Error, Image, Layer, Layout, Named, Reference, archive, media,
};

/// The file that says what is in an archive.
const MANIFEST_FILE: &str = "manifest.json";

/// How many links one name may go through.
const LINKS_MAX: usize = 8;

/// How many manifests of its layout are looked at.
const MANIFESTS_MAX: usize = 1000;

/// One image in `manifest.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// Reads the images of a docker archive, each with the names that it has
/// there, perhaps none. An image's config is kept byte for byte, and its
/// manifest where there is one with compressed layers. A layer that is not
/// compressed is, in memory or in the directory `work`; others are read from
/// `file` when they are used. Both must stay until then.
///
/// # Errors
///
/// Fails if the file is not a docker archive, a layer is not the one that
/// its config names, or a file cannot be read or written.
pub fn read(file: &Path, work: &Path) -> Result<Vec<Named>, Error> {
    let members = Members::scan(file)?;
    let items: Vec<Item> = serde_json::from_slice(&members.document(MANIFEST_FILE)?)
        .map_err(|error| members.invalid(format!("`{MANIFEST_FILE}` is not valid: {error}")))?;
    let manifests = members.manifests()?;
    let mut reading = Reading { members, manifests, layers: HashMap::new(), work };
    items.iter().map(|item| reading.named(item)).collect()
}

/// What is in a tar: names without `.` and `..`, and where each leads.
struct Members {
    file: PathBuf,
    /// Where each file starts, and its length.
    files: BTreeMap<String, (u64, u64)>,
    links: BTreeMap<String, String>,
}

impl Members {
    fn scan(path: &Path) -> Result<Members, Error> {
        let fail = |reason: String| Error::InvalidArchive { path: path.to_owned(), reason };
        if path.exists() && !path.is_file() {
            return Err(fail("it is not a regular file".to_owned()));
        }
        let file = File::open(path).io_context("open", path)?;
        let length = file.metadata().io_context("read", path)?.len();
        let mut magic = [0; 2];
        if archive::part(path, 0, 2)?.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b] {
            return Err(fail("it is compressed; `gunzip` makes it one".to_owned()));
        }
        let (mut files, mut links) = (BTreeMap::new(), BTreeMap::new());
        let mut archive = tar::Archive::new(file);
        let entries = archive.entries_with_seek().io_context("read", path)?;
        tarball::walk(entries, archive::MEMBERS_MAX, &mut |member, position, _| {
            let entry = Entry::from(member);
            if position.checked_add(entry.size).is_none_or(|end| end > length) {
                return Err(invalid("it ends in the middle of an entry"));
            }
            let Some(name) = inside("", &entry.name) else { return Ok(()) };
            let link = entry.link.unwrap_or_default();
            match entry.kind {
                EntryKind::File => {
                    files.insert(name, (position, entry.size));
                }
                // `docker save` writes a layer that it wrote before as a link.
                EntryKind::Symlink => {
                    let parent = name.rsplit_once('/').map_or("", |(parent, _)| parent);
                    if let Some(target) = inside(parent, &link) {
                        links.insert(name, target);
                    }
                }
                EntryKind::Hardlink => {
                    if let Some(target) = inside("", &link) {
                        links.insert(name, target);
                    }
                }
                _ => {}
            }
            Ok(())
        })
        .map_err(|error| fail(format!("it is not a tar of one: {}", archive::quotable(&error))))?;
        Ok(Members { file: path.to_owned(), files, links })
    }

    fn invalid(&self, reason: String) -> Error {
        Error::InvalidArchive { path: self.file.clone(), reason }
    }

    /// Returns where a file starts and its length.
    fn find(&self, name: &str) -> Result<(u64, u64), Error> {
        let mut place = inside("", name);
        for _ in 0..LINKS_MAX {
            match place.as_ref().and_then(|place| self.links.get(place)) {
                Some(target) => place = Some(target.clone()),
                None => break,
            }
        }
        let found = place.and_then(|place| self.files.get(&place));
        found.copied().ok_or_else(|| self.invalid(format!("it has no file `{name}`")))
    }

    /// Reads a small file.
    fn document(&self, name: &str) -> Result<Vec<u8>, Error> {
        let (position, size) = self.find(name)?;
        if size > DOCUMENT_MAX {
            let what = format!("`{name}` in `{}`", self.file.display());
            return Err(Error::TooLarge { what, limit: DOCUMENT_MAX });
        }
        let mut bytes = Vec::new();
        archive::part(&self.file, position, size)?
            .read_to_end(&mut bytes)
            .io_context("read", &self.file)?;
        Ok(bytes)
    }

    /// Returns the images of the layout that the archive may be as well, by
    /// the digest of their config. Those of other platforms may be named there
    /// and not be there.
    fn manifests(&self) -> Result<HashMap<Digest, Image>, Error> {
        let mut images = HashMap::new();
        if [MARKER_FILE, INDEX_FILE].iter().all(|name| self.files.contains_key(*name)) {
            let layout = archive::open(&self.file)?;
            let mut count = 0;
            for entry in &layout.index().manifests {
                collect(&layout, entry, 0, &mut count, &mut images)?;
            }
        }
        Ok(images)
    }
}

fn collect(
    layout: &Layout,
    entry: &Descriptor,
    depth: usize,
    count: &mut usize,
    images: &mut HashMap<Digest, Image>,
) -> Result<(), Error> {
    *count += 1;
    if *count > MANIFESTS_MAX || depth > DEPTH_MAX {
        let (digest, place) = (entry.digest, layout.path().to_owned());
        return Err(Error::TooManyManifests { digest, place });
    }
    if layout.find(entry.digest)?.is_none() {
        return Ok(());
    }
    if media::is_index(&entry.media_type) {
        let document: spec::Index = parse(&layout.blob(entry)?, "image index")?;
        let mut children = document.manifests.iter();
        return children.try_for_each(|child| collect(layout, child, depth + 1, count, images));
    }
    match layout.load(entry) {
        Ok(Artifact::Image(image)) => {
            images.insert(image.config_blob().digest(), image);
        }
        Ok(Artifact::Index(_)) | Err(Error::MissingBlob { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Returns the path below the archive's root that a name means in the
/// directory `parent`; `None` if it leads out.
fn inside(parent: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = parent.split('/').filter(|part| !part.is_empty()).collect();
    for part in Path::new(name).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            // Only links need to go up.
            Component::ParentDir if !parent.is_empty() => {
                parts.pop()?;
            }
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// An archive on its way.
struct Reading<'a> {
    members: Members,
    manifests: HashMap<Digest, Image>,
    /// The layers that were met, by where they start.
    layers: HashMap<u64, Layer>,
    work: &'a Path,
}

impl Reading<'_> {
    fn named(&mut self, item: &Item) -> Result<Named, Error> {
        let reference = |name: &String| name.parse::<Reference>().map_err(Error::from);
        let references = item.repo_tags.iter().flatten().map(reference);
        let references = references.collect::<Result<_, _>>()?;
        Ok(Named { references, artifact: Artifact::Image(self.image(item)?) })
    }

    fn image(&mut self, item: &Item) -> Result<Image, Error> {
        let config = Blob::from_bytes(media::CONFIG, self.members.document(&item.config)?);
        let stem = item.config.strip_suffix(".json").and_then(Digest::from_hex);
        if stem.is_some_and(|digest| digest != config.digest()) {
            let reason = format!("`{}` has the bytes of `{}`", item.config, config.digest());
            return Err(self.members.invalid(reason));
        }
        let is_gzip = |layer: &Layer| media::is_gzip_layer(&layer.blob().descriptor().media_type);
        if let Some(image) = self.manifests.get(&config.digest())
            && image.layers().iter().all(is_gzip)
        {
            return Ok(image.clone());
        }
        let document: ImageConfig = parse(&config, "image config")?;
        let (diff_ids, names) = (&document.rootfs.diff_ids, item.layers.as_deref().unwrap_or(&[]));
        if diff_ids.len() != names.len() {
            let (ids, names) = (diff_ids.len(), names.len());
            let reason = format!("`{}` has {ids} diff_ids for {names} layers", item.config);
            return Err(self.members.invalid(reason));
        }
        let layers = names.iter().zip(diff_ids).map(|(name, diff_id)| self.layer(name, *diff_id));
        assemble(config, layers.collect::<Result<_, _>>()?)
    }

    /// Returns a layer, compressed.
    fn layer(&mut self, name: &str, diff_id: Digest) -> Result<Layer, Error> {
        let (position, size) = self.members.find(name)?;
        if let Some(layer) = self.layers.get(&position)
            && layer.diff_id() == diff_id
        {
            return Ok(layer.clone());
        }
        let file = &self.members.file;
        let content = Content::File { path: file.as_path().into(), offset: position };
        let mut magic = [0; 4];
        let mut start = archive::part(file, position, size)?;
        let layer = match start.read_exact(&mut magic).map(|()| magic) {
            Ok([0x1f, 0x8b, ..]) => {
                let digest = archive::digest(file, position, size)?;
                let descriptor = Descriptor::new(media::LAYER_GZIP, digest, size);
                let layer = Layer::new(Blob::new(descriptor, content), diff_id);
                let measured = layer.measure(EntryLimits::default().total)?;
                if measured != diff_id {
                    let reason = format!("`{name}` holds `{measured}` instead of `{diff_id}`");
                    return Err(self.members.invalid(reason));
                }
                layer
            }
            Ok([0x28, 0xb5, 0x2f, 0xfd]) => {
                let reason = format!("`{name}` is compressed with zstd, which cannot be read");
                return Err(self.members.invalid(reason));
            }
            _ => {
                let descriptor = Descriptor::new(media::LAYER_TAR, diff_id, size);
                LayerBuilder::compress(&Blob::new(descriptor, content), self.work)?
            }
        };
        self.layers.insert(position, layer.clone());
        Ok(layer)
    }
}

/// Makes the manifest that such an image has in a registry.
fn assemble(config: Blob, layers: Vec<Layer>) -> Result<Image, Error> {
    let manifest = spec::Manifest {
        schema_version: 2,
        media_type: Some(media::MANIFEST.to_owned()),
        config: config.descriptor().clone(),
        layers: layers.iter().map(|layer| layer.blob().descriptor().clone()).collect(),
        subject: None,
        annotations: BTreeMap::new(),
        extra: BTreeMap::new(),
    };
    let manifest = Blob::from_bytes(media::MANIFEST, to_bytes(&manifest)?);
    let layers = layers.into_iter().map(|layer| layer.blob().clone()).collect();
    Image::from_parts(manifest, config, layers)
}
