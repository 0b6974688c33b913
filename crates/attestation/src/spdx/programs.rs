//! The bill of materials of an image with programs in Go.

use std::collections::BTreeMap;

use super::Subject;
use super::document::{Contents, DOCUMENT, ExternalRef, IMAGE, Package};
use crate::go::{BuildInfo, Module};

/// A program of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its path in the image.
    pub file: String,
    /// The platform that it is for, such as `linux/amd64`.
    pub platform: String,
    /// What Go has noted in it.
    pub info: BuildInfo,
}

/// What Go's own library is called as a module.
const STD: &str = "std";

/// Writes the document of an image that holds these programs.
pub fn of_programs(subject: &Subject<'_>, programs: &[Program]) -> Vec<u8> {
    let mut contents = Contents::default();
    contents.packages.push(Package::image(subject));
    contents.relate(DOCUMENT, "DESCRIBES", IMAGE);
    let mut ids: BTreeMap<Module, String> = BTreeMap::new();
    for (number, (file, info, platforms)) in distinct(programs).into_iter().enumerate() {
        let id = format!("SPDXRef-Program-{}", number + 1);
        let main = info.main.as_ref();
        contents.packages.push(Package {
            version_info: main.map(|main| main.version.clone()).filter(|it| !it.is_empty()),
            primary_package_purpose: Some("APPLICATION"),
            comment: Some(format!("{file} for {}, by {}", platforms.join(", "), info.go)),
            ..Package::new(&id, &info.path)
        });
        contents.relate(IMAGE, "CONTAINS", &id);
        for module in std::iter::once(&library(info)).chain(&info.modules) {
            let next = format!("SPDXRef-Module-{}", ids.len() + 1);
            let own = ids.entry(module.clone()).or_insert_with(|| {
                contents.packages.push(package(&next, module));
                next
            });
            let own = own.clone();
            contents.relate(&id, "DEPENDS_ON", &own);
        }
    }
    contents.document(subject)
}

/// Puts programs together that differ in nothing but their platforms.
fn distinct(programs: &[Program]) -> Vec<(&str, &BuildInfo, Vec<&str>)> {
    let mut distinct: Vec<(&str, &BuildInfo, Vec<&str>)> = Vec::new();
    for Program { file, platform, info } in programs {
        match distinct.iter_mut().find(|(other, known, _)| *other == file && *known == info) {
            Some((.., platforms)) => platforms.push(platform),
            None => distinct.push((file, info, vec![platform])),
        }
    }
    distinct
}

/// Go's library, whose version is Go's.
fn library(info: &BuildInfo) -> Module {
    // What follows a blank is how this Go was built.
    let version = info.go.split(' ').next().unwrap_or_default();
    let version = version.strip_prefix("go").unwrap_or(version).to_owned();
    Module { path: STD.to_owned(), version, sum: String::new() }
}

fn package(id: &str, module: &Module) -> Package {
    let Module { path, version, sum } = module;
    // What is replaced by a directory is in no proxy.
    let is_local = path.starts_with(['.', '/']) || version.starts_with('(');
    let is_public = !is_local && !version.is_empty();
    // The specification has these names in lower case.
    let name = encoded(&path.to_ascii_lowercase());
    let purl = || ExternalRef::purl(format!("pkg:golang/{name}@{}", encoded(version)));
    Package {
        version_info: Some(version.clone()).filter(|version| !version.is_empty()),
        external_refs: is_public.then(purl).into_iter().collect(),
        primary_package_purpose: Some("LIBRARY"),
        comment: (!sum.is_empty()).then(|| format!("go.sum has {sum}")),
        ..Package::new(id, path)
    }
}

/// Writes what a package URL cannot have as it is (RFC 3986, "Percent-
/// Encoding").
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}
