//! The program from outside: what it does with files, registries and bad
//! words.

mod build;
