//! Who a certificate must say has signed.

/// A text, or a regular expression (Go's syntax) that it must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// The text itself.
    Exactly(String),
    /// An expression; cosign looks for it anywhere in the text.
    Matching(String),
}

/// Whom a certificate must name, and who must have vouched for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The subject: an address, or the URL of a workflow.
    pub subject: Pattern,
    /// The OpenID Connect issuer.
    pub issuer: Pattern,
}

/// Who vouches for workflows of GitHub Actions.
const GITHUB: &str = "https://token.actions.githubusercontent.com";

impl Identity {
    /// Returns that of the workflow of GitHub Actions that this process runs
    /// in, which its certificates name; `None` elsewhere. `variable` returns a
    /// variable of the environment.
    pub fn of_workflow(variable: impl Fn(&str) -> Option<String>) -> Option<Identity> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        set("GITHUB_ACTIONS").filter(|value| value == "true")?;
        let server = set("GITHUB_SERVER_URL").unwrap_or_else(|| "https://github.com".to_owned());
        let workflow = set("GITHUB_WORKFLOW_REF")?;
        Some(Identity {
            subject: Pattern::Exactly(format!("{server}/{workflow}")),
            issuer: Pattern::Exactly(GITHUB.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_is_known_by_its_variables() {
        let of = |variables: &[(&str, &str)]| {
            let get = |name: &str| {
                let found = variables.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            match Identity::of_workflow(get) {
                Some(Identity { subject: Pattern::Exactly(text), .. }) => Some(text),
                _ => None,
            }
        };
        let workflow = ("GITHUB_WORKFLOW_REF", "o/r/.github/workflows/w.yaml@refs/heads/main");
        let subject = "https://github.com/o/r/.github/workflows/w.yaml@refs/heads/main";
        assert_eq!(of(&[("GITHUB_ACTIONS", "true"), workflow]).as_deref(), Some(subject));
        assert_eq!(of(&[workflow]), None);
        assert_eq!(of(&[("GITHUB_ACTIONS", "true"), ("GITHUB_WORKFLOW_REF", "")]), None);
        assert_eq!(of(&[("GITHUB_ACTIONS", "false"), workflow]), None);
    }
}
