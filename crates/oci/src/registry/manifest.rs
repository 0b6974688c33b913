//! Manifests of a repository: their digest, their bytes, put and got.
//!
//! distribution-spec, "Pulling manifests" and "Pushing Manifests".

use ureq::http::Method;

use super::blob::{Repository, check_digest};
use super::exchange::{Payload, Response};
use super::scope::Scopes;
use super::{Client, Error};
use crate::spec::Descriptor;
use crate::{Blob, Digest, Reference, image, media};

/// Every form of manifest that this crate reads.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";

impl Client {
    /// Asks whether a registry has a repository, whatever it holds
    /// (distribution-spec, "Listing Tags"). Some registries tell those who
    /// may not read it that it is not there, others that they may not.
    ///
    /// # Errors
    ///
    /// Fails if the registry does, or does not say.
    pub fn has_repository(&self, reference: &Reference) -> Result<bool, Error> {
        let (repository, _) = self.named(reference)?;
        let url = repository.url("tags/list").with_query("n", "1");
        let request = repository.request(Method::GET, url, Scopes::pull(&repository.name));
        Ok(self.send(&request, &[200, 404])?.status == 200)
    }
}

impl Repository {
    /// Returns what stands under a tag or digest, `None` if nothing does.
    pub(crate) fn head_manifest(
        &self,
        client: &Client,
        name: &str,
    ) -> Result<Option<Descriptor>, Error> {
        let url = self.url(&format!("manifests/{name}"));
        let mut request = self.request(Method::HEAD, url, Scopes::pull(&self.name));
        request.headers = vec![("accept", ACCEPT)];
        let response = client.send(&request, &[200, 404])?;
        if response.status == 404 {
            return Ok(None);
        }
        let digest = response.header("docker-content-digest").and_then(|text| text.parse().ok());
        let size = response.header("content-length").and_then(|text| text.parse().ok());
        let asked: Option<Digest> = name.parse().ok();
        match (digest, size) {
            (Some(digest), Some(size)) if asked.is_none_or(|asked| asked == digest) => {
                Ok(Some(Descriptor::new(&media_type(&response), digest, size)))
            }
            // The header is only recommended; the bytes say it for certain.
            _ => {
                drop(response);
                Ok(self.get_manifest(client, name)?.map(|blob| blob.descriptor().clone()))
            }
        }
    }

    /// Returns the bytes under a tag or digest, verified; `None` if nothing
    /// stands there.
    pub(crate) fn get_manifest(&self, client: &Client, name: &str) -> Result<Option<Blob>, Error> {
        let url = self.url(&format!("manifests/{name}"));
        let mut request = self.request(Method::GET, url, Scopes::pull(&self.name));
        request.headers = vec![("accept", ACCEPT)];
        let (response, bytes) = client.document(&request, &[200, 404], image::DOCUMENT_MAX)?;
        if response.status == 404 {
            return Ok(None);
        }
        let media_type = media_type(&response);
        let promised = response.header("docker-content-digest").and_then(|text| text.parse().ok());
        let asked: Option<Digest> = name.parse().ok();
        let url = response.url.to_string();
        let found = Digest::of(&bytes);
        if let Some(digest) = asked.or(promised).filter(|digest| *digest != found) {
            let reason = format!("its bytes are those of `{found}`");
            return Err(Error::Corrupt { url, digest, reason });
        }
        let media_type = stated_media_type(&bytes).unwrap_or(media_type);
        Ok(Some(Blob::from_bytes(&media_type, bytes)))
    }

    /// Puts a manifest under a tag or its digest. Returns whether the
    /// registry has noted what it is about ("Pushing Manifests with Subject").
    pub(crate) fn put_manifest(
        &self,
        client: &Client,
        manifest: &Blob,
        name: &str,
    ) -> Result<bool, Error> {
        let bytes = manifest.read(image::DOCUMENT_MAX)?;
        let url = self.url(&format!("manifests/{name}"));
        let mut request = self.request(Method::PUT, url, Scopes::push(&self.name));
        request.headers = vec![("content-type", &manifest.descriptor().media_type)];
        request.payload = Payload::Bytes(&bytes);
        // 202 is what some answer that store it a moment later; 200 is what
        // some answered before the specification.
        let response = client.send(&request, &[200, 201, 202])?;
        check_digest(&response, manifest.digest())?;
        let noted = response.header("oci-subject").is_some();
        response.drain();
        Ok(noted)
    }
}

/// Returns the media type of an answer, without parameters.
fn media_type(response: &Response) -> String {
    let value = response.header("content-type").unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Returns the media type that a manifest says it has. It comes before the
/// header's: the digest covers it.
fn stated_media_type(bytes: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Stated {
        media_type: Option<String>,
    }
    let stated: Stated = serde_json::from_slice(bytes).ok()?;
    stated.media_type.filter(|name| media::is_index(name) || media::is_manifest(name))
}
