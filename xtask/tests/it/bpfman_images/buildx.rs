//! BuildKit carries `.local` out: the mounts are its.
