//! Instructions: what of the instruction set a slot of code uses.
//!
//! Encodings: the kernel's
//! `Documentation/bpf/standardization/instruction-set.rst`. Which version of
//! the set has which instruction: LLVM's CPUs `v1` to `v4`
//! (`llvm/lib/Target/BPF/BPFSubtarget.cpp`, and the kernel's
//! `Documentation/bpf/clang-notes.rst`). Not here: which kernel knows what.

use std::fmt;

use bpf_arch::Endian;

/// A version of the instruction set, as clang's `-mcpu` names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is named as clang names it")]
pub enum Isa {
    #[default]
    V1,
    V2,
    V3,
    V4,
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", *self as u8 + 1)
    }
}

/// What an instruction needs beyond the first version of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Extra {
    /// Jumps on "less than".
    JumpLess,
    /// Arithmetic on half registers, which every kernel knows.
    Alu32,
    /// Jumps that compare half registers.
    Jump32,
    /// Atomic operations other than an addition without a result.
    Atomic,
    /// Loads and moves that extend the sign.
    SignExtension,
    /// Byte swaps whatever the machine's order.
    ByteSwap,
    /// Signed division and remainder.
    SignedDivision,
    /// Jumps over more than 32767 instructions.
    LongJump,
    /// `may_goto`, a jump that ends a loop some day.
    MayGoto,
    /// Casts between address spaces, for arenas.
    AddressCast,
    /// Loads that acquire, stores that release.
    AcquireRelease,
}

impl Extra {
    /// Returns the version of the set that has it.
    pub(crate) fn isa(self) -> Isa {
        match self {
            Extra::JumpLess => Isa::V2,
            Extra::Alu32 | Extra::Jump32 | Extra::Atomic => Isa::V3,
            _ => Isa::V4,
        }
    }
}

/// One instruction: the first slot of those that take two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instruction {
    opcode: u8,
    destination: u8,
    source: u8,
    offset: i16,
    immediate: i32,
}

/// What a call instruction calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// The helper of that number.
    Helper(u32),
    /// The function so many slots from the next instruction; where the call
    /// is relocated, the number is an addend.
    Function(i32),
    /// A function of the kernel, by a number that a loader put in.
    Kernel,
}

/// The size of a slot in bytes.
pub(crate) const SLOT: usize = 8;

// The three low bits of an opcode.
const LD: u8 = 0;
const LDX: u8 = 1;
const STX: u8 = 3;
const ALU: u8 = 4;
const JMP: u8 = 5;
const JMP32: u8 = 6;
const ALU64: u8 = 7;

/// `BPF_LD | BPF_IMM | BPF_DW`, which takes two slots.
const LOAD_64: u8 = 0x18;

/// `BPF_ALU64 | BPF_MOV | BPF_X`.
const MOVE: u8 = 0xbf;

/// `BPF_ALU64 | BPF_ADD | BPF_K`.
const ADD: u8 = 0x07;

/// `BPF_JMP | BPF_CALL`.
const CALL: u8 = 0x85;

impl Instruction {
    /// Reads a slot.
    pub(crate) fn read(slot: [u8; SLOT], endian: Endian) -> Instruction {
        let [opcode, registers, o0, o1, i0, i1, i2, i3] = slot;
        let (low, high) = (registers & 0xf, registers >> 4);
        let (destination, source, offset, immediate) = match endian {
            Endian::Little => {
                (low, high, i16::from_le_bytes([o0, o1]), i32::from_le_bytes([i0, i1, i2, i3]))
            }
            Endian::Big => {
                (high, low, i16::from_be_bytes([o0, o1]), i32::from_be_bytes([i0, i1, i2, i3]))
            }
        };
        Instruction { opcode, destination, source, offset, immediate }
    }

    /// Returns how many slots it takes.
    pub(crate) fn slots(self) -> usize {
        if self.opcode == LOAD_64 { 2 } else { 1 }
    }

    /// Returns what it calls, if it is a call.
    pub(crate) fn call(self) -> Option<Call> {
        if self.opcode != CALL {
            return None;
        }
        match self.source {
            0 => Some(Call::Helper(self.immediate.cast_unsigned())),
            1 => Some(Call::Function(self.immediate)),
            2 => Some(Call::Kernel),
            _ => None,
        }
    }

    /// Returns what it needs beyond the first version of the set. What no
    /// version has is not noticed.
    pub(crate) fn extra(self) -> Option<Extra> {
        match self.opcode & 7 {
            LDX => (self.opcode & 0xe0 == 0x80).then_some(Extra::SignExtension),
            STX => self.atomic(),
            ALU | ALU64 => self.arithmetic(),
            JMP => match self.opcode & 0xf0 {
                0xa0..=0xd0 => Some(Extra::JumpLess),
                0xe0 => Some(Extra::MayGoto),
                _ => None,
            },
            JMP32 if self.opcode & 0xf0 == 0 => Some(Extra::LongJump),
            JMP32 => Some(Extra::Jump32),
            _ => None,
        }
    }

    /// Follows the copies of a pointer through registers, one bit each, over
    /// this instruction. Returns the copies after it, and whether something
    /// behind the pointer was read, or the address of a part of it taken.
    pub(crate) fn follow(self, copies: u16) -> (u16, bool) {
        let is_copy = |register: u8| copies >> register & 1 == 1;
        let without = copies & !(1 << self.destination);
        match self.opcode & 7 {
            LDX => (without, is_copy(self.source)),
            LD => (without, false),
            JMP if self.opcode == CALL => (copies & !0x3f, false),
            ALU64 if self.opcode == MOVE && self.offset == 0 => {
                (without | u16::from(is_copy(self.source)) << self.destination, false)
            }
            ALU64 if self.opcode == ADD => {
                (copies, is_copy(self.destination) && self.immediate != 0)
            }
            ALU | ALU64 => (without, false),
            _ => (copies, false),
        }
    }

    fn atomic(self) -> Option<Extra> {
        if self.opcode & 0xe0 != 0xc0 {
            return None;
        }
        match self.immediate {
            0 => None, // An addition without a result.
            0x100 | 0x110 => Some(Extra::AcquireRelease),
            _ => Some(Extra::Atomic),
        }
    }

    fn arithmetic(self) -> Option<Extra> {
        let is_half = self.opcode & 7 == ALU;
        let takes_register = self.opcode & 8 != 0;
        match (self.opcode & 0xf0, self.offset) {
            (0x30 | 0x90, 1) => Some(Extra::SignedDivision),
            (0xb0, 1) if takes_register && !is_half => Some(Extra::AddressCast),
            (0xb0, 8 | 16 | 32) if takes_register => Some(Extra::SignExtension),
            // To or from the machine's byte order: of the first version.
            (0xd0, _) if is_half => None,
            (0xd0, _) => Some(Extra::ByteSwap),
            _ => is_half.then_some(Extra::Alu32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opcode, source register, offset, immediate → what is needed.
    #[test]
    fn each_instruction_has_its_version() {
        let cases: [(u8, u8, i16, i32, Option<Extra>); 30] = [
            (0x18, 1, 0, 0, None),
            (0x61, 1, 4, 0, None),
            (0x81, 1, 4, 0, Some(Extra::SignExtension)),
            (0x89, 1, 4, 0, Some(Extra::SignExtension)),
            (0x91, 1, 4, 0, Some(Extra::SignExtension)),
            (0x7b, 1, -8, 0, None),
            (0xdb, 1, 0, 0x00, None),
            (0xc3, 1, 0, 0x00, None),
            (0xdb, 1, 0, 0x01, Some(Extra::Atomic)),
            (0xdb, 1, 0, 0xa0, Some(Extra::Atomic)),
            (0xc3, 1, 0, 0xf1, Some(Extra::Atomic)),
            (0xdb, 1, 0, 0x100, Some(Extra::AcquireRelease)),
            (0xdb, 1, 0, 0x110, Some(Extra::AcquireRelease)),
            (0x07, 0, 0, 1, None),
            (0x04, 0, 0, 1, Some(Extra::Alu32)),
            (0xdc, 0, 0, 16, None),
            (0xd4, 0, 0, 64, None),
            (0xd7, 0, 0, 32, Some(Extra::ByteSwap)),
            (0x37, 0, 1, 3, Some(Extra::SignedDivision)),
            (0x9c, 2, 1, 0, Some(Extra::SignedDivision)),
            (0xbf, 2, 0, 0, None),
            (0xbf, 2, 32, 0, Some(Extra::SignExtension)),
            (0xbc, 2, 8, 0, Some(Extra::SignExtension)),
            (0xbf, 2, 1, 1, Some(Extra::AddressCast)),
            (0x6d, 2, 3, 0, None),
            (0xad, 2, 3, 0, Some(Extra::JumpLess)),
            (0xd5, 0, 3, 7, Some(Extra::JumpLess)),
            (0x16, 0, 3, 7, Some(Extra::Jump32)),
            (0x06, 0, 0, 70_000, Some(Extra::LongJump)),
            (0xe5, 0, 3, 0, Some(Extra::MayGoto)),
        ];
        for (opcode, source, offset, immediate, expected) in cases {
            let [o0, o1] = offset.to_le_bytes();
            let [i0, i1, i2, i3] = immediate.to_le_bytes();
            let little = [opcode, source << 4, o0, o1, i0, i1, i2, i3];
            let big = [opcode, source, o1, o0, i3, i2, i1, i0];
            for (slot, endian) in [(little, Endian::Little), (big, Endian::Big)] {
                let found = Instruction::read(slot, endian).extra();
                assert_eq!(found, expected, "{opcode:#x} {offset} {immediate:#x}, {endian}");
            }
        }
    }

    #[test]
    fn a_call_is_told_by_its_source_register() {
        let call = |source: u8| {
            Instruction::read([CALL, source << 4, 0, 0, 6, 0, 0, 0], Endian::Little).call()
        };
        let expected = [Some(Call::Helper(6)), Some(Call::Function(6)), Some(Call::Kernel), None];
        assert_eq!([0, 1, 2, 3].map(call), expected);
        assert_eq!(Instruction::read([0x95, 0, 0, 0, 0, 0, 0, 0], Endian::Big).call(), None);
    }

    /// Opcode, destination, source, immediate; the copies after it, and whether
    /// something was read.
    type Follow = (u8, u8, u8, i32, (u16, bool));

    /// A register's copies, one bit each, before and after an instruction, and
    /// whether something behind it was read.
    #[test]
    fn copies_of_a_pointer_are_followed() {
        let cases: [Follow; 9] = [
            (0xbf, 6, 1, 0, (0b100_0010, false)), // r6 = r1
            (0xbf, 1, 2, 0, (0, false)),          // r1 = r2
            (0x79, 2, 1, 0, (0b10, true)),        // r2 = *(r1)
            (0x79, 1, 1, 0, (0, true)),           // r1 = *(r1)
            (0x79, 1, 2, 0, (0, false)),          // r1 = *(r2)
            (0x07, 1, 0, 112, (0b10, true)),      // r1 += 112
            (0x0f, 1, 2, 0, (0, false)),          // r1 += r2
            (0x85, 0, 0, 6, (0, false)),          // call 6
            (0x7b, 10, 1, 0, (0b10, false)),      // *(r10) = r1
        ];
        for (opcode, destination, source, immediate, expected) in cases {
            let offset = 0;
            let of = Instruction { opcode, destination, source, offset, immediate };
            assert_eq!(of.follow(0b10), expected, "{opcode:#x} r{destination} r{source}");
        }
    }

    #[test]
    fn versions_are_named_as_clang_names_them() {
        assert_eq!([Isa::V1, Isa::V4].map(|isa| isa.to_string()), ["v1", "v4"]);
        assert_eq!(Isa::default(), Isa::V1);
    }
}
