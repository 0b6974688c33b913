//! `--as`: the whole names that a user gives to images. Not here: the names
//! that follow from the catalogue.

use std::fmt;

use ui::Failure;

use crate::catalogue::{Catalogue, Entry};

/// What one `--as` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Naming {
    /// The image, as `name` or `organization/name`; without it, the one that
    /// is selected.
    image: Option<String>,
    /// The name that it gets, not yet looked at.
    pub(crate) reference: String,
}

impl From<&str> for Naming {
    /// Reads `REFERENCE` or `NAME=REFERENCE`: no reference has an equals sign.
    fn from(word: &str) -> Naming {
        match word.split_once('=') {
            Some((image, reference)) => {
                Naming { image: Some(image.to_owned()), reference: reference.to_owned() }
            }
            None => Naming { image: None, reference: word.to_owned() },
        }
    }
}

impl fmt::Display for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.image {
            Some(image) => write!(f, "--as {image}={}", self.reference),
            None => write!(f, "--as {}", self.reference),
        }
    }
}

impl Naming {
    /// Returns whether it names whatever is selected.
    pub(crate) fn is_of_the_only_one(&self) -> bool {
        self.image.is_none()
    }

    fn fits(&self, entry: &Entry) -> bool {
        let is_it = |image: &String| *image == entry.name || *image == entry.full_name();
        self.image.as_ref().is_none_or(is_it)
    }
}

/// Returns what the user calls an image, if anything.
pub(crate) fn of<'n>(names: &'n [Naming], entry: &Entry) -> Option<&'n Naming> {
    names.iter().find(|naming| naming.fits(entry))
}

/// Refuses names for what is not there or not selected, and several for one
/// image. An image that is selected and then left out may have one.
pub(crate) fn check(
    names: &[Naming],
    selected: &[&Entry],
    catalogue: &Catalogue,
) -> Result<(), Failure> {
    for naming in names {
        let Some(image) = &naming.image else { continue };
        if !catalogue.images.iter().any(|entry| naming.fits(entry)) {
            return Err(unknown(naming, image, catalogue));
        }
        let fitting = selected.iter().filter(|entry| naming.fits(entry));
        let fitting: Vec<_> = fitting.map(|entry| format!("`{}`", entry.full_name())).collect();
        match fitting.as_slice() {
            [] => {
                let message = format!("`{naming}` names an image that is not selected");
                return Err(Failure::usage(message).hint(format!("select `{image}` as well")));
            }
            [_] => {}
            several => {
                let message = format!("`{naming}` names {}", several.join(" and "));
                return Err(Failure::usage(message).hint("name one as `organization/name`"));
            }
        }
    }
    for entry in selected {
        let fitting: Vec<_> = names.iter().filter(|naming| naming.fits(entry)).collect();
        if let [one, other, ..] = fitting.as_slice() {
            let message = format!("`{one}` and `{other}` both name `{}`", entry.full_name());
            return Err(Failure::usage(message).hint("`--as` gives an image one name"));
        }
    }
    Ok(())
}

fn unknown(naming: &Naming, image: &str, catalogue: &Catalogue) -> Failure {
    let names = catalogue.images.iter().flat_map(|entry| [entry.name.clone(), entry.full_name()]);
    let names: Vec<String> = names.collect();
    let failure = Failure::usage(format!("`{naming}` names no image of the catalogue"));
    match cli::nearest(image, names.iter().map(String::as_str)) {
        Some(nearest) => failure.hint(format!("did you mean `{nearest}`?")),
        None => failure.hint("`cargo xtask list-images` shows what there is"),
    }
}
