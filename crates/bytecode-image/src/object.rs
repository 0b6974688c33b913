//! What is wrong with an object before it is in any image.

use bpf_arch::Arch;
use bpf_object::section::{self, Loader};
use bpf_object::{Binding, Map, MapKind, MapOrigin, ObjectInfo, Program};

use crate::{Finding, Rule, registers};

/// The map types that bpfman 0.6 has no word for: two, and what comes after
/// the last it knows.
const WITHOUT_WORD: [u32; 2] = [19, 21];
const LAST_WITH_WORD: u32 = 33;

/// Returns what keeps an object from being loaded anywhere: errors where it
/// cannot be used at all or libbpf refuses it, warnings where one loader does.
pub fn check_object(object: &ObjectInfo) -> Vec<Finding> {
    lint_object(object, None)
}

/// Returns what keeps an object from being loaded, on that architecture if it
/// is known.
pub fn lint_object(object: &ObjectInfo, arch: Option<Arch>) -> Vec<Finding> {
    let order = arch.and_then(|arch| check_endian("the object", object, arch));
    order.into_iter().chain(check_contents(object, arch)).collect()
}

/// Returns that the object, called `what`, has the byte order of other
/// machines, if it has.
pub(crate) fn check_endian(what: &str, object: &ObjectInfo, arch: Arch) -> Option<Finding> {
    let (found, expected) = (object.endian, arch.endian());
    (found != expected).then(|| {
        let message = format!("{what} is {found}, but {arch} is {expected}");
        Finding::new(Rule::ObjectEndianness, message)
    })
}

/// Checks everything but the byte order.
pub(crate) fn check_contents(object: &ObjectInfo, arch: Option<Arch>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if object.programs.is_empty() {
        findings.push(Finding::new(Rule::ProgramsMissing, "it has no programs"));
    }
    if !object.has_btf() {
        findings.push(Finding::new(Rule::BtfMissing, "it has no BTF; compile it with `-g`"));
    }
    if object.license.is_none() {
        let message =
            "it has no section `license`, without which the kernel takes it as proprietary";
        findings.push(Finding::new(Rule::LicenseMissing, message));
    }
    findings.extend(object.programs.iter().flat_map(check_program));
    findings.extend(object.maps.iter().flat_map(check_map));
    findings.extend(arch.into_iter().flat_map(|arch| registers::foreign(object, arch)));
    findings
}

fn check_program(program: &Program) -> Vec<Finding> {
    let Program { name, section, .. } = program;
    let mut findings = Vec::new();
    if program.binding == Binding::Static {
        let message = format!("program `{name}` is static, so libbpf refuses the whole object");
        findings.push(Finding::new(Rule::ProgramStatic, message));
    }
    if program.kind.is_none() {
        let message = format!("program `{name}`: no loader knows the section `{section}`");
        findings.push(Finding::new(Rule::SectionUnknown, message));
        return findings;
    }
    for loader in Loader::ALL {
        if let Err(refusal) = section::infer(loader, section) {
            let rule = match loader {
                Loader::Libbpf => Rule::SectionLibbpf,
                Loader::Aya => Rule::SectionAya,
                Loader::Cilium => Rule::SectionCilium,
            };
            let message = format!(
                "program `{name}`: {loader} infers no type from the section `{section}` \
                 ({refusal}) and {}",
                loader.consequence()
            );
            findings.push(Finding::new(rule, message));
        }
    }
    findings
}

fn check_map(map: &Map) -> Vec<Finding> {
    let Map { name, kind, .. } = map;
    let mut findings = Vec::new();
    if map.origin == MapOrigin::Legacy {
        let message =
            format!("map `{name}` is defined in the section `maps`, which libbpf 1.0 refuses");
        findings.push(Finding::new(Rule::MapLegacy, message));
    }
    let MapKind(number) = *kind;
    if number > LAST_WITH_WORD || WITHOUT_WORD.contains(&number) {
        let message = format!("map `{name}`: bpfman 0.6 has no word for its type, {kind}");
        findings.push(Finding::new(Rule::MapType, message));
    }
    findings
}
