//! `sigstore/cosign-installer`: the cosign that is built for the tests takes
//! the place of the one that is downloaded.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::{Call, Done, Outcome};

/// Stands in for it. The release must be the one that is built: what is
/// rehearsed is what is run.
pub(super) fn install(call: &mut Call<'_>) -> Outcome {
    let release = call.required("cosign-release")?.to_owned();
    let major = release.strip_prefix('v').and_then(|version| version.split('.').next());
    let name = match major {
        Some("2") => "cosign-2",
        Some("3") => "cosign-3",
        _ => return Err(format!("the tests have no cosign `{release}`")),
    };
    let home = call.machine.home.display().to_string();
    let directory = call.input("install-dir").unwrap_or("$HOME/.cosign").replace("$HOME", &home);
    if !Path::new(&directory).is_absolute() || directory.contains('$') {
        return Err(format!("`install-dir` is `{directory}`"));
    }
    if call.machine.pretends {
        return Ok(Done::default());
    }
    let built = test_support::go_tool(name).ok_or_else(|| format!("`{name}` is not built"))?;
    let of_release = built.parent().and_then(|dir| dir.file_name()).unwrap().to_string_lossy();
    if *of_release != format!("{name}-{release}") {
        return Err(format!(
            "`{release}` is installed and `{of_release}` is built: let one follow"
        ));
    }
    let cosign = Path::new(&directory).join("cosign");
    std::fs::create_dir_all(&directory).unwrap();
    symlink(&built, &cosign).map_err(|error| format!("`{}`: {error}", cosign.display()))?;
    call.machine.path.insert(0, directory.into());
    Ok(Done { log: format!("{release}\n"), ..Done::default() })
}
