//! What a loader writes over a dispatcher's variable: how many programs
//! there are, and after which verdict the next one runs.
//!
//! The layouts are a protocol between programs, so they are C's, and their
//! sizes and offsets are compared with the compiled objects by tests.

use bpf_arch::Endian;

use crate::{Action, ActionSet, TcAction, XDP, XdpAction};

/// How many programs a dispatcher takes (`MAX_DISPATCHER_ACTIONS`).
pub const MAX_PROGRAMS: usize = 10;

/// The priority that bpfman and libxdp write for a program of which they know
/// no better (`DEFAULT_PRIORITY`, libxdp's default `run_prio`).
pub const DEFAULT_PRIORITY: u32 = 50;

/// The number of programs for which a dispatcher keeps
/// [`COMPAT_TEST`](crate::COMPAT_TEST): one more than it has slots.
pub const COMPAT_TEST_PROGRAMS: u8 = MAX_PROGRAMS as u8 + 1;

/// The first byte of an XDP dispatcher's configuration from version 2 on: the
/// sum of `X`, `D` and `P` (libxdp's `XDP_DISPATCHER_MAGIC`).
pub const XDP_MAGIC: u8 = 236;

/// More programs than a dispatcher has slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} programs are more than the {MAX_PROGRAMS} that a dispatcher takes")]
pub struct TooManyPrograms(
    /// How many were given.
    pub usize,
);

/// The configuration of the XDP dispatcher: `struct xdp_dispatcher_conf`,
/// libxdp's `xdp_dispatcher_config` of version 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct XdpDispatcherConfig {
    /// [`XDP_MAGIC`].
    pub magic: u8,
    /// The version of the protocol, [`XDP`]`.version`.
    pub dispatcher_version: u8,
    /// How many slots are called. The kernel removes the others from the
    /// program: they cannot be replaced.
    pub num_progs_enabled: u8,
    /// 1 if every program takes packets of several buffers, else 0.
    pub is_xdp_frags: u8,
    /// For each slot, bit r says whether the next runs after verdict r.
    pub chain_call_actions: [u32; MAX_PROGRAMS],
    /// The priority of each program, for tools to read.
    pub run_prios: [u32; MAX_PROGRAMS],
    /// Each program's load flags, such as `BPF_F_XDP_HAS_FRAGS`, for tools to
    /// read.
    pub program_flags: [u32; MAX_PROGRAMS],
}

/// The configuration of the TC dispatcher: `struct tc_dispatcher_config`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct TcDispatcherConfig {
    /// How many slots are called. The kernel removes the others from the
    /// program: they cannot be replaced.
    pub num_progs_enabled: u8,
    /// For each slot, bit r + 1 says whether the next runs after verdict r.
    pub chain_call_actions: [u32; MAX_PROGRAMS],
    /// The priority of each program, for tools to read.
    pub run_prios: [u32; MAX_PROGRAMS],
}

// Of the protocol: readers look at the size of the map.
const _: () = assert!(size_of::<XdpDispatcherConfig>() == 124);
const _: () = assert!(size_of::<TcDispatcherConfig>() == 84);

impl XdpDispatcherConfig {
    /// Makes the configuration for programs that run in this order, each with
    /// the verdicts after which the next one runs.
    ///
    /// Every set gets `dispatcher_return` in addition: a slot whose program is
    /// not there yet, or no more, then lets the packet through. Without it
    /// the kernel would take the slot's 31 for the verdict.
    ///
    /// # Errors
    ///
    /// Fails from the eleventh program on.
    pub fn new(programs: &[ActionSet<XdpAction>]) -> Result<XdpDispatcherConfig, TooManyPrograms> {
        XdpDispatcherConfig::exactly(&always_returning(programs))
    }

    /// As [`XdpDispatcherConfig::new`], but with the sets as they are, as
    /// bpfman takes the ones that its user spells out.
    ///
    /// # Errors
    ///
    /// Fails from the eleventh program on.
    pub fn exactly(
        programs: &[ActionSet<XdpAction>],
    ) -> Result<XdpDispatcherConfig, TooManyPrograms> {
        let (num_progs_enabled, chain_call_actions) = slots(programs)?;
        Ok(XdpDispatcherConfig {
            num_progs_enabled,
            chain_call_actions,
            run_prios: [DEFAULT_PRIORITY; MAX_PROGRAMS],
            ..XdpDispatcherConfig::empty()
        })
    }

    /// Makes the configuration for a dispatcher that is loaded only to try
    /// programs against [`COMPAT_TEST`](crate::COMPAT_TEST), and never runs.
    pub fn compat_test() -> XdpDispatcherConfig {
        XdpDispatcherConfig {
            num_progs_enabled: COMPAT_TEST_PROGRAMS,
            chain_call_actions: ALWAYS_GO_ON,
            run_prios: [DEFAULT_PRIORITY; MAX_PROGRAMS],
            ..XdpDispatcherConfig::empty()
        }
    }

    /// Returns what the object's variable holds before a loader sets it.
    pub fn empty() -> XdpDispatcherConfig {
        XdpDispatcherConfig {
            magic: XDP_MAGIC,
            dispatcher_version: XDP.version as u8,
            num_progs_enabled: 0,
            is_xdp_frags: 0,
            chain_call_actions: [0; MAX_PROGRAMS],
            run_prios: [0; MAX_PROGRAMS],
            program_flags: [0; MAX_PROGRAMS],
        }
    }

    /// Returns the bytes of the variable on a machine of this byte order.
    pub fn to_bytes(&self, endian: Endian) -> [u8; 124] {
        let head = [self.magic, self.dispatcher_version, self.num_progs_enabled, self.is_xdp_frags];
        let arrays = [self.chain_call_actions, self.run_prios, self.program_flags];
        lay_out(head, arrays.as_flattened(), endian)
    }
}

impl TcDispatcherConfig {
    /// Makes the configuration for programs that run in this order, each with
    /// the verdicts after which the next one runs.
    ///
    /// Every set gets `dispatcher_return` in addition: a slot whose program is
    /// not there yet, or no more, then lets the packet through. Without it
    /// the kernel would take the slot's 30 for the verdict.
    ///
    /// # Errors
    ///
    /// Fails from the eleventh program on.
    pub fn new(programs: &[ActionSet<TcAction>]) -> Result<TcDispatcherConfig, TooManyPrograms> {
        TcDispatcherConfig::exactly(&always_returning(programs))
    }

    /// As [`TcDispatcherConfig::new`], but with the sets as they are, as
    /// bpfman takes the ones that its user spells out.
    ///
    /// # Errors
    ///
    /// Fails from the eleventh program on.
    pub fn exactly(
        programs: &[ActionSet<TcAction>],
    ) -> Result<TcDispatcherConfig, TooManyPrograms> {
        let (num_progs_enabled, chain_call_actions) = slots(programs)?;
        let run_prios = [DEFAULT_PRIORITY; MAX_PROGRAMS];
        Ok(TcDispatcherConfig { num_progs_enabled, chain_call_actions, run_prios })
    }

    /// Makes the configuration for a dispatcher that is loaded only to try
    /// programs against [`COMPAT_TEST`](crate::COMPAT_TEST), and never runs.
    pub fn compat_test() -> TcDispatcherConfig {
        TcDispatcherConfig {
            num_progs_enabled: COMPAT_TEST_PROGRAMS,
            chain_call_actions: ALWAYS_GO_ON,
            run_prios: [DEFAULT_PRIORITY; MAX_PROGRAMS],
        }
    }

    /// Returns what the object's variable holds before a loader sets it.
    pub fn empty() -> TcDispatcherConfig {
        TcDispatcherConfig {
            num_progs_enabled: 0,
            chain_call_actions: [0; MAX_PROGRAMS],
            run_prios: [0; MAX_PROGRAMS],
        }
    }

    /// Returns the bytes of the variable on a machine of this byte order.
    pub fn to_bytes(&self, endian: Endian) -> [u8; 84] {
        // The array begins at a multiple of 4: three bytes stay unused.
        let head = [self.num_progs_enabled, 0, 0, 0];
        let arrays = [self.chain_call_actions, self.run_prios];
        lay_out(head, arrays.as_flattened(), endian)
    }
}

/// Of the configuration for [`COMPAT_TEST`](crate::COMPAT_TEST). bpfman has
/// zeros here, which work only as long as the verifier cannot see that no slot
/// but the first is ever called; with every bit set, all are for certain.
const ALWAYS_GO_ON: [u32; MAX_PROGRAMS] = [u32::MAX; MAX_PROGRAMS];

fn always_returning<A: Action>(programs: &[ActionSet<A>]) -> Vec<ActionSet<A>> {
    programs.iter().map(|set| set.with(A::DISPATCHER_RETURN)).collect()
}

fn slots<A: Action>(
    programs: &[ActionSet<A>],
) -> Result<(u8, [u32; MAX_PROGRAMS]), TooManyPrograms> {
    let mut actions = [0; MAX_PROGRAMS];
    let taken = actions.get_mut(..programs.len()).ok_or(TooManyPrograms(programs.len()))?;
    taken.iter_mut().zip(programs).for_each(|(mask, set)| *mask = set.mask());
    Ok((programs.len() as u8, actions))
}

/// Writes four bytes and then the numbers.
fn lay_out<const SIZE: usize>(head: [u8; 4], numbers: &[u32], endian: Endian) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    let numbers = numbers.iter().map(|number| match endian {
        Endian::Little => number.to_le_bytes(),
        Endian::Big => number.to_be_bytes(),
    });
    for (place, word) in bytes.chunks_exact_mut(4).zip([head].into_iter().chain(numbers)) {
        place.copy_from_slice(&word);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(bytes: &[u8]) -> Vec<u32> {
        bytes.chunks_exact(4).map(|word| u32::from_be_bytes(word.try_into().unwrap())).collect()
    }

    #[test]
    fn the_order_of_the_programs_is_that_of_the_slots() {
        let sets = [
            ActionSet::from_iter([XdpAction::Drop]),
            ActionSet::default(),
            ActionSet::from_iter([XdpAction::Aborted, XdpAction::Redirect]),
        ];
        let config = XdpDispatcherConfig::new(&sets).unwrap();
        let mut expected = vec![0xec02_0300, 0x8000_0002, 0x8000_0004, 0x8000_0011];
        expected.extend([[0; 7].as_slice(), &[50; 10], &[0; 10]].concat());
        assert_eq!(words(&config.to_bytes(Endian::Big)), expected);

        let sets = [ActionSet::from_iter([TcAction::Ok]), ActionSet::default()];
        let config = TcDispatcherConfig::new(&sets).unwrap();
        let mut expected = vec![0x0200_0000, 0x8000_0002, 0x8000_0010];
        expected.extend([[0; 8].as_slice(), &[50; 10]].concat());
        assert_eq!(words(&config.to_bytes(Endian::Big)), expected);
    }

    #[test]
    fn the_last_bit_is_always_set_unless_it_was_left_out_on_purpose() {
        let (xdp, tc) = ([ActionSet::NONE], [ActionSet::NONE]);
        let first = |actions: [u32; MAX_PROGRAMS]| actions[0];
        let (new, exactly) = (XdpDispatcherConfig::new(&xdp), XdpDispatcherConfig::exactly(&xdp));
        assert_eq!(first(new.unwrap().chain_call_actions), 1 << 31);
        assert_eq!(first(exactly.unwrap().chain_call_actions), 0);
        let (new, exactly) = (TcDispatcherConfig::new(&tc), TcDispatcherConfig::exactly(&tc));
        assert_eq!(first(new.unwrap().chain_call_actions), 1 << 31);
        assert_eq!(first(exactly.unwrap().chain_call_actions), 0);
    }

    #[test]
    fn eleven_programs_are_too_many() {
        let ten = vec![ActionSet::<XdpAction>::default(); 10];
        let eleven = vec![ActionSet::<XdpAction>::default(); 11];
        assert_eq!(XdpDispatcherConfig::new(&ten).unwrap().num_progs_enabled, 10);
        let error = XdpDispatcherConfig::new(&eleven).unwrap_err();
        assert_eq!(error.to_string(), "11 programs are more than the 10 that a dispatcher takes");
        assert_eq!(XdpDispatcherConfig::exactly(&eleven), Err(TooManyPrograms(11)));
        let eleven = vec![ActionSet::<TcAction>::default(); 11];
        assert_eq!(TcDispatcherConfig::new(&eleven), Err(TooManyPrograms(11)));
    }

    #[test]
    fn byte_orders_differ_in_the_numbers_alone() {
        let config = XdpDispatcherConfig::compat_test();
        let (little, big) = (config.to_bytes(Endian::Little), config.to_bytes(Endian::Big));
        assert_eq!(little[..4], big[..4]);
        assert_eq!(
            (little[44..48].as_ref(), big[44..48].as_ref()),
            (&[50, 0, 0, 0][..], &[0, 0, 0, 50][..])
        );
    }
}
