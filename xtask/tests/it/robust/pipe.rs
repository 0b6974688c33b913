//! A reader that goes away has what it wanted.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::{build, several, succeed, temporary, temporary_files};
use crate::support::finish;

#[test]
fn a_reader_that_has_gone_ends_it_quietly() {
    let checkout = several(7);
    succeed(&mut build(&checkout, &[]));
    let cases: [&[&str]; 8] = [
        &["build-images"],
        &["build-images", "--format", "json"],
        &["build-images", "--dry-run"],
        &["build-ebpf"],
        &["list-images"],
        &["list-images", "--format", "json"],
        &["inspect-images"],
        &["inspect-images", "--format", "json"],
    ];
    for args in cases {
        let mut command = checkout.command(args);
        if args[0].starts_with("build") {
            command.args(["-q", "--libbpf-dir"]).arg(crate::support::LIBBPF.as_path());
        }
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        command.env("TMPDIR", temporary(&checkout)).stdout(writer).stderr(Stdio::piped());
        let run = finish(command.spawn().unwrap().wait_with_output().unwrap());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{args:?}");
        assert_eq!(temporary_files(&checkout), [""; 0], "{args:?}");
    }
}

#[test]
fn a_reader_of_one_line_gets_it() {
    let checkout = several(200);
    let expected = succeed(&mut build(&checkout, &[])).stdout;
    let mut command = build(&checkout, &["-q"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let run = finish(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert_eq!(line.trim_end(), expected.lines().next().unwrap());
}
