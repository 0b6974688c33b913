//! What the three loaders infer from the name of a program's section.
//!
//! One row per name, with what libbpf 1.x, aya and cilium/ebpf each make of
//! it. Not here: judging an object. That is the linter's, who quotes this.

use std::fmt;

use crate::ProgramKind;

/// A library that loads objects and infers program types from section names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loader {
    /// The reference implementation in C, from 1.0 on.
    Libbpf,
    /// The Rust library of bpfman's daemon.
    Aya,
    /// The Go library of bpfman's examples.
    Cilium,
}

impl Loader {
    /// Every loader.
    pub const ALL: [Loader; 3] = [Loader::Libbpf, Loader::Aya, Loader::Cilium];

    /// Returns what happens where the loader infers no type, as a fragment
    /// that follows its name.
    pub fn consequence(self) -> &'static str {
        match self {
            Loader::Libbpf => "loads the program only after it was given a type by hand",
            Loader::Aya => "refuses the whole object",
            Loader::Cilium => "leaves the type unspecified, and the program out of labels",
        }
    }
}

impl fmt::Display for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Loader::Libbpf => "libbpf",
            Loader::Aya => "aya",
            Loader::Cilium => "cilium/ebpf",
        })
    }
}

/// Why a loader infers no type from a section's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No name that the loader knows begins so.
    #[error("no such section is known")]
    Unknown,
    /// The loader knows the name, but only when nothing follows it.
    #[error("`{name}` is known only without a suffix")]
    Suffix {
        /// The name without what followed it.
        name: &'static str,
    },
    /// The loader does not know the mark for "do not load by default".
    #[error("the mark `?` is not known")]
    Mark,
}

/// In which form a loader knows a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Not at all.
    No,
    /// Alone.
    Alone,
    /// Alone, or followed by a slash and anything.
    Open,
    /// Followed by anything, even without a slash.
    Begins,
}

/// One name, and in which form each loader knows it.
struct Row {
    name: &'static str,
    kind: ProgramKind,
    libbpf: Form,
    aya: Form,
    cilium: Form,
}

/// A name comes after every longer one that begins with it, as cilium/ebpf
/// takes the first that fits. Sources: `section_defs` of libbpf 1.7,
/// `ProgramSection` of aya-obj 0.3, `elfSectionDefs` of cilium/ebpf 0.19.
#[rustfmt::skip]
static TABLE: &[Row] = {
    use Form::{Alone, Begins, No, Open};
    use ProgramKind::*;
    const fn row(
        name: &'static str, kind: ProgramKind, libbpf: Form, aya: Form, cilium: Form,
    ) -> Row {
        Row { name, kind, libbpf, aya, cilium }
    }
    &[
        //  name                      kind                   libbpf aya    cilium/ebpf
        row("socket",                 SocketFilter,          Alone, Open,  Begins),
        row("sk_reuseport/migrate",   SkReuseport,           Alone, Open,  Begins),
        row("sk_reuseport",           SkReuseport,           Alone, Alone, Begins),
        row("kprobe",                 Probe,                 Open,  Open,  Open),
        row("uprobe",                 Probe,                 Open,  Open,  Open),
        row("uprobe.s",               Probe,                 Open,  Open,  Open),
        row("kretprobe",              Probe,                 Open,  Open,  Open),
        row("uretprobe",              Probe,                 Open,  Open,  Open),
        row("uretprobe.s",            Probe,                 Open,  Open,  Open),
        row("kprobe.multi",           Probe,                 Open,  No,    Open),
        row("kretprobe.multi",        Probe,                 Open,  No,    Open),
        row("kprobe.session",         Probe,                 Open,  No,    Open),
        row("uprobe.multi",           Probe,                 Open,  No,    Open),
        row("uretprobe.multi",        Probe,                 Open,  No,    Open),
        row("uprobe.session",         Probe,                 Open,  No,    No),
        row("uprobe.multi.s",         Probe,                 Open,  No,    Open),
        row("uretprobe.multi.s",      Probe,                 Open,  No,    Open),
        row("uprobe.session.s",       Probe,                 Open,  No,    No),
        row("ksyscall",               Probe,                 Open,  No,    Open),
        row("kretsyscall",            Probe,                 Open,  No,    Open),
        row("usdt",                   Probe,                 Open,  No,    Open),
        row("usdt.s",                 Probe,                 Open,  No,    Open),
        row("tc/ingress",             Tc,                    Alone, No,    Begins),
        row("tc/egress",              Tc,                    Alone, No,    Begins),
        row("tcx/ingress",            Tc,                    Alone, No,    Begins),
        row("tcx/egress",             Tc,                    Alone, No,    Begins),
        row("tc",                     Tc,                    Alone, No,    Begins),
        row("classifier",             Tc,                    Alone, Open,  Begins),
        row("action",                 SchedAct,              Alone, No,    Begins),
        row("netkit/primary",         Tc,                    Alone, No,    Begins),
        row("netkit/peer",            Tc,                    Alone, No,    Begins),
        row("tracepoint",             Tracepoint,            Open,  Open,  Open),
        row("tp",                     Tracepoint,            Open,  Open,  Open),
        row("raw_tracepoint",         RawTracepoint,         Open,  Open,  Open),
        row("raw_tp",                 RawTracepoint,         Open,  Open,  Open),
        row("raw_tracepoint.w",       RawTracepointWritable, Open,  No,    Open),
        row("raw_tp.w",               RawTracepointWritable, Open,  No,    Open),
        // Tracing to the kernel, but a tracepoint in every published label.
        row("tp_btf",                 Tracepoint,            Open,  Open,  Open),
        row("fentry",                 Tracing,               Open,  Open,  Open),
        row("fmod_ret",               Tracing,               Open,  No,    Open),
        row("fexit",                  Tracing,               Open,  Open,  Open),
        row("fentry.s",               Tracing,               Open,  Open,  Open),
        row("fmod_ret.s",             Tracing,               Open,  No,    Open),
        row("fexit.s",                Tracing,               Open,  Open,  Open),
        row("fsession",               Tracing,               Open,  No,    No),
        row("fsession.s",             Tracing,               Open,  No,    No),
        row("freplace",               Ext,                   Open,  Open,  Open),
        row("lsm",                    Lsm,                   Open,  Open,  Open),
        row("lsm.s",                  Lsm,                   Open,  Open,  Open),
        row("lsm_cgroup",             Lsm,                   Open,  Open,  Open),
        row("iter",                   Tracing,               Open,  Open,  Open),
        row("iter.s",                 Tracing,               Open,  Open,  Open),
        row("syscall",                Syscall,               Alone, No,    Begins),
        row("xdp.frags/devmap",       Xdp,                   Alone, Open,  Begins),
        row("xdp/devmap",             Xdp,                   Alone, Open,  Begins),
        row("xdp.frags/cpumap",       Xdp,                   Alone, Open,  Begins),
        row("xdp/cpumap",             Xdp,                   Alone, Open,  Begins),
        row("xdp.frags",              Xdp,                   Alone, Alone, Begins),
        row("xdp",                    Xdp,                   Alone, Alone, Begins),
        row("perf_event",             PerfEvent,             Alone, Open,  Begins),
        row("lwt_in",                 LwtIn,                 Alone, No,    Begins),
        row("lwt_out",                LwtOut,                Alone, No,    Begins),
        row("lwt_xmit",               LwtXmit,               Alone, No,    Begins),
        row("lwt_seg6local",          LwtSeg6local,          Alone, No,    Begins),
        row("sockops",                SockOps,               Alone, Open,  Begins),
        row("sk_skb/stream_parser",   SkSkb,                 Alone, Open,  Begins),
        row("sk_skb/stream_verdict",  SkSkb,                 Alone, Open,  Begins),
        row("sk_skb/verdict",         SkSkb,                 Alone, No,    Begins),
        row("sk_skb",                 SkSkb,                 Alone, No,    Begins),
        row("sk_msg",                 SkMsg,                 Alone, Open,  Begins),
        row("lirc_mode2",             LircMode2,             Alone, Open,  Begins),
        row("flow_dissector",         FlowDissector,         Alone, Open,  Begins),
        row("cgroup_skb/ingress",     CgroupSkb,             Alone, Open,  Begins),
        row("cgroup_skb/egress",      CgroupSkb,             Alone, Open,  Begins),
        row("cgroup/skb",             CgroupSkb,             Alone, Open,  Begins),
        row("cgroup/sock_create",     CgroupSock,            Alone, Open,  Begins),
        row("cgroup/sock_release",    CgroupSock,            Alone, Open,  Begins),
        row("cgroup/sock",            CgroupSock,            Alone, Open,  Begins),
        row("cgroup/post_bind4",      CgroupSock,            Alone, Open,  Begins),
        row("cgroup/post_bind6",      CgroupSock,            Alone, Open,  Begins),
        row("cgroup/bind4",           CgroupSockAddr,        Alone, Open,  Begins),
        row("cgroup/bind6",           CgroupSockAddr,        Alone, Open,  Begins),
        row("cgroup/connect4",        CgroupSockAddr,        Alone, Open,  Begins),
        row("cgroup/connect6",        CgroupSockAddr,        Alone, Open,  Begins),
        row("cgroup/connect_unix",    CgroupSockAddr,        Alone, No,    Begins),
        row("cgroup/sendmsg4",        CgroupSockAddr,        Alone, Open,  Begins),
        row("cgroup/sendmsg6",        CgroupSockAddr,        Alone, Open,  Begins),
        row("cgroup/sendmsg_unix",    CgroupSockAddr,        Alone, No,    Begins),
        row("cgroup/recvmsg4",        CgroupSockAddr,        Alone, Open,  Begins),
        row("cgroup/recvmsg6",        CgroupSockAddr,        Alone, Open,  Begins),
        row("cgroup/recvmsg_unix",    CgroupSockAddr,        Alone, No,    Begins),
        row("cgroup/getpeername4",    CgroupSockAddr,        Alone, Open,  Begins),
        row("cgroup/getpeername6",    CgroupSockAddr,        Alone, Open,  Begins),
        row("cgroup/getpeername_unix", CgroupSockAddr,       Alone, No,    Begins),
        row("cgroup/getsockname4",    CgroupSockAddr,        Alone, Open,  Begins),
        row("cgroup/getsockname6",    CgroupSockAddr,        Alone, Open,  Begins),
        row("cgroup/getsockname_unix", CgroupSockAddr,       Alone, No,    Begins),
        row("cgroup/sysctl",          CgroupSysctl,          Alone, Open,  Begins),
        row("cgroup/getsockopt",      CgroupSockopt,         Alone, Open,  Begins),
        row("cgroup/setsockopt",      CgroupSockopt,         Alone, Open,  Begins),
        row("cgroup/dev",             CgroupDevice,          Alone, Open,  Begins),
        row("struct_ops",             StructOps,             Open,  No,    Open),
        row("struct_ops.s",           StructOps,             Open,  No,    Open),
        row("sk_lookup",              SkLookup,              Alone, Open,  Begins),
        row("netfilter",              Netfilter,             Alone, No,    Begins),
    ]
};

impl Row {
    fn form(&self, loader: Loader) -> Form {
        match loader {
            Loader::Libbpf => self.libbpf,
            Loader::Aya => self.aya,
            Loader::Cilium => self.cilium,
        }
    }

    /// Returns what follows the name in `section`, or `None` where the
    /// section does not begin with it.
    fn rest<'a>(&self, section: &'a str) -> Option<&'a str> {
        section.strip_prefix(self.name)
    }

    fn accepts(&self, loader: Loader, section: &str) -> bool {
        self.rest(section).is_some_and(|rest| match self.form(loader) {
            Form::No => false,
            Form::Alone => rest.is_empty(),
            Form::Open => rest.is_empty() || rest.starts_with('/'),
            Form::Begins => true,
        })
    }
}

/// Returns what the loader makes of the programs in `section`.
///
/// # Errors
///
/// Says why where the loader infers no type.
pub fn infer(loader: Loader, section: &str) -> Result<ProgramKind, Refusal> {
    let name = match section.strip_prefix('?') {
        Some(_) if loader == Loader::Aya => return Err(Refusal::Mark),
        Some(name) => name,
        None => section,
    };
    if let Some(row) = TABLE.iter().find(|row| row.accepts(loader, name)) {
        return Ok(row.kind);
    }
    let suffixed = |row: &&Row| {
        row.form(loader) == Form::Alone && row.rest(name).is_some_and(|rest| rest.starts_with('/'))
    };
    match TABLE.iter().find(suffixed) {
        Some(row) => Err(Refusal::Suffix { name: row.name }),
        None => Err(Refusal::Unknown),
    }
}

/// Returns every name that some loader knows.
#[cfg(test)]
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.name)
}

/// Returns what every loader makes of the programs in `section`, in the order
/// of [`Loader::ALL`].
pub fn loaders(section: &str) -> [(Loader, Result<ProgramKind, Refusal>); 3] {
    Loader::ALL.map(|loader| (loader, infer(loader, section)))
}

/// Returns whether the section's programs are loaded only when asked for,
/// which libbpf and cilium/ebpf write as a leading `?`.
pub fn on_demand(section: &str) -> bool {
    section.starts_with('?')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_after_every_longer_one() {
        for (i, row) in TABLE.iter().enumerate() {
            for later in &TABLE[i + 1..] {
                let shadowed = row.cilium == Form::Begins && later.name.starts_with(row.name);
                assert!(!shadowed, "`{}` hides `{}`", row.name, later.name);
                assert_ne!(row.name, later.name);
            }
        }
    }

    /// One line per section: what libbpf, aya and cilium/ebpf say of it.
    #[test]
    fn each_loader_says_its_own() {
        let sections = [
            "xdp",
            "xdp.frags",
            "xdp/devmap",
            "xdp/counter",
            "xdpfoo",
            "?xdp",
            "classifier",
            "classifier/x",
            "tc",
            "tc/ingress",
            "tcx/egress",
            "tcx/other",
            "action",
            "kprobe",
            "kprobe/do_sys_open",
            "kprobe.multi/x*",
            "ksyscall/open",
            "usdt/a:b:c",
            "syscall",
            "netkit/primary",
            "struct_ops/init",
            "tp_btf/sched_switch",
            "fentry.s/f",
            "lsm/x",
            "sk_skb",
            "sk_skb/stream_parser",
            "cgroup/connect4",
            "cgroup/sock",
            "cgroup/nothing",
            "cgroup_skb/ingress",
            "fsession/f",
            "iter/task",
            "",
            "/",
            "nonsense",
        ];
        let mut report = String::new();
        for section in sections {
            report += section;
            for (_, verdict) in loaders(section) {
                report += &match verdict {
                    Ok(kind) => format!(" | {kind}"),
                    Err(refusal) => format!(" | {refusal}"),
                };
            }
            report += "\n";
        }
        assert_eq!(report, EXPECTED);
    }

    const EXPECTED: &str = "\
xdp | xdp | xdp | xdp
xdp.frags | xdp | xdp | xdp
xdp/devmap | xdp | xdp | xdp
xdp/counter | `xdp` is known only without a suffix | `xdp` is known only without a suffix | xdp
xdpfoo | no such section is known | no such section is known | xdp
?xdp | xdp | the mark `?` is not known | xdp
classifier | tc | tc | tc
classifier/x | `classifier` is known only without a suffix | tc | tc
tc | tc | no such section is known | tc
tc/ingress | tc | no such section is known | tc
tcx/egress | tc | no such section is known | tc
tcx/other | no such section is known | no such section is known | tc
action | sched_act | no such section is known | sched_act
kprobe | probe | probe | probe
kprobe/do_sys_open | probe | probe | probe
kprobe.multi/x* | probe | no such section is known | probe
ksyscall/open | probe | no such section is known | probe
usdt/a:b:c | probe | no such section is known | probe
syscall | syscall | no such section is known | syscall
netkit/primary | tc | no such section is known | tc
struct_ops/init | struct_ops | no such section is known | struct_ops
tp_btf/sched_switch | tracepoint | tracepoint | tracepoint
fentry.s/f | tracing | tracing | tracing
lsm/x | lsm | lsm | lsm
sk_skb | sk_skb | no such section is known | sk_skb
sk_skb/stream_parser | sk_skb | sk_skb | sk_skb
cgroup/connect4 | cgroup_sock_addr | cgroup_sock_addr | cgroup_sock_addr
cgroup/sock | cgroup_sock | cgroup_sock | cgroup_sock
cgroup/nothing | no such section is known | no such section is known | no such section is known
cgroup_skb/ingress | cgroup_skb | cgroup_skb | cgroup_skb
fsession/f | tracing | no such section is known | no such section is known
iter/task | tracing | tracing | tracing
 | no such section is known | no such section is known | no such section is known
/ | no such section is known | no such section is known | no such section is known
nonsense | no such section is known | no such section is known | no such section is known
";
}
