//! Tests of destinations and sources on real files and programs.

mod containerd;
mod copy;
mod docker;
mod elsewhere;
mod kind;
mod podman;
mod publish;
mod stand_ins;
mod support;
