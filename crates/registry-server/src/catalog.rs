//! The repositories of a tree by the names that clients ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use oci::Error;
use oci::layout::Tree;

/// Returns the layouts of a tree by the shortest name under which a server
/// has each: `organization/name` as a rule, with the registry before it where
/// several have the same, or where the short name is another's in full.
///
/// # Errors
///
/// Fails if a directory cannot be listed.
pub fn catalog(tree: &Tree) -> Result<BTreeMap<String, PathBuf>, Error> {
    let layouts = tree.layouts()?;
    let paths = layouts.iter().filter_map(|layout| {
        let full = layout.path.strip_prefix(tree.root()).ok().and_then(Path::to_str)?;
        // A registry that is an IPv6 address cannot be part of a path.
        Some((full, full.split_once('/')?.1, &layout.path))
    });
    let paths: Vec<_> = paths.collect();
    let full: BTreeSet<&str> = paths.iter().map(|(full, ..)| *full).collect();
    let names = paths.iter().map(|(own, short, path)| {
        let others = paths.iter().filter(|(_, other, _)| other == short).count();
        let name = if others == 1 && !full.contains(short) { short } else { own };
        ((*name).to_owned(), (*path).clone())
    });
    Ok(names.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_short_as_can_be() {
        let dir = tempfile::tempdir().unwrap();
        let layouts = [
            ("quay.io/a/one", "a/one"),
            ("quay.io/a/two", "quay.io/a/two"),
            ("localhost_5000/a/two", "localhost_5000/a/two"),
            ("docker.io/quay.io/a/one", "docker.io/quay.io/a/one"),
            ("docker.io/library/three", "library/three"),
        ];
        for (path, _) in layouts {
            let path = dir.path().join(path);
            host::fs::create_dir_all(&path).unwrap();
            host::fs::write_atomic(&path.join("oci-layout"), b"").unwrap();
        }
        let expected = layouts.map(|(path, name)| (name.to_owned(), dir.path().join(path)));
        assert_eq!(catalog(&Tree::new(dir.path())).unwrap(), expected.into());
        assert!(catalog(&Tree::new(dir.path().join("absent"))).unwrap().is_empty());
    }
}
