//! `docker/metadata-action`: the tags of a run.
//!
//! <https://github.com/docker/metadata-action#tags-input>. Without names of
//! images its `tags` are the tags alone.

use super::{Call, Done, Event, Outcome};

/// One rule of `tags`.
#[derive(Debug)]
struct Rule<'a> {
    kind: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
}

/// What rules of a kind know besides `type`, `enable` and `priority`, and
/// the priority that they have unless told: tags come in that order.
const KINDS: [(&str, &[&str], i64); 3] =
    [("ref", &["event"], 600), ("raw", &["value"], 200), ("sha", &["format"], 100)];

/// Stands in for it.
pub(super) fn tags(call: &mut Call<'_>) -> Outcome {
    let latest = match call.input("flavor") {
        None | Some("latest=auto") => None,
        Some("latest=false") => Some(false),
        Some("latest=true") => Some(true),
        Some(other) => return Err(format!("this stand-in knows no flavor `{other}`")),
    };
    let names = names(call.required("tags")?, latest, call.event)?;
    let separator = call.with.get("sep-tags").map_or("\n", String::as_str);
    let output = |name: &str, value: String| (name.to_owned(), value);
    let json = serde_json::json!({"tags": names, "tag-names": names}).to_string();
    let outputs = [
        output("version", names.first().cloned().unwrap_or_default()),
        output("tags", names.join(separator)),
        output("tag-names", names.join(separator)),
        output("json", json),
    ];
    Ok(Done { outputs: outputs.into(), log: names.join("\n") + "\n" })
}

/// Returns the tags that the rules give, the one with the most priority first
/// and `latest`, where the flavour adds it, last.
fn names(rules: &str, latest: Option<bool>, event: &Event) -> Result<Vec<String>, String> {
    let lines = rules.lines().map(str::trim).filter(|line| !line.is_empty());
    let rules: Vec<_> = lines.map(Rule::parse).collect::<Result<_, _>>()?;
    let mut rated: Vec<_> =
        rules.iter().map(|rule| Ok((rule.priority()?, rule))).collect::<Result<_, String>>()?;
    rated.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
    let mut names: Vec<String> = Vec::new();
    let mut adds_latest = None;
    for (_, rule) in rated {
        let Some(name) = rule.name(event)? else { continue };
        // The first tag decides: a name of a tag brings `latest` along.
        adds_latest.get_or_insert(latest.unwrap_or(rule.attribute("event") == Some("tag")));
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if adds_latest == Some(true) && !names.iter().any(|name| name == "latest") {
        names.push("latest".to_owned());
    }
    Ok(names)
}

impl<'a> Rule<'a> {
    fn parse(line: &'a str) -> Result<Rule<'a>, String> {
        let wrong = |why: &str| format!("{why}: `{line}`");
        let mut attributes = Vec::new();
        for part in line.split(',') {
            attributes.push(part.split_once('=').ok_or_else(|| wrong("not KEY=VALUE"))?);
        }
        let kind = attributes.iter().find(|(key, _)| *key == "type").map(|(_, kind)| *kind);
        let kind = kind.ok_or_else(|| wrong("no type"))?;
        let row = KINDS.iter().find(|(known, ..)| *known == kind);
        let (_, keys, _) = row.ok_or_else(|| wrong("this stand-in knows no such type"))?;
        let is_known =
            |key: &str| ["type", "enable", "priority"].contains(&key) || keys.contains(&key);
        match attributes.iter().find(|(key, _)| !is_known(key)) {
            Some((key, _)) => Err(wrong(&format!("this stand-in knows no `{key}`"))),
            None => Ok(Rule { kind, attributes }),
        }
    }

    fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    fn priority(&self) -> Result<i64, String> {
        match self.attribute("priority") {
            Some(word) => word.parse().map_err(|_| format!("the priority is `{word}`")),
            None => Ok(KINDS.iter().find(|(kind, ..)| *kind == self.kind).unwrap().2),
        }
    }

    /// Returns the tag that the rule gives for this event, if any.
    fn name(&self, event: &Event) -> Result<Option<String>, String> {
        let enabled = match self.attribute("enable").unwrap_or("true") {
            "true" => true,
            "false" => false,
            "{{is_default_branch}}" => event.reference == "refs/heads/main",
            other => return Err(format!("`enable` is `{other}`")),
        };
        let name = match (self.kind, self.attribute("event")) {
            ("ref", Some("branch")) => event.reference.strip_prefix("refs/heads/"),
            ("ref", Some("tag")) => event.reference.strip_prefix("refs/tags/"),
            ("ref", Some("pr")) => {
                let number = event.reference.strip_prefix("refs/pull/");
                let number = number.and_then(|rest| rest.strip_suffix("/merge"));
                return Ok(number.filter(|_| enabled).map(|number| format!("pr-{number}")));
            }
            ("raw", None) => Some(self.attribute("value").ok_or("no value")?),
            ("sha", None) => match self.attribute("format").unwrap_or("short") {
                "long" => Some(super::super::event::SHA),
                "short" => Some(&super::super::event::SHA[..7]),
                other => return Err(format!("`format` is `{other}`")),
            },
            (_, event) => return Err(format!("`event` is {event:?}")),
        };
        let prefix = if self.kind == "sha" { "sha-" } else { "" };
        // What no tag may hold becomes a dash.
        let clean = |name: &str| {
            let ok = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
            name.chars().map(|letter| if ok(letter) { letter } else { '-' }).collect::<String>()
        };
        Ok(name.filter(|_| enabled).map(|name| format!("{prefix}{}", clean(name))))
    }
}

#[test]
fn rules_give_the_tags_of_an_event() {
    use super::super::event::SHA;
    let rules = "type=ref,event=branch\ntype=ref,event=tag\ntype=ref,event=pr\n\
                 type=sha,format=long\ntype=raw,value=latest,enable={{is_default_branch}}\n";
    let sha = format!("sha-{SHA}");
    let sha = sha.as_str();
    let cases: [(Event, Option<bool>, &[&str]); 8] = [
        (Event::push("main"), None, &["main", "latest", sha]),
        (Event::dispatch("main"), Some(false), &["main", "latest", sha]),
        (Event::push("a/b"), None, &["a-b", sha]),
        (Event::push("a/b"), Some(true), &["a-b", sha, "latest"]),
        // As the action documents it: a tag's name brings `latest` along.
        (Event::tag("v1.2.3"), None, &["v1.2.3", sha, "latest"]),
        (Event::tag("v1.2.3"), Some(false), &["v1.2.3", sha]),
        (Event::tag("v1+x"), Some(false), &["v1-x", sha]),
        (Event::pull_request(&[]), None, &["pr-7", sha]),
    ];
    for (event, latest, expected) in cases {
        assert_eq!(names(rules, latest, &event).unwrap(), expected, "{event:?}");
    }
    let main = Event::push("main");
    let priority = "type=raw,value=b,priority=1\n\ntype=raw,value=a\ntype=raw,value=a\ntype=sha";
    assert_eq!(names(priority, None, &main).unwrap(), ["a", &format!("sha-{}", &SHA[..7]), "b"]);
    for (rule, expected) in [
        ("type", "not KEY=VALUE"),
        ("event=branch", "no type"),
        ("type=semver,pattern={{version}}", "no such type"),
        ("type=ref,event=branch,prefix=x", "no `prefix`"),
        ("type=ref,event=other", "`event` is"),
        ("type=ref", "`event` is"),
        ("type=raw", "no value"),
        ("type=sha,format=x", "`format` is"),
        ("type=sha,enable={{x}}", "`enable` is"),
        ("type=sha,priority=x", "the priority is"),
    ] {
        let said = names(rule, None, &main).unwrap_err();
        assert!(said.contains(expected), "{rule}: {said}");
    }
}
