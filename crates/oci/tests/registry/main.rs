//! Tests of the registry client: against a real registry, and against a
//! server that does on purpose what registries do by accident.

mod accounts;
mod auth;
mod certificates;
mod chaos;
mod copy;
mod faults;
mod go_tools;
mod hostile;
mod inspect;
mod messages;
mod mutated;
mod preflight;
mod proxy;
mod pull;
mod push;
mod referrers;
mod scripted;
mod support;
mod tls;
mod tokens;
mod wire;
