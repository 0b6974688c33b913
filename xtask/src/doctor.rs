//! `doctor`: which tools are here, what for, and how to get the others.

use host::Cmd;
use serde::Serialize;
use ui::{Failure, Failures, Format, Table};

use crate::context::Context;
use crate::go_tools::{self, GoTool, Use};
use crate::rust_tools::{self, Part};
use crate::tools::{self, For, TOOLS, Tool};

/// Show which tools are installed and what they are needed for
///
/// Exits with 3 if a tool for building is missing. Building eBPF programs
/// needs clang alone, programs in Go need Go, and those in Rust what is named
/// with them; the others are for the tests. Some of those are programs in Go,
/// which are built once into ~/.cache, or XDG_CACHE_HOME.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask doctor
  cargo xtask doctor --install-deps
  cargo xtask doctor --go-tools --rust-tools")]
pub(crate) struct Args {
    /// Install what building and testing need and is missing, with apt
    #[arg(long)]
    install_deps: bool,

    /// Build the Go programs that tests and `bench push` use and that are not
    /// built yet; takes minutes
    #[arg(long)]
    go_tools: bool,

    /// Fetch Debian's Rust with its sources, and zig: what builds Rust
    /// programs for machines other than this one
    #[arg(long)]
    rust_tools: bool,
}

/// The command's JSON.
#[derive(Serialize)]
struct Report {
    schema: u32,
    tools: Vec<ToolReport>,
}

/// One tool.
#[derive(Serialize)]
struct ToolReport {
    name: &'static str,
    needed_for: &'static str,
    purpose: &'static str,
    path: Option<String>,
    version: Option<String>,
    /// What is said where it is not here.
    #[serde(skip)]
    absent: &'static str,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    if args.install_deps {
        tools::install(cx, For::Testing)?;
    }
    let go_tools = go_tools::used_for(&[Use::Tests, Use::Bench]);
    if args.go_tools {
        go_tools::build_missing(&go_tools, cx)?;
    }
    if args.rust_tools {
        rust_tools::fetch(cx)?;
    }
    let examined = TOOLS.iter().map(examine);
    let fetched = rust_tools::parts().into_iter().map(examine_part);
    let tools: Vec<_> =
        examined.chain(fetched).chain(go_tools.into_iter().map(examine_go)).collect();
    match cx.ui.format() {
        Format::Json => cx.ui.json(&Report { schema: 1, tools })?,
        Format::Human => {
            let mut table = Table::new(&["TOOL", "FOUND", "FOR", "WHY"]);
            for tool in &tools {
                let found = match (&tool.path, &tool.version) {
                    (None, _) => tool.absent,
                    (Some(path), None) => path,
                    (Some(_), Some(version)) => version,
                };
                table.row([tool.name, found, tool.needed_for, tool.purpose]);
            }
            cx.ui.table(&table)?;
        }
    }
    let missing = tools::missing(For::Building);
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|tool| tool.name).collect();
    let failure = Failure::missing(format!("missing for building: {}", names.join(", ")));
    Err(failure.hint(tools::how_to_install(&names)).into())
}

fn examine(tool: &Tool) -> ToolReport {
    let path = tool.path();
    let said = path.as_ref().and_then(|path| Cmd::new(path).arg("--version").run().ok());
    let version = said.and_then(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        version_in(&text)
    });
    ToolReport {
        name: tool.name,
        needed_for: match tool.needed {
            For::Building | For::BuildingPrograms => "building",
            For::Testing => "test",
            For::TestingSlowly => "test --slow",
        },
        purpose: tool.purpose,
        path: path.map(|path| path.display().to_string()),
        version,
        absent: "missing",
    }
}

/// What builds Rust programs is the version that it is kept under.
fn examine_part(part: Part) -> ToolReport {
    let (path, version) = part.found.unzip();
    ToolReport {
        name: part.name,
        needed_for: "building",
        purpose: part.purpose,
        path: path.map(|path| path.display().to_string()),
        version,
        absent: "not fetched",
    }
}

/// A program in Go is the version that it is kept under.
fn examine_go(tool: &GoTool) -> ToolReport {
    let path = tool.path();
    ToolReport {
        name: tool.name,
        needed_for: match tool.used {
            Use::Tests => "test --slow",
            Use::Bench => "bench push",
        },
        purpose: tool.purpose,
        version: path.is_some().then(|| tool.version().to_owned()),
        path: path.map(|path| path.display().to_string()),
        absent: "not built",
    }
}

/// Returns the first word that looks like a version: digits and dots.
fn version_in(text: &str) -> Option<String> {
    let words = text
        .split_whitespace()
        .map(|word| word.trim_start_matches('v').trim_end_matches([',', ')']));
    let looks = |word: &&str| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit());
    words.into_iter().find(looks).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_tools_say() {
        let cases = [
            ("Debian clang version 14.0.6\nTarget: x86_64-pc-linux-gnu", Some("14.0.6")),
            ("GNU readelf (GNU Binutils for Debian) 2.40", Some("2.40")),
            ("bpftool v7.1.0\nusing libbpf v1.1", Some("7.1.0")),
            ("umoci version 0.4.7+ds", Some("0.4.7+ds")),
            ("no idea", None),
        ];
        for (text, expected) in cases {
            assert_eq!(version_in(text).as_deref(), expected, "{text}");
        }
    }
}
