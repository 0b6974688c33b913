//! `bpfman image manifest`: whole documents, and what has none.

use bpf_arch::Endian;
use oci::Artifact;
use serde::Deserialize;
use serde_json::Value;

use crate::forge::{NAME, digest, image, layer, places, put};
use crate::snapshot::{check, steady};
use crate::world::{World, compiled};

/// A program of every type that the operator knows, and one that it does not.
const ALL: &str = r#"
#define SEC(name) __attribute__((section(name), used))
struct {
    int (*type)[2];
    int (*max_entries)[1];
    unsigned int *key;
    unsigned long long *value;
} one SEC(".maps"), two SEC(".maps");
SEC("xdp") int a_xdp(void *c) { return 2; }
SEC("classifier") int b_tc(void *c) { return 0; }
SEC("tcx/ingress") int c_tcx(void *c) { return 0; }
SEC("tracepoint/syscalls/sys_enter_kill") int d_tracepoint(void *c) { return 0; }
SEC("kprobe/do_unlinkat") int e_kprobe(void *c) { return 0; }
SEC("kretprobe/f_kretprobe") int f_kretprobe(void *c) { return 0; }
SEC("uprobe") int g_uprobe(void *c) { return 0; }
SEC("uretprobe/libc:malloc") int h_uretprobe(void *c) { return 0; }
SEC("fentry/do_unlinkat") int i_fentry(void *c) { return 0; }
SEC("fexit") int j_fexit(void *c) { return 0; }
SEC("socket") int k_socket(void *c) { return 0; }
char _license[] SEC("license") = "GPL";
"#;

/// Makes an image whose labels say what an object holds.
fn of(source: &str) -> Artifact {
    let object = compiled(source, Endian::Little);
    let labels = bytecode_image::Labels::of(&bpf_object::read(&object).unwrap());
    let mut image =
        oci::Image::builder("linux/amd64".parse().unwrap()).layer(layer("x.o", &object), "COPY");
    for (key, value) in labels.to_pairs() {
        image = image.label(key, value);
    }
    Artifact::Image(image.build().unwrap())
}

fn documents(yaml: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(yaml);
    documents.map(|document| Value::deserialize(document).unwrap()).collect()
}

#[test]
fn every_type_has_its_fields() {
    let world = World::new();
    put(&world.here().join("images"), "quay.io/me/all_types:v1", of(ALL));
    let run = world.run(&["manifest", "images"]);
    assert_eq!(
        run.stderr,
        "warning: `k_socket` is left out: the operator loads no programs of section `socket`\n"
    );
    let yaml = run.done();
    check("manifest-all.yaml", &steady(&yaml));
    let parsed = documents(&yaml);
    let json: Value =
        serde_json::from_str(&world.run(&["manifest", "--format", "json", "images"]).done())
            .unwrap();
    assert_eq!(json["kind"], "List");
    assert_eq!(json["items"].as_array().unwrap(), &parsed, "JSON says the same");
    assert_eq!(parsed[0]["metadata"]["name"], "all-types");
}

#[test]
fn a_pod_that_does_without_bpfman() {
    let world = places();
    let yaml = world.run(&["manifest", "--image-volume", "--name", "x", "images"]).done();
    let expected = format!(
        "# For {NAME}. Fill in what stands in <brackets>.
apiVersion: v1
kind: Pod
metadata:
  name: x
spec:
  containers:
  - name: userspace
    image: <image> # of the program in user space
    volumeMounts:
    - name: bytecode
      mountPath: /bytecode
      readOnly: true
  volumes:
  - name: bytecode
    image:
      reference: quay.io/me/pass@{}
      pullPolicy: IfNotPresent
",
        digest(&world)
    );
    assert_eq!(yaml, expected);
    assert_eq!(documents(&yaml).len(), 1);
}

#[test]
fn an_object_without_maps_needs_no_pod() {
    let world = World::new();
    let source = "__attribute__((section(\"xdp\"), used)) int f(void *c) { return 2; }\n\
                  char _license[] __attribute__((section(\"license\"), used)) = \"GPL\";";
    put(&world.here().join("images"), NAME, of(source));
    let yaml = world.run(&["manifest", "images"]).done();
    let parsed = documents(&yaml);
    assert_eq!(parsed.len(), 1);
    assert_eq!(parsed[0]["spec"]["programs"][0]["name"], "f");
}

#[test]
fn what_has_no_manifest() {
    let plain = oci::Image::builder("linux/amd64".parse().unwrap());
    let plain = Artifact::Image(plain.layer(layer("README", b"text"), "COPY").build().unwrap());
    let no = format!("error: `{NAME}` has no manifest\n  Caused by: ");
    let socket = ALL.split_once("SEC(\"xdp\")").unwrap().0.to_owned()
        + "SEC(\"socket\") int k(void *c) { return 0; }\nchar _license[] SEC(\"license\") = \"GPL\";";
    let other = compiled("int x;", Endian::Little);
    let cases: Vec<(Artifact, &[&str], String)> = vec![
        (plain.clone(), &[], format!("{no}the label `io.ebpf.programs` is missing\n")),
        (plain, &["--image-volume"], format!("error: `{NAME}` is no image of an eBPF program\n")),
        (
            Artifact::Image(image("linux/amd64", layer("pass.o", &other))),
            &[],
            format!("{no}its labels name the program `pass`, its object has none\n"),
        ),
        (
            of(&socket),
            &[],
            format!(
                "warning: `k` is left out: the operator loads no programs of section `socket`\n{no}\
                 it has no program that the operator loads\n\nhint: `--image-volume` prints a pod \
                 that loads them itself\n"
            ),
        ),
    ];
    for (artifact, args, message) in cases {
        let world = World::new();
        put(&world.here().join("images"), NAME, artifact);
        let run = world.run(&[&["manifest", "images"], args].concat());
        assert_eq!(run.failed(&world), (1, message));
    }
}

#[test]
fn names_that_kubernetes_does_not_take() {
    let world = places();
    for name in ["", "Upper", "a_b", "-a", "a-", &"a".repeat(64)] {
        let run = world.run(&["manifest", "--name", name, "images"]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{name}");
    }
}

/// Words in labels that would be something else in YAML.
#[test]
fn names_of_strangers_are_no_yaml() {
    for name in ["a: b", "a\n- b", "<image>", "x # y", "\u{1b}[31m"] {
        let labels = serde_json::json!({ name: "xdp" }).to_string();
        let image = oci::Image::builder("linux/amd64".parse().unwrap());
        let object = crate::world::object(bpf_arch::Arch::Amd64);
        let image = image.layer(layer("x.o", object), "COPY");
        let image = image.label("io.ebpf.programs", labels).label("io.ebpf.maps", "{}");
        let world = World::new();
        put(&world.here().join("images"), NAME, Artifact::Image(image.build().unwrap()));
        let (code, said) = world.run(&["manifest", "images"]).failed(&world);
        assert_eq!(code, 1);
        assert!(said.contains("is no name that a manifest can have"), "{said}");
        assert!(!said.contains('\u{1b}'), "{said}");
    }
}
