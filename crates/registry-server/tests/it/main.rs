//! Tests of the server over the wire: what it answers, to whom, and what it
//! survives.

mod changing;
mod conformance;
mod forge;
mod hostile;
mod interop;
mod limits;
mod lookup;
mod pull;
mod referrers;
mod routes;
mod support;
mod tls;
