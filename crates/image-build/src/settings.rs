//! The settings of a container in the words of an image config.

use oci::spec::ContainerConfig;

use crate::Problem;

/// Returns whether a variable of the environment is set.
pub(crate) fn has_env(container: &ContainerConfig, name: &str) -> bool {
    position(container, name).is_some()
}

/// Sets a variable of the environment, in its old place if it has one.
pub(crate) fn set_env(container: &mut ContainerConfig, name: &str, value: &str) {
    let variable = format!("{name}={value}");
    match position(container, name) {
        Some(i) => container.env[i] = variable,
        None => container.env.push(variable),
    }
}

fn position(container: &ContainerConfig, name: &str) -> Option<usize> {
    container.env.iter().position(|variable| {
        variable.split_once('=').map_or(variable.as_str(), |(name, _)| name) == name
    })
}

/// Reads a word of EXPOSE: `PORT`, `FROM-TO`, each perhaps with `/PROTOCOL`.
/// Returns the ports as they stand in a config.
pub(crate) fn ports(word: &str) -> Result<Vec<String>, Problem> {
    let (range, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
    let protocol = if protocol.is_empty() { "tcp" } else { protocol }.to_ascii_lowercase();
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let port = |word: &str| word.parse::<u16>().ok().filter(|_| !word.starts_with('+'));
    match (port(first), port(last)) {
        (Some(first), Some(last))
            if first <= last && matches!(protocol.as_str(), "tcp" | "udp" | "sctp") =>
        {
            Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
        }
        _ => {
            let what = "a port such as `8080`, `8080/udp` or `8080-8090`";
            Err(Problem::Value { value: word.to_owned(), what })
        }
    }
}

/// Names of signals, without `SIG` (signal(7)).
const SIGNALS: [&str; 36] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL",
    "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP",
    "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
];

/// Returns the signal if it is one: a number, or a name with or without
/// `SIG`; `RTMIN+1` and the like count.
pub(crate) fn signal(word: String) -> Result<String, Problem> {
    let upper = word.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let offset = |name: &str| name.parse::<u8>().is_ok_and(|offset| offset <= 15);
    let is_real_time = name.strip_prefix("RTMIN+").is_some_and(offset)
        || name.strip_prefix("RTMAX-").is_some_and(offset);
    let is_number = word.parse::<u8>().is_ok_and(|number| (1..=64).contains(&number));
    if is_number || is_real_time || SIGNALS.contains(&name) {
        return Ok(word);
    }
    Err(Problem::Value { value: word, what: "a signal" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_variable_keeps_its_place() {
        let mut container = ContainerConfig::default();
        for (name, value) in [("A", "1"), ("B", "x=y"), ("A", "2")] {
            set_env(&mut container, name, value);
        }
        assert_eq!(container.env, ["A=2", "B=x=y"]);
        assert!(has_env(&container, "B"));
        assert!(!has_env(&container, "x"));
    }

    #[test]
    fn ports_are_spelled_out() {
        let cases: [(&str, &[&str]); 4] = [
            ("80", &["80/tcp"]),
            ("53/UDP", &["53/udp"]),
            ("8-10/sctp", &["8/sctp", "9/sctp", "10/sctp"]),
            ("7-7/", &["7/tcp"]),
        ];
        for (word, expected) in cases {
            assert_eq!(ports(word).unwrap(), expected);
        }
        for word in ["", "x", "80/icmp", "90-80", "65536", "+80", "1.2.3.4:80:80"] {
            let message =
                format!("`{word}` is not a port such as `8080`, `8080/udp` or `8080-8090`");
            assert_eq!(ports(word).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn signals_have_numbers_and_names() {
        for word in ["9", "SIGTERM", "term", "SIGRTMIN+3", "RTMAX-1", "64"] {
            assert_eq!(signal(word.to_owned()).unwrap(), word);
        }
        for word in ["", "0", "65", "SIGNAL", "RTMIN+99", "-9"] {
            let error = signal(word.to_owned()).unwrap_err().to_string();
            assert_eq!(error, format!("`{word}` is not a signal"));
        }
    }

    proptest! {
        #[test]
        fn no_word_panics(word: String, range in "[0-9+-]{0,12}(/[a-z]{0,4})?") {
            let _ = (ports(&word), ports(&range), signal(word), signal(range));
        }
    }
}
