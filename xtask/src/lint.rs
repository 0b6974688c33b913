//! `lint`: what CI demands of the source besides the tests.

use anyhow::Context as _;
use ui::{Exit, Failure, Failures};
use xshell::{Shell, cmd};

use crate::context::Context;

/// Check formatting, lints, documentation and dependencies
///
/// Every check runs, whatever the others find. The dependency check needs
/// cargo-deny and is reported as not run where that is not installed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  cargo xtask lint")]
pub(crate) struct Args {}

pub(crate) fn run(_: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let sh = shell(cx)?;
    let mut checks = vec![
        ("formatting", cmd!(sh, "cargo fmt --all --check")),
        ("lints", cmd!(sh, "cargo clippy --workspace --all-targets --locked -- -D warnings")),
        (
            "documentation",
            cmd!(sh, "cargo doc --workspace --no-deps --locked --document-private-items --quiet")
                .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"),
        ),
    ];
    if host::find_tool("cargo-deny").is_some() {
        checks.push(("dependencies", cmd!(sh, "cargo deny --locked check bans licenses sources")));
    } else {
        cx.ui.note(
            "not run: the dependency check; `cargo install --locked cargo-deny` makes it possible",
        );
    }
    let mut failures = Failures::default();
    for (what, command) in checks {
        cx.ui.step("Checking", what);
        if let Err(error) =
            command.quiet().run().with_context(|| format!("{what}: not as it should be"))
        {
            let failure = Failure::new(Exit::Failed, error);
            failures.0.push(match what {
                "formatting" => failure.hint("`cargo fmt --all` mends it"),
                _ => failure,
            });
        }
    }
    failures.or(())
}

/// Returns a shell at the top of the checkout.
pub(crate) fn shell(cx: &Context<'_>) -> Result<Shell, Failure> {
    let sh = Shell::new()?;
    sh.change_dir(&cx.root);
    Ok(sh)
}
