//! `bpfman image inspect`: what it shows, to people and to programs.

use bpf_arch::{Arch, Endian};
use oci::Artifact;
use serde_json::Value;

use crate::forge::{NAME, image, index, layer, places, put};
use crate::snapshot::{check, steady};
use crate::world::{World, compiled};

/// A bit of everything that is shown.
const RICH: &str = r#"
#define SEC(name) __attribute__((section(name), used))
struct {
    int (*type)[2];
    int (*max_entries)[4];
    unsigned int *key;
    unsigned long long *value;
} packets SEC(".maps");
struct {
    int (*type)[27];
    int (*max_entries)[4096];
} events SEC(".maps");
static void *(*lookup)(void *, const void *) = (void *)1;
static long (*output)(void *, void *, unsigned long long, unsigned long long) = (void *)130;
const volatile unsigned int limit = 3;
struct task_struct { int pid; } __attribute__((preserve_access_index));
SEC("xdp") int count(void *ctx)
{
    unsigned int key = limit;
    unsigned long long *value = lookup(&packets, &key);
    if (value)
        *value += 1;
    return 2;
}
SEC("kprobe/do_exit") int ended(struct task_struct *task)
{
    int pid = task->pid;
    output(&events, &pid, sizeof(pid), 0);
    return 0;
}
char _license[] SEC("license") = "GPL";
"#;

/// Takes out what depends on the compiler: digests, and how long files,
/// sections and programs are.
fn without_sizes(mut document: Value) -> Value {
    fn walk(value: &mut Value, inside: &str) {
        match value {
            Value::Object(map) => {
                // Which sections there are is the compiler's, too.
                map.remove("sections");
                for (key, value) in map.iter_mut() {
                    let is_length = ["btf", "instructions"].contains(&key.as_str())
                        || key == "size" && inside != "globals";
                    match value {
                        Value::Number(_) if is_length => *value = 0.into(),
                        value => walk(value, key),
                    }
                }
            }
            Value::Array(all) => all.iter_mut().for_each(|value| walk(value, inside)),
            Value::String(text) => *text = steady(text),
            _ => {}
        }
    }
    walk(&mut document, "");
    document
}

/// Makes a world with an image of [`RICH`] for three platforms.
fn rich() -> World {
    let world = World::new();
    let objects = [Endian::Little, Endian::Big].map(|endian| compiled(RICH, endian));
    world.write("rich.o", &objects[0]);
    let of = |arch: Arch| {
        let object = &objects[usize::from(arch.endian() == Endian::Big)];
        let labels = bytecode_image::Labels::of(&bpf_object::read(object).unwrap());
        let layer = oci::Layer::single_file("rich.o", object, 0).unwrap();
        let image = oci::Image::builder(arch.platform().parse().unwrap()).layer(layer, "COPY");
        let pairs = labels.to_pairs();
        let image = pairs.into_iter().fold(image, |image, (key, value)| image.label(key, value));
        image.build().unwrap()
    };
    let archs = [Arch::Amd64, Arch::Arm64, Arch::S390x];
    put(&world.here().join("images"), "quay.io/me/rich:v1", index(archs.map(of).to_vec()));
    world
}

fn json(world: &World, word: &str) -> Value {
    serde_json::from_str(&world.run(&["inspect", "-o", "json", word]).done()).unwrap()
}

/// Returns the output for people without what is the compiler's: digests,
/// lengths, and the lines of sections.
fn for_people(text: &str) -> String {
    let is_section = |line: &&str| line.starts_with("sections ") || line.starts_with("  ");
    let program = |line: &str| line.starts_with("count ") || line.starts_with("ended ");
    let is_unit = |word: &&str| word.trim_end_matches(',').ends_with('B');
    let kept = text.lines().filter(|line| !is_section(line)).map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        let number = |at: usize| {
            words.get(at + 1).is_some_and(is_unit)
                && words[at].chars().all(|c| c.is_ascii_digit() || c == '.')
                || program(line) && words[at].parse::<u32>().is_ok()
        };
        let steady = (0..words.len()).map(|at| if number(at) { "N" } else { words[at] });
        steady.collect::<Vec<_>>().join(" ") + "\n"
    });
    steady(&kept.collect::<String>())
}

#[test]
fn an_image_for_people() {
    let world = rich();
    let text = world.run(&["inspect", "oci:images:quay.io/me/rich:v1"]).done();
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    check("inspect.txt", &for_people(&text));
    assert_eq!(world.run(&["inspect", "images"]).done(), text, "a place of one is shown alike");
}

#[test]
fn an_image_as_json() {
    let world = rich();
    let document = json(&world, "oci:images:quay.io/me/rich:v1");
    let text = serde_json::to_string_pretty(&without_sizes(document.clone())).unwrap();
    check("inspect.json", &(text + "\n"));
    let by_format = world.run(&["inspect", "--format", "json", "oci:images:quay.io/me/rich:v1"]);
    assert_eq!(serde_json::from_str::<Value>(&by_format.done()).unwrap(), document);
    // A place is a list, also of one; `-o text` is stronger than `--format`.
    let place = json(&world, "images");
    let mut one = document.clone();
    one.as_object_mut().unwrap().remove("schema");
    assert_eq!(place, serde_json::json!({"schema": 1, "images": [one]}));
    let text = world.run(&["inspect", "--format", "json", "-o", "text", "images"]).done();
    assert!(text.starts_with("quay.io/me/rich:v1\n"), "{text}");
}

#[test]
fn an_object_is_what_its_image_holds() {
    let world = rich();
    let image = json(&world, "oci:images:quay.io/me/rich:v1");
    let object = json(&world, "rich.o");
    assert_eq!(object["object"], image["platforms"][0]["object"]);
    let sections = object["object"]["sections"].as_array().unwrap();
    let xdp = sections.iter().find(|section| section["name"] == "xdp").unwrap();
    let slots = &object["object"]["programs"][0]["instructions"];
    assert_eq!(xdp["size"].as_u64().unwrap(), slots.as_u64().unwrap() * 8);
    let text = world.run(&["inspect", "rich.o"]).done();
    assert!(text.starts_with("rich.o, "), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_plain_image_has_layers() {
    let world = places();
    let host = Arch::host().unwrap();
    let file = format!("objects/{}", host.object_file());
    world.run(&["build", "-t", "quay.io/me/one:v1", "--to", "oci:one", "-b", &file]).done();
    let document = json(&world, "oci:one:quay.io/me/one:v1");
    assert_eq!(document["manifests"], serde_json::json!([]));
    assert_eq!(document["layers"], document["platforms"][0]["layers"]);
    assert_eq!(document["layers"].as_array().unwrap().len(), 1);
    assert_eq!(document["media_type"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(document["programs"], serde_json::json!({"pass": "xdp"}));
}

#[test]
fn what_is_no_bytecode_is_shown_as_that() {
    let world = World::new();
    let plain = oci::Image::builder("linux/amd64".parse().unwrap());
    let plain = plain.layer(layer("README", b"text"), "COPY").build().unwrap();
    put(&world.here().join("images"), NAME, Artifact::Image(plain));
    let text = world.run(&["inspect", "images"]).done();
    assert!(text.ends_with("\n\nlinux/amd64\nno bytecode\n"), "{text}");
    assert_eq!(json(&world, "images")["images"][0]["platforms"][0]["object"], Value::Null);
}

#[test]
fn what_cannot_be_read_is_said_beside_the_rest() {
    let world = World::new();
    let good = image("linux/arm64", layer("pass.o", crate::world::object(Arch::Arm64)));
    let bad = image("linux/amd64", layer("pass\u{7}.o", b"text"));
    put(&world.here().join("images"), NAME, index(vec![bad, good]));
    let run = world.run(&["inspect", "images"]);
    assert_eq!(run.code, 1);
    let message = format!(
        "error: {NAME} linux/amd64\n  Caused by: `pass\u{fffd}.o` is no eBPF object: not an ELF file\n"
    );
    assert_eq!(run.stderr, message);
    assert!(
        run.stdout.contains("linux/amd64\nno bytecode\n\nlinux/arm64\npass.o, "),
        "{}",
        run.stdout
    );
}
