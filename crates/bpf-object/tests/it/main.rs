//! Tests on objects that the machine's clang compiles from `fixtures/`, for
//! both byte orders. Not here: tests of tables, which stand beside them.

mod code;
mod hostile;
mod read;
mod strip;
mod support;
