//! Images put together, and images that are wrong. Objects are described by
//! hand, or compiled by the machine's clang.

mod assembly;
mod broken;
mod catalogue;
mod handmade;
mod objects;
