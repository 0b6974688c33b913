//! Signing what a registry has: by the real cosign 2 and 3 where they are
//! built, and by stand-ins for what those cannot be made to do.

mod faults;
mod keyless;
mod scene;
mod secrets;
mod sign;
