//! The parts of an SPDX document that ours have, as they stand in JSON.

use std::time::{Duration, SystemTime};

use oci::Digest;
use serde::Serialize;

use super::Subject;
use super::license::{UNKNOWN, stated};

/// Who writes these documents.
const CREATOR: &str = "Tool: bpfman-image-factory";

/// What namespaces begin with.
const NAMESPACE: &str = "https://bpfman.io/spdx";

/// The last second of the year 9999, beyond which there are no words.
const LAST_SECOND: u64 = 253_402_300_799;

/// The identifier of the document, and of the image in it.
pub(super) const DOCUMENT: &str = "SPDXRef-DOCUMENT";
pub(super) const IMAGE: &str = "SPDXRef-Image";

/// A document (clause 6).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: &'a str,
    document_namespace: String,
    creation_info: CreationInfo,
    packages: &'a [Package],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    files: &'a [File],
    relationships: &'a [Relationship],
}

#[derive(Debug, Serialize)]
struct CreationInfo {
    created: String,
    creators: [&'static str; 1],
}

/// What is in a document.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) packages: Vec<Package>,
    pub(super) files: Vec<File>,
    pub(super) relationships: Vec<Relationship>,
}

/// A package (clause 7).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Package {
    #[serde(rename = "SPDXID")]
    pub(super) id: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version_info: Option<String>,
    pub(super) download_location: &'static str,
    pub(super) files_analyzed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) package_verification_code: Option<VerificationCode>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) checksums: Vec<Checksum>,
    pub(super) license_concluded: String,
    pub(super) license_declared: String,
    pub(super) copyright_text: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) external_refs: Vec<ExternalRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) primary_package_purpose: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<String>,
}

/// What stands for the files of a package (clause 7.9).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VerificationCode {
    pub(super) package_verification_code_value: String,
}

/// The name of a package elsewhere (clause 7.21).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExternalRef {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

/// A digest (clauses 7.10 and 8.4).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checksum {
    algorithm: &'static str,
    checksum_value: String,
}

/// A file (clause 8).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File {
    #[serde(rename = "SPDXID")]
    pub(super) id: String,
    pub(super) file_name: String,
    pub(super) file_types: [&'static str; 1],
    pub(super) checksums: [Checksum; 2],
    pub(super) license_concluded: String,
    pub(super) license_info_in_files: Vec<String>,
    pub(super) copyright_text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<String>,
}

/// How one thing stands to another (clause 11).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Relationship {
    spdx_element_id: String,
    relationship_type: &'static str,
    related_spdx_element: String,
}

impl Package {
    /// A package of which no more is known than its name.
    pub(super) fn new(id: impl Into<String>, name: impl Into<String>) -> Package {
        Package {
            id: id.into(),
            name: name.into(),
            version_info: None,
            download_location: UNKNOWN,
            files_analyzed: false,
            package_verification_code: None,
            checksums: Vec::new(),
            license_concluded: UNKNOWN.to_owned(),
            license_declared: UNKNOWN.to_owned(),
            copyright_text: UNKNOWN,
            external_refs: Vec::new(),
            primary_package_purpose: None,
            comment: None,
        }
    }

    /// The image that the document is about.
    pub(super) fn image(subject: &Subject<'_>) -> Package {
        let name = subject.name.rsplit('/').next().unwrap_or_default();
        let hex = subject.digest.hex();
        Package {
            version_info: Some(subject.digest.to_string()),
            checksums: vec![Checksum::sha256(&hex)],
            license_declared: stated(subject.licenses),
            external_refs: vec![ExternalRef::purl(format!("pkg:oci/{name}@sha256%3A{hex}"))],
            primary_package_purpose: Some("CONTAINER"),
            ..Package::new(IMAGE, subject.name)
        }
    }
}

impl ExternalRef {
    /// A package URL (package-url specification).
    pub(super) fn purl(purl: String) -> ExternalRef {
        ExternalRef {
            reference_category: "PACKAGE-MANAGER",
            reference_type: "purl",
            reference_locator: purl,
        }
    }
}

impl Checksum {
    pub(super) fn sha1(hex: &str) -> Checksum {
        Checksum { algorithm: "SHA1", checksum_value: hex.to_owned() }
    }

    pub(super) fn sha256(hex: &str) -> Checksum {
        Checksum { algorithm: "SHA256", checksum_value: hex.to_owned() }
    }
}

impl Contents {
    /// Notes how one thing stands to another.
    pub(super) fn relate(&mut self, from: &str, how: &'static str, to: &str) {
        self.relationships.push(Relationship {
            spdx_element_id: from.to_owned(),
            relationship_type: how,
            related_spdx_element: to.to_owned(),
        });
    }

    /// Returns the document. Its namespace is its content's: another document
    /// about the same image has another.
    pub(super) fn document(&self, subject: &Subject<'_>) -> Vec<u8> {
        let seconds = Duration::from_secs(subject.created.min(LAST_SECOND));
        let created = humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + seconds);
        let place = format!("{NAMESPACE}/{}/sha256-{}", subject.name, subject.digest.hex());
        let mut document = Document {
            spdx_version: "SPDX-2.3",
            data_license: "CC0-1.0",
            id: DOCUMENT,
            name: subject.name,
            document_namespace: place.clone(),
            creation_info: CreationInfo { created: created.to_string(), creators: [CREATOR] },
            packages: &self.packages,
            files: &self.files,
            relationships: &self.relationships,
        };
        // Nothing in it can fail to be written.
        let content = Digest::of(&serde_json::to_vec(&document).unwrap_or_default()).hex();
        document.document_namespace = format!("{place}/{}", &content[..16]);
        serde_json::to_vec(&document).unwrap_or_default()
    }
}
