//! The directory `examples/`: the programs there, which are Go.

mod programs;
