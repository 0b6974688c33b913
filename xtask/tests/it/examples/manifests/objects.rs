//! Which objects are rendered, and how they refer to each other.

use serde_json::{Value, json};

use super::Variant;
use super::rendered::{Rendered, all};

/// Returns kind, namespace and name of each object.
fn identities(rendered: &Rendered) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut identities: Vec<_> = rendered
        .objects
        .iter()
        .map(|object| {
            let metadata = &object["metadata"];
            (text(&object["kind"]), text(&metadata["namespace"]), text(&metadata["name"]))
        })
        .collect();
    identities.sort();
    identities
}

/// Returns what they must be, sorted.
fn expected(variant: Variant) -> Vec<(String, String, String)> {
    let Variant { example, selinux } = variant;
    let mut objects: Vec<(&str, &str, String)> = Vec::new();
    if let Some(bytecode) = &example.bytecode {
        objects.push(("ClusterBpfApplication", "", bytecode.object.to_owned()));
    }
    if example.userspace.is_some() {
        let namespace = example.directory;
        let account = format!("bpfman-app-{namespace}");
        objects.push(("DaemonSet", namespace, format!("{namespace}-ds")));
        objects.push(("Namespace", "", namespace.to_owned()));
        objects.push(("ServiceAccount", namespace, account.clone()));
        if selinux {
            objects.push(("ClusterRoleBinding", "", account));
            objects.push(("SelinuxProfile", namespace, "bpfman-secure".to_owned()));
        }
    }
    objects.sort();
    let owned = |(kind, namespace, name): (&str, &str, String)| {
        (kind.to_owned(), namespace.to_owned(), name)
    };
    objects.into_iter().map(owned).collect()
}

#[test]
fn objects_are_called_as_the_reference_has_it() {
    let Some(rendered) = all() else { return };
    for one in rendered {
        assert_eq!(identities(one), expected(one.variant), "{}", one.variant.word());
    }
}

#[test]
fn objects_are_of_the_versions_that_clusters_know() {
    let Some(rendered) = all() else { return };
    for object in rendered.iter().flat_map(|one| &one.objects) {
        let expected = match object["kind"].as_str().unwrap() {
            "ClusterBpfApplication" => "bpfman.io/v1alpha1",
            "ClusterRoleBinding" => "rbac.authorization.k8s.io/v1",
            "DaemonSet" => "apps/v1",
            "SelinuxProfile" => "security-profiles-operator.x-k8s.io/v1alpha2",
            _ => "v1",
        };
        assert_eq!(object["apiVersion"], expected, "{object}");
    }
}

#[test]
fn the_program_sharing_maps_names_the_owner_and_is_the_same_program() {
    let Some(rendered) = all() else { return };
    let of = |word: &str| {
        let one = rendered.iter().find(|one| one.variant.word() == word).unwrap();
        one.object("ClusterBpfApplication").unwrap()
    };
    for selinux in ["", "-selinux"] {
        let owner = of(&format!("xdp{selinux}"));
        let mut sharing = of(&format!("xdp-ms{selinux}"))["spec"].clone();
        let selector = sharing.as_object_mut().unwrap().remove("mapOwnerSelector").unwrap();
        let label = json!({"bpfman.io/ownedByProgram": owner["metadata"]["name"]});
        assert_eq!(selector, json!({"matchLabels": label}));
        assert_eq!(sharing, owner["spec"]);
    }
}

#[test]
fn namespaces_enforce_the_strictest_profile_but_for_types_of_ones_own() {
    let Some(rendered) = all() else { return };
    for one in rendered {
        let Some(namespace) = one.object("Namespace") else { continue };
        let profile = if one.variant.selinux { "privileged" } else { "restricted" };
        let labels = ["enforce", "warn"].map(|mode| {
            let label = format!("pod-security.kubernetes.io/{mode}");
            (label, Value::from(profile))
        });
        let expected = Value::Object(labels.into_iter().collect());
        assert_eq!(namespace["metadata"]["labels"], expected, "{}", one.variant.word());
    }
}

#[test]
fn selinux_lets_the_program_read_maps_by_a_role_of_openshifts() {
    let Some(rendered) = all() else { return };
    for one in rendered.iter().filter(|one| one.variant.selinux) {
        let (Some(binding), Some(profile)) =
            (one.object("ClusterRoleBinding"), one.object("SelinuxProfile"))
        else {
            assert_eq!(one.variant.example.word, "xdp-ms", "what has no pods needs none");
            continue;
        };
        let directory = one.variant.example.directory;
        assert_eq!(
            (&binding["roleRef"], &binding["subjects"]),
            (
                &json!({
                    "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                    "name": "bpfman-user",
                }),
                &json!([{
                    "kind": "ServiceAccount", "name": format!("bpfman-app-{directory}"),
                    "namespace": directory,
                }]),
            )
        );
        let maps = json!({"bpf": ["map_read", "map_write"]});
        let expected = json!({
            "inherit": [{"kind": "System", "name": "container"}],
            "allow": {"@self": maps, "spc_t": maps},
        });
        assert_eq!(profile["spec"], expected, "{directory}");
    }
}
