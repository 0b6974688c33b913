//! What each dispatcher is called, and its object.

use crate::MAX_PROGRAMS;

/// The function that a loader replaces to see whether a program can be used
/// under a dispatcher at all. It is in the program only where the configuration
/// has [`crate::COMPAT_TEST_PROGRAMS`] programs.
pub const COMPAT_TEST: &str = "compat_test";

/// The functions of the slots, in the order in which they are called.
const SLOTS: [&str; MAX_PROGRAMS] =
    ["prog0", "prog1", "prog2", "prog3", "prog4", "prog5", "prog6", "prog7", "prog8", "prog9"];

/// Bytes at an address that a structure of an ELF file may have: parsers that
/// read structures in place, libbpf's and aya's among them, refuse others.
#[repr(C, align(8))]
struct Aligned<Bytes: ?Sized> {
    bytes: Bytes,
}

static XDP_ALIGNED: &Aligned<[u8]> =
    &Aligned { bytes: *include_bytes!(concat!(env!("OUT_DIR"), "/xdp_dispatcher.o")) };

static TC_ALIGNED: &Aligned<[u8]> =
    &Aligned { bytes: *include_bytes!(concat!(env!("OUT_DIR"), "/tc_dispatcher.o")) };

/// The XDP dispatcher's ELF file for the byte order of the target, at an
/// address that is a multiple of 8.
pub static XDP_OBJECT: &[u8] = &XDP_ALIGNED.bytes;

/// The TC dispatcher's ELF file for the byte order of the target, at an
/// address that is a multiple of 8.
pub static TC_OBJECT: &[u8] = &TC_ALIGNED.bytes;

/// The XDP dispatcher: libxdp's protocol, version 2.
pub static XDP: Dispatcher = Dispatcher {
    object: XDP_OBJECT,
    program: "xdp_dispatcher",
    config: "conf",
    config_size: size_of::<crate::XdpDispatcherConfig>(),
    metadata_section: "xdp_metadata",
    version: 2,
    slot_return: 31,
};

/// The TC dispatcher: bpfman's protocol, version 1.
pub static TC: Dispatcher = Dispatcher {
    object: TC_OBJECT,
    program: "tc_dispatcher",
    config: "CONFIG",
    config_size: size_of::<crate::TcDispatcherConfig>(),
    metadata_section: "tc_metadata",
    version: 1,
    slot_return: 30,
};

/// A dispatcher as loaders know it. The names and numbers are those of the C
/// source, which is asserted by tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dispatcher {
    /// The ELF file for the byte order of the target.
    pub object: &'static [u8],
    /// The program to load and attach.
    pub program: &'static str,
    /// The variable that holds the configuration.
    pub config: &'static str,
    /// The size of the configuration in bytes, and with it of the one map.
    pub config_size: usize,
    /// The section whose variable [`Dispatcher::VERSION_VARIABLE`] encodes the
    /// version in its type.
    pub metadata_section: &'static str,
    /// The version of the protocol.
    pub version: u32,
    /// What a slot returns that no program has replaced. The packet ends with
    /// this verdict unless the slot's actions have `dispatcher_return`.
    pub slot_return: u32,
}

impl Dispatcher {
    /// The variable in [`Dispatcher::metadata_section`].
    pub const VERSION_VARIABLE: &str = "dispatcher_version";

    /// Returns the function that the program at `position` replaces, such as
    /// `prog0`, or `None` from [`MAX_PROGRAMS`] on.
    pub fn slot(&self, position: usize) -> Option<&'static str> {
        SLOTS.get(position).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_aligned_elf_files_of_the_targets_byte_order() {
        // EI_DATA of the ELF header: 1 is little-endian, 2 is big-endian.
        let order = if cfg!(target_endian = "big") { 2 } else { 1 };
        for object in [XDP_OBJECT, TC_OBJECT, XDP.object, TC.object] {
            assert_eq!(object[..6], [0x7f, b'E', b'L', b'F', 2, order]);
            assert_eq!(object.as_ptr().addr() % 8, 0);
        }
    }

    #[test]
    fn there_are_ten_slots() {
        for position in 0..MAX_PROGRAMS {
            assert_eq!(XDP.slot(position), Some(format!("prog{position}").as_str()));
        }
        assert_eq!(XDP.slot(MAX_PROGRAMS), None);
    }
}
