//! The documents themselves, as values.

use serde_yaml::Value;

use super::map;
use super::program::Program;

/// A program of the user's, in an image of theirs.
pub(super) const IMAGE: &str = "<image>";

/// The user and group that nobody is: the driver gives a pod's group the maps.
const NOBODY: i32 = 65534;

/// What the operator is told.
pub(super) struct Application<'a> {
    pub(super) name: &'a str,
    pub(super) image: &'a str,
    pub(super) programs: &'a [Program],
}

impl Application<'_> {
    pub(super) fn document(&self) -> Value {
        let image = map([("url", self.image.into()), ("imagePullPolicy", "IfNotPresent".into())]);
        let programs: Vec<Value> = self.programs.iter().map(Program::entry).collect();
        map([
            ("apiVersion", "bpfman.io/v1alpha1".into()),
            ("kind", "ClusterBpfApplication".into()),
            ("metadata", map([("name", self.name.into())])),
            (
                "spec",
                map([
                    ("nodeSelector", map([])),
                    ("byteCode", map([("image", image)])),
                    ("programs", programs.into()),
                ]),
            ),
        ])
    }
}

/// Returns a pod that gets the maps of the application `name`.
pub(super) fn pod(name: &str, maps: &[String]) -> Value {
    let attributes = map([
        ("csi.bpfman.io/program", name.into()),
        ("csi.bpfman.io/maps", maps.join(",").into()),
    ]);
    let csi = map([("driver", "csi.bpfman.io".into()), ("volumeAttributes", attributes)]);
    let security = map([
        ("runAsUser", NOBODY.into()),
        ("runAsGroup", NOBODY.into()),
        ("fsGroup", NOBODY.into()),
    ]);
    let volume = map([("name", "maps".into()), ("csi", csi)]);
    let spec = map([
        ("securityContext", security),
        ("containers", vec![container("maps", &format!("/run/{name}/maps"))].into()),
        ("volumes", vec![volume].into()),
    ]);
    of_pod(&format!("{name}-userspace"), spec)
}

/// Returns a pod that has the objects of the image as files.
pub(super) fn image_volume(name: &str, image: &str) -> Value {
    let source = map([("reference", image.into()), ("pullPolicy", "IfNotPresent".into())]);
    let volume = map([("name", "bytecode".into()), ("image", source)]);
    let spec = map([
        ("containers", vec![container("bytecode", "/bytecode")].into()),
        ("volumes", vec![volume].into()),
    ]);
    of_pod(name, spec)
}

fn container(volume: &str, path: &str) -> Value {
    let mount =
        map([("name", volume.into()), ("mountPath", path.into()), ("readOnly", true.into())]);
    map([
        ("name", "userspace".into()),
        ("image", IMAGE.into()),
        ("volumeMounts", vec![mount].into()),
    ])
}

fn of_pod(name: &str, spec: Value) -> Value {
    map([
        ("apiVersion", "v1".into()),
        ("kind", "Pod".into()),
        ("metadata", map([("name", name.into())])),
        ("spec", spec),
    ])
}

/// Returns several documents as one.
pub(super) fn list(documents: Vec<Value>) -> Value {
    map([("apiVersion", "v1".into()), ("kind", "List".into()), ("items", documents.into())])
}
