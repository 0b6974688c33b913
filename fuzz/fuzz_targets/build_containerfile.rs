//! `image_build::native::build` and `image_build::runs`: whatever a
//! Containerfile says, they end, in an image or an error, and write nowhere but
//! into the work directory. What RUNs come to, the host is said to have done.

#![no_main]

use std::error::Error;
use std::path::PathBuf;
use std::sync::OnceLock;

use image_build::{BuildRequest, Ran, native, runs};
use libfuzzer_sys::fuzz_target;
use oci::{Image, Platform, Reference};

/// A directory with a context and a place to work in, for this process.
fn world() -> &'static PathBuf {
    static WORLD: OnceLock<PathBuf> = OnceLock::new();
    WORLD.get_or_init(|| {
        let world = std::env::temp_dir().join(format!("fuzz-containerfile-{}", std::process::id()));
        std::fs::create_dir_all(world.join("context/dir")).unwrap();
        std::fs::create_dir_all(world.join("work")).unwrap();
        std::fs::write(world.join("context/a.o"), "A").unwrap();
        std::fs::write(world.join("context/dir/x"), "X").unwrap();
        world
    })
}

fn resolve(_: &Reference, platform: &Platform) -> Result<Image, Box<dyn Error + Send + Sync>> {
    Ok(Image::builder(platform.clone()).build()?)
}

fuzz_target!(|text: &str| {
    let world = world();
    let file = world.join("Containerfile");
    std::fs::write(&file, text).unwrap();
    let platform: Platform = "linux/amd64".parse().unwrap();
    let mut request =
        BuildRequest::new(file, world.join("context"), vec![platform.clone()], platform);
    request.build_args = [("A".to_owned(), "a.o".to_owned())].into();
    match runs(&request) {
        Ok(found) => {
            let file = || (PathBuf::from("/usr/src/x/a"), world.join("context/a.o"));
            let ran = |run: image_build::Run| {
                assert!(run.commands.iter().all(|command| !command.words.is_empty()));
                let (line, platform) = (run.place.line, run.platform);
                // Of some, what they were made of is compared.
                let source = (line % 2 == 0).then(|| world.join("context"));
                Ran { line, platform, files: [file()].into(), source }
            };
            request.ran = found.into_iter().map(ran).collect();
        }
        Err(error) => {
            let _ = (error.to_string(), error.hint());
        }
    }
    match native::build(&request, &world.join("work"), &resolve) {
        Ok(built) => {
            // The same again.
            let again = native::build(&request, &world.join("work"), &resolve).unwrap();
            assert_eq!(built.index.digest(), again.index.digest());
        }
        Err(error) => {
            let _ = (error.to_string(), error.hint());
        }
    }
});
