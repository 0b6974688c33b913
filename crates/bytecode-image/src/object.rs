//! What is wrong with an object before it is in any image.

use bpf_object::section::{self, Loader};
use bpf_object::{Binding, ObjectInfo, Program};

use crate::Finding;

/// Returns what keeps an object from being loaded: errors where it cannot be
/// used at all or libbpf refuses it, warnings where one loader does.
pub fn check_object(object: &ObjectInfo) -> Vec<Finding> {
    let mut findings = Vec::new();
    if object.programs.is_empty() {
        findings.push(Finding::error("it has no programs"));
    }
    if !object.has_btf() {
        findings.push(Finding::error("it has no BTF; compile it with `-g`"));
    }
    if object.license.is_none() {
        findings.push(Finding::error(
            "it has no section `license`, without which the kernel takes it as proprietary",
        ));
    }
    findings.extend(object.programs.iter().flat_map(check_program));
    findings
}

fn check_program(program: &Program) -> Vec<Finding> {
    let Program { name, section, .. } = program;
    let mut findings = Vec::new();
    if program.binding == Binding::Static {
        let message = format!("program `{name}` is static, so libbpf refuses the whole object");
        findings.push(Finding::error(message));
    }
    if program.kind.is_none() {
        let message = format!("program `{name}`: no loader knows the section `{section}`");
        findings.push(Finding::error(message));
        return findings;
    }
    for loader in Loader::ALL {
        if let Err(refusal) = section::infer(loader, section) {
            let message = format!(
                "program `{name}`: {loader} infers no type from the section `{section}` \
                 ({refusal}) and {}",
                loader.consequence()
            );
            findings.push(Finding::warning(message));
        }
    }
    findings
}
