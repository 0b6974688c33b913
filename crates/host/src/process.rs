//! Runs processes: the arguments are a value, the exit status an error.
//!
//! The one place of the workspace that starts a process. A [`Cmd`] is data
//! that can be printed, compared and run; running it returns what it wrote
//! or an error that holds how it ended and the tail of what it said. One whose
//! lines are handed on is in `lines`, one that goes on beside this process in
//! `background`.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// How much of a failed process's standard error its error keeps, in bytes.
pub(crate) const TAIL: usize = 128 * 1024;

/// A process to run: program, arguments, environment, directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cmd {
    program: PathBuf,
    args: Vec<OsString>,
    dir: Option<PathBuf>,
    envs: Vec<(OsString, OsString)>,
    /// `None`: the whole environment is passed on.
    keep: Option<Vec<&'static str>>,
    drop: Vec<OsString>,
    input: Vec<u8>,
}

/// What a process that succeeded wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

/// Why a process did not do its work.
#[derive(Debug, thiserror::Error)]
#[error("`{command}` {kind}")]
pub struct RunError {
    /// The program's name, without its arguments.
    pub command: String,
    /// How it went wrong.
    pub kind: RunErrorKind,
    /// The last of its standard error, at most 128 KiB.
    pub stderr: String,
    /// The last of its standard output, at most 128 KiB: some programs say
    /// there what went wrong.
    pub stdout: String,
    /// The system's error, where the process could not be started.
    #[source]
    pub source: Option<io::Error>,
}

/// How a process failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunErrorKind {
    /// It could not be started or waited for.
    NotStarted,
    /// It ended with this exit code.
    Exited(i32),
    /// A signal of this number ended it.
    Killed(i32),
    /// It was ended because the user asked this program to stop.
    Interrupted,
}

impl fmt::Display for RunErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunErrorKind::NotStarted => f.write_str("could not be run"),
            RunErrorKind::Exited(code) => write!(f, "exited with status {code}"),
            RunErrorKind::Killed(signal) => write!(f, "was killed by signal {signal}"),
            RunErrorKind::Interrupted => f.write_str("was interrupted"),
        }
    }
}

impl Cmd {
    /// Starts a command; `program` is a path or a name on `PATH`.
    pub fn new(program: impl Into<PathBuf>) -> Cmd {
        Cmd {
            program: program.into(),
            args: Vec::new(),
            dir: None,
            envs: Vec::new(),
            keep: None,
            drop: Vec::new(),
            input: Vec::new(),
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Cmd {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Cmd {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets the directory it runs in.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Cmd {
        self.dir = Some(dir.into());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Cmd {
        self.envs.push((key.into(), value.into()));
        self
    }

    /// Passes on only the named variables of this process's environment.
    #[must_use]
    pub fn keep_env(mut self, names: &[&'static str]) -> Cmd {
        self.keep = Some(names.to_vec());
        self
    }

    /// Does not pass on the named variables of this process's environment.
    #[must_use]
    pub fn drop_env(mut self, names: impl IntoIterator<Item = impl Into<OsString>>) -> Cmd {
        self.drop.extend(names.into_iter().map(Into::into));
        self
    }

    /// Sets what [`Cmd::run`] hands it on standard input; nothing unless set.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Cmd {
        self.input = bytes.into();
        self
    }

    /// Returns the program as given.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Returns the arguments, without the program.
    pub fn get_args(&self) -> &[OsString] {
        &self.args
    }

    /// Runs it, with [`Cmd::input`] on its standard input, and returns what it
    /// wrote.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be started, ends with a status other than 0, or is
    /// interrupted; the error holds the tail of its standard error.
    pub fn run(&self) -> Result<Output, RunError> {
        let mut child = self
            .command()
            .stdin(if self.input.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| self.not_started(error))?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        std::thread::scope(|scope| {
            let stdout = scope.spawn(|| read_all(stdout));
            // One that ends without reading says so by its exit status.
            scope.spawn(|| stdin.map(|mut stdin| stdin.write_all(&self.input)));
            let stderr = read_all(stderr);
            let stdout = stdout.join().unwrap_or_default();
            let status = child.wait().map_err(|error| self.not_started(error))?;
            self.check(status, &stdout, &stderr)?;
            Ok(Output { stdout, stderr })
        })
    }

    /// Runs it where the user sees what it says, and ends it when the user
    /// asks this program to stop. Both its streams go to standard error: what
    /// it says is no result of this program.
    ///
    /// # Errors
    ///
    /// As [`Cmd::run`], without a tail: what it said was seen.
    pub fn run_visibly(&self) -> Result<(), RunError> {
        let mut child =
            self.command().stdout(io::stderr()).spawn().map_err(|error| self.not_started(error))?;
        loop {
            match child.try_wait().map_err(|error| self.not_started(error))? {
                Some(status) => return self.check(status, &[], &[]),
                None if crate::interrupted() => {
                    // A terminal has sent it the signal already; a script's
                    // child has not got it.
                    let pid = rustix::process::Pid::from_child(&child);
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
                    let _ = child.wait();
                    return Err(self.error(RunErrorKind::Interrupted, String::new(), None));
                }
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    pub(crate) fn command(&self) -> Command {
        #[expect(clippy::disallowed_methods, reason = "this is the function to use instead")]
        let mut command = Command::new(&self.program);
        command.args(&self.args);
        if let Some(keep) = &self.keep {
            command.env_clear();
            command.envs(keep.iter().filter_map(|key| Some((key, std::env::var_os(key)?))));
        }
        self.drop.iter().for_each(|name| _ = command.env_remove(name));
        command.envs(self.envs.iter().map(|(key, value)| (key, value)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command
    }

    pub(crate) fn check(
        &self,
        status: ExitStatus,
        stdout: &[u8],
        stderr: &[u8],
    ) -> Result<(), RunError> {
        use std::os::unix::process::ExitStatusExt;
        let kind = match (status.code(), status.signal()) {
            (Some(0), _) => return Ok(()),
            (Some(code), _) => RunErrorKind::Exited(code),
            (None, Some(signal)) => RunErrorKind::Killed(signal),
            (None, None) => RunErrorKind::NotStarted,
        };
        let tail = |bytes: &[u8]| {
            String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TAIL)..]).into_owned()
        };
        Err(RunError { stdout: tail(stdout), ..self.error(kind, tail(stderr), None) })
    }

    pub(crate) fn not_started(&self, source: io::Error) -> RunError {
        self.error(RunErrorKind::NotStarted, String::new(), Some(source))
    }

    pub(crate) fn error(
        &self,
        kind: RunErrorKind,
        stderr: String,
        source: Option<io::Error>,
    ) -> RunError {
        let name = self.program.file_name().unwrap_or(self.program.as_os_str());
        let (command, stdout) = (name.to_string_lossy().into_owned(), String::new());
        RunError { command, kind, stderr, stdout, source }
    }
}

impl fmt::Display for Cmd {
    /// Writes the command line so that a POSIX shell takes it as it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(dir) = &self.dir {
            write!(f, "cd {} && ", quote(dir.as_os_str()))?;
        }
        for (key, value) in &self.envs {
            write!(f, "{}={} ", key.to_string_lossy(), quote(value))?;
        }
        write!(f, "{}", quote(self.program.as_os_str()))?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quote(arg)))
    }
}

fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Reads to the end; what cannot be read is left out, for the exit status
/// says whether the process did its work.
fn read_all(stream: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        let _ = stream.read_to_end(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Cmd {
        Cmd::new("/bin/sh").arg("-c").arg(script)
    }

    #[test]
    fn both_streams_are_read_whatever_their_size() {
        let script = "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2";
        let output = sh(script).run().unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (300_000, 300_000));
    }

    #[test]
    fn every_way_to_fail_is_an_error() {
        let cases = [
            (sh("echo no >&2; exit 3"), "`sh` exited with status 3", "no\n"),
            (sh("kill -9 $$"), "`sh` was killed by signal 9", ""),
            (Cmd::new("/no/such/program"), "`program` could not be run", ""),
        ];
        for (command, message, stderr) in cases {
            let error = command.run().unwrap_err();
            assert_eq!((error.to_string().as_str(), error.stderr.as_str()), (message, stderr));
            let error = command.run_visibly().unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn input_is_read_or_left() {
        let input = vec![b'x'; 300_000];
        assert_eq!(sh("cat").input(input.clone()).run().unwrap().stdout, input);
        assert_eq!(sh("echo early").input(input).run().unwrap().stdout, b"early\n");
        let error = sh("echo why; exit 1").run().unwrap_err();
        assert_eq!((error.stdout.as_str(), error.stderr.as_str()), ("why\n", ""));
    }

    #[test]
    fn the_tail_of_a_long_message_is_kept() {
        let error = sh("head -c 200000 /dev/zero >&2; echo end >&2; exit 1").run().unwrap_err();
        assert_eq!(error.stderr.len(), TAIL);
        assert!(error.stderr.ends_with("end\n"));
    }

    #[test]
    fn only_the_kept_environment_is_passed_on() {
        let output = Cmd::new("/usr/bin/env").keep_env(&["PATH"]).env("ADDED", "1").run().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut names: Vec<_> = text.lines().filter_map(|l| l.split('=').next()).collect();
        names.sort_unstable();
        assert_eq!(names, ["ADDED", "PATH"]);
    }

    #[test]
    fn what_is_dropped_of_the_environment_is_not_passed_on() {
        let env = Cmd::new("/usr/bin/env").env("ADDED", "1");
        let text = |cmd: Cmd| String::from_utf8(cmd.run().unwrap().stdout).unwrap();
        assert!(text(env.clone()).contains("\nPATH=") || text(env.clone()).starts_with("PATH="));
        let left = text(env.drop_env(["PATH", "ABSENT", "ADDED"]));
        assert!(!left.lines().any(|line| line.starts_with("PATH=")), "{left}");
        assert!(left.lines().any(|line| line == "ADDED=1"), "what is set is: {left}");
    }

    #[test]
    fn a_command_prints_as_a_shell_takes_it() {
        let command = Cmd::new("/usr/bin/clang")
            .args(["-DX=1", "a b.c", "it's", ""])
            .dir("/tmp/x y")
            .env("A", "1 2");
        assert_eq!(
            command.to_string(),
            r"cd '/tmp/x y' && A='1 2' /usr/bin/clang -DX=1 'a b.c' 'it'\''s' ''"
        );
    }
}
