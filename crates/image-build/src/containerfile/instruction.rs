//! Instructions: what stands on one logical line of a Containerfile.
//!
//! Words are split and flags told apart, nothing is expanded: that needs the
//! variables of the moment. What the built-in builder cannot do is kept as
//! [`Kind::Beyond`] with its name, for a stage that nobody needs may hold it.

use parse_dockerfile as ast;

use super::health::Health;
use super::lines;
use super::words::{self, Pair, WordsError};

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    /// The line on which it starts, from 1.
    pub(crate) line: usize,
    /// How it is written, on one line.
    pub(crate) text: String,
    pub(crate) kind: Kind,
}

/// What an instruction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Arg(Vec<(String, Option<String>)>),
    Cmd(Command),
    Copy(Copy),
    Entrypoint(Command),
    Env(Vec<Pair>),
    Expose(Vec<String>),
    Healthcheck(Health),
    Label(Vec<Pair>),
    Maintainer(String),
    Run(Run),
    Shell(Vec<String>),
    Stopsignal(String),
    User(String),
    Volume(Vec<String>),
    Workdir(String),
    /// What only an engine can do, by its name: `ADD`, `COPY --parents`.
    Beyond(String),
}

/// The program of CMD, ENTRYPOINT, HEALTHCHECK or RUN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Words, given as a JSON array.
    Exec(Vec<String>),
    /// A line for the shell.
    Shell(String),
}

/// RUN and its flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Name and value of each flag.
    pub(crate) flags: Vec<(String, Option<String>)>,
    pub(crate) command: Command,
    /// Whether a here-document belongs to it, or something much like one.
    pub(crate) has_document: bool,
}

/// COPY and its flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Copy {
    /// A stage, an image or a context; the main context if there is none.
    pub(crate) from: Option<String>,
    pub(crate) chmod: Option<String>,
    pub(crate) chown: Option<String>,
    /// Whether it is made without regard to what the stage has.
    pub(crate) link: bool,
    /// At least one.
    pub(crate) sources: Vec<String>,
    pub(crate) destination: String,
}

/// What is wrong with an instruction, whoever runs it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InstructionError {
    /// Its words cannot be told apart.
    #[error(transparent)]
    Words(#[from] WordsError),
    /// It has a flag that it must not have.
    #[error("it has no flag `--{0}`")]
    UnknownFlag(String),
    /// A flag has no value, or one that is none for it.
    #[error("the flag `--{flag}` {reason}")]
    BadFlag {
        /// Its name.
        flag: String,
        /// What is wrong with its value.
        reason: String,
    },
    /// A JSON array holds something else than strings.
    #[error("an array of anything but strings is not a command")]
    NotStrings,
}

impl Instruction {
    /// Makes an instruction of one of the parser's, unless it is a FROM.
    pub(crate) fn new(
        instruction: &ast::Instruction<'_>,
        text: &str,
        escape: char,
    ) -> Result<Option<Instruction>, (usize, InstructionError)> {
        let Some(at) = start(instruction) else { return Ok(None) };
        let line = lines::number(text, at);
        let reader = Reader { text, escape };
        let kind = reader.kind(instruction).map_err(|error| (line, error))?;
        Ok(Some(Instruction { line, text: lines::logical(text, at, escape), kind }))
    }
}

/// Returns where an instruction starts, or `None` for a FROM, and for what a
/// later version of the parser may know.
fn start(instruction: &ast::Instruction<'_>) -> Option<usize> {
    use ast::Instruction as A;
    let keyword = match instruction {
        A::Add(i) => &i.add,
        A::Arg(i) => &i.arg,
        A::Cmd(i) => &i.cmd,
        A::Copy(i) => &i.copy,
        A::Entrypoint(i) => &i.entrypoint,
        A::Env(i) => &i.env,
        A::Expose(i) => &i.expose,
        A::Healthcheck(i) => &i.healthcheck,
        A::Label(i) => &i.label,
        A::Maintainer(i) => &i.maintainer,
        A::Onbuild(i) => &i.onbuild,
        A::Run(i) => &i.run,
        A::Shell(i) => &i.shell,
        A::Stopsignal(i) => &i.stopsignal,
        A::User(i) => &i.user,
        A::Volume(i) => &i.volume,
        A::Workdir(i) => &i.workdir,
        _ => return None,
    };
    Some(keyword.span.start)
}

/// Reads the parts of instructions.
struct Reader<'a> {
    text: &'a str,
    escape: char,
}

impl Reader<'_> {
    fn kind(&self, instruction: &ast::Instruction<'_>) -> Result<Kind, InstructionError> {
        use ast::Instruction as A;
        Ok(match instruction {
            A::Arg(i) => Kind::Arg(words::arguments(&i.arguments.value, self.escape)?),
            A::Cmd(i) => Kind::Cmd(self.command(&i.arguments)?),
            A::Copy(i) => self.copy(i)?,
            A::Entrypoint(i) => Kind::Entrypoint(self.command(&i.arguments)?),
            A::Env(i) => Kind::Env(words::pairs(&i.arguments.value, self.escape)?),
            A::Expose(i) => Kind::Expose(strings(&i.arguments)),
            A::Healthcheck(i) => Kind::Healthcheck(Health::new(i, &|c| self.command(c))?),
            A::Label(i) => Kind::Label(words::pairs(&i.arguments.value, self.escape)?),
            A::Maintainer(i) => Kind::Maintainer(i.name.value.to_string()),
            A::Shell(i) => Kind::Shell(strings(&i.arguments)),
            A::Stopsignal(i) => Kind::Stopsignal(i.arguments.value.to_string()),
            A::User(i) => Kind::User(i.arguments.value.to_string()),
            A::Volume(i) => Kind::Volume(match &i.arguments {
                ast::JsonOrStringArray::Json(array) => strings(&array.value),
                ast::JsonOrStringArray::String(words) => strings(words),
            }),
            A::Workdir(i) => Kind::Workdir(i.arguments.value.to_string()),
            A::Add(_) => Kind::Beyond("ADD".to_owned()),
            A::Onbuild(_) => Kind::Beyond("ONBUILD".to_owned()),
            A::Run(i) => Kind::Run(self.run(i)),
            _ => Kind::Beyond("this instruction".to_owned()),
        })
    }

    fn command(&self, command: &ast::Command<'_>) -> Result<Command, InstructionError> {
        match command {
            ast::Command::Exec(array) => Ok(Command::Exec(strings(&array.value))),
            ast::Command::Shell(line) => {
                let line = lines::logical(self.text, line.span.start, self.escape);
                match serde_json::from_str::<Vec<serde_json::Value>>(&line) {
                    Ok(words) if words.is_empty() => Ok(Command::Exec(Vec::new())),
                    Ok(_) => Err(InstructionError::NotStrings),
                    Err(_) => Ok(Command::Shell(line)),
                }
            }
            _ => Err(InstructionError::NotStrings),
        }
    }

    /// Reads a RUN; what is no array of strings is a line for the shell.
    fn run(&self, instruction: &ast::RunInstruction<'_>) -> Run {
        let at = instruction.run.span.start;
        let flag = |flag: &ast::Flag<'_>| {
            let value = flag.value.as_ref().map(|value| value.value.to_string());
            (flag.name.value.to_string(), value)
        };
        let command = match &instruction.arguments {
            ast::Command::Exec(array) => Command::Exec(strings(&array.value)),
            ast::Command::Shell(line) => {
                Command::Shell(lines::logical(self.text, line.span.start, self.escape))
            }
            _ => Command::Shell(String::new()),
        };
        let has_document = !instruction.here_docs.is_empty()
            || lines::logical(self.text, at, self.escape).contains("<<");
        Run { flags: instruction.options.iter().map(flag).collect(), command, has_document }
    }

    fn copy(&self, instruction: &ast::CopyInstruction<'_>) -> Result<Kind, InstructionError> {
        let mut copy = Copy::default();
        let mut beyond = None;
        for flag in &instruction.options {
            let name: &str = &flag.name.value;
            let place = match name {
                "from" => &mut copy.from,
                "chmod" => &mut copy.chmod,
                "chown" => &mut copy.chown,
                "link" => {
                    copy.link = switch(flag)?;
                    continue;
                }
                "parents" | "exclude" => {
                    beyond = Some(Kind::Beyond(format!("COPY --{name}")));
                    continue;
                }
                _ => return Err(InstructionError::UnknownFlag(name.to_owned())),
            };
            set_flag(place, flag)?;
        }
        for source in &instruction.src {
            match source {
                ast::Source::Path(path) => copy.sources.push(path.value.to_string()),
                _ => beyond = Some(Kind::Beyond("COPY with a here-document".to_owned())),
            }
        }
        copy.destination = instruction.dest.value.to_string();
        Ok(beyond.unwrap_or(Kind::Copy(copy)))
    }
}

/// Notes the value of a flag that must have one, and stand there once.
pub(super) fn set_flag(
    place: &mut Option<String>,
    flag: &ast::Flag<'_>,
) -> Result<(), InstructionError> {
    let error = |reason: &str| InstructionError::BadFlag {
        flag: flag.name.value.to_string(),
        reason: reason.to_owned(),
    };
    let value = flag.value.as_ref().ok_or_else(|| error("has no value"))?;
    match place.replace(value.value.to_string()) {
        Some(_) => Err(error("stands there twice")),
        None => Ok(()),
    }
}

/// Returns what a flag says that is there or not, or is `true` or `false`.
fn switch(flag: &ast::Flag<'_>) -> Result<bool, InstructionError> {
    match flag.value.as_ref().map(|value| &*value.value) {
        None | Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(value) => Err(InstructionError::BadFlag {
            flag: flag.name.value.to_string(),
            reason: format!("is `{value}`, neither `true` nor `false`"),
        }),
    }
}

fn strings(words: &[ast::UnescapedString<'_>]) -> Vec<String> {
    words.iter().map(|word| word.value.to_string()).collect()
}
