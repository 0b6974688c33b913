//! Faults of connections: in words for who asked for an image, and whether
//! they may pass.

use std::io::{self, ErrorKind};

pub(super) const CLOSED: &str = "the connection was closed early";
pub(super) const REFUSED: &str = "the connection was refused";
pub(super) const SLOW: &str = "it took too long";
pub(super) const NO_ADDRESS: &str = "its name has no address";
pub(super) const NO_TLS: &str = "it does not speak TLS";
pub(super) const UNTRUSTED: &str = "its certificate is from an authority that is not trusted";
pub(super) const OUTDATED: &str = "its certificate has expired or is not valid yet";
pub(super) const OTHER_NAME: &str = "its certificate is for another name";
pub(super) const AUTHORITY: &str =
    "its certificate is one to sign others with, which no server may show";
pub(super) const NO_CLIENT: &str = "it does not accept the client certificate, or wants one";

/// What TLS says in its library's words, and what that means.
const TLS: [(&str, &str); 10] = [
    ("UnknownIssuer", UNTRUSTED),
    ("Expired", OUTDATED),
    ("expired", OUTDATED),
    ("NotValidYet", OUTDATED),
    ("not valid yet", OUTDATED),
    ("CaUsedAsEndEntity", AUTHORITY),
    ("InvalidContentType", NO_TLS),
    ("CertificateRequired", NO_CLIENT),
    ("BadCertificate", NO_CLIENT),
    ("UnknownCA", NO_CLIENT),
];

/// Says what a fault is, and whether the same might go well another time.
pub(super) fn explain(fault: &io::Error) -> (String, bool) {
    let text = fault.to_string();
    if let Some(why) = text.strip_prefix("failed to lookup address information: ") {
        // The C libraries' words for what is not the name's fault.
        let passing = ["emporary failure", "ry again"].iter().any(|words| why.contains(words));
        return (format!("{NO_ADDRESS} ({why})"), passing);
    }
    match fault.kind() {
        ErrorKind::UnexpectedEof => (CLOSED.to_owned(), true),
        ErrorKind::ConnectionRefused => (REFUSED.to_owned(), false),
        // What TLS refuses arrives as invalid data.
        ErrorKind::InvalidData => (explain_tls(&text), false),
        ErrorKind::InvalidInput => (text, false),
        _ => (text, true),
    }
}

fn explain_tls(text: &str) -> String {
    if let Some((_, names)) = text.split_once("certificate is only valid for ") {
        let names = names.replace("DnsName(\"", "`").replace("\")", "`");
        return format!("{OTHER_NAME}: {names}");
    }
    let known = TLS.iter().find(|(word, _)| text.contains(word));
    known.map_or(text, |(_, meaning)| meaning).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_in_words() {
        let other = |text: &str| io::Error::other(text.to_owned());
        let tls = |text: &str| io::Error::new(ErrorKind::InvalidData, text.to_owned());
        let lookup = "failed to lookup address information: ";
        let cases = [
            (
                other(&format!("{lookup}Name or service not known")),
                "its name has no address (Name or service not known)",
                false,
            ),
            (
                other(&format!("{lookup}Temporary failure in name resolution")),
                "its name has no address (Temporary failure in name resolution)",
                true,
            ),
            (other("broken"), "broken", true),
            (io::Error::from(ErrorKind::UnexpectedEof), CLOSED, true),
            (io::Error::from(ErrorKind::ConnectionRefused), REFUSED, false),
            (tls("invalid peer certificate: UnknownIssuer"), UNTRUSTED, false),
            (tls("invalid peer certificate: certificate expired: verified at …"), OUTDATED, false),
            (
                tls("invalid peer certificate: certificate not valid for name \"a\"; certificate \
                     is only valid for DnsName(\"b.c\")"),
                "its certificate is for another name: `b.c`",
                false,
            ),
            (tls("received fatal alert: CertificateRequired"), NO_CLIENT, false),
            (tls("something else"), "something else", false),
        ];
        for (fault, text, passing) in cases {
            assert_eq!(explain(&fault), (text.to_owned(), passing));
        }
    }
}
