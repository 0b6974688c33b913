//! The same sources give the same bytes, wherever, whenever and however they
//! are built.

mod objects;
mod time;
mod worlds;
