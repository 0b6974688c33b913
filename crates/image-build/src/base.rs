//! What a stage starts from, and what COPY copies from: contexts and images.
//!
//! A name is first that of a stage, then of a context, then of an image, as
//! with BuildKit. What is looked at for one platform is kept for the others.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use oci::{Artifact, Digest, Image, Layout, Platform, Reference};

use crate::containerfile::Containerfile;
use crate::error::nearest;
use crate::request::SCRATCH;
use crate::tree::{Context, Tree};
use crate::{BuildRequest, ContextSource, NamedContext, Problem};

/// Gets an image that a Containerfile names: called with its name and the
/// platform it must be for, once for each. The blobs of the image are read
/// while it builds. Other threads of rayon may wait for it meanwhile, so it
/// must not wait for them.
pub type Resolve<'a> =
    dyn Fn(&Reference, &Platform) -> Result<Image, Box<dyn StdError + Send + Sync>> + Sync + 'a;

/// Something to start from that no stage of the file makes.
#[derive(Clone, Debug)]
pub(crate) enum Base {
    /// `scratch`.
    Nothing,
    /// The files of a directory.
    Directory(Arc<Context>),
    /// An image, by the name it has in errors.
    Image(Image, String),
}

/// Everything that the platforms of a build share.
pub(crate) struct Bases<'a> {
    pub(crate) request: &'a BuildRequest,
    pub(crate) file: &'a Containerfile,
    pub(crate) work: &'a Path,
    resolve: &'a Resolve<'a>,
    settings: Option<&'a Resolve<'a>>,
    images: Kept<(Reference, Platform), Image>,
    trees: Kept<Digest, Tree>,
    contexts: Kept<PathBuf, Context>,
}

/// Values that are made once, each while nobody waits for another.
type Kept<K, V> = Mutex<HashMap<K, Arc<Mutex<Option<Arc<V>>>>>>;

/// Returns the value of `key`, made by `make` unless it is there. A failure
/// is not kept.
fn once<K: std::hash::Hash + Eq, V, E>(
    kept: &Kept<K, V>,
    key: K,
    make: impl FnOnce() -> Result<V, E>,
) -> Result<Arc<V>, E> {
    let place = {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(kept.entry(key).or_default())
    };
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(value) = &*place {
        return Ok(Arc::clone(value));
    }
    Ok(Arc::clone(place.insert(Arc::new(make()?))))
}

impl<'a> Bases<'a> {
    pub(crate) fn new(
        request: &'a BuildRequest,
        file: &'a Containerfile,
        work: &'a Path,
        resolve: &'a Resolve<'a>,
        settings: Option<&'a Resolve<'a>>,
    ) -> Bases<'a> {
        let (images, trees, contexts) = (Kept::default(), Kept::default(), Kept::default());
        Bases { request, file, work, resolve, settings, images, trees, contexts }
    }

    /// Returns the context that COPY copies from where nothing else is said.
    pub(crate) fn main_context(&self) -> Result<Arc<Context>, Problem> {
        let path = match &self.request.context {
            Some(path) => path.clone(),
            None if self.request.files.is_empty() => {
                let (source_path, place) = (".".to_owned(), "a build without a context".to_owned());
                return Err(Problem::NoSource { source_path, place, nearest: None });
            }
            None => self.work.join("context"),
        };
        let file = &self.request.containerfile;
        // Not under its path: as a named context its ignore file is another.
        Ok(once(&self.contexts, PathBuf::new(), || {
            if self.request.context.is_none() {
                host::fs::create_dir_all(&path)?;
            }
            let context = Context::open(&path, "the build context".to_owned(), Some(file))?;
            Ok::<_, crate::Error>(context.with(&self.request.files))
        })?)
    }

    /// Returns what a name means that is no stage's.
    pub(crate) fn find(&self, name: &str, platform: &Platform) -> Result<Base, Problem> {
        if name == SCRATCH {
            return Ok(Base::Nothing);
        }
        if let Some(context) = self.request.find_context(name, platform) {
            return self.open(context, platform);
        }
        let stages: Vec<String> =
            self.file.stages.iter().filter_map(|stage| stage.name.clone()).collect();
        let nearest = nearest(name, &stages);
        let reference: Reference = match name.parse() {
            Ok(reference) => reference,
            Err(reason) => return Err(Problem::BadBase { reason, nearest }),
        };
        self.image(&reference, platform, nearest)
    }

    /// Returns whether a name that is no stage's is that of an image which has
    /// to be got.
    pub(crate) fn is_remote(&self, name: &str, platform: &Platform) -> bool {
        match self.request.find_context(name, platform) {
            Some(context) => matches!(context.source(), ContextSource::Image(_)),
            None => name != "scratch" && name.parse::<Reference>().is_ok(),
        }
    }

    /// Returns whether what a name means that is no stage's is an image, whose
    /// settings count for who starts from it.
    pub(crate) fn has_settings(&self, name: &str, platform: &Platform) -> bool {
        match self.request.find_context(name, platform) {
            Some(context) => !matches!(context.source(), ContextSource::Directory(_)),
            None => name != "scratch",
        }
    }

    /// Opens a named context.
    pub(crate) fn open(
        &self,
        context: &NamedContext,
        platform: &Platform,
    ) -> Result<Base, Problem> {
        match context.source() {
            ContextSource::Directory(path) => {
                let name = format!("the context `{}`", context.name());
                let open = || Context::open(path, name, None);
                Ok(Base::Directory(once(&self.contexts, path.clone(), open)?))
            }
            ContextSource::Image(reference) => self.image(reference, platform, None),
            ContextSource::Scratch => Ok(Base::Nothing),
            ContextSource::Layout { directory, digest } => {
                let layout = Layout::open(directory)?;
                let artifact = layout.load(&layout.resolve(&digest.to_string())?)?;
                let name = context.to_string();
                let image = choose(&artifact, &name, platform)?;
                Ok(Base::Image(image, name))
            }
        }
    }

    fn image(
        &self,
        reference: &Reference,
        platform: &Platform,
        nearest: Option<String>,
    ) -> Result<Base, Problem> {
        let name = reference.to_string();
        let image = once(&self.images, (reference.clone(), platform.clone()), || {
            let image = (self.resolve)(reference, platform);
            image.map_err(|reason| Problem::NoImage { image: name.clone(), nearest, reason })
        })?;
        let image = choose(&Artifact::Image(Image::clone(&image)), &name, platform)?;
        Ok(Base::Image(image, name))
    }

    /// Returns whether anyone gets settings.
    pub(crate) fn gets_settings(&self) -> bool {
        self.settings.is_some()
    }

    /// Returns the settings of an image that is not got whole, as an image
    /// without files; `None` if nobody gets them.
    pub(crate) fn settings(
        &self,
        name: &str,
        platform: &Platform,
    ) -> Option<Result<Image, Problem>> {
        let get = self.settings?;
        let reference = match self.request.find_context(name, platform).map(NamedContext::source) {
            Some(ContextSource::Image(reference)) => reference.clone(),
            Some(_) => return None,
            None => name.parse::<Reference>().ok()?,
        };
        let image = reference.to_string();
        Some(get(&reference, platform).map_err(|reason| Problem::NoImage {
            image,
            nearest: None,
            reason,
        }))
    }

    /// Returns the files of an image.
    pub(crate) fn tree(&self, image: &Image, name: &str) -> Result<Arc<Tree>, Problem> {
        once(&self.trees, image.digest(), || Tree::of_image(image, name, self.work))
    }
}

/// Returns the image for a platform; its variant need not be given.
fn choose(artifact: &Artifact, name: &str, platform: &Platform) -> Result<Image, Problem> {
    let images = artifact.images();
    let fits = |image: &&&Image, exactly: bool| {
        let found = image.platform();
        (&found.os, &found.architecture) == (&platform.os, &platform.architecture)
            && (!exactly || found.variant == platform.variant)
    };
    let exact = images.iter().find(|image| fits(image, true));
    if let Some(image) = exact.or_else(|| images.iter().find(|image| fits(image, false))) {
        return Ok(Image::clone(image));
    }
    let found = images.iter().map(|image| image.platform().to_string()).collect();
    Err(Problem::WrongPlatform { image: name.to_owned(), found, platform: platform.clone() })
}
