//! Helpers: the functions that a kernel offers programs by number.

use std::fmt;

use crate::kernel::HELPERS;

/// A helper: a number of the kernel's `enum bpf_func_id`.
///
/// A number rather than an enumeration, since objects of tomorrow may call
/// what has no name today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Helper(pub u32);

impl Helper {
    /// Returns its name, such as `bpf_map_lookup_elem`.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|(name, _)| *name)
    }

    pub(crate) fn row(self) -> Option<&'static (&'static str, crate::kernel::Release)> {
        let index = usize::try_from(self.0).ok()?.checked_sub(1)?;
        HELPERS.get(index)
    }
}

impl fmt::Display for Helper {
    /// Prints the name, or `helper N` where it has none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "helper {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_at_their_numbers_and_unknown_ones_are_words_too() {
        let cases = [
            (0, "helper 0"),
            (1, "bpf_map_lookup_elem"),
            (6, "bpf_trace_printk"),
            (12, "bpf_tail_call"),
            (131, "bpf_ringbuf_reserve"),
            (211, "bpf_cgrp_storage_delete"),
            (212, "helper 212"),
            (u32::MAX, "helper 4294967295"),
        ];
        for (number, word) in cases {
            assert_eq!(Helper(number).to_string(), word);
        }
    }
}
