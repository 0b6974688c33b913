//! Reads the dependency files that `clang -MD` writes: rules of make with one
//! target. The escapes are those of clang's `PrintFilename` (GNU make's):
//! `\ ` a space, `\#` a hash, `$$` a dollar, a backslash-newline goes on.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Returns the prerequisites in their order, the source first.
pub(crate) fn parse(text: &[u8]) -> Vec<PathBuf> {
    let mut words = Vec::new();
    let mut word = Vec::new();
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek().copied()) {
            (b'\\', Some(b'\n')) => {
                bytes.next();
                finish(&mut word, &mut words);
            }
            (b'\\', Some(escaped @ (b' ' | b'#'))) => {
                bytes.next();
                word.push(escaped);
            }
            (b'$', Some(b'$')) => {
                bytes.next();
                word.push(b'$');
            }
            (b' ' | b'\t' | b'\n' | b'\r', _) => finish(&mut word, &mut words),
            _ => word.push(byte),
        }
    }
    finish(&mut word, &mut words);
    // The first word is the target with its colon.
    words.into_iter().skip(1).collect()
}

fn finish(word: &mut Vec<u8>, words: &mut Vec<PathBuf>) {
    if !word.is_empty() {
        words.push(PathBuf::from(OsString::from_vec(std::mem::take(word))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prerequisites_are_read_with_their_escapes() {
        let cases: [(&str, &[&str]); 6] = [
            ("", &[]),
            ("o:\n", &[]),
            ("o: a.c b.h\n", &["a.c", "b.h"]),
            ("o: a.c \\\n  b.h \\\n  c.h\n", &["a.c", "b.h", "c.h"]),
            (r"o: my\ dir/a.c x\#y.h $$d/z=1.h", &["my dir/a.c", "x#y.h", "$d/z=1.h"]),
            (r"o: back\slash.c C:x.h", &[r"back\slash.c", "C:x.h"]),
        ];
        for (text, expected) in cases {
            let expected: Vec<_> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(parse(text.as_bytes()), expected, "{text:?}");
        }
    }
}
