//! Owners: the numbers behind `--chown` and USER.

use std::path::Path;

use crate::Problem;
use crate::tree::{Files, NodeKind, resolve};

/// A user and a group by their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u64,
    pub(crate) gid: u64,
}

/// How much of `/etc/passwd` is read.
const FILE_MAX: u64 = 10 << 20;

impl Owner {
    /// Reads `USER[:GROUP]`: numbers, or names that the files of the stage
    /// have. A user alone brings a group along: a number the same, a name
    /// that of its entry.
    pub(crate) fn parse(word: &str, files: &dyn Files) -> Result<Owner, Problem> {
        let (user, group) = match word.split_once(':') {
            Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
            None => (word, None),
        };
        let mut owner = match number(user) {
            Some(uid) => Owner { uid, gid: uid },
            None if user.is_empty() => Owner::default(),
            None => {
                let fields = look_up(files, "user", user, "passwd")?;
                Owner { uid: fields[0], gid: fields[1] }
            }
        };
        if let Some(group) = group {
            owner.gid = match number(group) {
                Some(gid) => gid,
                None => look_up(files, "group", group, "group")?[0],
            };
        }
        Ok(owner)
    }
}

fn number(word: &str) -> Option<u64> {
    word.parse::<u32>().ok().filter(|_| !word.starts_with('+')).map(u64::from)
}

/// Returns the third and the fourth field of a name's line (passwd(5),
/// group(5)); the fourth is 0 if it is no number.
fn look_up(
    files: &dyn Files,
    kind: &'static str,
    name: &str,
    file: &'static str,
) -> Result<[u64; 2], Problem> {
    let path = resolve(files, &Path::new("etc").join(file))?;
    let text = match files.get(&path)?.map(|node| node.kind) {
        Some(NodeKind::File(content)) => content.head(FILE_MAX)?,
        _ => Vec::new(),
    };
    for line in String::from_utf8_lossy(&text).lines() {
        let fields: Vec<&str> = line.trim().split(':').collect();
        if fields[0] == name
            && let Some(id) = fields.get(2).and_then(|field| number(field))
        {
            return Ok([id, fields.get(3).and_then(|field| number(field)).unwrap_or(0)]);
        }
    }
    Err(Problem::NoSuchName { kind, name: name.to_owned(), file })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Context;

    #[test]
    fn words_become_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let etc = dir.path().join("etc");
        host::fs::create_dir_all(&etc).unwrap();
        let passwd = b"root:x:0:0:root:/:/bin/sh\n# bad:line\nbpf:x:1001:1002::/:\nx:y:z:0\n";
        host::fs::write_atomic(&etc.join("passwd"), passwd).unwrap();
        host::fs::write_atomic(&etc.join("group"), b"root:x:0:\nbpf:x:77:root,bpf\n").unwrap();
        let files = Context::open(dir.path(), "c".to_owned(), None).unwrap();
        let cases = [
            ("0", (0, 0)),
            ("55", (55, 55)),
            ("55:66", (55, 66)),
            ("55:", (55, 55)),
            ("bpf", (1001, 1002)),
            ("bpf:bpf", (1001, 77)),
            ("5:bpf", (5, 77)),
            ("bpf:9", (1001, 9)),
        ];
        for (word, (uid, gid)) in cases {
            assert_eq!(Owner::parse(word, &files).unwrap(), Owner { uid, gid }, "{word}");
        }
        let errors = [
            ("nobody", "the user `nobody` is not in `/etc/passwd` of the stage"),
            ("x", "the user `x` is not in `/etc/passwd` of the stage"),
            ("+5", "the user `+5` is not in `/etc/passwd` of the stage"),
            ("0:wheel", "the group `wheel` is not in `/etc/group` of the stage"),
        ];
        for (word, message) in errors {
            assert_eq!(Owner::parse(word, &files).unwrap_err().to_string(), message);
        }
    }
}
