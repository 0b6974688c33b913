//! Tests of the registry client: against a real registry, and against a
//! server that does on purpose what registries do by accident.

mod auth;
mod broken;
mod copy;
mod faults;
mod go_tools;
mod preflight;
mod pull;
mod push;
mod real;
mod referrers;
mod scripted;
mod support;
mod tls;
