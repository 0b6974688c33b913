//! The bill of materials of a bytecode image.

use std::collections::BTreeMap;

use sha1::{Digest as _, Sha1};

use super::Subject;
use super::document::{Checksum, Contents, DOCUMENT, File, IMAGE, Package, VerificationCode};
use super::license::{UNKNOWN, parse, stated};
use crate::{ObjectRecord, Record};

/// What is known of a file beyond its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its SHA-1, in hexadecimal, which SPDX demands of files.
    pub sha1: String,
    /// The licence that it states.
    pub license: Option<String>,
}

const CLANG: &str = "SPDXRef-Compiler";
const LIBBPF: &str = "SPDXRef-libbpf";

/// Writes the document of an image that was made as `record` says. `sources`
/// has what is known of each file by the name in the record, `objects` the
/// bytes of each object by the digest there.
pub fn of_bytecode(
    subject: &Subject<'_>,
    record: &Record,
    sources: &BTreeMap<String, SourceFile>,
    objects: &BTreeMap<String, &[u8]>,
) -> Vec<u8> {
    let mut contents = Contents { packages: packages(subject, record), ..Contents::default() };
    contents.relate(DOCUMENT, "DESCRIBES", IMAGE);
    contents.relate(CLANG, "BUILD_TOOL_OF", IMAGE);
    contents.relate(LIBBPF, "BUILD_DEPENDENCY_OF", IMAGE);

    let inputs: BTreeMap<&str, &str> = record
        .objects
        .iter()
        .flat_map(|object| &object.inputs)
        .map(|file| (file.name.as_str(), file.digest.sha256.as_str()))
        .collect();
    let mut ids: BTreeMap<&str, String> = BTreeMap::new();
    for (name, sha256) in inputs {
        let id = if name == record.source {
            "SPDXRef-Source".to_owned()
        } else {
            format!("SPDXRef-Header-{}", ids.len() + 1)
        };
        contents.files.push(source(&id, name, sha256, sources.get(name)));
        ids.insert(name, id);
    }
    let mut digests = Vec::new();
    for (number, object) in record.objects.iter().enumerate() {
        let id = format!("SPDXRef-Object-{}", number + 1);
        let bytes = objects.get(&object.digest.sha256).copied().unwrap_or_default();
        let sha1 = sha1_of(bytes);
        contents.files.push(generated(&id, object, &sha1, subject.licenses));
        digests.push(sha1);
        contents.relate(IMAGE, "CONTAINS", &id);
        for file in &object.inputs {
            contents.relate(&id, "GENERATED_FROM", &ids[file.name.as_str()]);
        }
    }
    digests.sort_unstable();
    let package_verification_code_value = sha1_of(digests.concat().as_bytes());
    contents.packages[0].package_verification_code =
        Some(VerificationCode { package_verification_code_value });
    contents.document(subject)
}

/// Returns the image, and what it was made with.
fn packages(subject: &Subject<'_>, record: &Record) -> Vec<Package> {
    let compiler = &record.compiler;
    let libbpf = &record.libbpf;
    vec![
        Package { files_analyzed: true, ..Package::image(subject) },
        Package {
            version_info: Some(compiler.version.clone()),
            comment: Some(format!("the program and its libraries: {}", compiler.digest.sha256)),
            ..Package::new(CLANG, &compiler.name)
        },
        Package {
            version_info: libbpf.version.clone(),
            comment: Some(format!("its headers together: {}", libbpf.digest.sha256)),
            ..Package::new(LIBBPF, "libbpf")
        },
    ]
}

fn source(id: &str, name: &str, sha256: &str, known: Option<&SourceFile>) -> File {
    let license = known.and_then(|known| parse(known.license.as_deref()?));
    let (concluded, in_file) = match license {
        Some(license) => (license.text, license.licenses),
        None => (UNKNOWN.to_owned(), vec![UNKNOWN.to_owned()]),
    };
    let sha1 = known.map(|known| known.sha1.as_str()).unwrap_or_default();
    File {
        id: id.to_owned(),
        file_name: format!("./{name}"),
        file_types: ["SOURCE"],
        checksums: [Checksum::sha1(sha1), Checksum::sha256(sha256)],
        license_concluded: concluded,
        license_info_in_files: in_file,
        copyright_text: UNKNOWN,
        comment: None,
    }
}

fn generated(id: &str, object: &ObjectRecord, sha1: &str, licenses: &str) -> File {
    File {
        id: id.to_owned(),
        file_name: format!("./{}", object.file),
        file_types: ["BINARY"],
        checksums: [Checksum::sha1(sha1), Checksum::sha256(&object.digest.sha256)],
        license_concluded: stated(licenses),
        license_info_in_files: vec![UNKNOWN.to_owned()],
        copyright_text: UNKNOWN,
        comment: Some(format!("for {}", object.platforms.join(", "))),
    }
}

fn sha1_of(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
