//! The pods: what they may do, and which maps they are handed.

use serde_json::{Value, json};

use super::programs::maps_of;
use super::rendered::{Rendered, all};

/// Returns the DaemonSet's specification as it must be, image and resources
/// aside: the profile `restricted`, and no more than the program needs.
fn expected(one: &Rendered) -> Value {
    let example = one.variant.example;
    let (directory, userspace) = (example.directory, example.userspace.as_ref().unwrap());
    let mut container = json!({
        "name": directory,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": true,
        },
    });
    let mut user = json!({
        "runAsNonRoot": true, "runAsUser": 65534, "runAsGroup": 65534,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    if one.variant.selinux {
        user["seLinuxOptions"] = json!({"type": format!("bpfman-secure_{directory}.process")});
    }
    let volume = format!("{directory}-maps");
    if let Some(bytecode) = &example.bytecode {
        user["fsGroup"] = json!(65534);
        container["volumeMounts"] =
            json!([{"name": volume, "mountPath": userspace.maps, "readOnly": true}]);
        container["csi"] = json!({
            "driver": "csi.bpfman.io",
            "volumeAttributes": {
                "csi.bpfman.io/program": bytecode.object,
                "csi.bpfman.io/maps": maps_of(example).join(","),
            },
        });
    }
    let csi = container.as_object_mut().unwrap().remove("csi");
    let mut pod = json!({
        "serviceAccountName": format!("bpfman-app-{directory}"),
        "automountServiceAccountToken": false,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{
            "key": "node-role.kubernetes.io/control-plane", "operator": "Exists",
            "effect": "NoSchedule",
        }],
        "securityContext": user,
        "containers": [container],
    });
    if let Some(csi) = csi {
        pod["volumes"] = json!([{"name": volume, "csi": csi}]);
    }
    json!({
        "selector": {"matchLabels": {"name": directory}},
        "template": {"metadata": {"labels": {"name": directory}}, "spec": pod},
    })
}

#[test]
fn pods_may_no_more_than_they_need_and_are_handed_the_programs_maps() {
    let Some(rendered) = all() else { return };
    for one in rendered {
        let Some(set) = one.object("DaemonSet") else { continue };
        let mut spec = set["spec"].clone();
        let container = spec["template"]["spec"]["containers"][0].as_object_mut().unwrap();
        assert!(container.remove("image").is_some());
        let resources = container.remove("resources").unwrap();
        assert_eq!(spec, expected(one), "{}", one.variant.word());
        assert_eq!(
            resources,
            json!({"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}})
        );
    }
}
