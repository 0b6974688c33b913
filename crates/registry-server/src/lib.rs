//! Serves a tree of OCI layouts as a registry, read-only.
//!
//! A [`Server`] answers the requests of the OCI distribution specification
//! (v1.1) that pull and list: manifests, blobs with ranges, tags, referrers,
//! and the catalogue of repositories. What is in the tree is looked up anew
//! for each request, so a tree may change while it is served. Not here: how a
//! tree comes to be, pushing, and who may pull.
//!
//! One request is one pass through a few files: `route` understands what is
//! asked, `store` finds it below the tree's directory and nowhere else,
//! `manifests`, `blobs`, `lists` and `referrers` make the answer. They know
//! nothing of connections, which are the business of `server`, `connection`
//! and `body`, the only files that are asynchronous.

#![forbid(unsafe_code)]

mod answer;
mod api;
mod blobs;
mod body;
mod catalog;
mod connection;
mod error;
mod event;
mod lists;
mod manifests;
mod patience;
mod problem;
mod range;
mod referrers;
mod route;
mod server;
mod store;
mod tls;

pub use catalog::catalog;
pub use error::Error;
pub use event::Event;
pub use server::{Limits, Server, Settings};
pub use tls::Certificate;
