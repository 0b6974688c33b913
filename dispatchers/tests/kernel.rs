//! The dispatchers in the running kernel: loaded as bpfman loads them, with
//! aya, and run on a packet of zeros (`BPF_PROG_TEST_RUN`). Nothing is pinned
//! or attached to an interface, so nothing outlives a test.
#![cfg(target_os = "linux")]

use std::error::Error;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;

use aya::programs::{Extension, Program, ProgramFd, ProgramInfo, TestRun, TestRunOptions};
use aya::{Ebpf, EbpfLoader};
use bpf_arch::{Arch, Endian};
use bpf_build::{Compiler, Libbpf, Request, Source, Workshop};
use dispatchers::{
    Action, ActionSet, COMPAT_TEST, COMPAT_TEST_PROGRAMS, Dispatcher, MAX_PROGRAMS, TC, TcAction,
    TcDispatcherConfig, XDP, XdpAction, XdpDispatcherConfig,
};

/// `XDP_PASS` and `TC_ACT_OK`: what a packet gets that no program stops.
const XDP_THROUGH: i32 = XdpAction::Pass as i32;
const TC_THROUGH: i32 = TcAction::Ok as i32;

/// A dispatcher in the kernel, gone when this is dropped.
struct Loaded {
    ebpf: Ebpf,
    dispatcher: &'static Dispatcher,
}

impl Loaded {
    /// Loads a dispatcher with this configuration; `None` where the kernel
    /// lets nobody or not this user, which is then said.
    fn new(dispatcher: &'static Dispatcher, config: &[u8]) -> Option<Loaded> {
        let load = || -> Result<Ebpf, Box<dyn Error>> {
            let mut loader = EbpfLoader::new();
            loader.override_global(dispatcher.config, config, true);
            let mut ebpf = loader.load(dispatcher.object)?;
            match ebpf.program_mut(dispatcher.program).ok_or("there is no such program")? {
                Program::Xdp(program) => program.load()?,
                Program::SchedClassifier(program) => program.load()?,
                other => panic!("it is a {:?}", other.prog_type()),
            }
            Ok(ebpf)
        };
        permitted("kernel", load()).map(|ebpf| Loaded { ebpf, dispatcher })
    }

    fn xdp(config: &XdpDispatcherConfig) -> Option<Loaded> {
        Loaded::new(&XDP, &config.to_bytes(Endian::HOST))
    }

    fn tc(config: &TcDispatcherConfig) -> Option<Loaded> {
        Loaded::new(&TC, &config.to_bytes(Endian::HOST))
    }

    fn program(&self) -> &Program {
        self.ebpf.program(self.dispatcher.program).unwrap()
    }

    fn info(&self) -> ProgramInfo {
        self.program().info().unwrap()
    }

    fn fd(&self) -> ProgramFd {
        match self.program() {
            Program::Xdp(program) => program.fd(),
            Program::SchedClassifier(program) => program.fd(),
            other => panic!("it is a {:?}", other.prog_type()),
        }
        .unwrap()
        .try_clone()
        .unwrap()
    }

    /// Runs it on a packet and returns the verdict.
    fn verdict(&self) -> i32 {
        let packet = [0; 64];
        let options = TestRunOptions { data_in: Some(&packet), ..TestRunOptions::new() };
        let result = match self.program() {
            Program::Xdp(program) => program.test_run(options),
            Program::SchedClassifier(program) => program.test_run(options),
            other => panic!("it is a {:?}", other.prog_type()),
        };
        result.unwrap().return_value.cast_signed()
    }

    /// Dumps the instructions that the verifier left of it.
    fn dump(&self, bpftool: &Path, how: &[&str]) -> Vec<u8> {
        let id = self.info().id().to_string();
        let cmd = host::Cmd::new(bpftool).args(["prog", "dump", "xlated", "id", &id]).args(how);
        cmd.run().unwrap().stdout
    }

    /// Returns how many functions are left: each but the first is called once.
    fn function_count(&self, bpftool: &Path) -> usize {
        // As bytes, for which bpftool need not read the kernel's symbols.
        let instructions = self.dump(bpftool, &["file", "/dev/stdout"]);
        let (dst_shift, src_shift) = if cfg!(target_endian = "big") { (4, 0) } else { (0, 4) };
        let calls = instructions.chunks_exact(8).filter(|instruction| {
            let src = instruction[1] >> src_shift & 0xf;
            let dst = instruction[1] >> dst_shift & 0xf;
            // BPF_JMP | BPF_CALL, with BPF_PSEUDO_CALL as the source.
            (instruction[0], dst, src) == (0x85, 0, 1)
        });
        1 + calls.count()
    }

    /// Returns the names of the functions that are left.
    fn functions(&self, bpftool: &Path) -> Vec<String> {
        let dump = String::from_utf8(self.dump(bpftool, &[])).unwrap();
        // A function begins with its prototype, an instruction with a space.
        let prototypes = dump.lines().filter(|line| line.ends_with("):") && !line.starts_with(' '));
        prototypes
            .map(|line| line.split(['(', ' ']).nth(1).unwrap_or_default().to_owned())
            .collect()
    }
}

/// Returns what was loaded, or `None` where the kernel does not permit it,
/// which is then said. Anything else that goes wrong fails the test.
fn permitted<T>(need: &str, loaded: Result<T, Box<dyn Error>>) -> Option<T> {
    let error = match loaded {
        Ok(loaded) => return Some(loaded),
        Err(error) => error,
    };
    let mut causes = std::iter::successors(Some(error.as_ref()), |&cause| cause.source());
    let refused = causes.any(|cause| {
        let cause = cause.downcast_ref::<io::Error>();
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::PermissionDenied)
    });
    assert!(refused, "{error}");
    test_support::not_run(need, &format!("the kernel refused: {error}"));
    None
}

/// The same set for `count` programs.
fn sets<A: Action>(count: usize, set: ActionSet<A>) -> Vec<ActionSet<A>> {
    vec![set; count]
}

fn all<A: Action>() -> ActionSet<A> {
    A::ALL.iter().copied().collect()
}

fn all_but_the_slots_own<A: Action>() -> ActionSet<A> {
    A::ALL.iter().copied().filter(|action| *action != A::DISPATCHER_RETURN).collect()
}

fn xdp(sets: &[ActionSet<XdpAction>]) -> Option<Loaded> {
    Loaded::xdp(&XdpDispatcherConfig::exactly(sets).unwrap())
}

fn tc(sets: &[ActionSet<TcAction>]) -> Option<Loaded> {
    Loaded::tc(&TcDispatcherConfig::exactly(sets).unwrap())
}

#[test]
fn an_unset_dispatcher_lets_everything_through() {
    let Some(loaded) = Loaded::xdp(&XdpDispatcherConfig::empty()) else { return };
    assert_eq!(loaded.verdict(), XDP_THROUGH);
    let Some(loaded) = Loaded::tc(&TcDispatcherConfig::empty()) else { return };
    assert_eq!(loaded.verdict(), TC_THROUGH);
}

#[test]
fn slots_without_programs_let_everything_through() {
    for count in 0..=MAX_PROGRAMS {
        // The constructor sets the last bit where it is missing.
        let config = XdpDispatcherConfig::new(&sets(count, ActionSet::NONE)).unwrap();
        let Some(loaded) = Loaded::xdp(&config) else { return };
        assert_eq!(loaded.verdict(), XDP_THROUGH, "{count} programs");
        let config = TcDispatcherConfig::new(&sets(count, ActionSet::NONE)).unwrap();
        let Some(loaded) = Loaded::tc(&config) else { return };
        assert_eq!(loaded.verdict(), TC_THROUGH, "{count} programs");
    }
}

#[test]
fn without_the_last_bit_a_slots_own_value_is_the_verdict() {
    for count in 1..=MAX_PROGRAMS {
        for set in [ActionSet::NONE, all_but_the_slots_own()] {
            let Some(loaded) = xdp(&sets(count, set)) else { return };
            assert_eq!(loaded.verdict(), 31, "{count} programs, {set}");
        }
        for set in [ActionSet::NONE, all_but_the_slots_own()] {
            let Some(loaded) = tc(&sets(count, set)) else { return };
            assert_eq!(loaded.verdict(), 30, "{count} programs, {set}");
        }
    }
}

#[test]
fn each_slot_has_its_own_actions() {
    for slot in 0..MAX_PROGRAMS {
        let mut xdp_sets = sets(MAX_PROGRAMS, all());
        xdp_sets[slot] = all_but_the_slots_own();
        let mut tc_sets = sets(MAX_PROGRAMS, all());
        tc_sets[slot] = all_but_the_slots_own();
        // The slot counts if it is among the enabled ones, and only then.
        for count in [slot, MAX_PROGRAMS] {
            let expected = |own, through| if count > slot { own } else { through };
            let Some(loaded) = xdp(&xdp_sets[..count]) else { return };
            assert_eq!(loaded.verdict(), expected(31, XDP_THROUGH), "slot {slot} of {count}");
            let Some(loaded) = tc(&tc_sets[..count]) else { return };
            assert_eq!(loaded.verdict(), expected(30, TC_THROUGH), "slot {slot} of {count}");
        }
    }
}

#[test]
fn the_kernel_removes_the_slots_that_are_not_enabled() {
    let Some(bpftool) = test_support::tool("bpftool") else { return };
    for count in 0..=COMPAT_TEST_PROGRAMS {
        // Whatever the actions: they must not let the verifier see more.
        for actions in [0, 1 << 31, u32::MAX] {
            let expected = 1 + usize::from(count);
            let mut config = XdpDispatcherConfig::empty();
            config.num_progs_enabled = count;
            config.chain_call_actions = [actions; MAX_PROGRAMS];
            let Some(loaded) = Loaded::xdp(&config) else { return };
            assert_eq!(loaded.function_count(&bpftool), expected, "{count}, {actions:#x}");

            let mut config = TcDispatcherConfig::empty();
            config.num_progs_enabled = count;
            config.chain_call_actions = [actions; MAX_PROGRAMS];
            let Some(loaded) = Loaded::tc(&config) else { return };
            assert_eq!(loaded.function_count(&bpftool), expected, "{count}, {actions:#x}");
        }
    }
}

#[test]
fn the_kernel_keeps_the_first_slots_and_the_test_function_by_name() {
    let Some(bpftool) = test_support::tool("bpftool") else { return };
    let Some(loaded) = xdp(&sets(2, ActionSet::NONE)) else { return };
    assert_eq!(loaded.functions(&bpftool), [XDP.program, "prog0", "prog1"]);
    let Some(loaded) = Loaded::tc(&TcDispatcherConfig::compat_test()) else { return };
    let slots = (0..MAX_PROGRAMS).filter_map(|slot| TC.slot(slot));
    let expected: Vec<_> = [TC.program].into_iter().chain(slots).chain([COMPAT_TEST]).collect();
    assert_eq!(loaded.functions(&bpftool), expected);
}

#[test]
fn the_kernel_knows_a_dispatcher_by_name_and_by_its_one_map() {
    let Some(loaded) = Loaded::xdp(&XdpDispatcherConfig::compat_test()) else { return };
    let info = loaded.info();
    assert_eq!(info.name_as_str(), Some(XDP.program));
    assert_eq!(info.map_ids().unwrap().map(|ids| ids.len()), Some(1));
    assert_eq!(loaded.verdict(), XDP_THROUGH);
    let Some(loaded) = Loaded::tc(&TcDispatcherConfig::compat_test()) else { return };
    let info = loaded.info();
    assert_eq!(info.name_as_str(), Some(TC.program));
    assert_eq!(info.map_ids().unwrap().map(|ids| ids.len()), Some(1));
    assert_eq!(loaded.verdict(), TC_THROUGH);
}

/// Programs that take a slot's place: one with a verdict of its own, and one
/// that moves packet pointers, which the kernel allows only where the replaced
/// function does so too.
const REPLACEMENTS: &str = "\
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC(\"freplace/xdp_drops\") int xdp_drops(struct xdp_md *ctx) { return 1; }
SEC(\"freplace/tc_shoots\") int tc_shoots(struct __sk_buff *skb) { return 2; }
SEC(\"freplace/xdp_moves\") int xdp_moves(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, 0) ? 0 : 2;
}
SEC(\"freplace/tc_moves\") int tc_moves(struct __sk_buff *skb)
{
	return bpf_skb_pull_data(skb, 14) ? 2 : 3;
}
char _license[] SEC(\"license\") = \"GPL\";
";

fn replacements() -> Vec<u8> {
    let root = test_support::workspace_root();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = dir.join("replacements.bpf.c");
    host::fs::write_if_changed(&path, REPLACEMENTS.as_bytes()).unwrap();
    let clang = std::env::var_os("CLANG").filter(|clang| !clang.is_empty());
    let compiler = Compiler::find(clang.as_ref().map(Path::new), &dir.join("bpf/compilers"));
    let libbpf = Libbpf::pinned(&root).unwrap();
    let include = ["bpf/include".into()];
    let workshop =
        Workshop::open(&root, &dir.join("bpf"), compiler.unwrap(), &libbpf, &include).unwrap();
    let arch = Arch::ALL.into_iter().find(|arch| arch.endian() == Endian::HOST).unwrap();
    let request = Request { source: Source::new(path), archs: vec![arch] };
    let built = workshop.build(&[request], NonZeroUsize::MIN, &|_| {});
    built[0].objects[&arch].bytes.clone()
}

/// Puts `program` in the place of `function` for as long as the result lives.
fn replace(target: &Loaded, function: &str, program: &str) -> Option<Ebpf> {
    let load = |fd| -> Result<Ebpf, Box<dyn Error>> {
        let mut ebpf = EbpfLoader::new().load(&replacements())?;
        let extension: &mut Extension =
            ebpf.program_mut(program).ok_or("there is no such program")?.try_into()?;
        extension.load(fd, function)?;
        extension.attach()?;
        Ok(ebpf)
    };
    permitted("freplace", load(target.fd()))
}

#[test]
fn a_program_takes_the_place_of_a_slot() {
    let passes = ActionSet::from_iter([XdpAction::Pass, XdpAction::DispatcherReturn]);
    for slot in 0..MAX_PROGRAMS {
        let Some(loaded) = xdp(&sets(MAX_PROGRAMS, passes)) else { return };
        let function = XDP.slot(slot).unwrap();
        let Some(drops) = replace(&loaded, function, "xdp_drops") else { return };
        assert_eq!(loaded.verdict(), XdpAction::Drop.code(), "{function}");
        drop(drops);
        assert_eq!(loaded.verdict(), XDP_THROUGH, "{function} is a stub again");

        let Some(loaded) = tc(&sets(MAX_PROGRAMS, ActionSet::default())) else { return };
        let function = TC.slot(slot).unwrap();
        let Some(_shoots) = replace(&loaded, function, "tc_shoots") else { return };
        assert_eq!(loaded.verdict(), TcAction::Shot.code(), "{function}");
    }
}

#[test]
fn a_program_that_moves_packet_pointers_takes_the_place_of_any_function() {
    for function in [XDP.slot(0).unwrap(), COMPAT_TEST] {
        let Some(loaded) = Loaded::xdp(&XdpDispatcherConfig::compat_test()) else { return };
        let Some(_moves) = replace(&loaded, function, "xdp_moves") else { return };
        assert_eq!(loaded.verdict(), XDP_THROUGH, "{function}");
        let Some(loaded) = Loaded::tc(&TcDispatcherConfig::compat_test()) else { return };
        let Some(_moves) = replace(&loaded, function, "tc_moves") else { return };
        assert_eq!(loaded.verdict(), TC_THROUGH, "{function}");
    }
}
