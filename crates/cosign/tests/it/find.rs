//! Which programs are taken for cosign, and what is said of the others.

use std::path::PathBuf;

use cosign::{Cosigns, Major};

use crate::support::{program, stand_in};

/// What is found: the names of the programs, or the error and its hint.
fn found(named: &[PathBuf]) -> Vec<String> {
    let cosigns = match Cosigns::find(named) {
        Ok(cosigns) => cosigns,
        Err(error) => return vec![format!("{error}; {}", error.hint())],
    };
    let name = |major| match cosigns.get(major) {
        Ok(cosign) => {
            let name = cosign.path().file_name().unwrap().to_string_lossy().into_owned();
            format!("{name} {}", cosign.version())
        }
        Err(error) => error.to_string(),
    };
    Major::ALL.map(name).to_vec()
}

#[test]
fn the_first_of_each_major_version_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str, version: &str| stand_in(dir.path(), name, version, "exit 1");
    let (one, old, two) = (at("one", "v1.13.1"), at("old", "v2.5.3"), at("two", "v2.6.0"));
    let (other, three, four) = (at("other", "v2.9.9"), at("three", "v3.1.0"), at("four", "v4.0.1"));
    let (devel, mute) = (at("devel", "devel"), dir.path().join("mute"));
    program(&mute, "exit 5");
    let path = |path: &PathBuf| path.display().to_string();
    let cases: [(&[&PathBuf], [String; 2]); 4] = [
        (&[&two, &three], ["two 2.6.0".into(), "three 3.1.0".into()]),
        (&[&three, &other, &two], ["other 2.9.9".into(), "three 3.1.0".into()]),
        (
            &[&one, &old, &three],
            [
                format!(
                    "cosign 2 was not found; `{}` is cosign 1.13.1, and cosign 2 and 3 are known; \
                     `{}` is cosign 2.5.3, and 2.6.0 or newer is needed",
                    path(&one),
                    path(&old)
                ),
                "three 3.1.0".into(),
            ],
        ),
        (
            &[&two, &four, &devel, &mute],
            [
                "two 2.6.0".into(),
                format!(
                    "cosign 3 was not found; `{}` is cosign 4.0.1, and cosign 2 and 3 are known; \
                     `{}` does not say what version of cosign it is; `{}` exited with status 5",
                    path(&four),
                    path(&devel),
                    path(&mute)
                ),
            ],
        ),
    ];
    for (named, expected) in cases {
        let named: Vec<PathBuf> = named.iter().map(|path| (*path).clone()).collect();
        assert_eq!(found(&named), expected);
    }
}

#[test]
fn what_is_named_must_be_there_and_the_others_are_told_how_to_get() {
    let absent = PathBuf::from("/nowhere/cosign");
    assert_eq!(
        found(std::slice::from_ref(&absent)),
        [format!(
            "`{}` is not there, or no program; name the program by its path, or by a name on PATH",
            absent.display()
        )]
    );
    let dir = tempfile::tempdir().unwrap();
    let two = stand_in(dir.path(), "cosign", "v2.6.5", "");
    let error = Cosigns::find(&[two]).unwrap().get(Major::Three).unwrap_err();
    assert_eq!(error.to_string(), "cosign 3 was not found");
    assert_eq!(
        error.hint(),
        "`go install github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3` builds it, and \
         `https://github.com/sigstore/cosign/releases` has it built; put it on PATH as `cosign`, \
         or as `cosign-3` beside another one"
    );
}

#[test]
fn a_program_is_asked_once_whatever_its_names() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let real = dir.path().join("real");
    program(&real, &format!("echo asked >>{}; exit 1", log.display()));
    let other = dir.path().join("other");
    std::os::unix::fs::symlink(&real, &other).unwrap();
    found(&[real.clone(), other, real]);
    assert_eq!(host::fs::read_to_string(&log).unwrap(), "asked\n");
}
