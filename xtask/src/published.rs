//! The catalogue's images as a registry has them: what is signed, verified
//! and checked. Not here: making images, and putting them there.

use cli::registry::{self, RegistryArgs};
use oci::registry::{Client, Error};
use oci::{Digest, Reference};
use ui::Failure;

use crate::catalogue::{self, Catalogue};
use crate::context::Context;
use crate::credentials;
use crate::plan;
use crate::wish::NameArgs;

/// Which published images a command is about, and how it gets to them.
#[derive(clap::Args, Debug)]
pub(crate) struct PublishedArgs {
    #[command(flatten)]
    names: NameArgs,

    #[command(flatten)]
    registries: RegistryArgs,
}

/// The selected images, and what they are asked for with.
#[derive(Debug)]
pub(crate) struct Published {
    /// Knows the credentials of each organization.
    pub(crate) client: Client,
    /// Shows no credentials, as a stranger who pulls.
    pub(crate) anonymous: Client,
    /// The variables that hold the credentials.
    pub(crate) variables: Vec<String>,
    pub(crate) images: Vec<Image>,
}

/// One image of the catalogue.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// `organization/name` of the catalogue.
    pub(crate) image: String,
    /// Whether its repository is for those alone who have credentials.
    pub(crate) private: bool,
    /// Its names, one for each tag; there is at least one.
    pub(crate) references: Vec<Reference>,
}

/// A manifest or index that a registry has, whatever its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// `organization/name` of the catalogue.
    pub(crate) image: String,
    /// The names that stand for it.
    pub(crate) references: Vec<Reference>,
    pub(crate) digest: Digest,
}

impl Subject {
    /// Returns its repository and digest: `registry/repository@sha256:…`.
    pub(crate) fn pinned(&self) -> Reference {
        self.references[0].with_digest(self.digest).without_tag()
    }
}

impl PublishedArgs {
    /// Finds the images in the catalogue; no registry is asked.
    ///
    /// # Errors
    ///
    /// Fails if the catalogue cannot be read, or nothing is selected.
    pub(crate) fn open(self, cx: &Context<'_>) -> Result<Published, Failure> {
        let catalogue = Catalogue::load(&cx.root.join(catalogue::FILE)).map_err(Failure::usage)?;
        let wish = self.names.wish(&catalogue);
        let host = wish.registry.as_deref().unwrap_or(&catalogue.registry);
        let client = self
            .registries
            .client(|files| credentials::of_organizations(files, &catalogue.organizations, host))?;
        let images = plan::named(&catalogue, &wish)?.into_iter().map(|(entry, references)| Image {
            image: entry.full_name(),
            private: entry.private,
            references,
        });
        Ok(Published {
            client,
            anonymous: self.registries.anonymous()?,
            variables: catalogue.variables(),
            images: images.collect(),
        })
    }
}

impl Published {
    /// Asks what the names stand for: each digest of an image comes once, in
    /// the catalogue's order. What is not there, and what cannot be asked for,
    /// comes as failures, each reason once; what is hidden from strangers, and
    /// here is one, is left out, and that is said.
    pub(crate) fn subjects(&self, cx: &Context<'_>) -> (Vec<Subject>, Vec<Failure>) {
        let names: Vec<_> = self.images.iter().flat_map(|image| &image.references).collect();
        let looks = self.client.look(&names);
        let (mut subjects, mut failed): (Vec<Subject>, _) = (Vec::new(), Vec::new());
        for Image { image, private, references } in &self.images {
            for reference in references {
                let digest = match self.client.looked(&looks, reference) {
                    Ok(Some(found)) => found.digest,
                    Ok(None) => {
                        let failure =
                            Failure::new(ui::Exit::Failed, "the registry has no such image")
                                .hint("`cargo xtask build-images --push` publishes");
                        failed.push((reference.to_string(), failure));
                        continue;
                    }
                    Err(error) if *private && is_hidden(&self.client, reference, &error) => {
                        say_hidden(image, cx);
                        break;
                    }
                    Err(error) => {
                        failed.push((reference.to_string(), registry::failure(error)));
                        continue;
                    }
                };
                let is_it = |other: &&mut Subject| other.image == *image && other.digest == digest;
                match subjects.iter_mut().find(is_it) {
                    Some(subject) => subject.references.push(reference.clone()),
                    None => subjects.push(Subject {
                        image: image.clone(),
                        references: vec![reference.clone()],
                        digest,
                    }),
                }
            }
        }
        let failures = registry::together(failed, "image", |what| format!("failed to find {what}"));
        (subjects, failures)
    }
}

/// Returns whether an error means that a registry shows a repository to
/// nobody without credentials, and there are none.
pub(crate) fn is_hidden(client: &Client, reference: &Reference, error: &Error) -> bool {
    matches!(error.status(), Some(401 | 403)) && !client.has_credential(reference)
}

/// Says that an image is left out.
pub(crate) fn say_hidden(image: &str, cx: &Context<'_>) {
    cx.ui.note(format_args!("Left out: {image} (it is private, and there are no credentials)"));
}
