//! From a checkout to an image that runs: programs, Containerfile, built-in
//! builder.

use bpf_arch::Arch;
use image_build::{BuildRequest, native};
use oci::{Artifact, EntryLimits, Reference};
use std::os::unix::fs::PermissionsExt;

use super::{PROGRAMS, bytes, expected, said, scene};

#[test]
fn what_is_built_is_what_the_image_holds() {
    let Some(scene) = scene() else { return };
    let target = scene.source().join("target");
    let run = scene.run(&["--platform", "host", "--output", target.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let built = bytes(&scene.paths(&run));
    let host = bytecode_image::platform_of(Arch::host().unwrap());
    let file = test_support::workspace_root().join("Containerfile.bpfman.multi.arch");
    let mut request = BuildRequest::new(file, scene.source(), vec![host.clone()], host);
    request.build_args = [("BASE".to_owned(), "scratch".to_owned())].into();
    let nowhere = |name: &Reference, _: &oci::Platform| panic!("{name} is asked for");
    let work = scene.dir.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let image = native::build(&request, &work, &nowhere).unwrap();
    let index = Artifact::Index(image.index);
    let [image] = index.images()[..] else { panic!("several images") };
    let limits = EntryLimits { kept: 1 << 30, ..EntryLimits::default() };
    let [layer] = image.layers() else { panic!("several layers") };
    let unpacked = scene.dir.path().join("unpacked");
    std::fs::create_dir(&unpacked).unwrap();
    let entries = layer.entries(limits).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), PROGRAMS);
    for (entry, built) in entries.iter().zip(&built) {
        assert!(entry.bytes == *built, "{} is another", entry.name);
        let path = unpacked.join(&entry.name);
        std::fs::write(&path, &entry.bytes).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(entry.mode)).unwrap();
    }
    for name in PROGRAMS {
        assert_eq!(said(&unpacked.join(name), None), expected(name));
    }

    // The same programs, offered for another machine.
    let wrong = target.join("s390x-unknown-linux-musl/release");
    std::fs::create_dir_all(&wrong).unwrap();
    for (name, bytes) in PROGRAMS.iter().zip(&built) {
        std::fs::write(wrong.join(name), bytes).unwrap();
    }
    request.platforms = vec!["linux/s390x".parse().unwrap()];
    let refused = native::build(&request, &work, &nowhere).unwrap_err();
    let cause = std::error::Error::source(&refused).unwrap().to_string();
    assert!(cause.contains("amd64") || Arch::host() != Some(Arch::Amd64), "{cause}");
}
