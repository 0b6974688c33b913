//! The dispatchers' ABI, as the compiled objects of both byte orders have it,
//! against what the crate says of it.

use std::mem::offset_of;
use std::num::NonZeroUsize;
use std::path::Path;

use bpf_arch::{Arch, Endian};
use bpf_build::{Compiler, Libbpf, Request, Source, Workshop};
use bpf_object::{Binding, MapKind, MapOrigin, ObjectInfo, ProgramKind};
use dispatchers::{Dispatcher, TC, TcDispatcherConfig, XDP, XdpDispatcherConfig};
use object::{Object as _, ObjectSection as _};

const XDP_SOURCE: &str = "dispatchers/bpf/xdp_dispatcher_v2.bpf.c";
const TC_SOURCE: &str = "dispatchers/bpf/tc_dispatcher.bpf.c";

/// One architecture for each byte order.
const BOTH: [Arch; 2] = [Arch::Amd64, Arch::S390x];

/// Compiles a source for both byte orders, with the clang that `CLANG` names.
fn compile(source: Source) -> [(ObjectInfo, Vec<u8>); 2] {
    let root = test_support::workspace_root();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bpf");
    let clang = std::env::var_os("CLANG").filter(|clang| !clang.is_empty());
    let clang = clang.as_ref().map(Path::new);
    let compiler = Compiler::find(clang, &dir.join("compilers")).unwrap();
    let libbpf = Libbpf::pinned(&root).unwrap();
    let include = ["bpf/include".into()];
    let workshop = Workshop::open(&root, &dir, compiler, &libbpf, &include).unwrap();
    let request = Request { source, archs: BOTH.to_vec() };
    let mut built = workshop.build(&[request], NonZeroUsize::MIN, &|_| {});
    let built = built.remove(0);
    if let Some(failure) = built.failures.first() {
        panic!("{failure}: {}", failure.error.messages().unwrap_or_default());
    }
    BOTH.map(|arch| {
        let object = &built.objects[&arch];
        assert_eq!((object.warnings.as_str(), object.info.endian), ("", arch.endian()));
        (object.info.clone(), object.bytes.clone())
    })
}

/// Returns the bytes that the object gives a variable.
fn initial(info: &ObjectInfo, bytes: &[u8], variable: &str) -> Vec<u8> {
    let global = info.globals.iter().find(|global| global.name == variable).unwrap();
    let file = object::File::parse(bytes).unwrap();
    let data = file.section_by_name(&global.section).unwrap().data().unwrap().to_vec();
    let start = usize::try_from(global.offset).unwrap();
    data[start..][..usize::try_from(global.size).unwrap()].to_vec()
}

#[test]
fn the_embedded_objects_are_those_of_the_sources() {
    for (source, dispatcher) in [(XDP_SOURCE, &XDP), (TC_SOURCE, &TC)] {
        let compiled = compile(Source::new(source));
        let (_, bytes) = compiled.iter().find(|(info, _)| info.endian == Endian::HOST).unwrap();
        assert!(dispatcher.object == bytes, "{source}");
    }
}

#[test]
fn the_xdp_configuration_is_laid_out_as_in_c() {
    let expected = [
        ("magic", offset_of!(XdpDispatcherConfig, magic), 1),
        ("dispatcher_version", offset_of!(XdpDispatcherConfig, dispatcher_version), 1),
        ("num_progs_enabled", offset_of!(XdpDispatcherConfig, num_progs_enabled), 1),
        ("is_xdp_frags", offset_of!(XdpDispatcherConfig, is_xdp_frags), 1),
        ("chain_call_actions", offset_of!(XdpDispatcherConfig, chain_call_actions), 40),
        ("run_prios", offset_of!(XdpDispatcherConfig, run_prios), 40),
        ("program_flags", offset_of!(XdpDispatcherConfig, program_flags), 40),
    ];
    assert_eq!(expected.map(|(_, offset, _)| offset), [0, 1, 2, 3, 4, 44, 84]);
    check_layout(XDP_SOURCE, &XDP, &expected);
}

#[test]
fn the_tc_configuration_is_laid_out_as_in_c() {
    let expected = [
        ("num_progs_enabled", offset_of!(TcDispatcherConfig, num_progs_enabled), 1),
        ("chain_call_actions", offset_of!(TcDispatcherConfig, chain_call_actions), 40),
        ("run_prios", offset_of!(TcDispatcherConfig, run_prios), 40),
    ];
    assert_eq!(expected.map(|(_, offset, _)| offset), [0, 4, 44]);
    check_layout(TC_SOURCE, &TC, &expected);
}

fn check_layout(source: &str, dispatcher: &Dispatcher, expected: &[(&str, usize, u64)]) {
    for (info, _) in compile(Source::new(source)) {
        let layout = info.variable(dispatcher.config).unwrap();
        let found: Vec<_> = layout
            .members
            .iter()
            .map(|member| (member.name.as_str(), member.offset as usize, member.size))
            .collect();
        assert_eq!(found, expected, "{}", info.endian);
        assert_eq!(layout.size, dispatcher.config_size as u64, "{}", info.endian);
    }
}

#[test]
fn the_objects_hold_what_loaders_look_for_and_nothing_else() {
    for (source, dispatcher, kind, config_type) in [
        (XDP_SOURCE, &XDP, ProgramKind::Xdp, "struct xdp_dispatcher_conf"),
        (TC_SOURCE, &TC, ProgramKind::Tc, "struct tc_dispatcher_config"),
    ] {
        for (info, _) in compile(Source::new(source)) {
            check_contents(&info, dispatcher, kind, config_type);
        }
    }
}

fn check_contents(info: &ObjectInfo, dispatcher: &Dispatcher, kind: ProgramKind, of: &str) {
    let programs: Vec<_> =
        info.programs.iter().map(|p| (p.name.as_str(), p.kind, p.binding)).collect();
    assert_eq!(programs, [(dispatcher.program, Some(kind), Binding::Global)]);

    let slots = (0..dispatchers::MAX_PROGRAMS).filter_map(|slot| dispatcher.slot(slot));
    let functions: Vec<_> = slots.chain([dispatchers::COMPAT_TEST]).collect();
    let found: Vec<_> = info.subprograms.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(found, functions);
    assert!(info.subprograms.iter().all(|s| s.binding == Binding::Global));

    // libxdp wants one map, with the configuration as its one value.
    let size = dispatcher.config_size;
    assert_eq!(info.maps.len(), 1);
    let map = &info.maps[0];
    assert_eq!(
        (map.name.as_str(), map.kind, map.origin),
        (".rodata", MapKind::ARRAY, MapOrigin::Data)
    );
    assert_eq!((map.key_size, map.value_size as usize, map.max_entries), (4, size, 1));

    assert_eq!(info.globals.len(), 1);
    let global = &info.globals[0];
    assert_eq!((global.name.as_str(), global.section.as_str()), (dispatcher.config, ".rodata"));
    assert_eq!((global.offset, global.size as usize), (0, size));
    assert_eq!((global.type_name.as_deref(), global.binding), (Some(of), Binding::Global));

    let version = info.metadata_uint(dispatcher.metadata_section, Dispatcher::VERSION_VARIABLE);
    assert_eq!(version, Some(dispatcher.version));
    assert_eq!(info.license.as_deref(), Some("GPL"));
    assert!(info.has_btf() && !info.has_dwarf());
}

/// The helpers that move packet pointers and, with these arguments, change
/// nothing (`__BPF_FUNC_MAPPER` of `<linux/bpf.h>`).
const XDP_ADJUST_TAIL: i32 = 65;
const SKB_PULL_DATA: i32 = 39;

#[test]
fn every_stub_may_be_replaced_by_a_program_that_moves_packet_pointers() {
    for (source, helper) in [(XDP_SOURCE, XDP_ADJUST_TAIL), (TC_SOURCE, SKB_PULL_DATA)] {
        for (info, bytes) in compile(Source::new(source)) {
            let file = object::File::parse(&*bytes).unwrap();
            let code = file.section_by_name(".text").unwrap().data().unwrap();
            let mut instructions = code.chunks_exact(8);
            for stub in &info.subprograms {
                let own = instructions.by_ref().take(stub.instructions);
                let helpers: Vec<_> = own.filter_map(|i| called_helper(i, info.endian)).collect();
                assert_eq!(helpers, [helper], "{} of {source}, {}", stub.name, info.endian);
            }
        }
    }
}

/// Returns the helper's number if the instruction calls one: `BPF_JMP |
/// BPF_CALL` without registers.
fn called_helper(instruction: &[u8], endian: Endian) -> Option<i32> {
    let number = instruction[4..].try_into().unwrap();
    (instruction[..2] == [0x85, 0]).then(|| match endian {
        Endian::Little => i32::from_le_bytes(number),
        Endian::Big => i32::from_be_bytes(number),
    })
}

#[test]
fn unset_variables_hold_the_empty_configuration() {
    for (info, bytes) in compile(Source::new(XDP_SOURCE)) {
        let expected = XdpDispatcherConfig::empty().to_bytes(info.endian);
        assert_eq!(initial(&info, &bytes, XDP.config), expected);
    }
    for (info, bytes) in compile(Source::new(TC_SOURCE)) {
        let expected = TcDispatcherConfig::empty().to_bytes(info.endian);
        assert_eq!(initial(&info, &bytes, TC.config), expected);
    }
}

/// Fills the array of this position: no number of any array is another's, and
/// each has four different bytes.
fn numbers(array: u32) -> [u32; 10] {
    std::array::from_fn(|i| 0x0102_0304 * (array * 10 + i as u32 + 1))
}

/// Lets clang lay out a configuration beside the dispatcher's own.
fn compile_with_known(header: &str, definition: &str) -> [(ObjectInfo, Vec<u8>); 2] {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("known_{header}"));
    let text = format!("#include <{header}>\nconst volatile {definition};\n");
    host::fs::write_if_changed(&path, text.as_bytes()).unwrap();
    compile(Source { include: vec!["dispatchers/bpf".to_owned()], ..Source::new(path) })
}

fn in_c(numbers: [u32; 10]) -> String {
    format!("{{ {} }}", numbers.map(|number| number.to_string()).join(", "))
}

#[test]
fn clang_writes_the_same_xdp_configuration() {
    let [chain_call_actions, run_prios, program_flags] = [0, 1, 2].map(numbers);
    let definition = format!(
        "struct xdp_dispatcher_conf known = {{ 236, 2, 7, 1, {}, {}, {} }}",
        in_c(chain_call_actions),
        in_c(run_prios),
        in_c(program_flags)
    );
    let config = XdpDispatcherConfig {
        num_progs_enabled: 7,
        is_xdp_frags: 1,
        chain_call_actions,
        run_prios,
        program_flags,
        ..XdpDispatcherConfig::empty()
    };
    for (info, bytes) in compile_with_known("xdp_dispatcher_v2.bpf.c", &definition) {
        assert_eq!(initial(&info, &bytes, "known"), config.to_bytes(info.endian));
    }
}

#[test]
fn clang_writes_the_same_tc_configuration() {
    let [chain_call_actions, run_prios] = [0, 1].map(numbers);
    let definition = format!(
        "struct tc_dispatcher_config known = {{ 7, {}, {} }}",
        in_c(chain_call_actions),
        in_c(run_prios)
    );
    let config = TcDispatcherConfig { num_progs_enabled: 7, chain_call_actions, run_prios };
    for (info, bytes) in compile_with_known("tc_dispatcher.bpf.c", &definition) {
        assert_eq!(initial(&info, &bytes, "known"), config.to_bytes(info.endian));
    }
}
