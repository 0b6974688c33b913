//! Work with dependencies, done by a few threads.
//!
//! A task starts when all it depends on have ended, however they ended; it
//! looks at their outcomes itself. So one failure reaches what needs it and
//! nothing else.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};

/// The outcomes so far; one that a task depends on is there.
pub(crate) struct Outcomes<T>(Vec<OnceLock<T>>);

impl<T> Outcomes<T> {
    /// Returns the outcome of a task; `None` if it has not ended.
    pub(crate) fn get(&self, task: usize) -> Option<&T> {
        self.0.get(task).and_then(OnceLock::get)
    }
}

struct Queue {
    ready: VecDeque<usize>,
    /// How many each task still waits for.
    waiting: Vec<usize>,
    unfinished: usize,
}

/// Runs one task per entry of `dependencies`, which names others by their
/// numbers, all lower than its own; returns the outcomes in order. `work`
/// must not panic.
pub(crate) fn run<T: Send + Sync>(
    dependencies: &[Vec<usize>],
    n_workers: usize,
    work: impl Fn(usize, &Outcomes<T>) -> T + Sync,
) -> Vec<T> {
    let mut dependents = vec![Vec::new(); dependencies.len()];
    for (task, needed) in dependencies.iter().enumerate() {
        needed.iter().for_each(|&needed| dependents[needed].push(task));
    }
    let waiting: Vec<usize> = dependencies.iter().map(Vec::len).collect();
    let ready = (0..waiting.len()).filter(|&task| waiting[task] == 0).collect();
    let queue = Mutex::new(Queue { ready, waiting, unfinished: dependencies.len() });
    let changed = Condvar::new();
    let outcomes = Outcomes(dependencies.iter().map(|_| OnceLock::new()).collect());
    let worker = || {
        while let Some(task) = next(&queue, &changed) {
            let _ = outcomes.0[task].set(work(task, &outcomes));
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.unfinished -= 1;
            for &dependent in &dependents[task] {
                queue.waiting[dependent] -= 1;
                if queue.waiting[dependent] == 0 {
                    queue.ready.push_back(dependent);
                    changed.notify_one();
                }
            }
            if queue.unfinished == 0 {
                changed.notify_all();
            }
        }
    };
    std::thread::scope(|scope| {
        (1..n_workers.min(dependencies.len())).for_each(|_| {
            scope.spawn(worker);
        });
        worker();
    });
    outcomes.0.into_iter().filter_map(OnceLock::into_inner).collect()
}

/// Waits for a task that can start; `None` when all have ended.
fn next(queue: &Mutex<Queue>, changed: &Condvar) -> Option<usize> {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(task) = queue.ready.pop_front() {
            return Some(task);
        }
        if queue.unfinished == 0 {
            return None;
        }
        queue = changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Does `work` for each of `items`, in no order; returns the outcomes in
/// theirs.
pub(crate) fn each<I: Sync, T: Send + Sync>(
    items: &[I],
    n_workers: usize,
    work: impl Fn(&I) -> T + Sync,
) -> Vec<T> {
    run(&vec![Vec::new(); items.len()], n_workers, |task, _| work(&items[task]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_task_runs_once_after_what_it_needs(
            picks in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..4), 0..40),
            n_workers in 0usize..6,
        ) {
            let needs = |(task, picks): (usize, &Vec<prop::sample::Index>)| -> Vec<usize> {
                if task == 0 { return Vec::new() }
                picks.iter().map(|pick| pick.index(task)).collect()
            };
            let dependencies: Vec<Vec<usize>> = picks.iter().enumerate().map(needs).collect();
            let outcomes = run(&dependencies, n_workers, |task, outcomes| {
                (task, dependencies[task].iter().all(|&needed| outcomes.get(needed).is_some()))
            });
            let expected: Vec<_> = (0..dependencies.len()).map(|task| (task, true)).collect();
            prop_assert_eq!(outcomes, expected);
        }
    }

    #[test]
    fn each_keeps_the_order() {
        assert_eq!(each(&[1, 2, 3], 2, |n| n * 2), [2, 4, 6]);
    }
}
