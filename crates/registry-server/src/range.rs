//! Which part of a blob is asked for (RFC 9110, 14.2).

/// A part of so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of them.
    Whole,
    /// From the first to the last, both included.
    Range(u64, u64),
    /// None of them: what is asked for is not there, or cannot be understood.
    Unsatisfiable,
}

/// Understands a `Range` header for `size` bytes. Other units than bytes and
/// several ranges at once are passed over, as a server may.
pub(crate) fn part(header: Option<&str>, size: u64) -> Part {
    let Some((unit, range)) = header.and_then(|header| header.split_once('=')) else {
        return Part::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") || range.contains(',') {
        return Part::Whole;
    }
    let Some((first, last)) = range.trim().split_once('-') else { return Part::Unsatisfiable };
    let end = size.saturating_sub(1);
    let (first, last) = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first, last.min(end)),
        (Some(first), None) if last.is_empty() => (first, end),
        (None, Some(suffix)) if first.is_empty() && suffix > 0 => {
            (size.saturating_sub(suffix), end)
        }
        _ => return Part::Unsatisfiable,
    };
    if first < size { Part::Range(first, last) } else { Part::Unsatisfiable }
}

/// Reads a number; one beyond all sizes is as good as the largest.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_are_understood() {
        use Part::{Range, Unsatisfiable, Whole};
        let cases = [
            ("bytes=0-0", 10, Range(0, 0)),
            ("bytes=2-5", 10, Range(2, 5)),
            ("bytes=2-50", 10, Range(2, 9)),
            ("bytes=2-", 10, Range(2, 9)),
            ("bytes=-3", 10, Range(7, 9)),
            ("bytes=-30", 10, Range(0, 9)),
            ("Bytes = 2-5 ", 10, Range(2, 5)),
            ("bytes=0-99999999999999999999999", 10, Range(0, 9)),
            ("bytes=10-", 10, Unsatisfiable),
            ("bytes=99999999999999999999999-", 10, Unsatisfiable),
            ("bytes=5-2", 10, Unsatisfiable),
            ("bytes=-0", 10, Unsatisfiable),
            ("bytes=-", 10, Unsatisfiable),
            ("bytes=", 10, Unsatisfiable),
            ("bytes=x-y", 10, Unsatisfiable),
            ("bytes=+1-2", 10, Unsatisfiable),
            ("bytes=1-2-3", 10, Unsatisfiable),
            ("bytes=0-", 0, Unsatisfiable),
            ("bytes=-1", 0, Unsatisfiable),
            ("bytes=0-1,3-4", 10, Whole),
            ("lines=0-1", 10, Whole),
            ("bytes", 10, Whole),
            ("", 10, Whole),
        ];
        for (header, size, expected) in cases {
            assert_eq!(part(Some(header), size), expected, "{header} of {size}");
        }
        assert_eq!(part(None, 10), Whole);
    }

    proptest! {
        #[test]
        fn ranges_lie_within(header in r"(bytes=)?[0-9]{0,21}-?[0-9]{0,21}", wild: String, size: u64) {
            for header in [header, wild] {
                if let Part::Range(first, last) = part(Some(&header), size) {
                    prop_assert!(first <= last && last < size);
                }
            }
        }
    }
}
