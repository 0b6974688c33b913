//! Whether the objects of one image hold the same on every architecture. The
//! labels are read on one machine and speak for all.

use std::collections::BTreeMap;
use std::fmt;

use bpf_arch::Arch;
use bpf_object::ObjectInfo;

/// A program or map that is not the same everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is: ``program `x` ``.
    pub subject: String,
    /// What it is on which architectures; `None` where it is absent.
    pub readings: Vec<(Vec<Arch>, Option<String>)>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.subject)?;
        for (i, (archs, reading)) in self.readings.iter().enumerate() {
            let archs: Vec<_> = archs.iter().map(|arch| arch.platform()).collect();
            let reading = reading.as_deref().unwrap_or("absent");
            write!(f, "{} {reading} on {}", if i == 0 { "" } else { ";" }, archs.join(", "))?;
        }
        Ok(())
    }
}

/// Returns what is not the same in all of `objects`, in the order of names.
pub fn difference(objects: &[(Arch, &ObjectInfo)]) -> Vec<Difference> {
    let mut readings: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
    for (index, (_, object)) in objects.iter().enumerate() {
        for (subject, reading) in facts(object) {
            let of_subject = readings.entry(subject).or_insert_with(|| vec![None; objects.len()]);
            of_subject[index] = Some(reading);
        }
    }
    let differ = readings.into_iter().filter(|(_, all)| all.windows(2).any(|two| two[0] != two[1]));
    differ
        .map(|(subject, all)| {
            let mut grouped: Vec<(Vec<Arch>, Option<String>)> = Vec::new();
            for ((arch, _), reading) in objects.iter().zip(all) {
                match grouped.iter_mut().find(|(_, other)| *other == reading) {
                    Some((archs, _)) => archs.push(*arch),
                    None => grouped.push((vec![*arch], reading)),
                }
            }
            Difference { subject, readings: grouped }
        })
        .collect()
}

/// Returns what user space relies on: what each program is, and how each map
/// is laid out.
fn facts(object: &ObjectInfo) -> Vec<(String, String)> {
    let programs = object.programs.iter().map(|program| {
        (format!("program `{}`", program.name), format!("section `{}`", program.section))
    });
    let maps = object.maps.iter().filter(|map| !map.internal).map(|map| {
        let layout = format!(
            "{}, key {}, value {}, {} entries",
            map.kind.label(),
            map.key_size,
            map.value_size,
            map.max_entries
        );
        (format!("map `{}`", map.name), layout)
    });
    programs.chain(maps).collect()
}
