//! Of certificates, when they are valid; nothing else is read or checked.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use spki::der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use spki::der::{self, Decode as _, Reader as _, SliceReader, Tag, Tagged as _};

use crate::{Fault, base64};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Checks that the first certificate of a text in PEM form is valid now.
pub(crate) fn check_time(pem: &str) -> Result<(), Fault> {
    let unreadable = |reason: String| {
        Fault::Malformed(format!("the certificate beside it cannot be read: {reason}"))
    };
    let body = pem.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
    let (body, _) = body.ok_or_else(|| unreadable(format!("it has no `{BEGIN}`")))?;
    let body: String = body.split_ascii_whitespace().collect();
    let bytes = base64::standard(&body).map_err(|error| unreadable(error.to_string()))?;
    let (from, to) = validity(&bytes).map_err(|error| unreadable(error.to_string()))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if from <= now && now <= to { Ok(()) } else { Err(Fault::Expired) }
}

/// Returns from when to when, since 1970 (RFC 5280, 4.1).
fn validity(bytes: &[u8]) -> Result<(Duration, Duration), der::Error> {
    let certificate = AnyRef::from_der(bytes)?;
    certificate.sequence(|certificate: &mut SliceReader<'_>| {
        let signed: AnyRef<'_> = certificate.decode()?;
        let times = signed.sequence(|signed: &mut SliceReader<'_>| {
            let mut field: AnyRef<'_> = signed.decode()?;
            // The version is left out where it is 1.
            if field.tag() != Tag::Integer {
                field = signed.decode()?;
            }
            let _serial_number = field;
            let _algorithm: AnyRef<'_> = signed.decode()?;
            let _issuer: AnyRef<'_> = signed.decode()?;
            let validity: AnyRef<'_> = signed.decode()?;
            let times = validity.sequence(|validity: &mut SliceReader<'_>| {
                Ok::<_, der::Error>((time(validity.decode()?)?, time(validity.decode()?)?))
            })?;
            while !signed.is_finished() {
                let _: AnyRef<'_> = signed.decode()?;
            }
            Ok::<_, der::Error>(times)
        })?;
        while !certificate.is_finished() {
            let _: AnyRef<'_> = certificate.decode()?;
        }
        Ok(times)
    })
}

fn time(field: AnyRef<'_>) -> Result<Duration, der::Error> {
    match field.tag() {
        Tag::UtcTime => field.decode_as().map(|time: UtcTime| time.to_unix_duration()),
        _ => field.decode_as().map(|time: GeneralizedTime| time.to_unix_duration()),
    }
}
