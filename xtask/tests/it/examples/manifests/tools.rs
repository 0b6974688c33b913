//! Which kustomize renders: one that is named, one that is there, or one that
//! is installed.

use super::kit::Kit;

const LINE: &str = "resources: [../default/go-tc-counter]\n";

/// A Go that installs a kustomize, and notes how.
const GO: &str = "[ \"$1\" = install ] || exit 0
echo \"$* $GOOS,$GOARCH,$GOFLAGS,$GOTOOLCHAIN,$CGO_ENABLED\" >>\"$NOTES/go\"
mkdir -p \"$GOBIN\"
echo 'installing' >&2
{ echo '#!/bin/sh'; echo 'cat \"$2/kustomization.yaml\"'; } >\"$GOBIN/kustomize\"
chmod 755 \"$GOBIN/kustomize\"";

#[test]
fn one_that_is_named_is_used_before_one_that_is_there() {
    let Some(kit) = Kit::with_stand_ins() else { return };
    assert!(kit.prints(&["render-tc"]).starts_with(LINE));
    let kit = kit.stand_in("other", "echo 'from the other'");
    let other = format!("KUSTOMIZE={}", kit.path("bin/other").display());
    assert_eq!(kit.prints(&["render-tc", &other]), "from the other\n");
    let run = kit.make(&["render-tc", "KUSTOMIZE=/not/there"]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("/not/there: No such file"), "{}", run.stderr);
}

#[test]
fn kubectl_renders_where_that_is_wanted() {
    let Some(kit) = Kit::bare() else { return };
    let script = "[ \"$1 $#\" = 'kustomize 2' ] && cat \"$2/kustomization.yaml\"";
    let kit = kit.stand_in("kubectl", script);
    assert!(kit.prints(&["render-tc", "KUSTOMIZE=kubectl kustomize"]).starts_with(LINE));
}

#[test]
fn one_is_installed_once_where_none_is_there() {
    let Some(kit) = Kit::bare() else { return };
    let kit = kit.stand_in("go", GO);
    let run = kit.make(&["render-tc", "KUSTOMIZE_VERSION=v5.0.0", "GOARCH=s390x"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, "installing\n"));
    assert!(run.stdout.starts_with(LINE), "{}", run.stdout);
    // It is found ever after.
    assert!(kit.prints(&["render-tc"]).starts_with(LINE));
    assert!(kit.path("examples/bin/kustomize").is_file());
    let how = "install sigs.k8s.io/kustomize/kustomize/v5@v5.0.0 ,,-trimpath,local,0\n";
    assert_eq!(std::fs::read_to_string(kit.path("notes/go")).unwrap(), how);
}

#[test]
fn one_is_installed_on_demand_into_a_place_of_ones_own() {
    let Some(kit) = Kit::with_stand_ins() else { return };
    let kit = kit.stand_in("go", GO);
    let place = kit.path("a place");
    let run = kit.make(&["kustomize", &format!("LOCALBIN={}", place.display())]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(place.join("kustomize").is_file());
}

#[test]
fn without_go_it_says_what_to_do() {
    let Some(kit) = Kit::bare() else { return };
    for target in ["render-tc", "deploy", "kustomize"] {
        let run = kit.make(&[target]);
        let expected = "error: neither kustomize was found nor Go, to install it\n\
                        hint: install one of them, or use kubectl's: `KUSTOMIZE='kubectl kustomize'`\n";
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{target}");
        assert!(run.stderr.starts_with(expected), "{target}: {}", run.stderr);
    }
}
