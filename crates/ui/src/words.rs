//! Numbers in words, and the colours of the help.

use clap::builder::Styles;
use clap::builder::styling::{AnsiColor, Effects};

/// The colours of both programs' help: cargo's.
pub const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .usage(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .literal(AnsiColor::Cyan.on_default().effects(Effects::BOLD))
    .placeholder(AnsiColor::Cyan.on_default());

/// Returns `1 image`, `2 images`.
pub fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Returns a size with three digits: `512 B`, `4.1 KiB`, `12.0 MiB`.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// Returns a time: `0.04s`, `1.2s`, `95s`.
pub fn human_seconds(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{s:.2}s"),
        s if s < 60.0 => format!("{s:.1}s"),
        s => format!("{s:.0}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let sizes = [0, 1023, 1024, 4200, 1 << 20, 5 << 40].map(human_bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "4.1 KiB", "1.0 MiB", "5.0 TiB"]);
        assert_eq!([0.042, 1.23, 95.4].map(human_seconds), ["0.04s", "1.2s", "95s"]);
        assert_eq!([0, 1, 2].map(|n| count(n, "image")), ["0 images", "1 image", "2 images"]);
    }
}
