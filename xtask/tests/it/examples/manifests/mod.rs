//! The manifests of the examples, and the make targets that render, deploy and
//! undeploy them. Not here: what builds their images.

mod deploy;
mod failures;
mod files;
mod kit;
mod objects;
mod pods;
mod programs;
mod releases;
mod rendered;
mod tools;

/// What there is to know of an example: what its manifests must agree with.
#[derive(Debug)]
struct Example {
    /// What its targets are called after.
    word: &'static str,
    /// Its directory below `examples/config/*/`.
    directory: &'static str,
    /// The X of IMAGE_X_BC and IMAGE_X_US.
    variable: &'static str,
    bytecode: Option<Bytecode>,
    userspace: Option<Userspace>,
}

#[derive(Debug)]
struct Bytecode {
    /// The name of the ClusterBpfApplication.
    object: &'static str,
    image: &'static str,
    source: &'static str,
}

#[derive(Debug)]
struct Userspace {
    image: &'static str,
    /// Where the program finds the maps; empty if it reads none.
    maps: &'static str,
}

/// In the order of `deploy`.
#[rustfmt::skip]
static EXAMPLES: [Example; 10] = {
    const fn example(
        word: &'static str, directory: &'static str, variable: &'static str,
        bytecode: Option<Bytecode>, userspace: Option<Userspace>,
    ) -> Example {
        Example { word, directory, variable, bytecode, userspace }
    }
    const fn bytecode(
        object: &'static str, image: &'static str, source: &'static str,
    ) -> Option<Bytecode> {
        Some(Bytecode { object, image, source })
    }
    const fn userspace(image: &'static str, maps: &'static str) -> Option<Userspace> {
        Some(Userspace { image, maps })
    }
    [
        example("target", "go-target", "GT", None, userspace("go-target", "")),
        example("tc", "go-tc-counter", "TC",
            bytecode("go-tc-counter-example", "go-tc-counter", "tc_counter.c"),
            userspace("go-tc-counter", "/run/tc/maps")),
        example("tcx", "go-tcx-counter", "TCX",
            bytecode("go-tcx-counter-example", "go-tcx-counter", "tcx_counter.c"),
            userspace("go-tcx-counter", "/run/tcx/maps")),
        example("tracepoint", "go-tracepoint-counter", "TP",
            bytecode("go-tracepoint-counter-example", "go-tracepoint-counter", "tracepoint_counter.c"),
            userspace("go-tracepoint-counter", "/run/tracepoint/maps")),
        example("xdp", "go-xdp-counter", "XDP",
            bytecode("go-xdp-counter-example", "go-xdp-counter", "xdp_counter.c"),
            userspace("go-xdp-counter", "/run/xdp/maps")),
        example("xdp-ms", "go-xdp-counter-sharing-map", "XDP",
            bytecode("go-xdp-counter-sharing-map-example", "go-xdp-counter", "xdp_counter.c"), None),
        example("kprobe", "go-kprobe-counter", "KP",
            bytecode("go-kprobe-counter-example", "go-kprobe-counter", "kprobe_counter.c"),
            userspace("go-kprobe-counter", "/run/kprobe/maps")),
        example("uprobe", "go-uprobe-counter", "UP",
            bytecode("go-uprobe-counter-example", "go-uprobe-counter", "uprobe_counter.c"),
            userspace("go-uprobe-counter", "/run/uprobe/maps")),
        example("uretprobe", "go-uretprobe-counter", "URP",
            bytecode("go-uretprobe-counter-example", "go-uretprobe-counter", "uretprobe_counter.c"),
            userspace("go-uretprobe-counter", "/run/uretprobe/maps")),
        example("app", "go-app-counter", "APP",
            bytecode("app-counter", "go-app-counter", "app_counter.c"),
            userspace("go-app-counter", "/run/app/maps")),
    ]
};

/// An example as it is deployed: with or without SELinux's part.
#[derive(Clone, Copy, Debug)]
struct Variant {
    example: &'static Example,
    selinux: bool,
}

impl Variant {
    /// Returns all of them. `go-target` reads no maps and needs none for SELinux.
    fn all() -> Vec<Variant> {
        let plain = EXAMPLES.iter().map(|example| Variant { example, selinux: false });
        let others = EXAMPLES.iter().filter(|example| example.word != "target");
        plain.chain(others.map(|example| Variant { example, selinux: true })).collect()
    }

    /// Returns what comes behind `deploy-`.
    fn word(self) -> String {
        format!("{}{}", self.example.word, if self.selinux { "-selinux" } else { "" })
    }

    /// Returns its directory below `examples/config`.
    fn overlay(self) -> String {
        let overlay = if self.selinux { "selinux" } else { "default" };
        format!("{overlay}/{}", self.example.directory)
    }
}
