//! The thirteen options `--bc-…`, one for each row of the architecture table.

use std::path::PathBuf;

use bpf_arch::Arch;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};

use super::File;

/// The files that were named by their slots, in the table's order.
#[derive(Clone, Debug, Default)]
pub(super) struct SlotArgs(pub(super) Vec<File>);

/// `--bc-amd64-el` fills the slot that Containerfiles call `BC_AMD64_EL`.
fn option(arch: Arch) -> String {
    arch.build_arg().to_lowercase().replace('_', "-")
}

impl Args for SlotArgs {
    fn augment_args(command: Command) -> Command {
        Arch::ALL.into_iter().fold(command, |command, arch| {
            let arg = Arg::new(option(arch)).long(option(arch)).value_name("FILE");
            let arg = arg.value_parser(value_parser!(PathBuf));
            command.arg(
                arg.conflicts_with_all(["bytecode", "cilium_ebpf_project"])
                    .help(format!("The object for {arch}")),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        SlotArgs::augment_args(command)
    }
}

impl FromArgMatches for SlotArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<SlotArgs, Error> {
        let file = |arch| {
            let path = matches.get_one::<PathBuf>(&option(arch))?;
            Some(File { arch, path: path.clone() })
        };
        Ok(SlotArgs(Arch::ALL.into_iter().filter_map(file).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = SlotArgs::from_arg_matches(matches)?;
        Ok(())
    }
}
