//! Running cosign: where its files are, what it is told, what it may say.
//!
//! All files of a session lie in a directory that only the user can enter;
//! a call's credential is there while the call runs, and no longer.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use host::fs::{IoContext, IoError};
use host::{Cmd, Lock, RunError, RunErrorKind};
use oci::Reference;
use oci::registry::Access;
use tempfile::TempDir;

use crate::args::{self, Attest, Format, Place, Sign, Signer, Trust, Verifier, Verify};
use crate::environment::{Needs, PASSWORD, dropped};
use crate::passing::{self, Patience, Wait};
use crate::{Cosign, Cosigns, Error, Key, Major, Verdict, lists};

/// Runs the cosigns of the machine. May be used by several threads.
#[derive(Debug)]
pub struct Session {
    cosigns: Cosigns,
    dir: TempDir,
    /// Variables that are never handed on.
    hidden: Vec<String>,
    patience: Patience,
    trust: Trust,
    locks: Option<PathBuf>,
    /// The signing configuration without services, once it is needed.
    config: Mutex<Option<PathBuf>>,
}

/// Something that a user may want to know meanwhile.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A command is run. Nothing in it is secret.
    Run(&'a Cmd),
    /// There is a pause before another try.
    Wait(Wait),
}

/// Who is told of events.
pub type Tell<'a> = &'a (dyn Fn(Event<'_>) + Sync);

/// A call of cosign about one subject.
struct Call<'a> {
    cosign: &'a Cosign,
    needs: Needs<'a>,
    subject: &'a Reference,
    access: &'a Access,
    /// Whether the user is asked something. Then it sees what cosign says, and
    /// nothing is tried again.
    asks: bool,
    tell: Tell<'a>,
}

/// How long a line of a variable's value is at least that is taken for a
/// secret: anything shorter is in every text.
const SHORTEST: usize = 4;

impl Session {
    /// Makes a session's directory. Variables that are `hidden` are never
    /// handed on.
    ///
    /// # Errors
    ///
    /// Fails if the directory cannot be made.
    pub fn new(
        cosigns: Cosigns,
        hidden: impl IntoIterator<Item = String>,
    ) -> Result<Session, IoError> {
        let dir = private_dir(&std::env::temp_dir())?;
        let (hidden, patience) = (hidden.into_iter().collect(), Patience::default());
        let (trust, config) = (Trust::default(), Mutex::default());
        Ok(Session { cosigns, dir, hidden, patience, trust, locks: None, config })
    }

    /// Sets how failures that may pass are met.
    #[must_use]
    pub fn patience(mut self, patience: Patience) -> Session {
        self.patience = patience;
        self
    }

    /// Sets what certificates are checked by.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Session {
        self.trust = trust;
        self
    }

    /// Sets the directory of the locks by which sessions, of other processes
    /// too, take turns at a subject: without one, of two who add to it at once
    /// one may lose.
    #[must_use]
    pub fn locks(mut self, dir: impl Into<PathBuf>) -> Session {
        self.locks = Some(dir.into());
        self
    }

    /// Returns the cosigns that it runs.
    pub fn cosigns(&self) -> &Cosigns {
        &self.cosigns
    }

    /// Signs; what is signed already gets another signature.
    ///
    /// # Errors
    ///
    /// Fails if there is no cosign for the format, or it fails; what may pass
    /// has then been waited for.
    pub fn sign(&self, sign: &Sign<'_>, access: &Access, tell: Tell<'_>) -> Result<(), Error> {
        let cosign = self.cosigns.get(sign.format.major())?;
        let config = match sign.format {
            Format::Legacy => None,
            Format::Bundle => self.config(sign.signer)?,
        };
        let _alone = self.alone(sign.subject)?;
        let call = call(cosign, sign.signer, (sign.subject, access), tell);
        self.call(&call, |place| sign.args(place, config.as_deref()))
    }

    /// Attests, as a bundle.
    ///
    /// # Errors
    ///
    /// As [`Session::sign`].
    pub fn attest(
        &self,
        attest: &Attest<'_>,
        access: &Access,
        tell: Tell<'_>,
    ) -> Result<(), Error> {
        let cosign = self.cosigns.get(Major::Three)?;
        let config = self.config(attest.signer)?;
        let _alone = self.alone(attest.subject)?;
        let call = call(cosign, attest.signer, (attest.subject, access), tell);
        self.call(&call, |place| attest.args(place, config.as_deref()))
    }

    /// Checks whether a signature is there and good. By cosign 3, which can
    /// be told of which format; legacy ones by cosign 2 where there is no
    /// other, which is then right unless there is a bundle too.
    ///
    /// # Errors
    ///
    /// Fails if that could not be found out.
    pub fn verify(
        &self,
        verify: &Verify<'_>,
        access: &Access,
        tell: Tell<'_>,
    ) -> Result<Verdict, Error> {
        let cosign = match verify.format {
            Format::Legacy => self.cosigns.any()?,
            Format::Bundle => self.cosigns.get(Major::Three)?,
        };
        let needs = match verify.verifier {
            Verifier::Identity(_) => Needs::Trust,
            Verifier::Key(Key::File(_)) => Needs::Nothing,
            Verifier::Key(key) => Needs::Key(key),
        };
        let major = if cosign.version.major == 2 { Major::Two } else { Major::Three };
        let call = Call { cosign, needs, subject: verify.subject, access, asks: false, tell };
        let trust = match verify.verifier {
            Verifier::Identity(_) => self.trust.clone(),
            Verifier::Key(_) => Trust::default(),
        };
        Verdict::of(self.call(&call, |place| trust.add(verify.args(major, place))))
    }

    /// Returns the public key that belongs to a private one, in PEM form.
    ///
    /// # Errors
    ///
    /// Fails if there is no cosign, the key cannot be got at, or the password
    /// in the variable `COSIGN_PASSWORD` is not the key's.
    pub fn public_key(&self, key: &Key) -> Result<String, Error> {
        let cosign = self.cosigns.any()?;
        let dir = self.scratch()?;
        let file = dir.path().join("cosign.pub");
        let needs = Needs::Key(key);
        let cmd = self.cmd(cosign, &needs).args(args::public_key(key, &file));
        cmd.run_by_line(&mut |_| {}).map_err(|error| self.told(error, None))?;
        Ok(host::fs::read_to_string(&file)?)
    }

    /// Returns the signing configuration that a key needs.
    fn config(&self, signer: &Signer) -> Result<Option<PathBuf>, Error> {
        if !matches!(signer, Signer::Key(_)) {
            return Ok(None);
        }
        let mut made = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        if made.is_none() {
            let file = self.dir.path().join("signing-config.json");
            let cosign = self.cosigns.get(Major::Three)?;
            let cmd = self.cmd(cosign, &Needs::Nothing).args(args::signing_config(&file));
            cmd.run_by_line(&mut |_| {}).map_err(|error| self.told(error, None))?;
            *made = Some(file);
        }
        Ok(made.clone())
    }

    fn alone(&self, subject: &Reference) -> Result<Option<Lock>, Error> {
        let failed = |error: IoError| match host::interrupted() {
            true => interrupted(),
            false => Error::Io(error),
        };
        lists::alone(self.locks.as_deref(), subject.digest()).map_err(failed)
    }

    /// Makes a directory for one call.
    fn scratch(&self) -> Result<TempDir, IoError> {
        private_dir(self.dir.path())
    }

    /// Returns cosign without arguments, in the environment of a call.
    fn cmd(&self, cosign: &Cosign, needs: &Needs<'_>) -> Cmd {
        let cmd = Cmd::new(cosign.path()).drop_env(dropped(needs, &self.hidden));
        // Unless it is told otherwise, it fetches Sigstore's data to HOME.
        let own = needs.is_local().then(|| self.dir.path().join("tuf"));
        let cmd = own.into_iter().fold(cmd, |cmd, own| cmd.env("TUF_ROOT", own));
        // It takes /dev/null for a terminal, and asks there.
        let is_silent = needs.is_key() && std::env::var_os(PASSWORD).is_none();
        if is_silent { cmd.env(PASSWORD, "") } else { cmd }
    }

    /// Makes a call, and again what failed and may pass.
    fn call(&self, call: &Call<'_>, args: impl Fn(&Place) -> Vec<OsString>) -> Result<(), Error> {
        let dir = self.scratch()?;
        let place = place(call.access, dir.path())?;
        let cmd = self.cmd(call.cosign, &call.needs).env("DOCKER_CONFIG", dir.path());
        let cmd = cmd.args(args(&place));
        (call.tell)(Event::Run(&cmd));
        if call.asks {
            return cmd.run_visibly().map_err(|error| self.told(error, Some(call.access)));
        }
        let mut tried = 1;
        loop {
            let Err(error) = cmd.run_by_line(&mut |_| {}) else { return Ok(()) };
            let error = self.concealed(error, Some(call.access));
            let pause = passing::why(&error).and_then(|why| {
                let pause = self.patience.pause(tried, why)?;
                Some(Wait { what: call.subject.to_string(), why: why.to_owned(), pause })
            });
            let Some(wait) = pause else { return Err(Error::Run(Box::new(error))) };
            tried += 1;
            let pause = wait.pause;
            (call.tell)(Event::Wait(wait));
            if !passing::sleep(pause) {
                let kind = RunErrorKind::Interrupted;
                return Err(Error::Run(Box::new(RunError { kind, ..error })));
            }
        }
    }

    fn told(&self, error: RunError, access: Option<&Access>) -> Error {
        Error::Run(Box::new(self.concealed(error, access)))
    }

    /// Takes out of what cosign said whatever must not be seen. It says no
    /// secrets; that it does not is not for it to decide.
    fn concealed(&self, error: RunError, access: Option<&Access>) -> RunError {
        let conceal = |text: &str| {
            let text = access.map_or(text.to_owned(), |access| access.login.conceal(text));
            conceal_environment(&text)
        };
        RunError { stderr: conceal(&error.stderr), stdout: conceal(&error.stdout), ..error }
    }
}

/// Returns the error of a call that was not made because the user wants the
/// program to end.
fn interrupted() -> Error {
    let (command, stderr, stdout) = ("cosign".to_owned(), String::new(), String::new());
    let kind = RunErrorKind::Interrupted;
    Error::Run(Box::new(RunError { command, kind, stderr, stdout, source: None }))
}

/// Makes a directory that nobody but its owner can enter.
fn private_dir(place: &Path) -> Result<TempDir, IoError> {
    let owner = std::fs::Permissions::from_mode(0o700);
    let dir = tempfile::Builder::new().prefix("cosign-").permissions(owner).tempdir_in(place);
    dir.io_context("make a directory in", place)
}

/// Returns the call by which somebody signs something.
fn call<'a>(
    cosign: &'a Cosign,
    signer: &'a Signer,
    (subject, access): (&'a Reference, &'a Access),
    tell: Tell<'a>,
) -> Call<'a> {
    let needs = match signer {
        Signer::Key(key) => Needs::Key(key),
        Signer::Ambient | Signer::Interactive => Needs::Identity,
    };
    let asks = *signer == Signer::Interactive;
    Call { cosign, needs, subject, access, asks, tell }
}

/// Writes what a call needs to get into the registry.
fn place(access: &Access, dir: &Path) -> Result<Place, IoError> {
    access.login.write(dir)?;
    let authorities = if access.authorities.is_empty() {
        None
    } else {
        let file = dir.join("authorities.pem");
        host::fs::write_private(&file, &access.authorities)?;
        Some(file)
    };
    let certificate = access.certificate.clone();
    Ok(Place { authorities, certificate, plain_http: access.plain_http })
}

/// Takes out the values of variables that hold secrets, by their names, line
/// by line, and whatever looks like a token of an identity (RFC 7519).
fn conceal_environment(text: &str) -> String {
    const NAMES: [&str; 5] = ["PASSWORD", "TOKEN", "SECRET", "PRIVATE_KEY", "_PIN"];
    let mut text = text.to_owned();
    for (name, value) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if NAMES.iter().any(|word| name.contains(word)) {
            let value = value.to_string_lossy().into_owned();
            let parts = value.lines().map(str::trim).filter(|part| part.len() >= SHORTEST);
            text = parts.fold(text, |text, part| text.replace(part, "…"));
        }
    }
    conceal_tokens(&text)
}

fn conceal_tokens(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("eyJ") {
        let (before, from) = rest.split_at(at);
        let end = from.find(|c| !is_part(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        clean.push_str(before);
        clean.push_str(if word.matches('.').count() == 2 { "…" } else { word });
        rest = after;
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_not_shown() {
        let cases = [
            ("token eyJhbGci.eyJzdWIi.c2ln-_x: refused", "token …: refused"),
            ("eyJonly and eyJ.two", "eyJonly and eyJ.two"),
            ("no token", "no token"),
        ];
        for (said, expected) in cases {
            assert_eq!(conceal_tokens(said), expected);
        }
    }
}
