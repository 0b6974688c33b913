//! One fact, one name: what the examples are called, and what their images
//! say of themselves, is the same in every file that says it. Only text is
//! read here; what is built of it is looked at elsewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_yaml::Value;

use crate::docs::markdown::{code, rows};
use crate::interop::expected;
use crate::support::{Checkout, copy};

type Names = BTreeSet<String>;

/// What must be the same in all places that know it.
const BYTECODE: &str = "an example with a bytecode image";
const USER_SPACE: &str = "an example with a user-space image";
const BUILT: &str = "what `make build-bc-` or `make build-us-` calls an example";
const DEPLOYED: &str = "what `make deploy-` calls an example";
const MANIFESTS: &str = "a directory of manifests";

/// What there is, where it is said, and what finds it there.
type Place = (&'static str, &'static str, fn(&Examples) -> Names);

#[rustfmt::skip]
const PLACES: [Place; 25] = [
    (BYTECODE, "a block of bpfman-bytecode in images.yaml", |it| it.catalogue("bpfman-bytecode")),
    (BYTECODE, "a `bytecode:` in images.yaml", |it| it.paths("bytecode")),
    (BYTECODE, "examples/NAME/bpf/*.c", |it| it.directories_with(is_c)),
    (BYTECODE, "BC_PROGRAMS of examples/Makefile", |it| it.programs(false, |row| row[2].into())),
    (BYTECODE, "a row of examples/deploy.mk", |it| it.deployed(|row| row[3].into())),
    (BYTECODE, "a `url:` below examples/config/base", |it| it.references("url")),
    (BYTECODE, "the table of examples/README.md", |it| it.table(|row| {
        if row[2] == "none" { Vec::new() } else { code(&row[0]) }
    })),
    (USER_SPACE, "a block of bpfman-userspace in images.yaml", |it| it.catalogue("bpfman-userspace")),
    (USER_SPACE, "a `containerfile:` in images.yaml", |it| it.paths("containerfile")),
    (USER_SPACE, "a `go:` of a stage in images.yaml", Examples::packages),
    (USER_SPACE, "examples/NAME/container-deployment/Containerfile.NAME", |it| it.directories_with(is_containerfile)),
    (USER_SPACE, "the programs in Go in examples/", |it| it.directories_with(is_main)),
    (USER_SPACE, "what examples/NAME/main.go calls itself", |it| it.directories_with(says_name)),
    (USER_SPACE, "US_PROGRAMS of examples/Makefile", |it| it.programs(true, |row| row[2].into())),
    (USER_SPACE, "a row of examples/deploy.mk", |it| it.deployed(|row| row[4].into())),
    (USER_SPACE, "an `image:` below examples/config/base", |it| it.references("image")),
    (USER_SPACE, "the table of examples/README.md", |it| it.table(|row| code(&row[0]))),
    (BUILT, "US_PROGRAMS of examples/Makefile", |it| it.programs(true, |row| format!("{} {}", row[0], row[2]))),
    (BUILT, "the table of examples/README.md", |it| it.table(|row| called(row, 3))),
    (DEPLOYED, "a row of examples/deploy.mk", |it| it.deployed(|row| {
        format!("{} {}", row[0], if row[4] == "-" { row[3] } else { row[4] })
    })),
    (DEPLOYED, "the table of examples/README.md", |it| it.table(|row| called(row, 4))),
    (MANIFESTS, "a row of examples/deploy.mk", |it| it.deployed(|row| row[1].into())),
    (MANIFESTS, "examples/config/base", |it| it.directories("config/base")),
    (MANIFESTS, "examples/config/default", |it| it.directories("config/default")),
    // It reads no maps, and so it needs none.
    (MANIFESTS, "examples/config/selinux", |it| {
        it.directories("config/selinux").into_iter().chain(["go-target".to_owned()]).collect()
    }),
];

/// The files that name examples, below the top of a checkout.
struct Examples(PathBuf);

impl Examples {
    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }

    /// Returns the directories in one of `examples/`.
    fn directories(&self, below: &str) -> Names {
        let found = std::fs::read_dir(self.0.join("examples").join(below)).unwrap();
        let found = found.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        found.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    /// Returns the directories that are what is asked for.
    fn directories_with(&self, is: fn(&Path, &str) -> bool) -> Names {
        let mut names = self.directories("");
        names.retain(|name| is(&self.0.join("examples").join(name), name));
        names
    }

    /// Returns the images of the catalogue whose files are in `examples/`.
    fn images(&self) -> Vec<Value> {
        let catalogue: Value = serde_yaml::from_str(&self.read("images.yaml")).unwrap();
        let images = catalogue["images"].as_sequence().unwrap().iter();
        let ours = images.filter(|image| {
            let path = image["bytecode"].as_str().or(image["containerfile"].as_str());
            path.is_some_and(|path| path.starts_with("examples/"))
        });
        ours.cloned().collect()
    }

    fn catalogue(&self, organization: &str) -> Names {
        let images = self.images().into_iter();
        let images = images.filter(|image| image["organization"] == organization);
        images.map(|image| image["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Returns the directories of the files that the catalogue names.
    fn paths(&self, key: &str) -> Names {
        let images = self.images();
        let paths = images.iter().filter_map(|image| image[key].as_str());
        paths.map(|path| path.split('/').nth(1).unwrap().to_owned()).collect()
    }

    fn packages(&self) -> Names {
        let images = self.images();
        let packages = images.iter().filter_map(|image| image["stages"]["build"]["go"].as_str());
        packages.map(|package| package.trim_start_matches("./").to_owned()).collect()
    }

    /// Returns what is asked of the rows of the Makefile's programs.
    fn programs(&self, all: bool, what: fn(&[&str]) -> String) -> Names {
        let makefile = self.read("examples/Makefile");
        let mut programs = words(&makefile, "BC_PROGRAMS", what);
        if all {
            programs.extend(words(&makefile, "US_PROGRAMS", what));
        }
        programs
    }

    /// Returns what is asked of the rows of deploy.mk.
    fn deployed(&self, what: fn(&[&str]) -> String) -> Names {
        words(&self.read("examples/deploy.mk"), "DEPLOYMENTS", what)
    }

    /// Returns the names of the images that manifests have behind a key.
    fn references(&self, key: &str) -> Names {
        let mut names = Names::new();
        for directory in self.directories("config/base") {
            let directory = self.0.join("examples/config/base").join(directory);
            for entry in std::fs::read_dir(directory).unwrap() {
                let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
                let values = text.lines().filter_map(|line| line.trim().strip_prefix(key));
                let references = values.filter_map(|value| value.strip_prefix(": quay.io/"));
                names.extend(references.map(|reference| {
                    let (_, name) = reference.split_once('/').unwrap();
                    name.trim_end_matches(":latest").to_owned()
                }));
            }
        }
        names
    }

    /// Returns what the document's table says of each example.
    fn table(&self, what: fn(&[String]) -> Vec<String>) -> Names {
        let rows = rows(&self.read("examples/README.md"), "# The examples").into_iter();
        rows.filter(|row| row[0].starts_with('`')).flat_map(|row| what(&row)).collect()
    }
}

/// Returns what make calls an example, with its name behind it.
fn called(row: &[String], cell: usize) -> Vec<String> {
    let name = &code(&row[0])[0];
    code(&row[cell]).iter().map(|word| format!("{word} {name}")).collect()
}

/// Returns what is asked of the words of a variable in a Makefile, which have
/// fields with colons between.
fn words(makefile: &str, variable: &str, what: fn(&[&str]) -> String) -> Names {
    let (_, rest) = makefile.split_once(&format!("{variable} := ")).unwrap();
    let continued = rest.lines().take_while(|line| line.ends_with('\\')).count();
    let words = rest.lines().take(continued + 1).flat_map(str::split_whitespace);
    let rows = words.map(|word| word.split(':').collect::<Vec<_>>());
    let values = rows.filter(|row| row.len() > 1).map(|row| what(&row));
    values.filter(|value| value != "-").collect()
}

fn is_c(directory: &Path, _: &str) -> bool {
    let files = std::fs::read_dir(directory.join("bpf")).into_iter().flatten();
    files.flatten().any(|file| file.path().extension().is_some_and(|it| it == "c"))
}

fn is_containerfile(directory: &Path, name: &str) -> bool {
    directory.join(format!("container-deployment/Containerfile.{name}")).is_file()
}

fn is_main(directory: &Path, _: &str) -> bool {
    source(directory).contains("\npackage main\n")
}

fn says_name(directory: &Path, name: &str) -> bool {
    source(directory).contains(&format!("\"{name}\""))
}

fn source(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("main.go")).unwrap_or_default()
}

/// Returns what is in one place of a checkout and not in another.
fn forgotten(root: &Path) -> Vec<String> {
    let examples = Examples(root.to_owned());
    let mut missing = Vec::new();
    for what in [BYTECODE, USER_SPACE, BUILT, DEPLOYED, MANIFESTS] {
        let places = PLACES.iter().filter(|(known, ..)| *known == what);
        let found = places.map(|(_, place, names)| (place, names(&examples)));
        let found: Vec<_> = found.collect();
        let all: Names = found.iter().flat_map(|(_, names)| names.clone()).collect();
        for (place, names) in found {
            assert!(!names.is_empty(), "{what}: none in {place}");
            let lacking = all.difference(&names);
            missing.extend(lacking.map(|name| format!("`{name}`, {what}, is not in {place}")));
        }
    }
    missing
}

#[test]
fn every_place_names_the_same_examples() {
    let missing = forgotten(&test_support::workspace_root());
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn what_was_forgotten_is_said() {
    let checkout = Checkout::whole();
    let examples = checkout.path().join("examples");
    // As the document has it done, but for all that is to be changed then.
    for parent in ["", "config/base", "config/default", "config/selinux"] {
        let directory = examples.join(parent);
        copy(&directory.join("go-kprobe-counter"), &directory.join("go-my-counter"));
    }
    let name = |what: &str, place: &str| format!("`go-my-counter`, {what}, is not in {place}");
    let bytecode = PLACES.iter().filter(|(what, ..)| *what == BYTECODE);
    let bytecode = bytecode.filter(|(_, place, _)| !place.ends_with("*.c"));
    let user_space = PLACES.iter().filter(|(what, ..)| *what == USER_SPACE);
    let user_space = user_space.filter(|(_, place, _)| !place.starts_with("the programs"));
    let expected = bytecode.chain(user_space).map(|(what, place, _)| name(what, place));
    let manifests = name(MANIFESTS, "a row of examples/deploy.mk");
    let mut said = forgotten(checkout.path());
    said.retain(|line| line.starts_with("`go-my-counter`"));
    assert_eq!(said, expected.chain([manifests]).collect::<Vec<_>>());
}

#[test]
fn the_table_names_the_programs_of_each_image() {
    let readme = Examples(test_support::workspace_root()).read("examples/README.md");
    let mut seen = 0;
    for row in rows(&readme, "# The examples") {
        let programs = code(&row[2]);
        // Where it is `none` or many, it is said in words.
        if !programs.is_empty() {
            let labels = expected::labels(&format!("bpfman-bytecode/{}", code(&row[0])[0]));
            let labelled: Value = serde_yaml::from_str(&labels["io.ebpf.programs"]).unwrap();
            let labelled = labelled.as_mapping().unwrap().keys();
            let labelled: Vec<_> = labelled.map(|name| name.as_str().unwrap()).collect();
            assert_eq!(programs, labelled, "{row:?}");
            seen += 1;
        }
    }
    assert_eq!(seen, 7);
}

/// Labels of a Containerfile, and what the catalogue calls them.
const LABELS: [(&str, &str); 3] =
    [("title", "name"), ("description", "description"), ("licenses", "licenses")];

#[test]
fn containerfiles_say_of_their_images_what_the_catalogue_says() {
    let examples = Examples(test_support::workspace_root());
    let images = examples.images();
    let files = images.iter().filter_map(|image| Some((image["containerfile"].as_str()?, image)));
    for (file, image) in files {
        let text = examples.read(file);
        for (label, key) in LABELS {
            let label = format!("org.opencontainers.image.{label}=");
            let value = text.split_once(&label).and_then(|(_, value)| value.split('"').nth(1));
            assert_eq!(value, image[key].as_str(), "{label} in {file}");
        }
    }
}

/// Returns the version behind each place where a text has `before`.
fn versions(text: &str, before: &str) -> Names {
    let is_end = |letter: char| !letter.is_ascii_digit() && letter != '.';
    let found = text.split(before).skip(1).map(|rest| rest.split(is_end).next().unwrap());
    found.map(str::to_owned).collect()
}

#[test]
fn the_release_is_the_same_everywhere() {
    let examples = Examples(test_support::workspace_root());
    let release = versions(&examples.read("examples/Makefile"), "\nVERSION ?= ");
    assert_eq!(release.len(), 1);
    // The clients are of the daemon's release.
    let clients = versions(&examples.read("examples/go.mod"), "\tgithub.com/bpfman/bpfman v");
    assert_eq!(clients, release, "the clients' in examples/go.mod");
    let shown = versions(&examples.read("examples/README.md"), "TAG=v");
    assert_eq!(shown, release, "in examples/README.md");
}
