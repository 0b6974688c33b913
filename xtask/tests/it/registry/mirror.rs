//! Mirrored images: copied whole from where they are.

use oci::registry::{Companion, Link};
use oci::spec::Descriptor;
use oci::{Blob, Image, Layout, media};
use test_support::Registry;

use super::*;
use crate::incremental::files;

/// The platforms of the image that is copied.
const PLATFORMS: [&str; 4] = ["linux/amd64", "linux/arm64", "linux/ppc64le", "linux/s390x"];

/// Makes a checkout with one image, `o/copy`, that is copied from `source`.
pub(super) fn mirroring(source: &str) -> Checkout {
    let checkout = Checkout::cold();
    let entry = "name: copy, organization: o, description: d, licenses: MIT";
    checkout.catalogue(&format!("  - {{{entry}, mirror: '{source}'}}\n"));
    checkout
}

/// Pushes an image of four platforms; returns its digest.
pub(super) fn source(name: &str) -> String {
    let checkout = checkout(&["image"]);
    let text = checkout.read("images.yaml");
    let platforms = PLATFORMS.join(", ");
    checkout.write("images.yaml", &text.replace("linux/amd64, linux/s390x", &platforms));
    let args = ["-q", "--to", "registry", "--as", name];
    let run = succeed(&mut compiling(&checkout, "build-images", &args));
    digest_in(run.stdout.trim_end()).to_owned()
}

#[test]
fn copied_from_registry_to_registry() {
    let Some(from) = Registry::anonymous() else { return };
    let Some(to) = Registry::anonymous() else { return };
    let digest = source(&from.name("src/image:v1"));
    let checkout = mirroring(&from.name("src/image:v1"));
    let before = files::stamps(checkout.path());
    let mut command = push_command(&checkout, &to.address, &[]);
    // There is neither a place for temporary files nor a compiler.
    command.env("TMPDIR", "/nonexistent").env("CLANG", "/nonexistent");
    let run = succeed(&mut command);
    let name = to.name("o/copy:latest");
    assert_eq!(run.stdout, format!("{name}@{digest}\n"));
    assert_eq!(steps(&run, "Pushed"), [name.as_str()]);
    let written = files::changed(&before, &files::stamps(checkout.path()));
    assert_eq!(written.into_iter().collect::<Vec<_>>(), [""; 0]);
    // All that its source has is copied, whatever the catalogue asks for.
    let copied: Vec<_> = whole(&name).platforms().iter().map(ToString::to_string).collect();
    assert_eq!(copied, PLATFORMS);
}

#[test]
fn the_source_can_be_another() {
    let Some(registry) = Registry::anonymous() else { return };
    let digest = source(&registry.name("src/image:v1"));
    let checkout = mirroring("registry.invalid/src/image:v1");
    for (number, name) in ["copy", "o/copy"].into_iter().enumerate() {
        let mirror = format!("{name}={}", registry.name("src/image:v1"));
        let tag = format!("v{number}");
        let args = ["--tag", &tag, "--mirror", "copy=localhost:1/a:b", "--mirror", &mirror];
        let run = succeed(&mut push_command(&checkout, &registry.address, &args));
        assert_eq!(run.stdout, format!("{}@{digest}\n", registry.name(&format!("o/copy:{tag}"))));
    }
    let pinned = format!("copy={}@{digest}", registry.name("src/image"));
    let run = push(&checkout, &registry.address, &["--tag", "pinned", "--mirror", &pinned]);
    assert_eq!((run.code, digest_of(&registry.name("o/copy:pinned"))), (0, Some(digest)));
}

#[test]
fn copied_into_a_layout() {
    let Some(from) = Registry::anonymous() else { return };
    let name = from.name("src/image:v1");
    let digest = source(&name);
    remark(&name);
    let checkout = mirroring(&name);
    let build = |args: &[&str]| succeed(&mut compiling(&checkout, "build-images", args));
    let run = build(&["--to", "oci:plain", "--to", "oci-archive:plain.tar"]);
    assert_eq!(run.stdout, format!("quay.io/o/copy:latest@{digest}\n"));
    build(&["--to", "oci:full", "--referrers"]);
    let hex = digest.trim_start_matches("sha256:");
    let tags = |tree: &str| {
        let layout = Layout::open(&checkout.path().join(tree).join("quay.io/o/copy")).unwrap();
        layout.tags().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(tags("plain"), ["latest"]);
    assert_eq!(
        tags("full"),
        ["latest".into(), format!("sha256-{hex}"), format!("sha256-{hex}.sig")]
    );
    for place in ["plain", "plain.tar", "full"] {
        let layouts = oci_problems(&checkout, place);
        assert_eq!(layouts, "", "{place}");
    }
}

/// Returns what is wrong with a layout, an archive or a tree of layouts.
fn oci_problems(checkout: &Checkout, place: &str) -> String {
    let path = checkout.path().join(place);
    let layout = match path.is_file() {
        true => oci::archive::open(&path).unwrap(),
        false => Layout::open(&path.join("quay.io/o/copy")).unwrap(),
    };
    let report = oci::verify::layout(&layout, oci::verify::Limits::default());
    report.problems.iter().map(|problem| format!("{problem:?}\n")).collect()
}

#[test]
fn what_belongs_to_it_comes_when_it_is_asked_for() {
    let Some(from) = Registry::anonymous() else { return };
    let Some(to) = Registry::anonymous() else { return };
    let name = from.name("src/image:v1");
    let digest = source(&name);
    remark(&name);
    let checkout = mirroring(&name);
    let tag = |suffix: &str| {
        let hex = digest.trim_start_matches("sha256:");
        digest_of(&to.name(&format!("o/copy:sha256-{hex}{suffix}")))
    };
    succeed(&mut push_command(&checkout, &to.address, &[]));
    assert_eq!((tag(""), tag(".sig")), (None, None));
    // The image is there; what belongs to it comes after.
    for _ in 0..2 {
        succeed(&mut push_command(&checkout, &to.address, &["--referrers"]));
        assert!(tag(".sig").is_some());
        let found = |name: &str| {
            client().referrers(&reference(name), digest.parse().unwrap(), None).unwrap()
        };
        assert_eq!(found(&to.name("o/copy")), found(&name));
        assert_eq!(found(&name).len(), 1);
    }
}

/// Says something about an image: in the list that the specification wants,
/// which stands under a tag here, and under the tag that cosign makes.
fn remark(name: &str) {
    let name = reference(name);
    let subject = client().resolve(&name).unwrap().unwrap();
    let listed = statement("listed", Some(&subject));
    let companions = [
        Companion {
            link: Link::Referrer {
                subject: subject.digest,
                descriptor: Box::new(listed.descriptor().clone()),
            },
            artifact: Artifact::Image(listed),
        },
        Companion {
            artifact: Artifact::Image(statement("tagged", None)),
            link: Link::Tag(format!("sha256-{}.sig", subject.digest.hex())),
        },
    ];
    client().push_companions(&name, &companions).unwrap();
}

/// Returns a manifest that is no image, perhaps about another.
fn statement(text: &str, subject: Option<&Descriptor>) -> Image {
    let layer = Blob::from_bytes("application/vnd.example.statement", text.as_bytes());
    let config = Blob::from_bytes("application/vnd.oci.empty.v1+json", *b"{}");
    let mut document = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media::MANIFEST,
        "config": config.descriptor(),
        "layers": [layer.descriptor()],
    });
    if let Some(subject) = subject {
        document["subject"] = serde_json::to_value(subject).unwrap();
    }
    let manifest = Blob::from_bytes(media::MANIFEST, serde_json::to_vec(&document).unwrap());
    Image::from_parts(manifest, config, vec![layer]).unwrap()
}
