//! Reads a line for the shell, if it is simple commands joined by `&&`.
//! Assignments that stand alone, `:` and `${X:=word}` set variables for what
//! follows; what a word does not need, such as `$(…)` in `${X:-$(…)}`, is read
//! over.
//!
//! The rules are those of POSIX ("Shell Command Language": 2.2 Quoting, 2.6
//! Word Expansions, 2.9.1 Simple Commands) where dash and bash agree on them;
//! what means something else, or to one of them alone, is refused. So the
//! words are those that a program would see, whichever is `/bin/sh`.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use super::Command;
use super::names::{BUILTINS, RESERVED, is_own};
use crate::scope::Scope;

/// Why the host does not run what a RUN says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// It is more than simple commands joined by `&&`.
    #[error("`{0}` takes a shell; simple commands joined by `&&` do not")]
    Shell(String),
    /// A command changes the shell for those behind it.
    #[error("`{0}` is for the shell itself")]
    Builtin(String),
    /// A here-document belongs to it.
    #[error("it has a here-document")]
    Document,
    /// A flag asks for what the host does not have.
    #[error("it has the flag `{0}`")]
    Flag(String),
    /// Another program reads the line.
    #[error("its shell is `{0}`")]
    OtherShell(String),
    /// A quote or brace is not closed.
    #[error("a `{0}` is not closed")]
    Open(&'static str),
    /// There is no program to run.
    #[error("a command is missing")]
    NoCommand,
    /// The shell would make several words of a value, or names of files.
    #[error("the value of `{0}` is not quoted, and has blanks, wildcards or backslashes")]
    Split(String),
    /// A variable is not set, and what it is then takes more than words.
    #[error("`{0}` is not set, and only a shell tells what it is then")]
    Default(String),
    /// The word demands a variable.
    #[error("`{0}` must be set")]
    Required(String),
    /// No program takes that, or not that deep.
    #[error("it is too long, too deep, or has a character that no argument can have")]
    TooMuch,
}

/// Why a line was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Refused(RunError),
    /// It takes a variable that only a base has which was not got.
    Unknown(String),
}

impl From<RunError> for Stop {
    fn from(error: RunError) -> Stop {
        Stop::Refused(error)
    }
}

/// The command that does nothing, but expands its words.
const NOTHING: &str = ":";

/// Characters that need no thought in the word of `${X:-word}`.
const SAFE: &str = "_./:=,+@%-";

/// How deep `${X:-${Y:-…}}` may be nested.
const MAX_DEPTH: usize = 16;

/// The longest line and the longest word: that of a kernel (MAX_ARG_STRLEN).
const MAX_LENGTH: usize = 128 << 10;

/// Reads a line with the variables of a stage.
pub(crate) fn commands(line: &str, scope: &Scope) -> Result<Vec<Command>, Stop> {
    if line.len() > MAX_LENGTH {
        return Err(RunError::TooMuch.into());
    }
    let mut reader = Reader {
        chars: line.chars().peekable(),
        scope,
        environment: scope.variables().clone(),
        own: BTreeMap::new(),
        local: BTreeMap::new(),
        depth: 0,
    };
    let mut commands = Vec::new();
    loop {
        let (command, goes_on) = reader.command()?;
        commands.extend(command);
        if !goes_on {
            return Ok(commands);
        }
    }
}

/// Makes a command of words that nothing expands.
pub(crate) fn exec(words: &[String], scope: &Scope) -> Result<Command, Stop> {
    if words.is_empty() {
        return Err(RunError::NoCommand.into());
    }
    if words.iter().any(|word| word.contains('\0')) {
        return Err(RunError::TooMuch.into());
    }
    Ok(Command { variables: scope.variables().clone(), words: words.to_vec() })
}

/// Where a word stands, and so what becomes of a variable in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Its value would be split, and matched against files.
    Bare,
    /// In double quotes.
    Quoted,
    /// Behind `NAME=`: nothing is split.
    Assigned,
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    scope: &'a Scope,
    /// What programs see.
    environment: BTreeMap<String, String>,
    /// What the shell has set for itself.
    own: BTreeMap<String, String>,
    /// What the assignments before the command set so far.
    local: BTreeMap<String, String>,
    depth: usize,
}

impl Reader<'_> {
    /// Reads a command, and whether `&&` follows it. Nothing runs where
    /// variables alone are set.
    fn command(&mut self) -> Result<(Option<Command>, bool), Stop> {
        self.local.clear();
        let (mut words, mut has_word) = (Vec::new(), false);
        let goes_on = loop {
            while self.chars.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
            match self.chars.peek() {
                None => break false,
                Some('&') => {
                    self.chars.next();
                    if self.chars.next_if_eq(&'&').is_none() {
                        return Err(RunError::Shell("&".to_owned()).into());
                    }
                    break true;
                }
                Some('#') => return Err(RunError::Shell("#".to_owned()).into()),
                Some(_) => {}
            }
            let assigned = if has_word { None } else { self.assigned() };
            match assigned {
                Some(name) => {
                    let value = self.word(Place::Assigned)?.unwrap_or_default();
                    self.local.insert(name, value);
                }
                None => {
                    has_word = true;
                    words.extend(self.word(Place::Bare)?);
                }
            }
        };
        let Some(program) = words.first() else {
            if has_word || self.local.is_empty() {
                return Err(RunError::NoCommand.into());
            }
            for (name, value) in std::mem::take(&mut self.local) {
                self.set(name, value);
            }
            return Ok((None, goes_on));
        };
        if RESERVED.contains(&program.as_str()) {
            return Err(RunError::Shell(program.clone()).into());
        }
        if BUILTINS.contains(&program.as_str()) {
            return Err(RunError::Builtin(program.clone()).into());
        }
        // What is set before `:` stays in some shells and goes in others.
        if program == NOTHING {
            return match self.local.is_empty() {
                true => Ok((None, goes_on)),
                false => Err(RunError::Builtin(NOTHING.to_owned()).into()),
            };
        }
        let mut variables = self.environment.clone();
        variables.append(&mut self.local);
        Ok((Some(Command { variables, words }), goes_on))
    }

    /// Sets a variable for what follows. Programs see it if they see one of
    /// that name.
    fn set(&mut self, name: String, value: String) {
        match self.environment.get_mut(&name) {
            Some(seen) => *seen = value,
            None => drop(self.own.insert(name, value)),
        }
    }

    /// Reads `NAME=` if it is next.
    fn assigned(&mut self) -> Option<String> {
        let mut ahead = self.chars.clone();
        let name = name(&mut ahead)?;
        ahead.next_if_eq(&'=')?;
        self.chars = ahead;
        Some(name)
    }

    /// Reads a word; `None` if nothing is left of it.
    fn word(&mut self, place: Place) -> Result<Option<String>, Stop> {
        let (mut text, mut is_there) = (String::new(), false);
        while let Some(c) = self.chars.next_if(|c| !matches!(c, ' ' | '\t' | '&')) {
            match c {
                '\'' => self.single_quoted(&mut text)?,
                '"' => self.double_quoted(&mut text)?,
                '\\' => text.push(self.chars.next().ok_or(RunError::Open("\\"))?),
                '$' => {
                    let value = self.dollar(place)?;
                    is_there |= !value.is_empty();
                    text.push_str(&value);
                    continue;
                }
                '|' | ';' | '(' | ')' | '<' | '>' | '`' | '{' | '}' | '*' | '?' | '[' | '~'
                | '\n' | '\r' => return Err(RunError::Shell(c.to_string()).into()),
                '\0' => return Err(RunError::TooMuch.into()),
                c => text.push(c),
            }
            is_there = true;
        }
        if text.len() > MAX_LENGTH {
            return Err(RunError::TooMuch.into());
        }
        Ok(Some(text).filter(|_| is_there))
    }

    fn single_quoted(&mut self, text: &mut String) -> Result<(), Stop> {
        loop {
            match self.chars.next().ok_or(RunError::Open("'"))? {
                '\'' => return Ok(()),
                '\0' => return Err(RunError::TooMuch.into()),
                c => text.push(c),
            }
        }
    }

    /// In double quotes a backslash is one, but before a few characters.
    fn double_quoted(&mut self, text: &mut String) -> Result<(), Stop> {
        loop {
            match self.chars.next().ok_or(RunError::Open("\""))? {
                '"' => return Ok(()),
                '$' => text.push_str(&self.dollar(Place::Quoted)?),
                '`' => return Err(RunError::Shell("`".to_owned()).into()),
                '\0' => return Err(RunError::TooMuch.into()),
                '\\' => match self.chars.next_if(|c| matches!(c, '$' | '`' | '"' | '\\')) {
                    Some(c) => text.push(c),
                    None => text.push('\\'),
                },
                c => text.push(c),
            }
            if text.len() > MAX_LENGTH {
                return Err(RunError::TooMuch.into());
            }
        }
    }

    /// Reads what follows a `$`.
    fn dollar(&mut self, place: Place) -> Result<String, Stop> {
        if let Some(name) = name(&mut self.chars) {
            let value = self.value(&name)?.unwrap_or_default();
            return whole(value, place, &format!("${name}"));
        }
        let next = self.chars.peek().copied();
        match next {
            Some('{') => {
                self.chars.next();
                self.braces(place)
            }
            Some(c)
                if "([@*#?-$!".contains(c)
                    || c.is_ascii_digit()
                    || place != Place::Quoted && "'\"".contains(c) =>
            {
                Err(RunError::Shell(format!("${c}")).into())
            }
            _ => Ok("$".to_owned()),
        }
    }

    /// Reads what follows a `${`.
    fn braces(&mut self, place: Place) -> Result<String, Stop> {
        let shell = |what: String| Stop::from(RunError::Shell(format!("${{{what}")));
        let Some(name) = name(&mut self.chars) else {
            return Err(shell(self.chars.peek().map(char::to_string).unwrap_or_default()));
        };
        let colon = self.chars.next_if_eq(&':').is_some();
        let operator = self.chars.next().ok_or(RunError::Open("${"))?;
        if operator == '}' && !colon {
            let value = self.value(&name)?.unwrap_or_default();
            return whole(value, place, &format!("${{{name}}}"));
        }
        if !matches!(operator, '-' | '+' | '?' | '=') {
            let colon = if colon { ":" } else { "" };
            return Err(shell(format!("{name}{colon}{operator}")));
        }
        let value = self.value(&name)?.filter(|value| !(colon && value.is_empty()));
        match (operator, value) {
            ('+', Some(_)) => self.alternative(place),
            ('+', None) => self.skip('}').map(|()| String::new()),
            (_, Some(value)) => {
                self.skip('}')?;
                whole(value, place, &format!("${{{name}}}"))
            }
            ('?', None) => Err(RunError::Required(name).into()),
            (operator, None) => {
                let word = self.alternative(place).map_err(|stop| match stop {
                    Stop::Refused(RunError::Shell(what)) if what == "$(" => {
                        RunError::Default(name.clone()).into()
                    }
                    stop => stop,
                })?;
                if operator == '=' {
                    self.set(name, word.clone());
                }
                Ok(word)
            }
        }
    }

    /// Reads over what is not needed, to the character that closes it: the
    /// rest of `${…}`, `$(…)` or `"…"`.
    fn skip(&mut self, close: char) -> Result<(), Stop> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(RunError::TooMuch.into());
        }
        let open = match close {
            '}' => "${",
            ')' => "$(",
            _ => "\"",
        };
        loop {
            let c = self.chars.next().ok_or(RunError::Open(open))?;
            match (c, close) {
                _ if c == close => break,
                ('\\', _) => drop(self.chars.next()),
                ('"', ')') => self.skip('"')?,
                ('\'', ')') => self.single_quoted(&mut String::new())?,
                ('(', ')') => self.skip(')')?,
                ('$', _) if self.chars.next_if_eq(&'(').is_some() => self.skip(')')?,
                ('$', _) if self.chars.next_if_eq(&'{').is_some() => self.skip('}')?,
                // What these mean depends on more than on where they stand.
                ('"' | '\'', '}') | ('`' | '\n' | '\0', _) | ('#' | ';', ')') => {
                    return Err(RunError::Shell(c.to_string()).into());
                }
                _ => {}
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads the word of `${X:-word}` with its brace.
    fn alternative(&mut self, place: Place) -> Result<String, Stop> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(RunError::TooMuch.into());
        }
        let mut text = String::new();
        loop {
            match self.chars.next().ok_or(RunError::Open("${"))? {
                '}' => break,
                '$' => text.push_str(&self.dollar(place)?),
                ' ' if place == Place::Quoted => text.push(' '),
                c if c.is_ascii_alphanumeric() || SAFE.contains(c) => text.push(c),
                c => return Err(RunError::Shell(format!("${{…{c}")).into()),
            }
            if text.len() > MAX_LENGTH {
                return Err(RunError::TooMuch.into());
            }
        }
        self.depth -= 1;
        Ok(text)
    }

    /// Returns what a variable is; `None` if it is not set.
    fn value(&self, name: &str) -> Result<Option<String>, Stop> {
        if is_own(name) {
            return Err(RunError::Shell(format!("${name}")).into());
        }
        if self.local.contains_key(name) {
            // Not for a word of the same command, and not for an assignment in
            // every shell.
            return Err(RunError::Shell(format!("{name}=… ${name}")).into());
        }
        if self.scope.is_unknown(name) {
            return Err(Stop::Unknown(name.to_owned()));
        }
        Ok(self.own.get(name).or_else(|| self.environment.get(name)).cloned())
    }
}

/// Reads the name of a variable if it is next.
fn name(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let first = chars.next_if(|c| c.is_ascii_alphabetic() || *c == '_')?;
    let mut name = first.to_string();
    while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
        name.push(c);
    }
    Some(name)
}

/// Returns a value if it stays one word, and the one that it is.
fn whole(value: String, place: Place, variable: &str) -> Result<String, Stop> {
    if value.contains('\0') {
        return Err(RunError::TooMuch.into());
    }
    if place == Place::Bare && value.contains([' ', '\t', '\n', '*', '?', '[', '\\']) {
        return Err(RunError::Split(variable.to_owned()).into());
    }
    Ok(value)
}
