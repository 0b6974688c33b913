//! What the operator is told of a program: its type, and where it is to be
//! attached, as far as its section says.
//!
//! The words are those of the API `bpfman.io/v1alpha1` of bpfman-operator.

use serde_yaml::Value;

use super::map;

/// An interface's name.
pub(super) const INTERFACE: &str = "<interface>";
/// A function of the kernel.
pub(super) const KERNEL_FUNCTION: &str = "<kernel function>";
/// A function of a target.
pub(super) const FUNCTION: &str = "<function>";
/// A library or the path of a binary.
pub(super) const TARGET: &str = "<target>";
/// A tracepoint, with its group.
pub(super) const TRACEPOINT: &str = "<group>/<tracepoint>";

/// In the middle of what the operator takes.
const PRIORITY: i32 = 50;

/// A program and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Program {
    name: String,
    row: &'static Row,
    /// What follows the section's first word, if it says something.
    rest: Option<String>,
}

/// What the operator makes of a section.
#[derive(Debug, PartialEq)]
struct Row {
    /// The section's first words.
    sections: &'static [&'static str],
    /// The type, and the key of its settings.
    kind: &'static str,
    key: &'static str,
    attach: Attach,
}

/// Where programs of a type are attached.
#[derive(Debug, PartialEq)]
enum Attach {
    Interface {
        directed: bool,
    },
    Tracepoint,
    Kernel,
    Target,
    /// To one function, which is said when it is loaded.
    Traced,
}

#[rustfmt::skip]
static ROWS: [Row; 10] = [
    Row { sections: &["xdp", "xdp.frags"], kind: "XDP", key: "xdp", attach: Attach::Interface { directed: false } },
    Row { sections: &["classifier", "tc"], kind: "TC", key: "tc", attach: Attach::Interface { directed: true } },
    Row { sections: &["tcx"], kind: "TCX", key: "tcx", attach: Attach::Interface { directed: true } },
    Row { sections: &["tracepoint", "tp"], kind: "TracePoint", key: "tracepoint", attach: Attach::Tracepoint },
    Row { sections: &["kprobe"], kind: "KProbe", key: "kprobe", attach: Attach::Kernel },
    Row { sections: &["kretprobe"], kind: "KRetProbe", key: "kretprobe", attach: Attach::Kernel },
    Row { sections: &["uprobe", "uprobe.s"], kind: "UProbe", key: "uprobe", attach: Attach::Target },
    Row { sections: &["uretprobe", "uretprobe.s"], kind: "URetProbe", key: "uretprobe", attach: Attach::Target },
    Row { sections: &["fentry", "fentry.s"], kind: "FEntry", key: "fentry", attach: Attach::Traced },
    Row { sections: &["fexit", "fexit.s"], kind: "FExit", key: "fexit", attach: Attach::Traced },
];

impl Program {
    /// Returns what the operator is told; `None` where it has no such type.
    pub(super) fn of(program: &bpf_object::Program) -> Option<Program> {
        let section = program.section.trim_start_matches('?');
        let (first, rest) = match section.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (section, None),
        };
        let row = ROWS.iter().find(|row| row.sections.contains(&first))?;
        // Many repeat the program's name where no one reads it. What a
        // stranger wrote there must not look like something else.
        let good =
            |rest: &&str| rest.chars().all(|c| c.is_ascii_alphanumeric() || "_./:+-".contains(c));
        let rest = rest.filter(|rest| !rest.is_empty() && *rest != program.name).filter(good);
        Some(Program { name: program.name.clone(), row, rest: rest.map(str::to_owned) })
    }

    /// Returns its entry in the list of programs.
    pub(super) fn entry(&self) -> Value {
        let Row { kind, key, attach, .. } = self.row;
        let settings = match attach {
            Attach::Traced => map([
                ("function", self.rest.as_deref().unwrap_or(KERNEL_FUNCTION).into()),
                ("links", vec![map([("mode", "Attach".into())])].into()),
            ]),
            _ => map([("links", vec![self.link()].into())]),
        };
        map([("name", self.name.as_str().into()), ("type", (*kind).into()), (key, settings)])
    }

    fn link(&self) -> Value {
        let rest = self.rest.as_deref();
        let selector = || map([("interfaces", vec![Value::from(INTERFACE)].into())]);
        match self.row.attach {
            Attach::Interface { directed: false } => {
                map([("interfaceSelector", selector()), ("priority", PRIORITY.into())])
            }
            Attach::Interface { directed: true } => map([
                ("interfaceSelector", selector()),
                ("priority", PRIORITY.into()),
                ("direction", "Ingress".into()),
            ]),
            Attach::Tracepoint => {
                let name = rest.filter(|rest| rest.contains('/')).unwrap_or(TRACEPOINT);
                map([("name", name.into())])
            }
            Attach::Kernel | Attach::Traced => {
                // libbpf's form is `function+offset`.
                let (function, offset) = match rest.map(|rest| rest.split_once('+')) {
                    Some(Some((function, offset))) => (function, offset.parse().unwrap_or(0)),
                    _ => (rest.unwrap_or(KERNEL_FUNCTION), 0u64),
                };
                map([("function", function.into()), ("offset", offset.into())])
            }
            Attach::Target => {
                // libbpf's form is `target:function`.
                let (target, function) = match rest.and_then(|rest| rest.split_once(':')) {
                    Some((target, function)) => (target, function),
                    None => (TARGET, FUNCTION),
                };
                map([("function", function.into()), ("target", target.into())])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(section: &str) -> bpf_object::Program {
        bpf_object::Program {
            name: "f".to_owned(),
            section: section.to_owned(),
            kind: None,
            instructions: 2,
            binding: bpf_object::Binding::Global,
            code: bpf_object::Code::default(),
        }
    }

    #[test]
    fn sections_say_where() {
        let interface = "interfaceSelector: {interfaces: [<interface>]}, priority: 50";
        let cases = [
            ("xdp", format!("XDP, xdp: {{links: [{{{interface}}}]}}")),
            ("xdp.frags", format!("XDP, xdp: {{links: [{{{interface}}}]}}")),
            ("classifier", format!("TC, tc: {{links: [{{{interface}, direction: Ingress}}]}}")),
            ("tcx/ingress", format!("TCX, tcx: {{links: [{{{interface}, direction: Ingress}}]}}")),
            (
                "tracepoint/syscalls/sys_enter_kill",
                "TracePoint, tracepoint: {links: [{name: syscalls/sys_enter_kill}]}".to_owned(),
            ),
            ("tp/f", "TracePoint, tracepoint: {links: [{name: <group>/<tracepoint>}]}".to_owned()),
            (
                "kprobe/do_unlinkat+16",
                "KProbe, kprobe: {links: [{function: do_unlinkat, offset: 16}]}".to_owned(),
            ),
            (
                "kprobe/a\n- b",
                "KProbe, kprobe: {links: [{function: <kernel function>, offset: 0}]}".to_owned(),
            ),
            (
                "kretprobe/f",
                "KRetProbe, kretprobe: {links: [{function: <kernel function>, offset: 0}]}"
                    .to_owned(),
            ),
            (
                "uprobe/libc:malloc",
                "UProbe, uprobe: {links: [{function: malloc, target: libc}]}".to_owned(),
            ),
            (
                "uretprobe.s/f",
                "URetProbe, uretprobe: {links: [{function: <function>, target: <target>}]}"
                    .to_owned(),
            ),
            (
                "?fentry/do_unlinkat",
                "FEntry, fentry: {function: do_unlinkat, links: [{mode: Attach}]}".to_owned(),
            ),
            (
                "fexit",
                "FExit, fexit: {function: <kernel function>, links: [{mode: Attach}]}".to_owned(),
            ),
        ];
        for (section, expected) in cases {
            let entry = Program::of(&program(section)).unwrap().entry();
            let expected = format!("{{name: f, type: {expected}}}");
            assert_eq!(entry, serde_yaml::from_str::<Value>(&expected).unwrap(), "{section}");
        }
        for section in ["socket", "lsm/file_open", "kprobe.multi/x", "xdp_devmap/", ""] {
            assert_eq!(Program::of(&program(section)), None, "{section}");
        }
    }
}
