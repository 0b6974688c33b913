//! Samples of what is published and copied.

use oci::{Image, Layer};

/// An image for one platform, with one file of this text.
pub(crate) fn image(platform: &str, text: &str) -> Image {
    let layer = Layer::single_file("prog.bpf.o", text.as_bytes(), 0).unwrap();
    Image::builder(platform.parse().unwrap()).layer(layer, "COPY").build().unwrap()
}
