//! An image or an object in lines for people.
//!
//! Tables stand at the left edge: they are as wide as the terminal. Every
//! word of an image is a stranger's, and is made plain before it is shown.

use bpf_object::SectionKind;
use oci::media;
use ui::{Table, human_bytes};

use super::object::ObjectReport;
use super::report::{ImageReport, PlatformReport};
use crate::image::text::{list_of, listed, plain};

/// Describes an image: its name, then every distinct object.
pub(super) fn image(image: &ImageReport) -> String {
    let kind = if media::is_index(&image.media_type) { "index" } else { "image" };
    let platforms: Vec<_> = image.platforms.iter().map(|of| of.platform.as_str()).collect();
    let about = format!("{kind}, {}, for", human_bytes(image.size));
    let mut blocks = vec![format!(
        "{}\n{}\n{}",
        plain(&image.reference),
        image.digest,
        listed(&about, &platforms)
    )];
    let mut rest: Vec<&PlatformReport> = image.platforms.iter().collect();
    let mut shown: Vec<String> = Vec::new();
    // Platforms of one object, little-endian ones mostly, share a block.
    while let Some(first) = rest.first().copied() {
        let object = first.object.as_ref();
        let alike = |other: &&PlatformReport| digest_of(other) == digest_of(first);
        let names: Vec<_> =
            rest.iter().copied().filter(alike).map(|of| of.platform.as_str()).collect();
        let heading = listed("", &names);
        blocks.push(match object {
            None => format!("{heading}\nno bytecode"),
            Some(object) => {
                let details = details(object);
                let text = match shown.contains(&details) {
                    true => "programs, maps and variables as above".to_owned(),
                    false => format!("{}\n{details}", sections(object)),
                };
                shown.push(details);
                format!("{heading}\n{}\n{text}", facts(object))
            }
        });
        rest.retain(|other| !alike(other));
    }
    blocks.join("\n\n")
}

/// Describes an object that is in no image.
pub(super) fn object(object: &ObjectReport) -> String {
    let (facts, sections) = (facts(object), sections(object));
    format!("{facts}\n{}\n{sections}\n{}", object.digest, details(object))
}

fn digest_of(platform: &PlatformReport) -> Option<&str> {
    platform.object.as_ref().map(|object| object.digest.as_str())
}

/// Returns what differs from byte order to byte order.
fn facts(object: &ObjectReport) -> String {
    let btf = match object.btf {
        Some(size) => format!("BTF {}", human_bytes(size)),
        None => "no BTF".to_owned(),
    };
    let mut facts = vec![human_bytes(object.size), object.endian.clone(), btf];
    if object.dwarf {
        facts.push("DWARF".to_owned());
    }
    facts.push(match &object.license {
        Some(license) => format!("licence {}", plain(license)),
        None => "no licence".to_owned(),
    });
    list_of(&format!("{},", plain(&object.file)), &facts)
}

/// Returns the sections that hold something of the program's own.
fn sections(object: &ObjectReport) -> String {
    let others =
        [SectionKind::Relocations, SectionKind::Symbols, SectionKind::Strings, SectionKind::Dwarf];
    let own = object.sections.iter();
    let own = own.filter(|section| !others.contains(&section.kind) && section.size > 0);
    let own = own.map(|section| format!("{} {}", section.name, human_bytes(section.size)));
    list_of("sections", &own.collect::<Vec<_>>())
}

/// Returns what is mostly the same on all platforms.
fn details(object: &ObjectReport) -> String {
    let mut text = format!("instruction set {}", object.isa);
    if let Some(implied) = &object.implied_kernel {
        text += &format!("; Linux {} implied by {}", implied.kernel, plain(&implied.because));
    }
    if !object.implies_unknown.is_empty() {
        text += &format!("\n{}", list_of("no kernel is known for", &object.implies_unknown));
    }
    for table in [programs(object), maps(object), globals(object)] {
        if !table.is_empty() {
            text += &format!("\n\n{table}");
        }
    }
    let mut lists = Vec::new();
    let [helpers, functions] = object.calls();
    lists.push(("helpers", helpers));
    lists.push(("kernel functions", functions));
    let mut accesses: Vec<&str> = object.core.iter().map(|core| core.access.as_str()).collect();
    accesses.sort_unstable();
    accesses.dedup();
    lists.push(("CO-RE", accesses));
    lists.retain(|(_, words)| !words.is_empty());
    for (index, (name, words)) in lists.iter().enumerate() {
        let gap = if index == 0 { "\n\n" } else { "\n" };
        text += &format!("{gap}{}", list_of(name, words));
    }
    text
}

fn programs(object: &ObjectReport) -> Table {
    let mut table = Table::new(&["PROGRAM", "TYPE", "INSNS", "SECTION"]);
    for program in &object.programs {
        let kind = program.kind.unwrap_or("?").to_owned();
        let instructions = program.instructions.to_string();
        table.row([plain(&program.name), kind, instructions, plain(&program.section)]);
    }
    table
}

fn maps(object: &ObjectReport) -> Table {
    let mut table = Table::new(&["MAP", "TYPE", "KEY", "VALUE", "ENTRIES"]);
    for map in object.maps.iter().filter(|map| !map.internal) {
        let numbers = [map.key_size, map.value_size, map.max_entries].map(|n| n.to_string());
        table.row([plain(&map.name), plain(&map.kind)].into_iter().chain(numbers));
    }
    table
}

fn globals(object: &ObjectReport) -> Table {
    let mut table = Table::new(&["VARIABLE", "TYPE", "SIZE", "SECTION"]);
    // One with a dot is a function's own, such as the text of a `bpf_printk`.
    for global in object.globals.iter().filter(|global| !global.name.contains('.')) {
        let type_name = plain(global.type_name.as_deref().unwrap_or("?"));
        let (name, section) = (plain(&global.name), plain(&global.section));
        table.row([name, type_name, global.size.to_string(), section]);
    }
    table
}
