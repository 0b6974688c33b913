//! Publishing in a process of its own, whose environment says where its
//! programs are and with whom they speak.

use std::path::Path;
use std::sync::Mutex;

use host::Cmd;
use oci::{Artifact, Named};

use crate::support::{image, index, named, publish_told};

/// Tells [`publisher`] where to publish, which batch, and where to say what
/// became of it.
const TASK: &str = "DESTINATION_TEST_TASK";

/// What that process can be told to publish.
pub(crate) fn batch(which: &str) -> Vec<Named> {
    let platforms = ["linux/amd64", "linux/arm64", "linux/s390x"];
    let names = ["quay.io/org/index:v1", "quay.io/org/index:v2"];
    let plain =
        |text| named(&["quay.io/org/plain:v1"], Artifact::Image(image("linux/amd64", text)));
    match which {
        "two" => vec![named(&names, index(&platforms, "one")), plain("two")],
        // Under the same names.
        "other" => vec![named(&names, index(&platforms[..2], "three")), plain("four")],
        "foreign" => {
            let foreign = Artifact::Image(image("linux/s390x", "five"));
            vec![named(&["quay.io/org/foreign:v1"], foreign), plain("two")]
        }
        "swapped" => {
            let was_plain = named(&["quay.io/org/plain:v1"], index(&platforms, "one"));
            let was_index = Artifact::Image(image("linux/amd64", "six"));
            vec![was_plain, named(&["quay.io/org/index:v1"], was_index)]
        }
        _ => panic!("there is no batch `{which}`"),
    }
}

/// Not a test of its own: the process that the others start.
#[test]
fn publisher() {
    let Ok(task) = std::env::var(TASK) else { return };
    let mut words = task.split('\t');
    let mut word = || words.next().unwrap();
    let (destination, which, said) = (word(), word(), Path::new(word()));
    let lines = Mutex::new(Vec::new());
    let command = |command: &Cmd| lines.lock().unwrap().push(format!("$ {command}"));
    let outcomes = publish_told(&destination.parse().unwrap(), &batch(which), &command);
    let mut lines = lines.into_inner().unwrap();
    let error = |error: &destination::Error| {
        let mut told = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            told += &format!("; {error}");
            cause = error.source();
        }
        let parts = [("detail", error.detail()), ("hint", error.hint())];
        let parts = parts.into_iter().filter_map(|(name, text)| Some((name, text?)));
        parts.fold(told, |told, (name, text)| format!("{told}; {name}: {text}"))
    };
    match outcomes {
        Err(whole) => lines.push(format!("nothing: {}", error(&whole))),
        Ok(outcomes) => lines.extend(outcomes.iter().map(|outcome| match outcome {
            Err(own) => format!("error: {}", error(own)),
            Ok(published) => {
                let platforms: Vec<_> =
                    published.platforms.iter().map(ToString::to_string).collect();
                let names: Vec<_> = published.references.iter().map(ToString::to_string).collect();
                let verb = if published.changed { "changed" } else { "unchanged" };
                let (names, platforms) = (names.join(" "), platforms.join(" "));
                format!("{verb}: {names} {} for {platforms}", published.digest)
            }
        })),
    }
    host::fs::write_atomic(said, lines.join("\n").as_bytes()).unwrap();
}

/// Publishes a batch in a process with this environment, and returns its
/// commands and outcomes, one in a line. Names of temporary files are `TMP`;
/// none must be left.
pub(crate) fn publish(
    destination: &str,
    which: &str,
    environment: &[(&str, &std::ffi::OsStr)],
) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let (said, temporary) = (dir.path().join("said"), dir.path().join("tmp"));
    host::fs::create_dir_all(&temporary).unwrap();
    let this = std::env::current_exe().unwrap();
    let task = [destination, which, said.to_str().unwrap()].join("\t");
    let command = Cmd::new(this).args(["--exact", "elsewhere::publisher", "--quiet"]);
    let command = command.env(TASK, task).env("TMPDIR", &temporary);
    let command = environment.iter().fold(command, |command, (key, value)| command.env(key, value));
    command.run().unwrap_or_else(|error| panic!("{error}: {}{}", error.stdout, error.stderr));
    let left: Vec<_> = host::fs::read_dir(&temporary).unwrap();
    assert_eq!(left, Vec::<std::path::PathBuf>::new(), "temporary files go away");
    let text = host::fs::read_to_string(&said).unwrap();
    text.lines().map(|line| shorten(line, &temporary)).collect()
}

/// Replaces what differs from run to run.
fn shorten(line: &str, temporary: &Path) -> String {
    let prefix = format!("{}/images-", temporary.display());
    let mut parts = line.split(&prefix);
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // The rest of the directory's name is drawn at random.
        short += "TMP";
        short += part.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    }
    match short.split_once("staged-list:") {
        Some((before, after)) => {
            let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}staged-list:PID{rest}")
        }
        None => short,
    }
}

/// Returns only what became of the artifacts.
pub(crate) fn outcomes(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).filter(|line| !line.starts_with("$ ")).collect()
}

/// Returns how an artifact that was put there is told.
pub(crate) fn told(verb: &str, named: &Named) -> String {
    let names: Vec<_> = named.references.iter().map(ToString::to_string).collect();
    let platforms: Vec<_> = named.artifact.platforms().iter().map(ToString::to_string).collect();
    format!("{verb}: {} {} for {}", names.join(" "), named.artifact.digest(), platforms.join(" "))
}

/// Returns the same with the image for one platform alone.
pub(crate) fn told_single(verb: &str, named: &Named, platform: &str) -> String {
    let platform = platform.parse().unwrap();
    let images = named.artifact.images();
    let image = images.into_iter().find(|image| image.platform() == platform).unwrap();
    told(verb, &Named { artifact: Artifact::Image(image.clone()), ..named.clone() })
}
