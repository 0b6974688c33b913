//! The documents as text, with comments where something is to be filled in.

use serde_yaml::Value;
use ui::Failure;

use super::documents::IMAGE;
use super::program::{FUNCTION, INTERFACE, KERNEL_FUNCTION, TARGET, TRACEPOINT};

/// What a line ends in, and what is said of it. No name of an image, program
/// or map has brackets.
const COMMENTS: [(&str, &str); 8] = [
    (INTERFACE, "such as eth0"),
    ("interfaces:", "or primaryNodeInterface: true"),
    (KERNEL_FUNCTION, "such as do_unlinkat"),
    (FUNCTION, "such as malloc"),
    (TARGET, "a library or a path; `containers` says in which containers"),
    (TRACEPOINT, "such as syscalls/sys_enter_kill"),
    (IMAGE, "of the program in user space"),
    (" type: TC", "or TCX, with the key `tcx`, from Linux 6.6 on"),
];

/// Prints the documents of an image.
pub(super) fn print(reference: &str, documents: &[Value]) -> Result<String, Failure> {
    let mut text = format!("# For {reference}. Fill in what stands in <brackets>.\n");
    for (index, document) in documents.iter().enumerate() {
        if index > 0 {
            text += "---\n";
        }
        for line in serde_yaml::to_string(document)?.lines() {
            let comment = COMMENTS.iter().find(|(end, _)| line.ends_with(end));
            let comment = comment.map(|(_, comment)| format!(" # {comment}")).unwrap_or_default();
            text += &format!("{line}{comment}\n");
        }
    }
    Ok(text)
}
