//! Bundles of operators: checked when they are built, shown when they are
//! inspected.

use crate::support::{Checkout, Run};

/// An operator and its bundle.
const CATALOGUE: &str = "  - {name: tea, organization: o, description: d, licenses: MIT, containerfile: tea/Containerfile}
  - {name: tea-bundle, organization: o, description: d, licenses: MIT, containerfile: tea/Containerfile.bundle, platforms: [linux/amd64]}
";

const LABELS: [(&str, &str); 5] = [
    ("mediatype.v1", "registry+v1"),
    ("manifests.v1", "manifests/"),
    ("metadata.v1", "metadata/"),
    ("package.v1", "tea"),
    ("channels.v1", "alpha"),
];

/// Makes a checkout with both; `image` is what the bundle deploys.
fn checkout(image: &str) -> Checkout {
    let checkout = Checkout::cold();
    checkout.catalogue(CATALOGUE);
    checkout.write("tea/Containerfile", "FROM scratch\nCOPY tea/x /x\n");
    checkout.write("tea/x", "x");
    let prefix = "operators.operatorframework.io.bundle";
    let labels = LABELS.map(|(name, value)| format!("LABEL {prefix}.{name}={value}\n"));
    let copies = "COPY tea/manifests /manifests/\nCOPY tea/metadata /metadata/\n";
    let file = format!("FROM scratch\n{}{copies}", labels.concat());
    checkout.write("tea/Containerfile.bundle", &file);
    let annotations = LABELS.map(|(name, value)| format!("  {prefix}.{name}: {value}\n"));
    let annotations = format!("annotations:\n{}", annotations.concat());
    checkout.write("tea/metadata/annotations.yaml", &annotations);
    checkout.write(
        "tea/manifests/pots.yaml",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
         metadata: {name: pots.tea.example}\n\
         spec: {names: {kind: Pot}, versions: [{name: v1}]}\n",
    );
    checkout.write(
        "tea/manifests/csv.yaml",
        &format!(
            "apiVersion: operators.coreos.com/v1alpha1\nkind: ClusterServiceVersion\n\
             metadata: {{name: tea.v1.2.3}}\nspec:\n  version: 1.2.3\n  \
             customresourcedefinitions: {{owned: [{{kind: Pot, name: pots.tea.example, version: v1}}]}}\n  \
             install: {{spec: {{deployments: [{{name: tea, spec: {{template: {{spec: {{containers: \
             [{{name: tea, image: '{image}'}}]}}}}}}}}]}}}}\n"
        ),
    );
    checkout
}

fn build(checkout: &Checkout, args: &[&str]) -> Run {
    checkout.build_images(&[&["--to", "oci:out"], args].concat())
}

#[test]
fn a_bundle_that_is_right_is_built_and_shown() {
    let checkout = checkout("quay.io/o/tea:latest");
    let run = build(&checkout, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    let run = checkout.run(&["inspect-images", "out"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let (_, bundle) = run.stdout.split_once("quay.io/o/tea-bundle:latest  ").unwrap();
    let (_, bundle) = bundle.split_once('\n').unwrap();
    assert_eq!(
        bundle,
        "    a bundle of an operator for amd64
    operator tea.v1.2.3 in alpha
    defines  pots.tea.example:v1
    images   quay.io/o/tea:latest
"
    );
    let run = checkout.run(&["inspect-images", "--format", "json", "out"]);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let images = document["images"].as_array().unwrap();
    let bundles: Vec<_> = images.iter().map(|image| &image["platforms"][0]["bundle"]).collect();
    let expected = serde_json::json!({
        "package": "tea",
        "channels": ["alpha"],
        "csv": "tea.v1.2.3",
        "version": "1.2.3",
        "crds": {"pots.tea.example": ["v1"]},
        "images": ["quay.io/o/tea:latest"],
    });
    assert_eq!(bundles, [&serde_json::Value::Null, &expected]);
}

#[test]
fn another_image_than_the_one_that_is_built_is_a_warning() {
    let checkout = checkout("quay.io/o/tea:latest");
    let run = build(&checkout, &["--tag", "v2"]);
    assert_eq!((run.code, run.stdout.lines().count()), (0, 2), "{}", run.stderr);
    let warning = "warning: `o/tea-bundle`: it names `quay.io/o/tea:latest` (deployment `tea`, \
                   container `tea`), and `quay.io/o/tea:v2` was built\n";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
}

#[test]
fn a_bundle_that_is_wrong_is_not_published() {
    let checkout = checkout("quay.io/o/tea:latest");
    let file = checkout.read("tea/Containerfile.bundle");
    let right = "package.v1=tea\n";
    assert!(file.contains(right));
    checkout.write("tea/Containerfile.bundle", &file.replace(right, "package.v1=coffee\n"));
    checkout.write("tea/manifests/broken.yaml", "a: [\n");
    let run = build(&checkout, &[]);
    assert_eq!(run.code, 1);
    // The other image is.
    assert!(run.stdout.starts_with("quay.io/o/tea:latest@"), "{}", run.stdout);
    assert_eq!(run.stdout.lines().count(), 1);
    let label = "operators.operatorframework.io.bundle.package.v1";
    for cause in [
        format!("metadata/annotations.yaml: `{label}` is `tea`, and the label is `coffee`\n"),
        "manifests/broken.yaml, line 2: it is not valid YAML: ".to_owned(),
    ] {
        let error = format!("error: `o/tea-bundle` is not a usable bundle\n  Caused by: {cause}");
        assert!(run.stderr.contains(&error), "{error}\n{}", run.stderr);
    }
    assert!(!checkout.path().join("out/quay.io/o/tea-bundle").exists());
}
