//! Text → expression.

use serde_json::Value;

use super::function::Function;

/// An expression, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Literal(Value),
    Context(String),
    /// `a.b` and `a['b']` alike.
    Index(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Compare(Compare, Box<Expression>, Box<Expression>),
    Call(Function, Vec<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// The longer ones first.
const COMPARISONS: [(&str, Compare); 6] = [
    ("==", Compare::Equal),
    ("!=", Compare::NotEqual),
    ("<=", Compare::AtMost),
    (">=", Compare::AtLeast),
    ("<", Compare::Less),
    (">", Compare::Greater),
];

/// How deep expressions may lie in each other.
const DEPTH: usize = 50;

impl Expression {
    /// Returns whether this, or something in it, is what is asked for.
    pub(super) fn any(&self, is_it: &dyn Fn(&Expression) -> bool) -> bool {
        let parts: Vec<&Expression> = match self {
            Expression::Literal(_) | Expression::Context(_) => vec![],
            Expression::Not(inner) => vec![inner],
            Expression::Index(left, right)
            | Expression::And(left, right)
            | Expression::Or(left, right)
            | Expression::Compare(_, left, right) => vec![left, right],
            Expression::Call(_, arguments) => arguments.iter().collect(),
        };
        is_it(self) || parts.into_iter().any(|part| part.any(is_it))
    }
}

/// Reads a whole text as expression.
pub(super) fn parse(source: &str) -> Result<Expression, String> {
    let mut parser = Parser { rest: source, depth: 0 };
    let parsed = parser.or();
    let whole = match parsed {
        Ok(_) if !parser.skip_blanks().is_empty() => Err("no operator".to_owned()),
        parsed => parsed,
    };
    whole.map_err(|why| format!("{why} at `{}` of `{source}`", parser.rest))
}

/// Returns where the `}}` is that closes an expression, outside of its texts.
pub(super) fn end(source: &str) -> Option<usize> {
    let mut quoted = false;
    source.char_indices().find_map(|(at, letter)| {
        quoted ^= letter == '\'';
        (!quoted && source[at..].starts_with("}}")).then_some(at)
    })
}

/// Reads a number as GitHub does: decimal, or `0x…`.
pub(super) fn number(text: &str) -> Option<f64> {
    if let Some(digits) = text.strip_prefix("0x") {
        return u32::from_str_radix(digits, 16).ok().map(f64::from);
    }
    // Rust also reads `inf` and `nan`.
    let is_number = text.chars().all(|letter| letter.is_ascii_digit() || "+-.eE".contains(letter));
    if is_number { text.parse().ok() } else { None }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

type Parsed = Result<Expression, String>;

impl<'a> Parser<'a> {
    fn skip_blanks(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    /// Takes `sign` if it comes next.
    fn take(&mut self, sign: &str) -> bool {
        match self.skip_blanks().strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) { Ok(()) } else { Err(format!("no `{sign}`")) }
    }

    fn or(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("too deep".to_owned());
        }
        let mut left = self.and()?;
        while self.take("||") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Parsed {
        let mut left = self.compare()?;
        while self.take("&&") {
            left = Expression::And(Box::new(left), Box::new(self.compare()?));
        }
        Ok(left)
    }

    fn compare(&mut self) -> Parsed {
        let mut left = self.not()?;
        while let Some((_, compare)) = COMPARISONS.iter().find(|(sign, _)| self.take(sign)) {
            left = Expression::Compare(*compare, Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Parsed {
        let mut signs = 0;
        while !self.skip_blanks().starts_with("!=") && self.take("!") {
            signs += 1;
        }
        let mut inner = self.member()?;
        for _ in 0..signs {
            inner = Expression::Not(Box::new(inner));
        }
        Ok(inner)
    }

    fn member(&mut self) -> Parsed {
        let mut whole = self.atom()?;
        loop {
            let index = if self.take("[") {
                let index = self.or()?;
                self.expect("]")?;
                index
            } else if self.take(".") {
                // Also `.*`, which nothing here uses.
                let name = self.name().ok_or("no name")?;
                Expression::Literal(Value::String(name.to_owned()))
            } else {
                return Ok(whole);
            };
            whole = Expression::Index(Box::new(whole), Box::new(index));
        }
    }

    fn atom(&mut self) -> Parsed {
        if self.take("(") {
            let inner = self.or()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.take("'") {
            return self.text();
        }
        if self.skip_blanks().starts_with(|letter: char| letter.is_ascii_digit() || letter == '-') {
            let end = self
                .rest
                .find(|letter: char| !(letter.is_ascii_alphanumeric() || "+-.".contains(letter)));
            let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
            let number = number(word).ok_or("no number")?;
            self.rest = rest;
            return Ok(Expression::Literal(number.into()));
        }
        let name = self.name().ok_or("no value")?;
        if self.take("(") {
            let arguments = self.arguments()?;
            return Ok(Expression::Call(Function::named(name, arguments.len())?, arguments));
        }
        Ok(match name {
            "true" => Expression::Literal(Value::Bool(true)),
            "false" => Expression::Literal(Value::Bool(false)),
            "null" => Expression::Literal(Value::Null),
            name => Expression::Context(name.to_owned()),
        })
    }

    fn arguments(&mut self) -> Result<Vec<Expression>, String> {
        let mut arguments = Vec::new();
        if self.take(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.or()?);
            if !self.take(",") {
                self.expect(")")?;
                return Ok(arguments);
            }
        }
    }

    /// Takes the rest of a text; a quote in it is written twice.
    fn text(&mut self) -> Parsed {
        let mut text = String::new();
        loop {
            let (part, rest) = self.rest.split_once('\'').ok_or("a text is not closed")?;
            text.push_str(part);
            self.rest = rest;
            match rest.strip_prefix('\'') {
                Some(rest) => self.rest = rest,
                None => return Ok(Expression::Literal(Value::String(text))),
            }
            text.push('\'');
        }
    }

    fn name(&mut self) -> Option<&'a str> {
        let text = self.skip_blanks();
        let is_in = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
        let end = text.find(|letter| !is_in(letter)).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let starts = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
        starts.then(|| {
            self.rest = rest;
            name
        })
    }
}
