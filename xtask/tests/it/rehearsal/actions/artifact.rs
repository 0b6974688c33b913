//! Artifacts: what one job leaves to others. As with the real actions only
//! regular files arrive, without their rights, and hidden ones only on
//! request.

use std::path::Path;

use super::{Call, Done, Outcome, resolve};

/// Stands in for `actions/upload-artifact`.
pub(super) fn upload(call: &mut Call<'_>) -> Outcome {
    let (name, path) = (call.required("name")?, call.required("path")?);
    if path.contains(['\n', '*', '?', '[', '!']) {
        return Err(format!("this stand-in knows one path, not `{path}`"));
    }
    let level = call.input("compression-level").unwrap_or("6");
    if !matches!(level.parse(), Ok(0..=9)) {
        return Err(format!("`compression-level` is `{level}`"));
    }
    let hidden = call.flag("include-hidden-files", false)?;
    let is_error = match call.input("if-no-files-found") {
        Some("error") => true,
        None | Some("warn" | "ignore") => false,
        Some(other) => return Err(format!("`if-no-files-found` is `{other}`")),
    };
    if call.machine.pretends {
        return Ok(Done::default());
    }
    let to = call.machine.artifacts.join(name);
    if to.exists() {
        return Err(format!("there is an artifact `{name}` already"));
    }
    let from = resolve(call.machine, path);
    let count = match from.is_dir() {
        true => send(&from, &to, hidden),
        false if from.is_file() => {
            std::fs::create_dir_all(&to).unwrap();
            copy_bytes(&from, &to.join(from.file_name().unwrap()));
            1
        }
        false => 0,
    };
    match count {
        0 if is_error => Err(format!("no files were found with the path `{path}`")),
        count => Ok(Done { log: format!("{name}: {count} files\n"), ..Done::default() }),
    }
}

/// Stands in for `actions/download-artifact`.
pub(super) fn download(call: &mut Call<'_>) -> Outcome {
    let name = call.required("name")?;
    if call.machine.pretends {
        return Ok(Done::default());
    }
    let from = call.machine.artifacts.join(name);
    if !from.is_dir() {
        return Err(format!("there is no artifact `{name}`"));
    }
    let to = resolve(call.machine, call.input("path").unwrap_or("."));
    let count = send(&from, &to, true);
    Ok(Done { log: format!("{name}: {count} files\n"), ..Done::default() })
}

/// Copies the files of a directory; returns how many.
fn send(from: &Path, to: &Path, hidden: bool) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        if !hidden && name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if path.is_dir() {
            count += send(&path, &to.join(&name), hidden);
        } else {
            std::fs::create_dir_all(to).unwrap();
            copy_bytes(&path, &to.join(&name));
            count += 1;
        }
    }
    count
}

/// Copies what is in a file; whether it may be run is lost on the way.
fn copy_bytes(from: &Path, to: &Path) {
    let _ = std::fs::remove_file(to);
    let mut to = std::fs::File::create(to).unwrap();
    std::io::copy(&mut std::fs::File::open(from).unwrap(), &mut to).unwrap();
}

#[test]
fn files_pass_without_rights_and_hidden_ones_on_request() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let mut machine = super::super::runner::machine_for_tests(dir.path());
    crate::support::program(&machine.workspace.join("out/bin/tool"), "true");
    std::fs::write(machine.workspace.join("out/.seen"), "x").unwrap();
    let event = super::Event::push("main");
    let mut run = |stand_in: fn(&mut Call<'_>) -> Outcome, with: &[(&str, &str)]| {
        let with = with.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let machine = &mut machine;
        let done = stand_in(&mut Call { event: &event, with: with.collect(), machine });
        done.map(|done| done.log)
    };
    let path = ("path", "out");
    assert_eq!(run(upload, &[("name", "a"), path]), Ok("a: 1 files\n".into()));
    let all = ("include-hidden-files", "true");
    assert_eq!(run(upload, &[("name", "b"), path, all]), Ok("b: 2 files\n".into()));
    assert!(run(upload, &[("name", "b"), path]).unwrap_err().contains("already"));
    let none = [("name", "c"), ("path", "absent"), ("if-no-files-found", "error")];
    assert!(run(upload, &none).unwrap_err().contains("no files"));
    assert!(run(upload, &none[..2]).is_ok());
    assert!(run(upload, &[("name", "d"), ("path", "*.tar")]).unwrap_err().contains("one path"));
    assert!(run(download, &[("name", "x")]).unwrap_err().contains("no artifact"));
    assert_eq!(run(download, &[("name", "b"), ("path", "in")]), Ok("b: 2 files\n".into()));
    let arrived = machine.workspace.join("in/bin/tool").metadata().unwrap();
    assert_eq!(arrived.permissions().mode() & 0o111, 0);
    assert!(machine.workspace.join("in/.seen").exists());
}
