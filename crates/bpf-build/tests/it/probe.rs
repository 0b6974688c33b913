//! Temporary.
use crate::support::*;
use bpf_arch::Arch;
use bpf_build::*;

#[test]
fn p_duplicates() {
    let c = Case::new(&[("a.c", "int a;\n")]).unwrap();
    eprintln!("DUP runs {:?}", c.build(&["a.c", "a.c", "a.c"]).runs);
}
#[test]
fn p_time() {
    let c = Case::new(&[("a.c", "const char a[] = __DATE__ __TIME__;\n")]).unwrap();
    let o = c.build(&["a.c"]);
    eprintln!("TIME warnings {:?} {:?}", o.object().warnings, o.built[0].objects[&Arch::Amd64].bytes == o.built[0].objects[&Arch::S390x].bytes);
}
#[test]
fn p_paste() {
    for text in [
        "#define CAT(a,b) a##b\n#define C2(a,b) CAT(a,b)\n#if C2(__TARGET_,ARCH_x86)\nint x86;\n#else\nlong other;\n#endif\n",
        "#if __TARGET_\\ \nARCH_x86\nint x86;\n#else\nlong other;\n#endif\n",
        "#if __TARGET_\\\r\nARCH_x86\r\nint x86;\n#else\nlong other;\n#endif\n",
    ] {
        let c = Case::new(&[("a.c", text)]).unwrap();
        let o = c.build(&["a.c"]);
        let n = o.served.len();
        eprintln!("PASTE {text:?}: served {n} {:?}", o.built[0].failures.first().map(|f| f.error.messages().unwrap_or_default().to_owned()));
    }
}
#[test]
fn p_rename() {
    let files = [("r.c", "#include \"v.h\"\nint x(void){return V;}\n"), ("v.h", "#define V 1\n")];
    let c = Case::new(&files).unwrap();
    c.build(&["r.c"]);
    c.put("v.h", "#define V 2\n");
    c.put("old.h", "#define V 3\n");
    std::thread::sleep(std::time::Duration::from_millis(100));
    c.workshop().build(&[published("r.c")], JOBS, &|e| if matches!(e, Event::Running(_)) {
        let _ = host::fs::rename(&c.path("old.h"), &c.path("v.h"));
    });
    c.put("v.h", "#define V 2\n");
    let bad = c.build(&["r.c"]);
    let calm = Case::new(&files).unwrap();
    calm.put("v.h", "#define V 2\n");
    eprintln!("RENAME poisoned {}", bad.object().bytes != calm.build(&["r.c"]).object().bytes);
}
#[test]
fn p_cache_readonly_object_dir() {
    let c = Case::new(&[("a.c", "int a;\n"),("b.c", "#include \"a.c\"\n")]).unwrap();
    for e in ["objects","plans"] { std::fs::remove_dir_all(c.path("../cache").join(e)).unwrap(); }
    let o = c.build(&["a.c"]);
    eprintln!("NOCACHE {:?}", o.built[0].failures);
}
#[test]
fn p_embed_incbin() {
    let c = Case::new(&[("a.c", "const char a[] = {\n#embed \"d.bin\"\n};\n"),("b.c", "asm(\".section .data\\n.incbin \\\"d.bin\\\"\");\nint b;\n"), ("d.bin","xyz")]).unwrap();
    let one = c.build(&["a.c","b.c"]);
    c.put("d.bin", "xyzzy");
    let two = c.build(&["a.c","b.c"]);
    for i in 0..2 { eprintln!("EMBED {i} {:?} reruns {:?}", one.built[i].failures.first().map(|f| f.error.messages().unwrap_or_default().to_owned()), two.runs); }
}
#[test]
fn p_has_include_macro() {
    let c = Case::new(&[("a.c", "#define H <later.h>\n#if __has_include(H)\n#include H\n#endif\nint a;\n")]).unwrap();
    c.build(&["a.c"]);
    c.put("first/later.h", "long later;\n");
    eprintln!("HASMACRO reruns {:?}", c.build(&["a.c"]).runs);
}
#[test]
fn p_dir_replaces_prefix() {
    // A directory component that appears: first/sub/ then header nested.
    let c = Case::new(&[("a.c", "#include <sub/h.h>\n"),("second/sub/h.h","#include \"i.h\"\n"),("second/sub/i.h","int i;\n")]).unwrap();
    c.build(&["a.c"]);
    c.put("first/sub/i.h", "long i;\n");
    eprintln!("NESTED reruns {:?}", c.build(&["a.c"]).runs);
    c.put("first/sub/h.h", "long h;\n");
    eprintln!("NESTED2 reruns {:?}", c.build(&["a.c"]).runs);
}
