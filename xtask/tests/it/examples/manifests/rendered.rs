//! What kustomize renders: every example, with every way to name its images.

use std::process::Command;
use std::sync::LazyLock;

use serde::Deserialize as _;
use serde_json::Value;

use super::kit::Kit;
use super::{Example, Variant};

/// Which images are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Images {
    /// Those that the manifests name.
    Default,
    /// Those of IMAGE_X_BC and IMAGE_X_US.
    Named,
    /// Accounts and tags of USER_* and TAG_*.
    Parts,
    /// Those of TAG, which nothing else changes.
    Tag,
}

const NAMED: (&str, &str) = ("localhost:5000/me/bytecode@sha256:00ff", "example.com/me/program:1");

impl Images {
    /// Returns the variables that ask for them.
    fn variables(self, example: &Example) -> Vec<String> {
        let named = || {
            let variable = example.variable;
            [("BC", NAMED.0), ("US", NAMED.1)]
                .map(|(kind, value)| format!("IMAGE_{variable}_{kind}={value}"))
        };
        let parts = || ["USER_BC=a", "TAG_BC=b", "USER_US=c", "TAG_US=d"].map(str::to_owned);
        match self {
            Images::Default => Vec::new(),
            Images::Named => named().to_vec(),
            Images::Parts => parts().to_vec(),
            Images::Tag => [&named()[..], &parts()[..], &["TAG=v9".to_owned()][..]].concat(),
        }
    }

    /// Returns the references of the example's images, bytecode first.
    fn references(self, example: &Example) -> Vec<String> {
        let bytecode = example.bytecode.as_ref().map(|bytecode| match self {
            Images::Default => format!("quay.io/bpfman-bytecode/{}:latest", bytecode.image),
            Images::Named => NAMED.0.to_owned(),
            Images::Parts => format!("quay.io/a/{}:b", bytecode.image),
            Images::Tag => format!("quay.io/bpfman-bytecode/{}:v9", bytecode.image),
        });
        let userspace = example.userspace.as_ref().map(|userspace| match self {
            Images::Default => format!("quay.io/bpfman-userspace/{}:latest", userspace.image),
            Images::Named => NAMED.1.to_owned(),
            Images::Parts => format!("quay.io/c/{}:d", userspace.image),
            Images::Tag => format!("quay.io/bpfman-userspace/{}:v9", userspace.image),
        });
        bytecode.into_iter().chain(userspace).collect()
    }
}

/// What `make render-…` printed, with the images of the manifests.
pub struct Rendered {
    pub variant: Variant,
    pub text: String,
    pub objects: Vec<Value>,
}

/// Rendered once for all tests.
static RENDERED: LazyLock<Option<Vec<Rendered>>> = LazyLock::new(|| {
    let kit = Kit::that_renders()?;
    let render = |variant: Variant| {
        let text = kit.prints(&[&format!("render-{}", variant.word())]);
        Rendered { variant, objects: objects(&text), text }
    };
    Some(Variant::all().into_iter().map(render).collect())
});

/// Returns all examples as they are rendered without further wishes, or `None`
/// after saying that the test does not run.
pub fn all() -> Option<&'static [Rendered]> {
    // Every test says so, not only the first.
    test_support::tool("make")?;
    test_support::go_tool("kustomize")?;
    RENDERED.as_deref()
}

/// Returns the documents of a text.
pub fn objects(text: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(text);
    documents.map(|document| Value::deserialize(document).unwrap()).collect()
}

impl Rendered {
    /// Returns the one object of this kind, or `None`.
    pub fn object(&self, kind: &str) -> Option<&Value> {
        let mut found = self.objects.iter().filter(|object| object["kind"] == kind);
        let object = found.next();
        assert!(found.next().is_none(), "{}: more than one {kind}", self.variant.word());
        object
    }
}

/// Returns every reference of an image, wherever it stands: bytecode first.
fn references(text: &str) -> Vec<String> {
    fn gather(value: &Value, found: &mut Vec<(bool, String)>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    match value.as_str() {
                        Some(text) if ["image", "url"].contains(&key.as_str()) => {
                            found.push((key == "image", text.to_owned()));
                        }
                        _ => gather(value, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| gather(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    objects(text).iter().for_each(|object| gather(object, &mut found));
    found.sort();
    found.into_iter().map(|(_, reference)| reference).collect()
}

#[test]
fn without_wishes_it_is_what_kustomize_makes_of_the_overlay() {
    let (Some(rendered), Some(kustomize)) = (all(), test_support::go_tool("kustomize")) else {
        return;
    };
    for one in rendered {
        let overlay = test_support::workspace_root().join("examples/config");
        let overlay = overlay.join(one.variant.overlay());
        let output = Command::new(&kustomize).arg("build").arg(&overlay).output().unwrap();
        assert!(output.status.success(), "{}", overlay.display());
        assert_eq!(one.text, String::from_utf8(output.stdout).unwrap(), "{}", overlay.display());
    }
}

#[test]
fn images_reach_every_object_and_change_nothing_else() {
    let (Some(rendered), Some(kit)) = (all(), Kit::that_renders()) else { return };
    let before = kit.files();
    for one in rendered {
        let (example, word) = (one.variant.example, one.variant.word());
        let default = Images::Default.references(example);
        assert_eq!(references(&one.text), default, "{word}");
        for images in [Images::Named, Images::Parts, Images::Tag] {
            let mut args = vec![format!("render-{word}")];
            args.extend(images.variables(example));
            let text = kit.prints(&args.iter().map(String::as_str).collect::<Vec<_>>());
            let expected = images.references(example);
            assert_eq!(references(&text), expected, "{word} {images:?}");
            let changes = default.iter().zip(&expected);
            let undone = changes.fold(text, |text, (old, new)| text.replace(new, old));
            assert_eq!(undone, one.text, "{word} {images:?}");
        }
    }
    assert_eq!(kit.files(), before, "rendering leaves the checkout as it was, and nothing else");
}
