//! Images that Containerfiles name: pulled once, kept, and found again.
//!
//! They are kept in a tree of layouts. The entry of a name is an index of this
//! program's own: it lists the images that were asked for, each under its own
//! digest and for the platform it was asked for, and says in an annotation for
//! which digest the name stood. So the layouts are whole although nobody keeps
//! the platforms that nobody wants, and the registry's answer to one HEAD says
//! whether what is kept will do. Not here: what a base is used for.

mod error;
mod kept;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use host::Lock;
use oci::layout::{Tree, WriteOptions};
use oci::registry::Client;
use oci::{Digest, Image, Platform, Reference};
use ui::Ui;

pub use error::BaseError;
use error::Reason;
use kept::Kept;

/// Where base images come from, and where they are kept.
///
/// The images that it returns are read from the tree while they are used: it
/// must live as long as what was built on them.
#[derive(Debug)]
pub struct Bases {
    tree: Tree,
    client: Client,
    offline: bool,
    /// Whether the images have their settings and no layers.
    settings_only: bool,
    /// Where such images come from, and are kept, beside this tree.
    settings: OnceLock<Box<Bases>>,
    /// What was found out, by name; of one name it is done once.
    known: Mutex<HashMap<Reference, Place>>,
    /// Held together with others while images of the tree are used.
    in_use: Mutex<Option<Lock>>,
    /// Whether something is kept that no name leads to any more.
    replaced: AtomicBool,
}

type Place = Arc<Mutex<Option<Result<Known, BaseError>>>>;

/// A base of this run.
#[derive(Clone, Debug)]
struct Known {
    /// What its name stands for.
    digest: Digest,
    images: BTreeMap<Platform, Image>,
}

/// The file that says by its locks who uses the tree.
const IN_USE: &str = ".in-use";

/// The file in a repository's directory that who pulls for it has locked.
const PULLING: &str = ".lock-pull";

impl Bases {
    /// Names the directory of the tree and what asks registries, which nobody
    /// does if `offline`; nothing is read or made yet.
    pub fn new(directory: impl Into<PathBuf>, client: Client, offline: bool) -> Bases {
        Bases {
            tree: Tree::new(directory),
            client,
            offline,
            settings_only: false,
            settings: OnceLock::new(),
            known: Mutex::default(),
            in_use: Mutex::default(),
            replaced: AtomicBool::new(false),
        }
    }

    /// Returns what asks registries.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the image that a name stands for on a platform, and says once
    /// which digest that is. It is downloaded if it is not kept. Others may
    /// ask meanwhile; for one name they wait.
    ///
    /// # Errors
    ///
    /// Fails if the registry does, has no such image or none for the platform;
    /// offline, if the image is not kept; if files cannot be read or written.
    pub fn image(
        &self,
        reference: &Reference,
        platform: &Platform,
        ui: &Ui,
    ) -> Result<Image, BaseError> {
        self.use_tree()?;
        let place = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(reference.clone()).or_default())
        };
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        // A failure is kept too: one registry that is not there is waited for
        // once, not for each platform.
        let known = place.get_or_insert_with(|| self.look(reference, ui)).as_mut();
        let known = known.map_err(|error| error.clone())?;
        if let Some(image) = known.images.get(platform) {
            return Ok(image.clone());
        }
        if self.offline {
            return Err(Reason::NotKept {
                reference: reference.clone(),
                platform: platform.clone(),
                kept: known.images.keys().cloned().collect(),
            }
            .into());
        }
        known.images = self.pull(reference, known.digest, platform)?;
        match known.images.get(platform) {
            Some(image) => Ok(image.clone()),
            None => Err(Reason::Lost { reference: reference.clone() }.into()),
        }
    }

    /// Returns an image without files that has the settings of the one that a
    /// name stands for, such as the working directory: no layer is downloaded.
    ///
    /// # Errors
    ///
    /// As [`Bases::image`].
    pub fn settings(
        &self,
        reference: &Reference,
        platform: &Platform,
        ui: &Ui,
    ) -> Result<Image, BaseError> {
        let settings = self.settings.get_or_init(|| {
            let mut name = self.tree.root().file_name().unwrap_or_default().to_owned();
            name.push("-settings");
            let directory = self.tree.root().with_file_name(name);
            let mut settings = Bases::new(directory, self.client.clone(), self.offline);
            settings.settings_only = true;
            Box::new(settings)
        });
        settings.image(reference, platform, ui)
    }

    /// Finds out what a name stands for, and whether that is kept.
    fn look(&self, reference: &Reference, ui: &Ui) -> Result<Known, BaseError> {
        let kept = match Kept::find(&self.tree, reference) {
            Ok(kept) => kept,
            Err(source) if self.offline => {
                let reference = reference.clone();
                return Err(Reason::Damaged { reference, source }.into());
            }
            Err(error) => {
                ui.warn(format_args!(
                    "what is kept of `{reference}` is damaged, and is got again: {error}"
                ));
                None
            }
        };
        let (digest, how) = self.digest(reference, kept.as_ref())?;
        let part = if self.settings_only { ", its settings alone" } else { "" };
        ui.step("Base", format_args!("{}{part}{how}", reference.with_digest(digest)));
        let is_meant = |kept: &Kept| kept.digest == digest;
        let images = kept.filter(is_meant).map(|kept| kept.images).unwrap_or_default();
        Ok(Known { digest, images })
    }

    /// Returns which digest a name stands for, and what there is to say of
    /// that.
    fn digest(
        &self,
        reference: &Reference,
        kept: Option<&Kept>,
    ) -> Result<(Digest, String), BaseError> {
        let old = kept.map(|kept| kept.digest);
        if self.offline {
            let old = old.ok_or_else(|| Reason::Unknown { reference: reference.clone() })?;
            return Ok((old, " (as it is kept; `--offline` asks no registry)".to_owned()));
        }
        if let Some(digest) = reference.digest() {
            return Ok((digest, String::new()));
        }
        let found = self.client.resolve(reference).map_err(|source| Reason::Unasked {
            reference: reference.clone(),
            kept: old,
            source,
        })?;
        let digest = found.ok_or_else(|| Reason::Absent { reference: reference.clone() })?.digest;
        let how = match old.filter(|old| *old != digest) {
            Some(old) => format!(" (it was {old})"),
            None => String::new(),
        };
        Ok((digest, how))
    }

    /// Gets an image, unless another process just did, and returns all that is
    /// kept of its name then.
    fn pull(
        &self,
        reference: &Reference,
        digest: Digest,
        platform: &Platform,
    ) -> Result<BTreeMap<Platform, Image>, BaseError> {
        let directory = self.tree.directory(reference);
        host::fs::create_dir_all(&directory).map_err(oci::Error::from)?;
        let _alone = Lock::exclusive(&directory.join(PULLING)).map_err(oci::Error::from)?;
        // What is written takes the place of what is damaged, of another image,
        // or of fewer platforms.
        let old = Kept::find(&self.tree, reference);
        let replaces = !matches!(old, Ok(None));
        let same = old.ok().flatten().filter(|old| old.digest == digest);
        let mut kept = same.unwrap_or_else(|| Kept::nothing(digest));
        if kept.images.contains_key(platform) {
            return Ok(kept.images);
        }
        // By digest: the tag may stand for another one by now.
        let image = self.client.pull(&reference.with_digest(digest), Some(platform));
        let image =
            image.map_err(|source| Reason::Unpulled { reference: reference.clone(), source })?;
        if let Some(image) = image.images().first() {
            let image = match self.settings_only {
                true => settings_of(image, platform)?,
                false => Image::clone(image),
            };
            kept.images.insert(platform.clone(), image);
        }
        kept.write(&self.tree, reference)?;
        self.replaced.fetch_or(replaces, Ordering::Relaxed);
        let kept = Kept::find(&self.tree, reference)?;
        Ok(kept.filter(|kept| kept.digest == digest).map(|kept| kept.images).unwrap_or_default())
    }

    /// Keeps others from removing what is in the tree.
    fn use_tree(&self) -> Result<(), BaseError> {
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        if in_use.is_none() {
            host::fs::create_dir_all(self.tree.root()).map_err(oci::Error::from)?;
            let file = self.tree.root().join(IN_USE);
            *in_use = Some(Lock::shared(&file).map_err(oci::Error::from)?);
        }
        Ok(())
    }
}

/// Makes an image that has the settings of another, and no files.
fn settings_of(image: &Image, platform: &Platform) -> Result<Image, BaseError> {
    let settings = image.config().config.clone();
    Ok(Image::builder(platform.clone()).container(settings).build()?)
}

impl Drop for Bases {
    /// Removes what names stood for before, unless another process uses the
    /// tree: then it stays until a name changes again. Failing to is no harm.
    fn drop(&mut self) {
        if !self.replaced.load(Ordering::Relaxed) {
            return;
        }
        *self.in_use.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        if let Ok(Some(_alone)) = Lock::try_exclusive(&self.tree.root().join(IN_USE)) {
            let _ = self.tree.prune(None, WriteOptions { durable: false });
        }
    }
}
