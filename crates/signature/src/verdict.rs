//! What comes of checking: verified, or why not.

use std::fmt;

/// What checking the signatures of one format came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// At least one is of the manifest, and by the key.
    Verified,
    /// None is; this is the reason of the one that came nearest.
    Refused(Fault),
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// There is none.
    Missing,
    /// There is none, but a number of attestations.
    OnlyAttestations(usize),
    /// The document that holds it is not one, or is larger than any is.
    Malformed(String),
    /// It was made with a certificate, not with a key.
    Certificate,
    /// It comes with a certificate that is not valid now.
    Expired,
    /// The key made it, of a hash by which cosign does not verify.
    OtherHash,
    /// It does not name the identity, or nobody who is trusted vouches for
    /// that: what cosign says.
    OtherIdentity(String),
    /// Another key made it, or it or what it is of was changed since.
    OtherKey,
    /// The key made it, for something that is no signature of an image.
    OtherType(String),
    /// The key made it, for another manifest: it is copied from there, or
    /// the manifest was changed since. The digest as it stands there.
    OtherDigest(String),
}

impl Verdict {
    /// Returns whether a signature was verified.
    pub fn is_verified(&self) -> bool {
        matches!(self, Verdict::Verified)
    }

    /// Returns the verdict in one word, for JSON and tables.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Verified => "verified",
            Verdict::Refused(fault) => fault.word(),
        }
    }

    /// Makes one of what each signature came to: the best counts.
    pub(crate) fn best(each: impl IntoIterator<Item = Result<(), Fault>>) -> Verdict {
        let mut nearest = Fault::Missing;
        for fault in each {
            match fault {
                Ok(()) => return Verdict::Verified,
                Err(fault) if fault.rank() > nearest.rank() => nearest = fault,
                Err(_) => {}
            }
        }
        Verdict::Refused(nearest)
    }
}

impl Fault {
    /// Returns the reason in one word, for JSON and tables.
    pub fn word(&self) -> &'static str {
        match self {
            Fault::Missing | Fault::OnlyAttestations(_) => "missing",
            Fault::Malformed(_) => "malformed",
            Fault::Certificate => "certificate",
            Fault::Expired => "expired",
            Fault::OtherHash => "other-hash",
            Fault::OtherIdentity(_) => "other-identity",
            Fault::OtherKey => "other-key",
            Fault::OtherType(_) => "other-type",
            Fault::OtherDigest(_) => "other-digest",
        }
    }

    /// How near it came.
    fn rank(&self) -> u8 {
        match self {
            Fault::Missing => 0,
            Fault::OnlyAttestations(_) => 1,
            Fault::Malformed(_) => 2,
            Fault::Certificate => 3,
            Fault::OtherKey | Fault::OtherIdentity(_) => 4,
            Fault::OtherType(_) => 5,
            Fault::OtherDigest(_) => 6,
            Fault::OtherHash => 7,
            Fault::Expired => 8,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing => f.write_str("there is none"),
            Fault::OnlyAttestations(1) => f.write_str("there is none, only an attestation"),
            Fault::OnlyAttestations(n) => write!(f, "there is none, only {n} attestations"),
            Fault::Malformed(reason) => f.write_str(reason),
            Fault::Certificate => f.write_str("it was made with a certificate, not with a key"),
            Fault::Expired => f.write_str("its certificate is not valid now"),
            Fault::OtherHash => {
                f.write_str("it is of the SHA-384 hash, by which cosign signs and does not verify")
            }
            Fault::OtherIdentity(said) => write!(f, "cosign does not accept it: {said}"),
            Fault::OtherKey => f.write_str("it is by another key, or was changed since"),
            Fault::OtherType(found) => write!(f, "it is of type `{found}`"),
            Fault::OtherDigest(found) => write!(f, "it is of another manifest, `{found}`"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Verified => f.write_str("verified"),
            Verdict::Refused(fault) => fault.fmt(f),
        }
    }
}
