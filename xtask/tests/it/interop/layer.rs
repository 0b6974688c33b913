//! The layers, with tar and gzip as everyone has them.

use super::{Built, output, read};

#[test]
fn a_layer_holds_one_plain_file_of_nobody_and_no_time() {
    let built = Built::get();
    for image in built.images() {
        for (arch, manifest) in built.manifests(&image) {
            let layers = manifest["layers"].as_array().unwrap();
            assert_eq!(layers.len(), 1, "{} {arch}", image.name);
            let layer = built.blob(&image.name, layers[0]["digest"].as_str().unwrap());
            let layer = layer.to_str().unwrap();
            output("gzip", "/".as_ref(), &["-t", "--", layer]);
            let listed =
                read("tar", "/".as_ref(), &["--numeric-owner", "--full-time", "-tvzf", layer]);
            let object = output("tar", "/".as_ref(), &["-xzOf", layer]);
            let words: Vec<_> = listed.split_whitespace().collect();
            let [mode, owner, size, day, time, name] = words[..] else { panic!("{listed}") };
            let expected = ["-rw-r--r--", "0/0", "1970-01-01", "00:00:00"];
            assert_eq!([mode, owner, day, time], expected, "{listed}");
            assert_eq!(size, object.len().to_string(), "{listed}");
            // It is what `build-ebpf` writes for this platform.
            let stem = name.strip_suffix(".o").unwrap_or_else(|| panic!("{listed}"));
            let file = super::object::file_of(&format!("linux/{arch}"));
            let path = built.checkout.path().join("objects").join(stem).join(file);
            assert!(object == std::fs::read(&path).unwrap(), "{} {arch}", image.name);
        }
    }
}
