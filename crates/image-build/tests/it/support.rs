//! What the tests share: a directory with files and a Containerfile, and
//! images as text.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use image_build::{BuildRequest, Built, Engine, Error, Event, native};
use oci::{EntryKind, EntryLimits, Image, Layer, Platform, Reference};
use tempfile::TempDir;

/// Set where a test runs once more in a process of its own.
const AGAIN: &str = "IMAGE_BUILD_TEST_AGAIN";

/// Variables of a process.
pub(crate) type Variables = Vec<(&'static str, OsString)>;

/// Runs the test `name` again in a process with other variables, which
/// `prepare` returns with what must stay until then; none if the test cannot
/// run. Those of this process cannot be set while other tests run. Returns
/// whether this is that process, in which the test goes on.
pub(crate) fn is_again<T>(name: &str, prepare: impl FnOnce() -> Option<(Variables, T)>) -> bool {
    if std::env::var_os(AGAIN).is_some() {
        return true;
    }
    let Some((variables, _kept)) = prepare() else { return false };
    let command = host::Cmd::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", name])
        .env(AGAIN, "1");
    let command = variables
        .into_iter()
        .fold(command, |command, (variable, value)| command.env(variable, value));
    match command.run() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains("1 passed"), "no test has the name {name}: {said}");
            // What could not run there, for instance.
            std::io::stderr().write_all(&output.stderr).unwrap();
        }
        Err(error) => panic!("{error}: {}\n{}", error.stdout, error.stderr),
    }
    false
}

/// Returns `PATH` with directories before it.
pub(crate) fn path_with(directories: &[&Path]) -> OsString {
    let mut paths: Vec<PathBuf> = directories.iter().map(|path| path.to_path_buf()).collect();
    paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    std::env::join_paths(paths).unwrap()
}

/// A directory with a context in it, and images that a build can ask for.
pub(crate) struct World {
    dir: TempDir,
    pub(crate) images: BTreeMap<String, Image>,
}

impl World {
    /// Makes a world whose Containerfile is this.
    pub(crate) fn new(containerfile: &str) -> World {
        let world = World { dir: tempfile::tempdir().unwrap(), images: BTreeMap::new() };
        std::fs::create_dir(world.dir.path().join("work")).unwrap();
        world.file("../Containerfile", containerfile).file(".keep", "").remove(".keep")
    }

    /// Returns where the context is.
    pub(crate) fn context(&self) -> PathBuf {
        self.dir.path().join("context")
    }

    /// Returns a path in the context, whose directory is there.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let path = self.context().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::create_dir_all(self.context()).unwrap();
        path
    }

    /// Writes a file of mode 0644 into the context.
    pub(crate) fn file(self, name: &str, bytes: impl AsRef<[u8]>) -> World {
        std::fs::create_dir_all(self.context()).unwrap();
        std::fs::write(self.path(name), bytes).unwrap();
        self.mode(name, 0o644)
    }

    /// Sets the mode of a file of the context.
    pub(crate) fn mode(self, name: &str, mode: u32) -> World {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.path(name), permissions).unwrap();
        self
    }

    /// Makes a directory of mode 0755 in the context.
    pub(crate) fn directory(self, name: &str) -> World {
        std::fs::create_dir_all(self.path(name)).unwrap();
        self.mode(name, 0o755)
    }

    /// Makes a link in the context.
    pub(crate) fn link(self, name: &str, target: &str) -> World {
        symlink(target, self.path(name)).unwrap();
        self
    }

    pub(crate) fn remove(self, name: &str) -> World {
        std::fs::remove_file(self.path(name)).unwrap();
        self
    }

    /// Makes an image one that FROM and `--from` can name.
    pub(crate) fn image(mut self, name: &str, image: Image) -> World {
        let name: Reference = name.parse().unwrap();
        self.images.insert(name.to_string(), image);
        self
    }

    /// Asks for a build for amd64.
    pub(crate) fn request(&self) -> BuildRequest {
        let containerfile = self.dir.path().join("Containerfile");
        let amd64 = platform("linux/amd64");
        BuildRequest::new(containerfile, self.context(), vec![amd64.clone()], amd64)
    }

    pub(crate) fn build(&self, request: &BuildRequest) -> Result<Built, Error> {
        let resolve = |reference: &Reference, _: &Platform| {
            let found = self.images.get(&reference.to_string()).cloned();
            found.ok_or_else(|| -> Box<dyn StdError + Send + Sync> { "no such image".into() })
        };
        native::build(request, &self.work(), &resolve)
    }

    /// Returns where builds may write.
    pub(crate) fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// Builds with an engine, which gets images by itself; returns also what
    /// was run and said.
    pub(crate) fn build_with(
        &self,
        engine: &Engine,
        request: &BuildRequest,
    ) -> (Result<Built, Error>, String) {
        let resolve = |_: &Reference, _: &Platform| panic!("an engine gets images by itself");
        let log = Mutex::new(String::new());
        let observe = |event: Event<'_>| {
            let mut log = log.lock().unwrap();
            match event {
                Event::Command(command) => writeln!(log, "$ {command}").unwrap(),
                Event::Output(line) => writeln!(log, "{line}").unwrap(),
            }
        };
        let result = image_build::build(engine, request, &self.work(), &resolve, &observe);
        (result, log.into_inner().unwrap())
    }

    /// Builds for amd64, and returns the image as text.
    pub(crate) fn show(&self) -> String {
        show(&self.only(&self.request()))
    }

    /// Builds, and returns the image if there is one only.
    pub(crate) fn only(&self, request: &BuildRequest) -> Image {
        let built = self.build(request).unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert_eq!(built.warnings, []);
        let images = oci::Artifact::Index(built.index);
        let [image] = images.images()[..] else { panic!("several images") };
        image.clone()
    }

    /// Builds for amd64, and returns why it fails: causes and hint, without
    /// the paths of this world.
    pub(crate) fn fail(&self) -> String {
        self.fail_with(&self.request())
    }

    pub(crate) fn fail_with(&self, request: &BuildRequest) -> String {
        let error = self.build(request).err().unwrap_or_else(|| panic!("it does not fail"));
        self.tell(&error)
    }

    /// Returns an error with causes and hint, without the paths of this world.
    pub(crate) fn tell(&self, error: &Error) -> String {
        let mut text = chain(error);
        if let Some(hint) = error.hint() {
            let _ = write!(text, "\nhint: {hint}");
        }
        self.without_paths(&text)
    }

    /// Returns a text without the paths of this world.
    pub(crate) fn without_paths(&self, text: &str) -> String {
        // What is found is called by where it really is.
        let real = self.dir.path().canonicalize().unwrap();
        text.replace(&format!("{}/", real.display()), "")
            .replace(&format!("{}/", self.dir.path().display()), "")
    }
}

pub(crate) fn platform(word: &str) -> Platform {
    word.parse().unwrap()
}

/// Returns an error and its causes.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, "\n  {error}");
        cause = error.source();
    }
    text
}

/// Returns what an image is, but for digests: its config, and after each
/// instruction what the layer has that it made.
pub(crate) fn show(image: &Image) -> String {
    let config = image.config();
    let mut text = format!("{} {}\n", image.platform(), config.created.as_deref().unwrap_or("?"));
    let _ = writeln!(text, "{}", serde_json::to_string(&config.config).unwrap());
    for (key, value) in &config.extra {
        let _ = writeln!(text, "{key}: {value}");
    }
    let mut layers = image.layers().iter();
    for step in &config.history {
        let text = &mut text;
        let _ = writeln!(text, "{}", step.created_by.as_deref().unwrap_or("?"));
        if !step.empty_layer {
            show_layer(layers.next().unwrap(), text);
        }
    }
    assert!(layers.next().is_none(), "a layer without history");
    text
}

fn show_layer(layer: &Layer, text: &mut String) {
    let is_ours = layer.blob().descriptor().media_type == oci::media::LAYER_GZIP;
    for entry in layer.entries(EntryLimits::default()).unwrap() {
        let kind = match entry.kind {
            EntryKind::File => 'f',
            EntryKind::Directory => 'd',
            EntryKind::Symlink => 'l',
            _ => '?',
        };
        assert!(!is_ours || entry.mtime == 0);
        let (mode, uid, gid, name) = (entry.mode, entry.uid, entry.gid, entry.name);
        let _ = write!(text, "  {kind} {mode:04o} {uid}:{gid} {name}");
        match (&entry.link, entry.kind) {
            (Some(target), _) => writeln!(text, " -> {target}").unwrap(),
            (None, EntryKind::File) => {
                writeln!(text, " {}", String::from_utf8_lossy(&entry.bytes)).unwrap();
            }
            _ => writeln!(text).unwrap(),
        }
    }
}

/// Returns an image for amd64 that has these files, and is made from scratch.
pub(crate) fn image_of(files: &[(&str, &str)]) -> Image {
    let mut image = Image::builder(platform("linux/amd64"));
    for (name, bytes) in files {
        image = image.layer(Layer::single_file(name, bytes.as_bytes(), 0).unwrap(), "old");
    }
    image.build().unwrap()
}

/// Compares texts of several lines; the expected one is indented as the code
/// around it.
#[track_caller]
pub(crate) fn same(found: &str, expected: &str) {
    let lines = expected.lines().skip_while(|line| line.trim().is_empty());
    let lines: Vec<&str> = lines.collect();
    let indent = lines.first().map_or(0, |line| line.len() - line.trim_start().len());
    let text: String = lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(|line| format!("{}\n", line.get(indent..).unwrap_or(line)))
        .collect();
    assert_eq!(found.trim_end(), text.trim_end(), "found:\n{found}");
}
