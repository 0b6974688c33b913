//! A registry as the project has it: everybody may read what is public, what
//! is private needs credentials, and each organization is written to with its
//! own only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use test_support::Registry;

use crate::registry::relay::{Relay, Verdict, line_of};

/// The organizations of the catalogue, with the names of the secrets that
/// write to them, and what those are here.
pub(super) const ORGANIZATIONS: [(&str, [(&str, &str); 2]); 3] = [
    (
        "bpfman",
        [("BPFMAN_USERNAME", "bpfman+github"), ("BPFMAN_ROBOT_TOKEN", "open-sesame-of-bpfman")],
    ),
    (
        "bpfman-bytecode",
        [
            ("BPFMAN_BYTECODE_USERNAME", "bpfman-bytecode+github"),
            ("BPFMAN_BYTECODE_ROBOT_TOKEN", "open-sesame-of-bytecode"),
        ],
    ),
    (
        "bpfman-userspace",
        [
            ("BPFMAN_USERSPACE_USERNAME", "bpfman-userspace+github"),
            ("BPFMAN_USERSPACE_ROBOT_TOKEN", "open-sesame-of-userspace"),
        ],
    ),
];

/// What strangers may not even read.
pub(super) const PRIVATE: &str = "bpfman-bytecode/xdp_pass_private";

/// The registry, and who stands before it.
pub(super) struct Quay {
    /// Without a guard, to look at what is there.
    pub(super) behind: Registry,
    /// What everybody else speaks to.
    pub(super) gate: Relay,
}

impl Quay {
    /// Starts one; `None` where there is no registry to start.
    pub(super) fn start() -> Option<Quay> {
        let behind = Registry::anonymous()?;
        let gate = Relay::guarding(&behind.address, |_, head| judge(head));
        Some(Quay { behind, gate })
    }
}

/// Returns what is sent for a name and a password.
pub(super) fn encoded(name: &str, password: &str) -> String {
    STANDARD.encode(format!("{name}:{password}"))
}

/// Lets a request pass, or not.
fn judge(head: &str) -> Verdict {
    let (method, path) = line_of(head).split_once(' ').unwrap_or_default();
    let shown = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization").then_some(value)
    });
    let writers = ORGANIZATIONS.iter().filter(|(organization, [name, password])| {
        shown == Some(&format!("Basic {}", encoded(name.1, password.1)))
            && (path == "/v2/" || path.starts_with(&format!("/v2/{organization}/")))
    });
    let is_read = method == "GET" || method == "HEAD";
    let is_private = path.starts_with(&format!("/v2/{PRIVATE}/"));
    match (shown, writers.count()) {
        // Who shows a name must have the right one, also to read.
        (Some(_), 1..) => Verdict::Pass,
        (None, _) if is_read && !is_private && path != "/v2/" => Verdict::Pass,
        _ => Verdict::Ask,
    }
}

#[test]
fn each_organization_is_written_to_with_its_own_credentials() {
    let shown = |at: usize| {
        let [name, password] = ORGANIZATIONS[at].1;
        format!("Authorization: Basic {}", encoded(name.1, password.1))
    };
    let cases = [
        ("GET /v2/", String::new(), Verdict::Ask),
        ("GET /v2/", shown(1), Verdict::Pass),
        ("GET /v2/bpfman/a/manifests/b", String::new(), Verdict::Pass),
        ("HEAD /v2/bpfman/a/manifests/b", shown(0), Verdict::Pass),
        ("HEAD /v2/bpfman/a/manifests/b", shown(1), Verdict::Ask),
        ("GET /v2/bpfman-bytecode/xdp_pass/tags/list", String::new(), Verdict::Pass),
        ("GET /v2/bpfman-bytecode/xdp_pass_private/tags/list", String::new(), Verdict::Ask),
        ("GET /v2/bpfman-bytecode/xdp_pass_private/tags/list", shown(1), Verdict::Pass),
        ("PUT /v2/bpfman/a/manifests/b", String::new(), Verdict::Ask),
        ("PUT /v2/bpfman/a/manifests/b", shown(0), Verdict::Pass),
        ("PUT /v2/bpfman-bytecode/a/manifests/b", shown(0), Verdict::Ask),
        ("POST /v2/bpfman-bytecode/a/blobs/uploads/", shown(1).to_lowercase(), Verdict::Ask),
        ("POST /v2/bpfman-bytecode/a/blobs/uploads/", shown(1), Verdict::Pass),
    ];
    for (line, header, expected) in cases {
        let head = format!("{line} HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n");
        assert_eq!(judge(&head), expected, "{head}");
    }
}
