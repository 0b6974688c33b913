//! The files as text: rules that hold for both, each of which can be broken.

use std::collections::BTreeMap;

use super::{FILES, LOCAL, OPENSHIFT, PROGRAMS, read};

/// An instruction, its continued lines in one; comments are gone.
type Instruction = (String, String);

/// Returns the instructions of a Containerfile.
fn instructions(text: &str) -> Vec<Instruction> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let whole = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let lines = whole.lines().map(str::trim).filter(|line| !line.is_empty());
    let split = lines.map(|line| line.split_once(' ').unwrap_or((line, "")));
    split.map(|(word, rest)| (word.to_owned(), words(rest).join(" "))).collect()
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Returns the instructions of the last stage.
fn last_stage(text: &str) -> Vec<Instruction> {
    let all = instructions(text);
    let start = all.iter().rposition(|(word, _)| word == "FROM").unwrap();
    all[start + 1..].to_vec()
}

/// Returns the labels of the last stage, with the defaults of its arguments.
fn labels(text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut defaults = Vec::new();
    for (word, rest) in last_stage(text) {
        match word.as_str() {
            "ARG" => {
                defaults.extend(rest.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())))
            }
            "LABEL" => {
                for label in rest.split("\" ") {
                    let (key, value) = label.split_once("=\"").unwrap();
                    let mut value = value.trim_end_matches('"').to_owned();
                    for (name, default) in &defaults {
                        value = value.replace(&format!("${{{name}}}"), default);
                    }
                    labels.insert(key.to_owned(), value);
                }
            }
            _ => {}
        }
    }
    labels
}

/// What must not be anywhere: each was a fault of others' files.
const NEVER: [(&str, &str); 8] = [
    ("BUILDPLATFORM", "a default of it is wrong on other machines"),
    ("--platform", "the image is for who builds it, or for what it is asked"),
    ("curl", "what is fetched is not what was checked"),
    ("wget", "what is fetched is not what was checked"),
    ("ADD", "COPY says what it does"),
    (":latest", "another base tomorrow"),
    ("tcpdump", "bpfman does not run it"),
    ("bpftool", "bpfman does not run it"),
];

/// The caches of cargo, which are no layers.
const CACHES: [&str; 3] = ["/usr/local/cargo/registry", "/usr/local/cargo/git", "/target"];

/// Returns what is wrong with a Containerfile.
fn faults(text: &str) -> Vec<String> {
    let all = instructions(text);
    let plain = all.iter().map(|(word, rest)| format!("{word} {rest}\n")).collect::<String>();
    let mut faults: Vec<String> = NEVER
        .iter()
        .filter(|(never, _)| plain.contains(never))
        .map(|(never, why)| format!("`{never}`: {why}"))
        .collect();
    for (number, (word, rest)) in all.iter().enumerate() {
        match word.as_str() {
            "ARG" => {
                let name = rest.split('=').next().unwrap();
                let later = &all[number + 1..];
                let is_used = |(_, text): &Instruction| {
                    text.contains(&format!("${{{name}}}"))
                        || words(text).contains(&&*format!("${name}"))
                };
                if !later.iter().any(is_used) {
                    faults.push(format!("`{name}` is not used"));
                }
            }
            "FROM" if !rest.contains(':') && !rest.starts_with("${BASE}") => {
                faults.push(format!("`{rest}` has no tag"));
            }
            "RUN" => faults.extend(faults_of_run(rest)),
            _ => {}
        }
    }
    let builds = all.iter().filter(|(word, rest)| word == "RUN" && rest.contains("cargo build"));
    if builds.count() != 1 {
        faults.push("not one `cargo build`".to_owned());
    }
    for (word, rest) in last_stage(text) {
        if word == "COPY" && rest != "--from=build /out/bin/ /" {
            faults.push(format!("`COPY {rest}` is of more than the programs"));
        }
    }
    let ends = last_stage(text);
    let [.., directory, entrypoint] = &*ends else { return faults };
    let expected = [("WORKDIR", "/"), ("ENTRYPOINT", r#"["./bpfman-rpc", "--timeout=0"]"#)];
    if [directory, entrypoint].map(|(word, rest)| (&**word, &**rest)) != expected {
        faults.push("it starts something else".to_owned());
    }
    faults
}

/// Returns what is wrong with a command.
fn faults_of_run(run: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut needs = |cause: &str, needed: &[&str]| {
        if run.contains(cause) {
            let missing = needed.iter().filter(|word| !run.contains(**word));
            faults.extend(missing.map(|word| format!("`{cause}` without `{word}`")));
        }
    };
    let apt =
        ["apt-get update &&", " -y ", "--no-install-recommends", "&& rm -rf /var/lib/apt/lists/* "];
    needs("apt-get install", &apt.map(str::trim));
    needs("${DNF_CMD} -y install", &["&& ${DNF_CMD} clean all"]);
    let mounts = CACHES.map(|cache| format!("--mount=type=cache,target={cache},sharing=locked"));
    needs("cargo build", &mounts.each_ref().map(String::as_str));
    needs("cargo build", &["--release", "--locked", "mkdir -p /out/bin"]);
    let programs = PROGRAMS.map(|program| format!("--bin {program} "));
    needs("cargo build", &programs.each_ref().map(String::as_str));
    let copied = PROGRAMS.map(|program| format!(" /target/release/{program} "));
    needs("cargo build", &copied.each_ref().map(String::as_str));
    needs("ldd /bpfman", &["! grep 'not found'", "/bpfman-ns", "/bpfman-rpc"]);
    faults
}

#[test]
fn no_rule_is_broken() {
    for file in FILES {
        assert_eq!(faults(&read(file)), Vec::<String>::new(), "{file}");
        let checks =
            last_stage(&read(file)).iter().filter(|(_, rest)| rest.contains("ldd /bpfman")).count();
        assert_eq!(checks, 1, "{file}: a missing library is found when the image is built");
    }
}

#[test]
fn each_rule_can_be_broken() {
    let cases = [
        (
            LOCAL,
            "rm -rf /var/lib/apt/lists/*",
            r"rm -rf /var/lib/apt/lists/\*",
            "`apt-get install` without `&& rm -rf /var/lib/apt/lists/*`",
        ),
        (
            LOCAL,
            "--no-install-recommends ca-certificates",
            "ca-certificates",
            "`apt-get install` without `--no-install-recommends`",
        ),
        (
            LOCAL,
            "RUN apt-get update \\\n && apt-get",
            "RUN apt-get",
            "`apt-get install` without `apt-get update &&`",
        ),
        (
            LOCAL,
            "FROM docker.io/library/rust",
            "FROM --platform=linux/amd64 docker.io/library/rust",
            "`--platform`: the image is for who builds it, or for what it is asked",
        ),
        (LOCAL, "debian:trixie-slim", "debian", "`docker.io/library/debian` has no tag"),
        (LOCAL, "$BUILD_PACKAGES \\", "gcc \\", "`BUILD_PACKAGES` is not used"),
        (LOCAL, "--from=build /out/bin/ /", ". /", "`COPY . /` is of more than the programs"),
        (LOCAL, " --locked ", " ", "`cargo build` without `--locked`"),
        (LOCAL, "--bin bpfman-ns", "", "`cargo build` without `--bin bpfman-ns `"),
        (
            LOCAL,
            ",target=/target,sharing=locked",
            ",target=/src/target",
            "`cargo build` without `--mount=type=cache,target=/target,sharing=locked`",
        ),
        (LOCAL, "&& ! grep", "&& grep", "`ldd /bpfman` without `! grep 'not found'`"),
        (LOCAL, "--timeout=0", "--timeout=1", "it starts something else"),
        (
            OPENSHIFT,
            "clean all",
            "repolist",
            "`${DNF_CMD} -y install` without `&& ${DNF_CMD} clean all`",
        ),
        (OPENSHIFT, "version=\"${VERSION}\"", "version=\"0\"", "`VERSION` is not used"),
        (
            OPENSHIFT,
            "RUN ${DNF_CMD}",
            "RUN curl https://sh.rustup.rs | sh && ${DNF_CMD}",
            "`curl`: what is fetched is not what was checked",
        ),
        (OPENSHIFT, "WORKDIR /\n", "WORKDIR /src\n", "it starts something else"),
    ];
    for (file, good, bad, expected) in cases {
        let text = read(file);
        assert!(text.contains(good), "{file}: {good}");
        let broken = faults(&text.replacen(good, bad, 1));
        assert_eq!(broken, [expected], "{file}: {good} → {bad}");
    }
}

#[test]
fn the_labels_are_these() {
    let what = "The bpfman binaries, bpfman, bpfman-rpc and bpfman-ns";
    let of_openshift = [
        ("com.redhat.component", "bpfman"),
        ("description", what),
        ("io.k8s.description", what),
        ("io.k8s.display-name", "bpfman"),
        ("io.openshift.tags", "bpfman"),
        ("name", "bpfman/bpfman"),
        ("summary", "Manages eBPF programs"),
        ("vendor", "bpfman"),
        ("version", "0.5.1"),
    ];
    let of_local = [
        ("org.opencontainers.image.description", what),
        ("org.opencontainers.image.licenses", "Apache-2.0"),
        ("org.opencontainers.image.source", "https://github.com/bpfman/bpfman"),
        ("org.opencontainers.image.title", "bpfman"),
    ];
    for (file, expected) in [(LOCAL, &of_local[..]), (OPENSHIFT, &of_openshift)] {
        let labels = labels(&read(file));
        let labels: Vec<_> = labels.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(labels, expected, "{file}");
    }
    // The catalogue says the same of the image.
    assert!(read("images.yaml").contains(&format!("description: {what}\n")));
}

#[test]
fn both_are_of_one_base_each() {
    let froms = |file: &str| {
        let all = instructions(&read(file));
        let froms = all.into_iter().filter(|(word, _)| word == "FROM").map(|(_, rest)| rest);
        froms.collect::<Vec<_>>()
    };
    // What is linked in one Debian needs no older one where it runs.
    let expected =
        ["docker.io/library/rust:1-slim-trixie AS build", "docker.io/library/debian:trixie-slim"];
    assert_eq!(froms(LOCAL), expected);
    assert_eq!(froms(OPENSHIFT), ["${BASE} AS build", "${BASE}"]);
    let base = "ARG BASE=registry.access.redhat.com/ubi9/ubi-minimal:9.4-";
    assert!(read(OPENSHIFT).contains(base), "a tag that does not move");
}

#[test]
fn what_the_build_does_not_read_stays_out_of_its_context() {
    let ignored = FILES.map(|file| read(&format!("{file}.dockerignore")));
    assert_eq!(ignored[0], ignored[1]);
    let patterns = ignored[0].lines().filter(|line| !line.starts_with('#'));
    let expected =
        [".git", "**/target", ".output", "libbpf", "**/Containerfile*", "**/*.dockerignore"];
    assert_eq!(patterns.collect::<Vec<_>>(), expected);
}
