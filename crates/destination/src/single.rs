//! Of each artifact the image for one platform, for destinations that take no
//! more.

use oci::{Artifact, Image, Named, Platform};

use crate::Error;

/// Returns of each artifact the image for `platform`, under the same names.
pub(crate) fn images(batch: &[Named], platform: &Platform) -> Vec<Result<Named, Error>> {
    batch.iter().map(|named| image(named, platform)).collect()
}

fn image(named: &Named, platform: &Platform) -> Result<Named, Error> {
    // That of a single image is asked as well: one for another machine would
    // be taken, and run nowhere.
    let images = named.artifact.images();
    let found = best(&images, platform).ok_or_else(|| Error::NotFor {
        reference: Box::new(named.references[0].clone()),
        wanted: platform.clone(),
        has: named.artifact.platforms(),
    })?;
    Ok(Named { references: named.references.clone(), artifact: Artifact::Image(found.clone()) })
}

/// A variant, as `linux/arm/v7`, is one of its architecture; the very
/// platform is taken first.
fn best<'a>(images: &[&'a Image], wanted: &Platform) -> Option<&'a Image> {
    let plain = |image: &&&Image| {
        let own = image.platform();
        wanted.variant.is_none() && Platform { variant: None, ..own } == *wanted
    };
    let exact = images.iter().find(|image| image.platform() == *wanted);
    exact.or_else(|| images.iter().find(plain)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci::{Index, Layer};
    use std::collections::BTreeMap;

    fn image(platform: &str) -> Image {
        let layer = Layer::single_file("a.o", platform.as_bytes(), 0).unwrap();
        Image::builder(platform.parse().unwrap()).layer(layer, "COPY").build().unwrap()
    }

    fn taken(artifact: &Artifact, wanted: &str) -> Result<String, String> {
        let references = vec!["quay.io/a/b:v1".parse().unwrap()];
        let named = Named { references, artifact: artifact.clone() };
        let mut picked = images(&[named], &wanted.parse().unwrap());
        let picked = picked.remove(0).map_err(|error| error.to_string())?;
        let Artifact::Image(image) = &picked.artifact else { panic!("an image") };
        Ok(image.platform().to_string())
    }

    #[test]
    fn the_platform_or_a_variant_of_it_is_taken() {
        let platforms = ["linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64/v8"];
        let index = Index::new(platforms.map(image).to_vec(), BTreeMap::new()).unwrap();
        let (many, one) = (Artifact::Index(index), Artifact::Image(image("linux/s390x")));
        let lacks =
            |wanted, has| Err(format!("`quay.io/a/b:v1` is not for {wanted}; it is for {has}"));
        let all = platforms.join(", ");
        let cases = [
            (&many, "linux/amd64", Ok("linux/amd64".to_owned())),
            (&many, "linux/arm/v7", Ok("linux/arm/v7".to_owned())),
            (&many, "linux/arm", Ok("linux/arm/v6".to_owned())),
            (&many, "linux/arm64", Ok("linux/arm64/v8".to_owned())),
            (&many, "linux/arm/v5", lacks("linux/arm/v5", all.as_str())),
            (&many, "linux/s390x", lacks("linux/s390x", all.as_str())),
            (&one, "linux/s390x", Ok("linux/s390x".to_owned())),
            (&one, "linux/amd64", lacks("linux/amd64", "linux/s390x")),
        ];
        for (artifact, wanted, expected) in cases {
            assert_eq!(taken(artifact, wanted), expected, "{wanted}");
        }
    }
}
