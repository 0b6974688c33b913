//! The examples: what their users type, and what is rendered for a cluster.

mod manifests;
