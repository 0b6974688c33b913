//! `go build` lines of Containerfiles: what is understood, what is refused,
//! and what the machine's Go makes of them.

#![expect(
    clippy::disallowed_methods,
    reason = "tests make files, change them under way and run programs as any user would"
)]

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use go_build::{Module, Toolchain, Written, build_id, changes_nothing};
use proptest::prelude::*;

fn words(line: &str) -> Vec<String> {
    // No word of a test has a blank but those in brackets.
    let mut words: Vec<String> = Vec::new();
    let mut is_open = false;
    for part in line.split(' ') {
        match words.last_mut() {
            Some(last) if is_open => *last += &format!(" {part}"),
            _ => words.push(part.to_owned()),
        }
        is_open = (is_open || part.contains('<')) && !part.contains('>');
    }
    words.iter().map(|word| word.replace(['<', '>'], "")).collect()
}

fn variables(text: &str) -> BTreeMap<String, String> {
    let pair = |word: String| word.split_once('=').map(|(a, b)| (a.to_owned(), b.to_owned()));
    words(text).into_iter().filter_map(pair).collect()
}

const USUAL: &str = "CGO_ENABLED=0 GOOS=linux GOARCH=s390x";

/// Returns the command for a line, or why there is none.
fn tell(variables_: &str, line: &str) -> String {
    match Written::parse(&words(line), &variables(variables_)) {
        Ok(None) => "no go build".to_owned(),
        Err(error) => error.to_string(),
        Ok(Some(written)) => {
            let module = tempfile::tempdir().unwrap();
            fs::write(module.path().join("go.mod"), "module x\n\ngo 1.21\n").unwrap();
            let toolchain = Toolchain::find(&Module::open(module.path()).unwrap()).unwrap();
            let jobs = NonZeroUsize::new(2).unwrap();
            let command =
                written.command(&toolchain, Path::new("/c"), Path::new("/out/x"), jobs).to_string();
            let (before, after) = command.split_once(" build ").unwrap();
            let proxy = if before.contains("GOPROXY=off") { "GOPROXY=off " } else { "" };
            format!("{proxy}{} {after} => {}", written.arch(), written.output().display())
        }
    }
}

#[test]
fn commands_are_understood() {
    if test_support::tool("go").is_none() {
        return;
    }
    let cases = [
        (
            "go build -mod vendor -a -ldflags <-X v.a=1 -X 'v.b=2 3' -s -w> -o agent ./cmd/agent/main.go",
            "GOPROXY=off linux/s390x -p 2 -o /out/x -mod=vendor '-ldflags=-X v.a=1 -X '\\''v.b=2 3'\\'' -s -w' ./cmd/agent/main.go => agent",
        ),
        ("/usr/local/go/bin/go build -o /bin/x .", "linux/s390x -p 2 -o /out/x . => /bin/x"),
        (
            "go build --mod=readonly -v -x -p 4 -trimpath -buildvcs=false -tags a,b -installsuffix cgo -o x a.go b.go",
            "linux/s390x -p 2 -o /out/x -mod=readonly -tags=a,b a.go b.go => x",
        ),
        (
            "go build -gcflags=<all=-N -l> -asmflags -D=x -ldflags=./...=-linkmode=internal -buildmode=exe -pgo=off -o x -- ./y",
            "linux/s390x -p 2 -o /out/x '-gcflags=all=-N -l' -asmflags=-D=x -ldflags=./...=-linkmode=internal -buildmode=exe -pgo=off ./y => x",
        ),
        ("go install ./x", "no go build"),
        ("go", "no go build"),
        ("gobuild build -o x .", "no go build"),
    ];
    for (line, expected) in cases {
        assert_eq!(tell(USUAL, line), expected, "{line}");
    }
    // What GOFLAGS says comes first.
    let usual =
        format!("{USUAL} GOFLAGS=<-mod=vendor -v> GOAMD64=v1 GO111MODULE=on GOLANG_VERSION=1");
    assert_eq!(
        tell(&usual, "go build -tags z -o x ."),
        "GOPROXY=off linux/s390x -p 2 -o /out/x -mod=vendor -tags=z . => x"
    );
    assert_eq!(
        tell(&usual, "go build -mod=readonly -o x ."),
        "linux/s390x -p 2 -o /out/x -mod=vendor -mod=readonly . => x"
    );
}

#[test]
fn what_the_host_does_not_do_is_named() {
    let flags = [
        "-race",
        "-msan",
        "-cover",
        "-n",
        "-C=dir",
        "-toolexec=x",
        "-overlay=f",
        "-modfile=f",
        "-mod=mod",
        "-buildmode=pie",
        "-compiler=gccgo",
        "-buildvcs",
        "-buildvcs=true",
        "-trimpath=false",
        "-ldflags=-buildid=",
        "-ldflags=-extld=x",
        "-ldflags=-linkmode=external",
        "-gcflags=-cpuprofile=f",
        "-asmflags=-o=f",
        "-pgo=f",
        "-what",
    ];
    for flag in flags {
        assert_eq!(
            tell(USUAL, &format!("go build {flag} -o x .")),
            format!("`go build` on the host does not do `{flag}`")
        );
        // Not as the value of another flag either, and by any spelling.
        let message = tell(USUAL, &format!("go build -v -{flag} -o x ."));
        assert!(message.starts_with("`go build` on the host does not do `-"), "{message}");
    }
    let lines = [
        (
            "go build -ldflags <-linkmode external> -o x .",
            "`go build` on the host does not do `-ldflags=-linkmode=external`",
        ),
        (
            "go build -ldflags <-s 'open> -o x .",
            "`go build` on the host does not do `-ldflags=-s 'open`",
        ),
        ("go -C dir build -o x .", "`go build` on the host does not do `-C`"),
        ("go build .", "it has no `-o FILE`"),
        ("go build -o", "`-o` has no value"),
        ("go build -o bin/ .", "`-o bin/` names no file"),
        ("go build -o . .", "`-o .` names no file"),
        ("go build -o /bin/. .", "`-o /bin/.` names no file"),
        ("go build -o .. .", "`-o ..` names no file"),
        ("go build -o /dev/null .", "`-o /dev/null` names no file"),
        ("go build -o x", "it names no package"),
        ("go build -o x ./a ./b", "`./a ./b` is not one package by a path in the module"),
        ("go build -o x ./...", "`./...` is not one package by a path in the module"),
        ("go build -o x /usr/src/x", "`/usr/src/x` is not one package by a path in the module"),
        ("go build -o x . -v", "`-v` is not one package by a path in the module"),
    ];
    for (line, expected) in lines {
        assert_eq!(tell(USUAL, line), expected, "{line}");
    }
    let no = "`go build` on the host does not do";
    let environments = [
        ("CGO_ENABLED=0 GOARCH=amd64 GOOS=darwin", format!("{no} `GOOS=darwin`")),
        ("CGO_ENABLED=1 GOARCH=amd64", format!("{no} `CGO_ENABLED=1`")),
        (
            "GOARCH=amd64",
            "`CGO_ENABLED` is not set, and then a container with a C compiler would use cgo"
                .to_owned(),
        ),
        (
            "CGO_ENABLED=0 GOARCH=",
            "`GOARCH` is not set, and then a program is for whatever the container is".to_owned(),
        ),
        ("CGO_ENABLED=0 GOARCH=sparc64", format!("{no} `GOARCH=sparc64`")),
        ("CGO_ENABLED=0 GOARCH=amd64 GOAMD64=v3", format!("{no} `GOAMD64=v3`")),
        ("CGO_ENABLED=0 GOARCH=amd64 GOEXPERIMENT=x", format!("{no} `GOEXPERIMENT=x`")),
        ("CGO_ENABLED=0 GOARCH=amd64 GOFLAGS=-race", format!("{no} `-race`")),
        ("CGO_ENABLED=0 GOARCH=amd64 GOFLAGS=<-v x>", format!("{no} `GOFLAGS=-v x`")),
        ("CGO_ENABLED=0 GOARCH=amd64 GOFLAGS=-mod", "`-mod` has no value".to_owned()),
    ];
    for (environment, expected) in environments {
        assert_eq!(tell(environment, "go build -o x ."), expected, "{environment}");
    }
}

#[test]
fn some_commands_change_nothing_that_is_copied() {
    for line in [
        "go mod download",
        "go mod download -x",
        "go mod verify",
        "go version",
        "go env",
        "go env GOPATH",
    ] {
        assert!(changes_nothing(&words(line)), "{line}");
    }
    for line in [
        "go mod tidy",
        "go mod vendor",
        "go env -w A=b",
        "go env --u A",
        "go",
        "go build -o x .",
        "mod download",
        "mkdir -p /x",
    ] {
        assert!(!changes_nothing(&words(line)), "{line}");
    }
}

/// A module whose one dependency is in `vendor`.
const FILES: [(&str, &str); 6] = [
    ("go.mod", "module words.example\n\ngo 1.21\n\nrequire greeting.example v1.0.0\n"),
    ("vendor/modules.txt", "# greeting.example v1.0.0\n## explicit\ngreeting.example\n"),
    (
        "vendor/greeting.example/greeting.go",
        "package greeting\n\nfunc Hello() string { return \"hello\" }\n",
    ),
    ("version/version.go", "package version\n\nvar Version = \"none\"\n"),
    (
        "cmd/agent/main.go",
        "package main\n\nimport (\n\t\"fmt\"\n\n\t\"greeting.example\"\n\t\"words.example/version\"\n)\n\nfunc main() { fmt.Println(greeting.Hello(), version.Version) }\n",
    ),
    ("lib/lib.go", "package lib\n"),
];

struct Desk {
    _dir: tempfile::TempDir,
    checkout: PathBuf,
    output: PathBuf,
}

impl Desk {
    fn new() -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let checkout = dir.path().join("checkout");
        for (path, text) in FILES {
            let path = checkout.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Desk { checkout, output: dir.path().join("out/agent"), _dir: dir }
    }

    fn run(&self, variables_: &str, line: &str) -> Result<String, String> {
        let written = Written::parse(&words(line), &variables(variables_)).unwrap().unwrap();
        let toolchain = Toolchain::find(&Module::open(&self.checkout).unwrap()).unwrap();
        let jobs = NonZeroUsize::new(2).unwrap();
        let mut said = Vec::new();
        let line = &mut |line: &str| said.push(line.to_owned());
        written.run(&toolchain, &self.checkout, &self.output, jobs, line).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error}: {}\n{}", cause.unwrap_or_default(), said.join("\n"))
        })
    }

    fn say(&self) -> String {
        let output = Command::new(&self.output).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

const LINE: &str = "go build -mod vendor -ldflags <-X words.example/version.Version=1.2> -o agent ./cmd/agent/main.go";

#[test]
fn the_program_is_what_the_line_says() {
    if test_support::tool("go").is_none() {
        return;
    }
    let desk = Desk::new();
    let host = "CGO_ENABLED=0 GOARCH=amd64";
    let id = desk.run(host, LINE).unwrap();
    assert_eq!(build_id(&desk.output).unwrap().unwrap(), id);
    let is_host = cfg!(target_arch = "x86_64");
    if is_host {
        assert_eq!(desk.say(), "hello 1.2\n");
    }
    let file = || fs::metadata(&desk.output).unwrap();
    assert_eq!(file().permissions().mode() & 0o7777, 0o755);
    let there: Vec<_> = fs::read_dir(desk.output.parent().unwrap()).unwrap().collect();
    assert_eq!(there.len(), 1, "{there:?}");
    // The same again leaves it; -a makes no difference.
    let inode = file().ino();
    let again = desk.run(host, &LINE.replace("-mod", "-a -mod")).unwrap();
    assert_eq!((again, file().ino()), (id.clone(), inode));
    // Nor does where the checkout is.
    let other = Desk::new();
    assert_eq!(other.run(host, LINE).unwrap(), id);
    assert_eq!(fs::read(&other.output).unwrap(), fs::read(&desk.output).unwrap());
    let changed = desk.run(host, &LINE.replace("1.2", "1.3")).unwrap();
    assert_ne!(changed, id);
    if is_host {
        assert_eq!(desk.say(), "hello 1.3\n");
    }
    // For another machine it is another.
    desk.run(USUAL, LINE).unwrap();
    if test_support::tool("qemu-s390x-static").is_some() {
        let output = Command::new("qemu-s390x-static").arg(&desk.output).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "hello 1.2\n");
    }
}

#[test]
fn what_go_says_is_kept() {
    if test_support::tool("go").is_none() {
        return;
    }
    let desk = Desk::new();
    fs::write(desk.checkout.join("go.mod"), FILES[0].1.replace("v1.0.0", "v1.1.0")).unwrap();
    let error = desk.run(USUAL, LINE).unwrap_err();
    let first = "failed to build `./cmd/agent/main.go` for linux/s390x: `go` exited with status 1";
    assert!(error.starts_with(first), "{error}");
    assert!(error.contains("inconsistent vendoring"), "{error}");
    assert!(!desk.output.exists());
    let there: Vec<_> = fs::read_dir(desk.output.parent().unwrap()).unwrap().collect();
    assert!(there.is_empty(), "{there:?}");
}

#[test]
fn a_library_and_a_directory_are_no_program() {
    if test_support::tool("go").is_none() {
        return;
    }
    let desk = Desk::new();
    let library = LINE.replace("./cmd/agent/main.go", "./lib");
    // Not even where a program was before.
    desk.run(USUAL, LINE).unwrap();
    assert_eq!(
        desk.run(USUAL, &library).unwrap_err(),
        "`./lib` is no program, which would be package `main`: \n"
    );
    let into = LINE.replace("-o agent", "-o cmd");
    let message = format!(
        "`{}` is a directory, and the program is to be a file: \n",
        desk.checkout.join("cmd").display()
    );
    assert_eq!(desk.run(USUAL, &into).unwrap_err(), message);
}

proptest! {
    #[test]
    fn no_words_panic(
        given in prop::collection::vec("(go|build|-o|-mod|-ldflags|=|--|-X|'|\"| |x|-[a-z]{1,8}=?|.{0,4}){1,3}", 0..8),
        goflags: String,
    ) {
        let variables = BTreeMap::from([
            ("CGO_ENABLED".to_owned(), "0".to_owned()),
            ("GOARCH".to_owned(), "arm64".to_owned()),
            ("GOFLAGS".to_owned(), goflags),
        ]);
        let line: Vec<String> = ["go".to_owned(), "build".to_owned()].into_iter().chain(given.clone()).collect();
        let _ = Written::parse(&line, &variables);
        let _ = Written::parse(&given, &variables);
        let _ = changes_nothing(&given);
    }
}
