//! Samples of what is published and copied, and ways to publish them.

use std::collections::BTreeMap;

use destination::{Destination, Error, Options, Published};
use oci::registry::{Client, Looks, Settings};
use oci::{Artifact, Image, Index, Layer, Named};

/// An image for one platform, with one file of this text.
pub(crate) fn image(platform: &str, text: &str) -> Image {
    let layer = Layer::single_file("prog.bpf.o", text.as_bytes(), 0).unwrap();
    Image::builder(platform.parse().unwrap()).layer(layer, "COPY").build().unwrap()
}

/// An index of these platforms, with an annotation as the catalogue's images
/// have them.
pub(crate) fn index(platforms: &[&str], text: &str) -> Artifact {
    let images = platforms.iter().map(|platform| image(platform, text)).collect();
    let annotations = BTreeMap::from([("org.opencontainers.image.title".into(), text.into())]);
    Artifact::Index(Index::new(images, annotations).unwrap())
}

pub(crate) fn named(words: &[&str], artifact: Artifact) -> Named {
    Named { references: words.iter().map(|word| word.parse().unwrap()).collect(), artifact }
}

pub(crate) type Outcomes = Result<Vec<Result<Published, Error>>, Error>;

/// Publishes; `command` is told what is run.
pub(crate) fn publish_told(
    destination: &Destination,
    batch: &[Named],
    command: &(dyn Fn(&host::Cmd) + Sync),
) -> Outcomes {
    let client = Client::new(Settings::default());
    let (looks, platform) = (Looks::default(), "linux/amd64".parse().unwrap());
    let options = Options {
        durable: true,
        client: &client,
        looks: &looks,
        report: &|_| {},
        platform: &platform,
        command,
    };
    destination.publish(batch, options)
}

/// Publishes to what needs no program.
pub(crate) fn publish(destination: &Destination, batch: &[Named]) -> Outcomes {
    publish_told(destination, batch, &|command| panic!("`{command}` is not needed"))
}
