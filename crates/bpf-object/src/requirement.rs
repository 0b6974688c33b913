//! The lowest kernel that an object asks for, as far as it can be told from
//! its bytes.
//!
//! Each thing in an object implies the release that first had it. A kernel
//! that old need not run it: it may be configured otherwise, or its verifier
//! may refuse. Types (BTF) imply nothing by themselves: loaders leave them out
//! where the kernel knows none, and may bring a kernel's along for CO-RE.

use std::collections::BTreeSet;
use std::fmt;

use crate::kernel::{self, Release};
use crate::{Code, MapKind, MapOrigin, ObjectInfo, Program};

/// A release of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelVersion {
    /// The first number.
    pub major: u8,
    /// The second number.
    pub minor: u8,
}

impl From<Release> for KernelVersion {
    fn from((major, minor): Release) -> KernelVersion {
        KernelVersion { major, minor }
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A kernel that an object asks for by something that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The first release that has it.
    pub kernel: KernelVersion,
    /// What implies it, such as `helper bpf_ringbuf_reserve`.
    pub because: String,
}

/// Everything in an object that implies a kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The latest release first, then in the order of words.
    pub known: Vec<Requirement>,
    /// What implies a kernel too, but nobody here knows which.
    pub unknown: Vec<String>,
}

impl Requirements {
    /// Returns what implies the latest kernel: the object's.
    pub fn highest(&self) -> Option<&Requirement> {
        self.known.first()
    }
}

/// Collects what was found, each thing once.
#[derive(Default)]
struct Found {
    known: BTreeSet<(std::cmp::Reverse<KernelVersion>, String)>,
    unknown: BTreeSet<String>,
}

impl Found {
    fn add(&mut self, release: Option<Release>, because: String) {
        match release {
            Some(release) => {
                self.known.insert((std::cmp::Reverse(release.into()), because));
            }
            None => drop(self.unknown.insert(because)),
        }
    }
}

/// Returns what in the object implies which kernel.
pub(crate) fn of(object: &ObjectInfo) -> Requirements {
    let mut found = Found::default();
    for program in &object.programs {
        of_program(program, &mut found);
        of_code(&program.code, &mut found);
    }
    for subprogram in &object.subprograms {
        of_code(&subprogram.code, &mut found);
    }
    for map in &object.maps {
        if map.origin == MapOrigin::Data {
            found.add(Some(kernel::GLOBAL_DATA), "global data".to_owned());
        } else {
            of_map(map.kind, map.flags, &mut found);
        }
    }
    let requirement = |(kernel, because): (std::cmp::Reverse<KernelVersion>, _)| Requirement {
        kernel: kernel.0,
        because,
    };
    Requirements {
        known: found.known.into_iter().map(requirement).collect(),
        unknown: found.unknown.into_iter().collect(),
    }
}

fn of_program(program: &Program, found: &mut Found) {
    let section = program.section.strip_prefix('?').unwrap_or(&program.section);
    let is_under = |name: &str| {
        section.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let attached = kernel::SECTIONS.iter().filter(|(name, _)| is_under(name));
    match attached.max_by_key(|(name, _)| name.len()) {
        Some((name, release)) => found.add(Some(*release), format!("section {name}")),
        None if kernel::UNKNOWN_SECTIONS.into_iter().any(is_under) => {
            found.add(None, format!("section {section}"));
        }
        None => {}
    }
    match program.kind {
        Some(kind) => {
            let (_, release) = kernel::PROGRAMS[kind as usize];
            found.add(Some(release), format!("program type {kind}"));
        }
        None => found.add(None, format!("section {section}")),
    }
}

fn of_code(code: &Code, found: &mut Found) {
    for helper in &code.helpers {
        match helper.row() {
            Some((name, release)) => found.add(Some(*release), format!("helper {name}")),
            None => found.add(None, helper.to_string()),
        }
    }
    if !code.calls.is_empty() {
        found.add(Some(kernel::FUNCTION_CALLS), "calls of functions".to_owned());
    }
    for kfunc in code.kfuncs.iter().filter(|kfunc| !kfunc.weak) {
        found.add(Some(kernel::KERNEL_CALLS), "calls of kernel functions".to_owned());
        if !kfunc.name.is_empty() {
            found.add(None, format!("kernel function {}", kfunc.name));
        }
    }
    for extra in &code.extras {
        let (_, words, release) = kernel::EXTRAS[*extra as usize];
        found.add(Some(release), format!("instructions: {words}"));
    }
}

fn of_map(kind: MapKind, flags: u32, found: &mut Found) {
    let row = usize::try_from(kind.0).ok().and_then(|number| number.checked_sub(1));
    let release = row.and_then(|index| kernel::MAPS.get(index)).copied();
    found.add(release, format!("map type {kind}"));
    for bit in (0..u32::BITS).filter(|bit| flags >> bit & 1 == 1) {
        match kernel::MAP_FLAGS.iter().find(|(known, _, _)| *known == bit) {
            Some((_, name, release)) => found.add(Some(*release), format!("map flag {name}")),
            None => found.add(None, format!("map flag {:#x}", 1u32 << bit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruction::Extra;
    use crate::section;

    /// A kernel adds helpers at the end, so a later one is never older.
    #[test]
    fn helpers_stand_in_the_order_of_releases() {
        for two in kernel::HELPERS.windows(2) {
            assert!(two[0].1 <= two[1].1, "{two:?}");
        }
    }

    #[test]
    fn rows_stand_in_the_order_of_their_enumerations() {
        for (index, (kind, _)) in kernel::PROGRAMS.iter().enumerate() {
            assert_eq!(*kind as usize, index);
        }
        for (index, (extra, _, _)) in kernel::EXTRAS.iter().enumerate() {
            assert_eq!(*extra as usize, index);
        }
        assert_eq!(kernel::EXTRAS.len(), Extra::AcquireRelease as usize + 1);
    }

    #[test]
    fn sections_are_those_that_loaders_know() {
        let later = kernel::SECTIONS.iter().map(|(name, _)| *name);
        for name in later.chain(kernel::UNKNOWN_SECTIONS) {
            assert!(section::names().any(|known| known == name), "{name}");
        }
        for (name, release) in kernel::SECTIONS {
            let kind = crate::ProgramKind::from_section(name).unwrap();
            let (_, first) = kernel::PROGRAMS[kind as usize];
            assert!(release > first, "`{name}` says nothing that {kind} does not");
        }
    }
}
