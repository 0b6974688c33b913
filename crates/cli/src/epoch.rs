//! The time that everything made carries.

use ui::Failure;

/// The last second of the year 9999: images state times by RFC 3339, which
/// knows no later ones.
const LAST_SECOND: u64 = 253_402_300_799;

/// Returns the variable's time
/// (<https://reproducible-builds.org/specs/source-date-epoch/>), or 0, in
/// seconds since 1970.
///
/// # Errors
///
/// Fails if the variable is no such number, or a time that no image can state.
pub fn source_date_epoch() -> Result<u64, Failure> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH") else { return Ok(0) };
    let text = text.to_string_lossy();
    let seconds = text.parse().ok().filter(|seconds| *seconds <= LAST_SECOND);
    seconds.ok_or_else(|| {
        let message = format!("SOURCE_DATE_EPOCH is `{text}`, not a number of seconds");
        Failure::usage(format!("{message} up to {LAST_SECOND}"))
    })
}
