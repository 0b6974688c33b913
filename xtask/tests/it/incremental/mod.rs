//! What did not change is not made again, and what did is: counted by the
//! program, by the compiler, and by looking at every file.

mod catalogue;
mod changes;
mod compiler;
pub mod files;
mod headers;
mod names;
pub mod watched;

/// A program that says nothing of its architecture.
pub const PASS: &str = r#"#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
"#;

/// Returns an entry of the catalogue, `o/<name>`.
pub fn entry(name: &str, source: &str) -> String {
    format!(
        "  - {{name: {name}, organization: o, description: d, licenses: MIT, bytecode: {source}}}\n"
    )
}
