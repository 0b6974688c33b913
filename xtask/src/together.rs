//! The same done with many things at once. Not here: compiling, which has a
//! plan of its own, and the requests of one push.

use rayon::prelude::*;

/// Does something with each, so many at once; outcomes are in order. Where the
/// machine has no threads to give, one after another.
pub(crate) fn together<'t, T: Sync, R: Send>(
    at_once: usize,
    each: &'t [T],
    work: impl Fn(&'t T) -> R + Sync + Send,
) -> Vec<R> {
    match rayon::ThreadPoolBuilder::new().num_threads(at_once).build() {
        Ok(workers) => workers.install(|| each.par_iter().map(work).collect()),
        Err(_) => each.iter().map(work).collect(),
    }
}
