//! What this crate says of signatures beside what cosign says: constructed
//! cases, hostile bytes, keys.

mod case;
mod cases;
mod cosign;
mod hostile;
mod keys;
mod record;
mod scenarios;
mod server;
mod state;
