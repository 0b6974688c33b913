//! What `build-images` prints on standard output and writes for programs.

use serde_json::Value;

use super::timeless;
use crate::support::Checkout;

/// Returns the digest that a layout gives a tag.
fn digest(checkout: &Checkout, layout: &str, tag: &str) -> String {
    let index: Value =
        serde_json::from_str(&checkout.read(&format!("{layout}/index.json"))).unwrap();
    let mut entries = index["manifests"].as_array().unwrap().iter();
    let entry = entries
        .find(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] == tag)
        .unwrap_or_else(|| panic!("`{layout}` has no `{tag}`: {index}"));
    entry["digest"].as_str().unwrap().to_owned()
}

#[test]
fn a_line_for_each_image_in_the_order_of_the_catalogue() {
    let checkout = Checkout::warm();
    let run = checkout.build_images(&["--refs-file", "refs.txt"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let listed = checkout.run(&["list-images", "--format", "json", "bytecode"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let lines = listed["images"].as_array().unwrap().iter().map(|image| {
        let reference = image["reference"].as_str().unwrap();
        let layout = format!("target/images/{}", reference.trim_end_matches(":latest"));
        format!("{reference}@{}\n", digest(&checkout, &layout, "latest"))
    });
    let lines: String = lines.collect();
    assert_eq!(lines.lines().count(), 22);
    assert_eq!(run.stdout, lines);
    assert_eq!(checkout.read("refs.txt"), lines);
}

#[test]
fn names_are_given_on_the_command_line() {
    /// Arguments, the layout, its tags, the references.
    type Case<'a> = (&'a [&'a str], &'a str, &'a [&'a str], &'a [&'a str]);
    let cases: [Case<'_>; 4] = [
        (
            &["--tag", "v1", "--tag", "v1.2", "--tag", "v1"],
            "quay.io/bpfman-bytecode/xdp_pass",
            &["v1", "v1.2"],
            &["quay.io/bpfman-bytecode/xdp_pass:v1", "quay.io/bpfman-bytecode/xdp_pass:v1.2"],
        ),
        (
            // skopeo takes `oci:DIR:TAG` apart at the colon.
            &["--registry", "localhost:5000"],
            "localhost_5000/bpfman-bytecode/xdp_pass",
            &["latest"],
            &["localhost:5000/bpfman-bytecode/xdp_pass:latest"],
        ),
        (
            &["--registry", "r.io", "--organization", "me"],
            "r.io/me/xdp_pass",
            &["latest"],
            &["r.io/me/xdp_pass:latest"],
        ),
        (&["--as", "r.io/a/b/c:d"], "r.io/a/b/c", &["d"], &["r.io/a/b/c:d"]),
    ];
    let checkout = Checkout::warm();
    for (number, (args, layout, tags, references)) in cases.into_iter().enumerate() {
        let to = format!("oci:{number}");
        let args = [args, &["--to", &to, "--format", "json", "xdp_pass"]].concat();
        let run = checkout.build_images(&args);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let document: Value = serde_json::from_str(&run.stdout).unwrap();
        let image = &document["images"][0];
        assert_eq!(image["references"], serde_json::json!(references), "{args:?}");
        assert_eq!(image["image"], "bpfman-bytecode/xdp_pass", "{args:?}");
        for tag in tags {
            let found = digest(&checkout, &format!("{number}/{layout}"), tag);
            assert_eq!(image["digest"], found, "{args:?}");
        }
        let layouts = super::files(&checkout.path().join(number.to_string())).into_keys();
        let layouts: Vec<_> = layouts.filter(|path| path.ends_with("index.json")).collect();
        assert_eq!(layouts, [std::path::Path::new(layout).join("index.json")], "{args:?}");
    }
}

#[test]
fn each_of_several_images_can_be_named() {
    let checkout = Checkout::warm();
    let args = ["xdp_pass", "bpfman-bytecode/go-tc-counter", "bpfman/tc-dispatcher", "tc_pass"];
    let names =
        ["xdp_pass=r.io/a:1", "bpfman-bytecode/go-tc-counter=r.io/a:2", "tc_pass=b.io/a/b/c"];
    let names = names.iter().flat_map(|name| ["--as", name]);
    let args: Vec<_> = args.into_iter().chain(names).collect();
    let run = checkout.build_images(&args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let made: Vec<_> = run.stdout.lines().map(|line| line.split('@').next().unwrap()).collect();
    let expected =
        ["quay.io/bpfman/tc-dispatcher:latest", "r.io/a:2", "r.io/a:1", "b.io/a/b/c:latest"];
    assert_eq!(made, expected, "in the order of the catalogue");
}

#[test]
fn without_a_terminal_every_step_is_a_line() {
    let checkout = Checkout::warm();
    let run =
        checkout.build_images(&["--to", "oci:out", "xdp_pass", "bpfman-bytecode/go-xdp-counter"]);
    let said = timeless(&run.stderr);
    // How large the images are depends on the compiler.
    let said: String = said
        .lines()
        .map(|line| match line.split_once(" platforms, ") {
            Some((before, _)) => format!("{before} platforms, SIZE)\n"),
            None => format!("{line}\n"),
        })
        .collect();
    let expected = [
        "  Packaged quay.io/bpfman-bytecode/go-xdp-counter:latest (4 platforms, SIZE)\n",
        "  Packaged quay.io/bpfman-bytecode/xdp_pass:latest (4 platforms, SIZE)\n",
        "     Built 2 images for 4 platforms: 0 compiled, 4 cached, 26 files written in TIME\n",
    ]
    .concat();
    assert_eq!(said, expected);
}
