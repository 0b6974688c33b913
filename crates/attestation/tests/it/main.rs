//! Programs that Go has really linked, read as Go itself reads them.

#![allow(
    clippy::disallowed_methods,
    reason = "tests read files and run programs as any user would"
)]

use std::fs::File;
use std::process::Command;

use attestation::go;

#[test]
fn modules_are_those_that_go_lists() {
    let Some(compiler) = test_support::tool("go") else { return };
    let Some(program) = test_support::go_tool("olareg") else { return };
    let output = Command::new(compiler).args(["version", "-m"]).arg(&program).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let info = go::read(File::open(&program).unwrap()).unwrap();
    let mut lines = listed.lines();
    let (_, version) = lines.next().unwrap().rsplit_once(": ").unwrap();
    assert_eq!(info.go, version);
    let fields = |word: &str| -> Vec<Vec<String>> {
        let lines = listed.lines().map(|line| line.trim_start_matches('\t'));
        let lines = lines.filter_map(|line| line.strip_prefix(&format!("{word}\t")));
        lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    };
    assert_eq!(info.path, fields("path")[0][0]);
    let main = info.main.unwrap();
    assert_eq!([main.path, main.version], fields("mod")[0][..2]);
    let modules: Vec<Vec<String>> =
        info.modules.into_iter().map(|it| vec![it.path, it.version, it.sum]).collect();
    assert_eq!(modules, fields("dep"));
    assert!(!modules.is_empty());
}

#[test]
fn other_files_have_none() {
    let own = File::open(std::env::current_exe().unwrap()).unwrap();
    assert_eq!(go::read(own), None);
    let text = File::open(test_support::workspace_root().join("README.md")).unwrap();
    assert_eq!(go::read(text), None);
}
