//! The project's own images: nothing is wrong with any of them.

use std::num::NonZeroUsize;
use std::path::Path;

use bpf_arch::Arch;
use bpf_build::{Compiler, Libbpf, Request, Source, Workshop};
use bytecode_image::{Recipe, Slot, assemble, assemble_one, lint, lint_object};
use oci::Artifact;

use crate::handmade::lines;

/// Returns the source of every bytecode image of the catalogue.
fn sources(root: &Path) -> Vec<String> {
    let text = host::fs::read_to_string(&root.join("images.yaml")).unwrap();
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("bytecode: "));
    lines.map(str::to_owned).collect()
}

#[test]
fn no_image_of_the_catalogue_has_findings() {
    let wanted = std::env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
    let Some(clang) = test_support::tool(&wanted) else { return };
    let root = test_support::workspace_root();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bpf");
    let compiler = Compiler::find(Some(&clang), &cache.join("compilers")).unwrap();
    let libbpf = Libbpf::pinned(&root).unwrap();
    let include = ["bpf/include".into()];
    let workshop = Workshop::open(&root, &cache, compiler, &libbpf, &include).unwrap();
    let sources = sources(&root);
    assert_eq!(sources.len(), 22);
    let request =
        |path: &String| Request { source: Source::new(path), archs: Arch::PUBLISHED.to_vec() };
    let requests: Vec<_> = sources.iter().map(request).collect();
    let built = workshop.build(&requests, NonZeroUsize::new(2).unwrap(), &|_| {});
    for (source, built) in sources.iter().zip(&built) {
        let slots: Vec<_> = built
            .objects
            .iter()
            .map(|(arch, object)| Slot { arch: *arch, bytes: &object.bytes, info: &object.info })
            .collect();
        assert_eq!(slots.len(), 4, "{source}");
        let recipe = Recipe { file: "object.o".to_owned(), ..Recipe::default() };
        let (index, warnings) = assemble(&recipe, &slots).unwrap();
        assert_eq!(lines(&warnings), [""; 0], "{source}");
        assert_eq!(lines(&lint(&Artifact::Index(index))), [""; 0], "{source}");
        for slot in &slots {
            let (image, warnings) = assemble_one(&recipe, slot).unwrap();
            assert_eq!(lines(&warnings), [""; 0], "{source}");
            assert_eq!(lines(&lint(&Artifact::Image(image))), [""; 0], "{source}");
            assert_eq!(lines(&lint_object(slot.info, Some(slot.arch))), [""; 0], "{source}");
        }
    }
}
