//! What images and objects must and should be: one row per rule.
//!
//! A rule is known by a word that never changes. Its row says who is affected
//! where it is broken, how badly, and how to mend it. Not here: looking.

use crate::{Consumer, Severity};

/// What a [`Finding`](crate::Finding) breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is told by its row")]
pub enum Rule {
    // Of an index.
    IndexEmpty,
    IndexNested,
    Attestation,
    PlatformMissing,
    PlatformMismatch,
    PlatformTwice,
    PlatformUnknown,
    PlatformsDiffer,
    RegistersShared,
    // Of labels.
    LabelMissing,
    LabelMalformed,
    LabelNoType,
    LabelsLegacy,
    LabelsDiffer,
    LabelsInexact,
    // Of layers.
    LayerMissing,
    LayersMany,
    LayerNotCompressed,
    LayerType,
    LayerUnreadable,
    LayerEmpty,
    LayerExtraEntries,
    LayerFirstEntry,
    // Of the object as a file.
    ObjectName,
    ObjectNotAtRoot,
    ObjectOutside,
    ObjectTooLarge,
    ObjectUnreadable,
    ObjectEndianness,
    // Of what the object holds.
    ProgramsMissing,
    BtfMissing,
    LicenseMissing,
    ProgramStatic,
    SectionUnknown,
    SectionLibbpf,
    SectionAya,
    SectionCilium,
    MapLegacy,
    MapType,
    RegistersForeign,
    SyscallForeign,
}

struct Row {
    rule: Rule,
    id: &'static str,
    severity: Severity,
    consumers: &'static [Consumer],
    mend: &'static str,
}

/// In the order of [`Rule`].
#[rustfmt::skip]
static TABLE: [Row; 41] = {
    use Consumer::{Aya, BpfmanGo, BpfmanRust, CiliumEbpf, Containerd, Kernel, Libbpf, Specification};
    use Severity::{Error, Warning};
    const BOTH: &[Consumer] = &[BpfmanRust, BpfmanGo];
    const LOADERS: &[Consumer] = &[Libbpf, Aya, CiliumEbpf];
    const fn row(
        rule: Rule, id: &'static str, severity: Severity, consumers: &'static [Consumer], mend: &'static str,
    ) -> Row {
        Row { rule, id, severity, consumers, mend }
    }
    [
        row(Rule::IndexEmpty, "index-empty", Error, BOTH, "Build it again with at least one object."),
        row(Rule::IndexNested, "index-nested", Error, BOTH, "Name the images in the index itself, without an index between."),
        row(Rule::Attestation, "attestation", Warning, &[Containerd], "Build without attestations (`--provenance=false --sbom=false`), which `ctr import` takes for images."),
        row(Rule::PlatformMissing, "platform-missing", Error, BOTH, "Give the entry of the index the `platform` of its image."),
        row(Rule::PlatformMismatch, "platform-mismatch", Error, BOTH, "Build the index again from images of these platforms."),
        row(Rule::PlatformTwice, "platform-twice", Warning, BOTH, "Leave one image per operating system and architecture: the first is taken, whatever its variant."),
        row(Rule::PlatformUnknown, "platform-unknown", Error, BOTH, "Build it for `linux` and an architecture that eBPF objects are made for."),
        row(Rule::PlatformsDiffer, "platforms-differ", Warning, BOTH, "Make the programs and maps the same on all platforms, or an image of its own for each."),
        row(Rule::RegistersShared, "registers-shared", Warning, &[Kernel], "Compile it for each architecture with its `-D__TARGET_ARCH_…`."),
        row(Rule::LabelMissing, "label-missing", Error, &[Specification, BpfmanRust], "Build it with both labels, `{}` where there are no maps."),
        row(Rule::LabelMalformed, "label-malformed", Error, &[Specification, BpfmanRust, BpfmanGo], "Write the label as a JSON object whose values are strings."),
        row(Rule::LabelNoType, "label-no-type", Error, &[BpfmanRust], "Write the type into the label, such as `xdp`."),
        row(Rule::LabelsLegacy, "labels-legacy", Warning, &[Specification, BpfmanGo], "Build it again with the labels `io.ebpf.programs` and `io.ebpf.maps`."),
        row(Rule::LabelsDiffer, "labels-differ", Error, &[Specification, BpfmanRust], "Build it again with labels that are read from the object."),
        row(Rule::LabelsInexact, "labels-inexact", Error, &[Specification], "Build it again with labels that are read from the object."),
        row(Rule::LayerMissing, "layer-missing", Error, BOTH, "Put the object into a layer."),
        row(Rule::LayersMany, "layers-many", Error, &[Specification], "Build it `FROM scratch` with one `COPY`: only the first layer is read."),
        row(Rule::LayerNotCompressed, "layer-not-compressed", Error, &[Specification, BpfmanRust], "Compress the layer with gzip."),
        row(Rule::LayerType, "layer-type", Error, &[Specification, BpfmanRust, BpfmanGo], "Make the layer a tar that is compressed with gzip."),
        row(Rule::LayerUnreadable, "layer-unreadable", Error, BOTH, "Build it again, or copy it again from where it is whole."),
        row(Rule::LayerEmpty, "layer-empty", Error, BOTH, "Put the object into the layer."),
        row(Rule::LayerExtraEntries, "layer-extra-entries", Error, &[Specification], "Leave the object alone in the layer."),
        row(Rule::LayerFirstEntry, "layer-first-entry", Error, &[BpfmanRust], "Make the object the first entry of the layer, without directories before it."),
        row(Rule::ObjectName, "object-name", Error, &[BpfmanGo], "Give the file a name that ends in `.o`."),
        row(Rule::ObjectNotAtRoot, "object-not-at-root", Error, &[Specification], "Copy the file to `/`."),
        row(Rule::ObjectOutside, "object-outside", Error, &[Specification, BpfmanGo], "Copy the file to `/`."),
        row(Rule::ObjectTooLarge, "object-too-large", Error, &[BpfmanGo], "Strip the object's debug information (`llvm-strip -g`)."),
        row(Rule::ObjectUnreadable, "object-unreadable", Error, BOTH, "Put an eBPF object into the image, as `clang -target bpf -g -c` makes it."),
        row(Rule::ObjectEndianness, "object-endianness", Error, BOTH, "Compile it for the byte order of the platform (`-target bpfel` or `bpfeb`)."),
        row(Rule::ProgramsMissing, "programs-missing", Error, BOTH, "Put functions into sections that name a program type, such as `SEC(\"xdp\")`."),
        row(Rule::BtfMissing, "btf-missing", Error, BOTH, "Compile it with `-g`."),
        row(Rule::LicenseMissing, "license-missing", Error, &[Kernel], "Add `char _license[] SEC(\"license\") = \"…\";` to the source."),
        row(Rule::ProgramStatic, "program-static", Error, &[Libbpf], "Take `static` from the function."),
        row(Rule::SectionUnknown, "section-unknown", Error, LOADERS, "Name the section after a program type, such as `SEC(\"xdp\")`."),
        row(Rule::SectionLibbpf, "section-libbpf", Warning, &[Libbpf], "Use plain `SEC(\"classifier\")` for TC and TCX, `SEC(\"xdp\")` for XDP."),
        row(Rule::SectionAya, "section-aya", Warning, &[BpfmanRust, Aya], "Use plain `SEC(\"classifier\")` for TC and TCX; where aya knows no such program, bpfman in Rust cannot load it."),
        row(Rule::SectionCilium, "section-cilium", Warning, &[BpfmanGo, CiliumEbpf], "Use a section that cilium/ebpf knows, too."),
        row(Rule::MapLegacy, "map-legacy", Warning, &[Libbpf], "Define the map in `SEC(\".maps\")`."),
        row(Rule::MapType, "map-type", Warning, &[BpfmanRust], "Use a map of another type, where bpfman in Rust is to know it."),
        row(Rule::RegistersForeign, "registers-foreign", Error, LOADERS, "Compile it for this architecture with its `-D__TARGET_ARCH_…`, and read registers by `PT_REGS_PARM1_CORE()` and the like."),
        row(Rule::SyscallForeign, "syscall-foreign", Warning, &[Libbpf, Kernel], "Compile it for this architecture with the name that the function has there."),
    ]
};

impl Rule {
    /// Returns every rule.
    pub fn all() -> impl Iterator<Item = Rule> {
        TABLE.iter().map(|row| row.rule)
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Returns the word by which programs know it, such as `label-missing`.
    pub fn id(self) -> &'static str {
        self.row().id
    }

    /// Returns how bad it is to break it.
    pub fn severity(self) -> Severity {
        self.row().severity
    }

    /// Returns who is affected.
    pub fn consumers(self) -> &'static [Consumer] {
        self.row().consumers
    }

    /// Returns how to mend it: one sentence.
    pub fn mend(self) -> &'static str {
        self.row().mend
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_its_row_and_word() {
        let mut words = BTreeSet::new();
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.rule as usize, index);
            let is_word = row.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            assert!(is_word && words.insert(row.id), "{}", row.id);
            assert!(!row.consumers.is_empty(), "{}", row.id);
            assert!(row.mend.ends_with('.') && !row.mend.contains(". "), "{}", row.id);
        }
        assert_eq!(Rule::SyscallForeign as usize + 1, TABLE.len());
    }
}
