//! The eBPF programs in the manifests are those of the C sources, and are
//! attached where the reference says.

use serde_json::{Value, json};

use super::Example;
use super::rendered::all;

/// Returns the example's C sources: its own, and those that it gathers.
fn sources(example: &Example) -> Vec<(String, String)> {
    let Some(bytecode) = &example.bytecode else { return Vec::new() };
    let root = test_support::workspace_root().join("examples");
    let path = root.join(bytecode.image).join("bpf").join(bytecode.source);
    let text = std::fs::read_to_string(&path).unwrap();
    let included = text.lines().filter_map(|line| line.strip_prefix("#include \"../../"));
    let included = included.filter_map(|rest| rest.strip_suffix(".c\""));
    let mut sources: Vec<_> = included
        .map(|name| {
            let text = std::fs::read_to_string(root.join(format!("{name}.c"))).unwrap();
            (name.rsplit('/').next().unwrap().to_owned(), text)
        })
        .collect();
    sources.push((bytecode.source.trim_end_matches(".c").to_owned(), text));
    sources
}

/// Returns the maps of the example's object, sorted.
pub fn maps_of(example: &Example) -> Vec<String> {
    let mut maps: Vec<_> = sources(example)
        .iter()
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| line.strip_prefix("} ")?.strip_suffix(" SEC(\".maps\");"))
        .map(str::to_owned)
        .collect();
    maps.sort();
    maps
}

/// Returns the functions of the example's object with the types that the
/// manifests give them, sorted.
fn programs_of(example: &Example) -> Vec<(String, &'static str)> {
    let mut programs = Vec::new();
    for (stem, text) in sources(example) {
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(section) = line.strip_prefix("SEC(\"") else { continue };
            let function = lines.next().unwrap().strip_prefix("int ").unwrap();
            let kind = match section.split(['/', '"']).next().unwrap() {
                "xdp" => "XDP",
                // To the kernel both are one; what attaches them differs.
                "classifier" if stem.starts_with("tcx") => "TCX",
                "classifier" => "TC",
                "tracepoint" => "TracePoint",
                "kprobe" => "KProbe",
                "uprobe" => "UProbe",
                "uretprobe" => "URetProbe",
                other => panic!("{stem}: {other}"),
            };
            programs.push((function.split('(').next().unwrap().to_owned(), kind));
        }
    }
    programs.sort();
    programs
}

/// Returns where a program of this type is attached.
fn link(example: &Example, kind: &str) -> Value {
    let interface = json!({"primaryNodeInterface": true});
    let priority = if example.word == "app" && kind == "TCX" { 500 } else { 55 };
    match kind {
        "XDP" => json!({"interfaceSelector": interface, "priority": priority}),
        "TC" | "TCX" => {
            json!({"interfaceSelector": interface, "priority": priority, "direction": "Ingress"})
        }
        "TracePoint" => json!({"name": "syscalls/sys_enter_kill"}),
        "KProbe" => json!({"function": "try_to_wake_up", "offset": 0}),
        "UProbe" | "URetProbe" => json!({
            "function": "main.getCount", "target": "/go-target",
            "containers": {"namespace": "go-target", "pods": {}, "containerNames": ["go-target"]},
        }),
        other => panic!("{other}"),
    }
}

#[test]
fn programs_are_those_of_the_sources() {
    let Some(rendered) = all() else { return };
    let mut seen = 0;
    for one in rendered {
        let example = one.variant.example;
        let Some(application) = one.object("ClusterBpfApplication") else { continue };
        let mut programs = application["spec"]["programs"].as_array().unwrap().clone();
        programs.sort_by_key(|program| program["name"].to_string());
        let expected = programs_of(example).into_iter().map(|(name, kind)| {
            let links = json!({"links": [link(example, kind)]});
            json!({"name": name, "type": kind, kind.to_lowercase(): links})
        });
        assert_eq!(programs, expected.collect::<Vec<_>>(), "{}", one.variant.word());
        assert_eq!(application["spec"]["nodeSelector"], json!({}), "{}", one.variant.word());
        seen += programs.len();
    }
    assert_eq!(seen, 2 * (8 + 6), "eight examples with one program, and one with six; twice");
}

#[test]
fn what_the_uprobes_count_in_is_deployed_under_that_name() {
    let Some(rendered) = all() else { return };
    let target = rendered.iter().find(|one| one.variant.word() == "target").unwrap();
    let set = target.object("DaemonSet").unwrap();
    let named = (&set["metadata"]["namespace"], &set["spec"]["template"]["spec"]["containers"]);
    assert_eq!(named.0, "go-target");
    assert_eq!(named.1[0]["name"], "go-target");
}
