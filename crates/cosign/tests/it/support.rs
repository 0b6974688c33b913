//! What these tests share: stand-ins for cosign, images, ways to registries.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use oci::registry::{Access, Client, Settings};
use oci::{Artifact, Image, Index, Named, Reference};

/// Writes a program that runs a shell script. Another process does so: were
/// the file open for writing in this one, a process that another test starts
/// at that moment would inherit it, and while it did it could not be run.
pub(crate) fn program(path: &Path, script: &str) {
    let source = path.with_extension("text");
    host::fs::write_atomic(&source, format!("#!/bin/sh\n{script}\n").as_bytes()).unwrap();
    let install = host::Cmd::new("install").args(["-m", "755"]);
    install.arg(&source).arg(path).run().unwrap();
}

/// Writes a program that says it is cosign of this version, and does `rest`
/// when it is asked for anything else.
pub(crate) fn stand_in(dir: &Path, name: &str, version: &str, rest: &str) -> PathBuf {
    let path = dir.join(name);
    let says = format!(r#"[ "$1" = version ] && {{ echo '{{"gitVersion":"{version}"}}'; exit; }}"#);
    program(&path, &format!("{says}\n{rest}"));
    path
}

/// Returns how this process gets to a registry, with nobody's name.
pub(crate) fn access(reference: &Reference) -> Access {
    Client::new(Settings::default()).access(reference).unwrap()
}

/// Pushes an index of two images and returns its name by digest.
pub(crate) fn pushed(name: &str) -> Reference {
    let image = |platform: &str| Image::builder(platform.parse().unwrap()).build().unwrap();
    let images = vec![image("linux/amd64"), image("linux/s390x")];
    let index = Artifact::Index(Index::new(images, BTreeMap::new()).unwrap());
    let (reference, digest): (Reference, _) = (name.parse().unwrap(), index.digest());
    let named = Named { references: vec![reference.clone()], artifact: index };
    let client = Client::new(Settings::default());
    client.push(&[named], &|_| {}).remove(0).unwrap();
    reference.with_digest(digest).without_tag()
}
