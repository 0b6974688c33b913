//! Which architecture an object is for, by its file's name.
//!
//! Names are those of bpf2go, `<stem>_<architecture>_<bpfel|bpfeb>.o`, with
//! the architecture as Go or as libbpf calls it. Only whole words count: an
//! `alarm_x86_bpfel.o` is not for `arm`.

use crate::{Arch, Endian};

/// Why a file's name says no architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileNameError {
    /// No word says the byte order.
    NoEndian,
    /// No word is an architecture of that byte order.
    NoArch(Endian),
    /// A word is an architecture, but of the other byte order.
    Contradiction {
        /// The word.
        word: String,
        /// The byte order that another word says.
        endian: Endian,
    },
    /// Several words are architectures, and neither stands before the byte
    /// order.
    Ambiguous(Vec<Arch>),
}

impl std::fmt::Display for FileNameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FileNameError::NoEndian => f.write_str("no word of it is `bpfel` or `bpfeb`"),
            FileNameError::NoArch(endian) => {
                write!(f, "no word of it is an architecture that is {endian}")
            }
            FileNameError::Contradiction { word, endian } => {
                write!(f, "`{word}` is no architecture that is {endian}")
            }
            FileNameError::Ambiguous(archs) => {
                let words: Vec<_> = archs.iter().map(|arch| format!("{arch}")).collect();
                write!(f, "it says more than one architecture: {}", words.join(", "))
            }
        }
    }
}

impl std::error::Error for FileNameError {}

/// Returns what an object is for by its file's name, such as
/// `bpf_arm64_bpfel.o`: one architecture, or the one that is meant and others
/// that it may serve, for `x86` is amd64 unless 386 is asked for.
///
/// # Errors
///
/// Fails if the name says no architecture, or more than one.
pub fn archs_of_file(name: &str) -> Result<Vec<Arch>, FileNameError> {
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split(['_', '-', '.']).collect();
    let endians = [Endian::Little, Endian::Big];
    let endian_of = |word: &str| endians.into_iter().find(|e| e.clang_target() == word);
    let at = words.iter().rposition(|word| endian_of(word).is_some());
    let (at, endian) =
        at.and_then(|at| Some((at, endian_of(words[at])?))).ok_or(FileNameError::NoEndian)?;
    // The word before the byte order is where bpf2go puts it.
    if let Some(word) = at.checked_sub(1).map(|before| words[before]) {
        match archs_of_word(word, endian).as_slice() {
            [] if is_arch(word) => {
                return Err(FileNameError::Contradiction { word: word.to_owned(), endian });
            }
            [] => {}
            archs => return Ok(archs.to_vec()),
        }
    }
    let mut found: Vec<Vec<Arch>> =
        words.iter().map(|word| archs_of_word(word, endian)).filter(|a| !a.is_empty()).collect();
    found.sort();
    found.dedup();
    match found.len() {
        0 => Err(FileNameError::NoArch(endian)),
        1 => Ok(found.swap_remove(0)),
        _ => Err(FileNameError::Ambiguous(found.iter().map(|archs| archs[0]).collect())),
    }
}

/// Returns whether the word is an architecture of either byte order.
fn is_arch(word: &str) -> bool {
    Arch::ALL.into_iter().any(|arch| arch.goarch() == word || arch.libbpf() == word)
}

/// Returns what a word means among the architectures of one byte order: Go's
/// name one of them, libbpf's all that it calls so, where that is clear.
fn archs_of_word(word: &str, endian: Endian) -> Vec<Arch> {
    let all = Arch::ALL.into_iter().filter(|arch| arch.endian() == endian);
    let named: Vec<Arch> = all.clone().filter(|arch| arch.goarch() == word).collect();
    if !named.is_empty() {
        return named;
    }
    let called: Vec<Arch> = all.filter(|arch| arch.libbpf() == word).collect();
    match called.as_slice() {
        [Arch::I386, Arch::Amd64] => vec![Arch::Amd64, Arch::I386],
        [_] => called,
        // libbpf's `mips` is several, each with code of its own.
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_own_names_are_understood() {
        for arch in Arch::ALL {
            assert!(archs_of_file(arch.object_file()).unwrap().contains(&arch), "{arch}");
            let by_go = format!("prog_{}_{}.o", arch.goarch(), arch.endian().clang_target());
            assert_eq!(archs_of_file(&by_go), Ok(vec![arch]));
        }
    }

    #[test]
    fn words_count_as_a_whole() {
        use Arch::*;
        let cases: [(&str, &[Arch]); 10] = [
            ("bpf_x86_bpfel.o", &[Amd64, I386]),
            ("BPF_X86_BPFEL.O", &[Amd64, I386]),
            ("bpf_386_bpfel.o", &[I386]),
            ("alarm-x86-bpfel.o", &[Amd64, I386]),
            ("arm_watch_x86_bpfel.o", &[Amd64, I386]),
            ("bpf_powerpc_bpfel.o", &[Ppc64le]),
            ("bpf_powerpc_bpfeb.o", &[Ppc64]),
            ("bpf_loong64_bpfel.o", &[Loong64]),
            ("bpf_s390x_bpfeb.o", &[S390x]),
            ("riscv.prog.bpfel.o", &[Riscv64]),
        ];
        for (name, archs) in cases {
            assert_eq!(archs_of_file(name).as_deref(), Ok(archs), "{name}");
        }
    }

    #[test]
    fn other_names_are_refused_and_say_why() {
        let cases = [
            ("prog.o", "no word of it is `bpfel` or `bpfeb`"),
            ("bpf_bpfel.o", "no word of it is an architecture that is little-endian"),
            ("alarm_bpfeb.o", "no word of it is an architecture that is big-endian"),
            ("bpf_s390_bpfel.o", "`s390` is no architecture that is little-endian"),
            ("bpf_x86_bpfeb.o", "`x86` is no architecture that is big-endian"),
            ("bpf_mips_bpfel.o", "`mips` is no architecture that is little-endian"),
            (
                "arm_arm64_prog_bpfel.o",
                "it says more than one architecture: linux/arm, linux/arm64",
            ),
        ];
        for (name, reason) in cases {
            assert_eq!(archs_of_file(name).unwrap_err().to_string(), reason, "{name}");
        }
    }
}
