//! The XDP and TC dispatchers: their ABI and their compiled objects.
//!
//! A dispatcher is an eBPF program with ten slots; a loader replaces the
//! function of a slot by a program, so that ten programs share one attachment
//! point. [`XDP`] and [`TC`] say what each dispatcher is called and hold its
//! object, for the byte order of the machine that this is compiled for.
//! [`XdpDispatcherConfig`] and [`TcDispatcherConfig`] are what a loader writes
//! over the object's variable before it loads it.
//!
//! ```
//! use bpf_arch::Endian;
//! use dispatchers::{ActionSet, XDP, XdpAction, XdpDispatcherConfig};
//!
//! // Two programs: the second runs if the first passes the packet.
//! let passes = ActionSet::from_iter([XdpAction::Pass]);
//! let config = XdpDispatcherConfig::new(&[passes, ActionSet::default()])?;
//! let bytes = config.to_bytes(Endian::HOST);
//! // A loader now sets the variable XDP.config of XDP.object to `bytes`,
//! // loads the program XDP.program and replaces XDP.slot(0) and XDP.slot(1).
//! assert_eq!((XDP.config, XDP.program), ("conf", "xdp_dispatcher"));
//! # assert_eq!(bytes.len(), 124);
//! # Ok::<(), dispatchers::TooManyPrograms>(())
//! ```
//!
//! Not here: the sources, which are in `bpf/` beside this crate; loading,
//! attaching and pinning, which are the loader's; the dispatchers' images,
//! which the catalogue names.

#![forbid(unsafe_code)]

mod action;
mod config;
mod dispatcher;

pub use action::{Action, ActionSet, TcAction, UnknownAction, XdpAction};
pub use config::{
    COMPAT_TEST_PROGRAMS, DEFAULT_PRIORITY, MAX_PROGRAMS, TcDispatcherConfig, TooManyPrograms,
    XDP_MAGIC, XdpDispatcherConfig,
};
pub use dispatcher::{COMPAT_TEST, Dispatcher, TC, TC_OBJECT, XDP, XDP_OBJECT};
