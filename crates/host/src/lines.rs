//! Runs a process whose lines are handed on as they come: for what takes
//! minutes and says meanwhile what it does.

use std::io::{self, BufRead, BufReader, PipeReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::process::{Cmd, RunError, RunErrorKind, TAIL};

/// How often a running process is looked at.
const PACE: Duration = Duration::from_millis(10);

/// How soon one is looked at that has closed its streams; then twice as long.
const FIRST_PAUSE: Duration = Duration::from_micros(50);

/// How long a process may take to end once it was asked to, and one that it
/// started to close the streams.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest piece of a line that is handed on at a time, in bytes.
const PIECE: u64 = 64 * 1024;

impl Cmd {
    /// Runs it and hands on the lines of both its streams, without their
    /// ends, as they come. Ends it when the user asks this program to stop.
    /// [`Cmd::input`] is not handed on.
    ///
    /// # Errors
    ///
    /// As [`Cmd::run`]; the tail is that of both streams.
    pub fn run_by_line(&self, line: &mut dyn FnMut(&str)) -> Result<(), RunError> {
        let (mut child, stream) = self.start_joined().map_err(|error| self.not_started(error))?;
        let (sender, lines) = channel();
        std::thread::spawn(move || send_lines(stream, &sender));
        let mut tail = Tail::default();
        let mut take = |text: String| {
            line(&text);
            tail.push(&text);
        };
        let mut is_open = true;
        // One that has closed its streams ends at once, as a rule.
        let mut pause = FIRST_PAUSE;
        let status = loop {
            is_open = is_open && pass_on(&lines, PACE, &mut take);
            match child.try_wait().map_err(|error| self.not_started(error))? {
                Some(status) => break status,
                None if crate::interrupted() => {
                    end(&mut child);
                    return Err(self.error(RunErrorKind::Interrupted, tail.text, None));
                }
                None if !is_open => {
                    std::thread::sleep(pause);
                    pause = PACE.min(pause * 2);
                }
                None => {}
            }
        };
        // What it left behind may hold the streams for ever.
        let until = Instant::now() + PATIENCE;
        while is_open && Instant::now() < until {
            is_open = pass_on(&lines, PACE, &mut take);
        }
        self.check(status, &[], tail.text.as_bytes())
    }

    /// Starts it with one pipe for both its streams, so that lines come in the
    /// order in which they were said.
    fn start_joined(&self) -> io::Result<(Child, PipeReader)> {
        let (reader, writer) = io::pipe()?;
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        // The command goes, and with it the ends that would keep the pipe open.
        Ok((command.spawn()?, reader))
    }
}

fn send_lines(stream: impl Read, sender: &Sender<String>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        match (&mut reader).take(PIECE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        if sender.send(text.trim_end_matches(['\r', '\n']).to_owned()).is_err() {
            return;
        }
    }
}

/// Hands on the lines that are there, after waiting for the first; returns
/// whether more can come.
fn pass_on(lines: &Receiver<String>, wait: Duration, take: &mut dyn FnMut(String)) -> bool {
    match lines.recv_timeout(wait) {
        Ok(line) => {
            take(line);
            lines.try_iter().for_each(take);
            true
        }
        Err(RecvTimeoutError::Timeout) => true,
        Err(RecvTimeoutError::Disconnected) => false,
    }
}

/// Ends a process: a terminal has sent it the signal already, but not if it
/// is a script's child.
fn end(child: &mut Child) {
    let _ = kill_process(Pid::from_child(child), Signal::TERM);
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(PACE);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The last of what a process said.
#[derive(Default)]
struct Tail {
    text: String,
}

impl Tail {
    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        if self.text.len() > 2 * TAIL {
            let cut = self.text.len() - TAIL;
            let cut = (cut..).find(|&at| self.text.is_char_boundary(at)).unwrap_or(cut);
            self.text.drain(..cut);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> (Vec<String>, Result<(), RunError>) {
        let mut lines = Vec::new();
        let command = Cmd::new("/bin/sh").arg("-c").arg(script);
        let result = command.run_by_line(&mut |line| lines.push(line.to_owned()));
        (lines, result)
    }

    #[test]
    fn lines_come_as_they_are_said() {
        let (lines, result) = run("echo one; echo two >&2; printf 'three\r\nfour'");
        result.unwrap();
        assert_eq!(lines, ["one", "two", "three", "four"]);
    }

    #[test]
    fn they_come_before_the_end() {
        let (mut first, start) = (None, Instant::now());
        let command = Cmd::new("/bin/sh").arg("-c").arg("echo here; sleep 1");
        command.run_by_line(&mut |_| first = Some(start.elapsed())).unwrap();
        assert!(first.unwrap() + Duration::from_millis(500) < start.elapsed());
    }

    #[test]
    fn every_way_to_fail_is_an_error() {
        let cases = [
            ("echo half; echo no >&2; exit 3", "`sh` exited with status 3", "half\nno\n"),
            ("kill -9 $$", "`sh` was killed by signal 9", ""),
        ];
        for (script, message, said) in cases {
            let error = run(script).1.unwrap_err();
            assert_eq!((error.to_string().as_str(), error.stderr.as_str()), (message, said));
        }
        let error = Cmd::new("/no/such/program").run_by_line(&mut |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "`program` could not be run");
    }

    #[test]
    fn a_long_line_and_a_long_story_are_cut() {
        let script = "head -c 300000 /dev/zero | tr '\\0' 'x'; echo; echo end; exit 1";
        let (lines, result) = run(script);
        assert_eq!(lines.iter().map(String::len).sum::<usize>(), 300_003);
        let error = result.unwrap_err();
        assert_eq!(error.stderr.len(), TAIL);
        assert!(error.stderr.ends_with("x\nend\n"), "{}", &error.stderr[error.stderr.len() - 20..]);
    }

    #[test]
    fn what_stays_behind_does_not_hold_it_up() {
        let start = Instant::now();
        let (lines, result) = run("sleep 60 & echo $!");
        result.unwrap();
        Cmd::new("kill").args(&lines).run().unwrap();
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}
