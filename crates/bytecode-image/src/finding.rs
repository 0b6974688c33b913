//! What is wrong with an object or an image: how badly, for whom, and what
//! can be done.

use std::fmt;

use oci::Platform;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::Rule;

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It works, but not everywhere.
    Warning,
    /// Some consumer that must be able to use it cannot.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// Who reads images and objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consumer {
    /// The bytecode image specification: who follows it may demand it, though
    /// today's consumers do without.
    Specification,
    /// bpfman's image manager in Rust, v0.6.
    BpfmanRust,
    /// bpfman's puller in Go.
    BpfmanGo,
    /// libbpf, and what is built on it.
    Libbpf,
    /// aya, with which bpfman loads in Rust.
    Aya,
    /// cilium/ebpf, with which bpfman loads in Go.
    CiliumEbpf,
    /// containerd, where images are imported by hand.
    Containerd,
    /// Linux.
    Kernel,
}

impl fmt::Display for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Consumer::Specification => "specification",
            Consumer::BpfmanRust => "bpfman 0.6 (Rust)",
            Consumer::BpfmanGo => "bpfman (Go)",
            Consumer::Libbpf => "libbpf",
            Consumer::Aya => "aya",
            Consumer::CiliumEbpf => "cilium/ebpf",
            Consumer::Containerd => "containerd",
            Consumer::Kernel => "kernel",
        })
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is: a fragment that names the program, map or label.
    pub message: String,
    /// What it breaks.
    pub rule: Rule,
    /// Whose image it is in; `None` where it is about the whole, or about an
    /// object that is in no image.
    pub platform: Option<Platform>,
}

impl Finding {
    pub(crate) fn new(rule: Rule, message: impl Into<String>) -> Finding {
        Finding { severity: rule.severity(), message: message.into(), rule, platform: None }
    }

    pub(crate) fn on(self, platform: &Platform) -> Finding {
        Finding { platform: Some(platform.clone()), ..self }
    }

    /// Returns the word by which programs know it, such as `label-missing`.
    pub fn id(&self) -> &'static str {
        self.rule.id()
    }

    /// Returns who is affected.
    pub fn consumers(&self) -> &'static [Consumer] {
        self.rule.consumers()
    }

    /// Returns how to mend it: one sentence.
    pub fn mend(&self) -> &'static str {
        self.rule.mend()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Serialize for Finding {
    /// Writes the rule's columns beside what was found.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Finding", 6)?;
        fields.serialize_field("id", self.id())?;
        fields.serialize_field("severity", &self.severity)?;
        fields.serialize_field("message", &self.message)?;
        fields.serialize_field("consumers", self.consumers())?;
        fields.serialize_field("mend", self.mend())?;
        let platform = self.platform.as_ref().map(ToString::to_string);
        fields.serialize_field("platform", &platform)?;
        fields.end()
    }
}
