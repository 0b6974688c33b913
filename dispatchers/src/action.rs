//! Verdicts by name, and sets of them: after which verdict of a program the
//! next one runs.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// A verdict of one kind of program.
///
/// The names are the words of bpfman's `--proceed-on`. `dispatcher_return` is
/// no verdict of the kernel: it is what a slot returns that holds no program.
pub trait Action: Copy + fmt::Debug + fmt::Display + Eq + Send + Sync + 'static {
    /// What the verdicts are of: `XDP` or `TC`.
    const KIND: &'static str;

    /// Every verdict, in the order of their codes.
    const ALL: &'static [Self];

    /// After which ones the next program runs unless the user says otherwise.
    const DEFAULT: &'static [Self];

    /// What a slot returns that no program has replaced.
    const DISPATCHER_RETURN: Self;

    /// Returns the name, such as `pass`.
    fn name(self) -> &'static str;

    /// Returns the number that a program returns.
    fn code(self) -> i32;

    /// Returns the number of its bit in the dispatcher's configuration.
    fn bit(self) -> u32;
}

/// What an XDP program says of a packet (`enum xdp_action` of
/// `<linux/bpf.h>`). Verdict r has bit r.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum XdpAction {
    /// `XDP_ABORTED`: the program failed; the packet is dropped.
    Aborted = 0,
    /// `XDP_DROP`.
    Drop = 1,
    /// `XDP_PASS`: on to the network stack.
    Pass = 2,
    /// `XDP_TX`: out of the interface that it came from.
    Tx = 3,
    /// `XDP_REDIRECT`: to another interface, CPU or socket.
    Redirect = 4,
    /// `XDP_DISPATCHER_RETVAL` of libxdp.
    DispatcherReturn = 31,
}

/// What a TC program says of a packet (`TC_ACT_*` of `<linux/pkt_cls.h>`).
/// Verdict r has bit r + 1, for they begin at -1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum TcAction {
    /// `TC_ACT_UNSPEC`: what the filter is configured to do.
    Unspec = -1,
    /// `TC_ACT_OK`: accepted; no further filter looks at it.
    Ok = 0,
    /// `TC_ACT_RECLASSIFY`: back to the first filter.
    Reclassify = 1,
    /// `TC_ACT_SHOT`: dropped.
    Shot = 2,
    /// `TC_ACT_PIPE`: on to the next action.
    Pipe = 3,
    /// `TC_ACT_STOLEN`: taken; to the sender it looks accepted.
    Stolen = 4,
    /// `TC_ACT_QUEUED`.
    Queued = 5,
    /// `TC_ACT_REPEAT`.
    Repeat = 6,
    /// `TC_ACT_REDIRECT`: to another interface.
    Redirect = 7,
    /// `TC_ACT_TRAP`: from the hardware to the processor.
    Trap = 8,
    /// The dispatcher's own, chosen so that its bit is the last one.
    DispatcherReturn = 30,
}

impl Action for XdpAction {
    const KIND: &'static str = "XDP";
    const ALL: &'static [XdpAction] = &[
        XdpAction::Aborted,
        XdpAction::Drop,
        XdpAction::Pass,
        XdpAction::Tx,
        XdpAction::Redirect,
        XdpAction::DispatcherReturn,
    ];
    const DEFAULT: &'static [XdpAction] = &[XdpAction::Pass, XdpAction::DispatcherReturn];
    const DISPATCHER_RETURN: XdpAction = XdpAction::DispatcherReturn;

    fn name(self) -> &'static str {
        match self {
            XdpAction::Aborted => "aborted",
            XdpAction::Drop => "drop",
            XdpAction::Pass => "pass",
            XdpAction::Tx => "tx",
            XdpAction::Redirect => "redirect",
            XdpAction::DispatcherReturn => "dispatcher_return",
        }
    }

    fn code(self) -> i32 {
        self as i32
    }

    fn bit(self) -> u32 {
        self.code().unsigned_abs()
    }
}

impl Action for TcAction {
    const KIND: &'static str = "TC";
    const ALL: &'static [TcAction] = &[
        TcAction::Unspec,
        TcAction::Ok,
        TcAction::Reclassify,
        TcAction::Shot,
        TcAction::Pipe,
        TcAction::Stolen,
        TcAction::Queued,
        TcAction::Repeat,
        TcAction::Redirect,
        TcAction::Trap,
        TcAction::DispatcherReturn,
    ];
    // Without `ok`, whatever older help texts of bpfman say: this is what it
    // has always done.
    const DEFAULT: &'static [TcAction] = &[TcAction::Pipe, TcAction::DispatcherReturn];
    const DISPATCHER_RETURN: TcAction = TcAction::DispatcherReturn;

    fn name(self) -> &'static str {
        match self {
            TcAction::Unspec => "unspec",
            TcAction::Ok => "ok",
            TcAction::Reclassify => "reclassify",
            TcAction::Shot => "shot",
            TcAction::Pipe => "pipe",
            TcAction::Stolen => "stolen",
            TcAction::Queued => "queued",
            TcAction::Repeat => "repeat",
            TcAction::Redirect => "redirect",
            TcAction::Trap => "trap",
            TcAction::DispatcherReturn => "dispatcher_return",
        }
    }

    fn code(self) -> i32 {
        self as i32
    }

    fn bit(self) -> u32 {
        (self.code() + 1).unsigned_abs()
    }
}

impl fmt::Display for XdpAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for TcAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} action `{word}`; known are {}", known.join(", "))]
pub struct UnknownAction {
    /// The word as it was given.
    pub word: String,
    kind: &'static str,
    known: Vec<&'static str>,
}

fn parse<A: Action>(word: &str) -> Result<A, UnknownAction> {
    let found = A::ALL.iter().copied().find(|action| action.name() == word);
    found.ok_or_else(|| UnknownAction {
        word: word.to_owned(),
        kind: A::KIND,
        known: A::ALL.iter().map(|action| action.name()).collect(),
    })
}

impl FromStr for XdpAction {
    type Err = UnknownAction;

    fn from_str(word: &str) -> Result<XdpAction, UnknownAction> {
        parse(word)
    }
}

impl FromStr for TcAction {
    type Err = UnknownAction;

    fn from_str(word: &str) -> Result<TcAction, UnknownAction> {
        parse(word)
    }
}

/// The verdicts of a program after which the next one runs.
///
/// The default is [`Action::DEFAULT`], not the empty set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ActionSet<A> {
    mask: u32,
    of: PhantomData<A>,
}

impl<A: Action> ActionSet<A> {
    /// The set of nothing: whatever the program returns, it is the verdict.
    pub const NONE: ActionSet<A> = ActionSet { mask: 0, of: PhantomData };

    /// Returns the set as the dispatcher's configuration has it.
    pub fn mask(self) -> u32 {
        self.mask
    }

    /// Returns whether the set has `action`.
    pub fn contains(self, action: A) -> bool {
        self.mask >> action.bit() & 1 == 1
    }

    /// Returns the set with `action`.
    #[must_use]
    pub fn with(self, action: A) -> ActionSet<A> {
        ActionSet { mask: self.mask | 1 << action.bit(), ..self }
    }
}

impl<A: Action> Default for ActionSet<A> {
    fn default() -> ActionSet<A> {
        A::DEFAULT.iter().copied().collect()
    }
}

impl<A: Action> FromIterator<A> for ActionSet<A> {
    fn from_iter<I: IntoIterator<Item = A>>(actions: I) -> ActionSet<A> {
        actions.into_iter().fold(ActionSet::NONE, ActionSet::with)
    }
}

impl<A: Action> fmt::Display for ActionSet<A> {
    /// Writes the names with commas between, as `--proceed-on` takes them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let contained = A::ALL.iter().filter(|action| self.contains(**action));
        for (i, action) in contained.enumerate() {
            write!(f, "{}{action}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table<A: Action>() -> Vec<(&'static str, i32, u32)> {
        A::ALL.iter().map(|action| (action.name(), action.code(), action.bit())).collect()
    }

    #[test]
    fn names_codes_and_bits_are_those_of_the_protocol() {
        assert_eq!(
            table::<XdpAction>(),
            [
                ("aborted", 0, 0),
                ("drop", 1, 1),
                ("pass", 2, 2),
                ("tx", 3, 3),
                ("redirect", 4, 4),
                ("dispatcher_return", 31, 31),
            ]
        );
        assert_eq!(
            table::<TcAction>(),
            [
                ("unspec", -1, 0),
                ("ok", 0, 1),
                ("reclassify", 1, 2),
                ("shot", 2, 3),
                ("pipe", 3, 4),
                ("stolen", 4, 5),
                ("queued", 5, 6),
                ("repeat", 6, 7),
                ("redirect", 7, 8),
                ("trap", 8, 9),
                ("dispatcher_return", 30, 31),
            ]
        );
    }

    #[test]
    fn the_defaults_are_those_of_bpfman() {
        let (xdp, tc) = (ActionSet::<XdpAction>::default(), ActionSet::<TcAction>::default());
        assert_eq!((xdp.mask(), tc.mask()), (0x8000_0004, 0x8000_0010));
        assert_eq!(xdp.to_string(), "pass,dispatcher_return");
        assert_eq!(tc.to_string(), "pipe,dispatcher_return");
    }

    #[test]
    fn every_name_parses_and_others_are_named() {
        for action in XdpAction::ALL {
            assert_eq!(action.to_string().parse(), Ok(*action));
        }
        for action in TcAction::ALL {
            assert_eq!(action.to_string().parse(), Ok(*action));
        }
        let errors = ["", "Pass", "ok "].map(|word| word.parse::<XdpAction>().unwrap_err());
        assert_eq!(
            errors.map(|error| error.to_string()),
            ["", "Pass", "ok "].map(|word| format!(
                "unknown XDP action `{word}`; known are aborted, drop, pass, tx, redirect, \
                 dispatcher_return"
            ))
        );
        assert!("drop".parse::<TcAction>().unwrap_err().to_string().starts_with("unknown TC "));
    }

    #[test]
    fn a_set_has_what_was_put_in() {
        let set = ActionSet::from_iter([TcAction::Trap, TcAction::Unspec]);
        let contained: Vec<_> = TcAction::ALL.iter().filter(|a| set.contains(**a)).collect();
        assert_eq!(contained, [&TcAction::Unspec, &TcAction::Trap]);
        assert_eq!((set.mask(), set.to_string().as_str()), (0b10_0000_0001, "unspec,trap"));
        assert_eq!(ActionSet::<XdpAction>::NONE.to_string(), "");
    }
}
