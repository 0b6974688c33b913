//! What of an object is one architecture's alone: the names of registers, and
//! those of system calls' functions.
//!
//! Register names are those of each architecture's `struct pt_regs` and its
//! like in the kernel, as libbpf's `bpf_tracing.h` reads them; functions are
//! named as libbpf's `arch_specific_syscall_pfx()` names them.

use std::collections::{BTreeSet, HashSet};

use bpf_arch::Arch;
use bpf_object::{CoreRelocation, ObjectInfo, Program, ProgramKind};

use crate::{Finding, Rule};

use Arch::{
    Amd64, Arm, Arm64, I386, Loong64, Mips, Mips64, Mips64le, Mipsle, Ppc64, Ppc64le, Riscv64,
    S390x,
};

const X86: &[Arch] = &[I386, Amd64];
const MIPS: &[Arch] = &[Mips, Mipsle, Mips64, Mips64le];
const POWERPC: &[Arch] = &[Ppc64, Ppc64le];

/// The types that hold registers, and where there are such.
static TYPES: [(&str, &[Arch]); 3] = [
    ("struct pt_regs", &Arch::ALL),
    ("struct user_pt_regs", &[Arm64, S390x, Loong64, Ppc64, Ppc64le]),
    ("struct user_regs_struct", &[I386, Amd64, Riscv64]),
];

/// Names of registers, or of arrays of them, and who has one of that name.
/// What is not here is not judged.
#[rustfmt::skip]
static REGISTERS: [(&[&str], &[Arch]); 13] = [
    (&["ax", "bx", "cx", "dx", "si", "di", "bp", "ip", "orig_ax", "flags", "cs", "ss", "ds", "es", "fs", "gs"], X86),
    (&["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rip", "rsp", "orig_rax", "eflags"], X86),
    (&["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"], &[Amd64]),
    (&["uregs"], &[Arm]),
    (&["orig_x0", "pstate", "syscallno", "user_regs"], &[Arm64]),
    (&["gprs", "psw", "orig_gpr2"], &[S390x]),
    (&["gpr", "nip", "msr", "orig_gpr3", "ctr", "link", "xer", "ccr"], POWERPC),
    (&["cp0_epc", "cp0_status", "cp0_cause", "cp0_badvaddr"], MIPS),
    (&["epc", "ra", "tp", "gp", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s0", "s1"], &[Riscv64]),
    (&["csr_era", "csr_badvaddr"], &[Loong64]),
    (&["orig_a0"], &[Riscv64, Loong64]),
    (&["pc"], &[Arm64, Riscv64]),
    (&["regs"], &[Arm64, Loong64, Mips, Mipsle, Mips64, Mips64le]),
];

/// What functions of system calls begin with, and where.
static SYSCALLS: [(&str, &[Arch]); 10] = [
    ("__x64_sys_", &[Amd64]),
    ("__ia32_sys_", X86),
    ("__ia32_compat_sys_", &[Amd64]),
    ("__s390x_sys_", &[S390x]),
    ("__arm_sys_", &[Arm]),
    ("__arm64_sys_", &[Arm64]),
    ("__mips_sys_", MIPS),
    ("__riscv_sys_", &[Riscv64]),
    ("__powerpc_sys_", POWERPC),
    ("__powerpc64_sys_", POWERPC),
];

/// The sections that name a function of the kernel.
const KERNEL_FUNCTIONS: [&str; 11] = [
    "kprobe",
    "kretprobe",
    "kprobe.multi",
    "kretprobe.multi",
    "kprobe.session",
    "fentry",
    "fentry.s",
    "fexit",
    "fexit.s",
    "fmod_ret",
    "fmod_ret.s",
];

/// Returns what in the object `arch` does not have, each thing once.
pub(crate) fn foreign(object: &ObjectInfo, arch: Arch) -> Vec<Finding> {
    // What the object asks for first, it can do without.
    let questions = object.core.iter().filter(|access| access.kind.is_question());
    let asked: HashSet<_> =
        questions.map(|one| (&one.function, &one.type_name, one.member.as_ref())).collect();
    let is_asked = |one: &CoreRelocation| {
        let about = |member| asked.contains(&(&one.function, &one.type_name, member));
        about(None) || about(one.member.as_ref())
    };
    let accesses = object.core.iter().filter(|one| is_foreign(one, arch) && !is_asked(one));
    let messages: BTreeSet<_> = accesses
        .map(|access| {
            let function = access.function.as_ref();
            let function = function.map_or("it".to_owned(), |name| format!("function `{name}`"));
            format!("{function} reads `{access}`, which {arch} does not have")
        })
        .collect();
    let registers = messages.into_iter().map(|text| Finding::new(Rule::RegistersForeign, text));
    registers.chain(object.programs.iter().filter_map(|program| syscall(program, arch))).collect()
}

/// Returns the programs that read registers by where they are, without asking
/// the kernel for it.
pub(crate) fn readers_by_place(object: &ObjectInfo) -> impl Iterator<Item = &Program> {
    let accesses = object.core.iter().filter(|access| archs_of_type(access).is_some());
    let asking: HashSet<_> = accesses.filter_map(|access| access.function.clone()).collect();
    object.programs.iter().filter(move |program| {
        let is_probe = program.kind == Some(ProgramKind::Probe);
        is_probe && program.code.reads_context && !asking.contains(&program.name)
    })
}

fn archs_of_type(access: &CoreRelocation) -> Option<&'static [Arch]> {
    TYPES.iter().find(|(name, _)| *name == access.type_name).map(|(_, archs)| *archs)
}

fn is_foreign(access: &CoreRelocation, arch: Arch) -> bool {
    let Some(of_type) = archs_of_type(access) else { return false };
    let Some(member) = access.member.as_deref().filter(|_| !access.kind.is_question()) else {
        return false;
    };
    let register = member.split(['.', '[']).next().unwrap_or_default();
    // A name may stand in several rows, where several have it.
    let mut rows = REGISTERS.iter().filter(|(names, _)| names.contains(&register)).peekable();
    let has_register = rows.peek().is_none() || rows.any(|(_, archs)| archs.contains(&arch));
    !of_type.contains(&arch) || !has_register
}

fn syscall(program: &Program, arch: Arch) -> Option<Finding> {
    let section = program.section.strip_prefix('?').unwrap_or(&program.section);
    let (name, function) = section.split_once('/')?;
    if !KERNEL_FUNCTIONS.contains(&name) {
        return None;
    }
    let (_, archs) = SYSCALLS.iter().find(|(prefix, _)| function.starts_with(prefix))?;
    if archs.contains(&arch) {
        return None;
    }
    let program = &program.name;
    let message = format!("program `{program}` is for `{function}`, which {arch} does not have");
    Some(Finding::new(Rule::SyscallForeign, message))
}
