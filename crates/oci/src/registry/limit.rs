//! How many requests are under way to one host.
//!
//! A registry that answers 429 is asked by half as many at a time from then
//! on, and by none before the time it names; each round of successes lets
//! one more in again, up to where it began. Only the step to as many as were
//! too many takes some rounds.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::transport::pause;

#[derive(Debug)]
pub(crate) struct Limiter {
    state: Mutex<State>,
    changed: Condvar,
    most: usize,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// How many were too many the last time.
    too_many: usize,
    active: usize,
    /// Successes since the limit last changed.
    successes: usize,
    resume: Option<Instant>,
}

/// How many rounds of successes it takes to try what was too much.
const CAUTION: usize = 8;

/// The right to have one request under way, until dropped.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Limiter>);

impl Limiter {
    pub(crate) fn new(most: usize) -> Limiter {
        let most = most.max(1);
        let state =
            State { limit: most, too_many: usize::MAX, active: 0, successes: 0, resume: None };
        Limiter { state: Mutex::new(state), changed: Condvar::new(), most }
    }

    /// Waits until one more request may be sent.
    pub(crate) fn acquire(self: &Arc<Limiter>) -> Permit {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Instant::now();
            let pause = state.resume.and_then(|resume| resume.checked_duration_since(now));
            match pause.filter(|pause| !pause.is_zero()) {
                // Not longer than a moment at once: the user may interrupt.
                Some(pause) if !host::interrupted() => {
                    let moment = pause.min(Duration::from_millis(100));
                    let woken = self.changed.wait_timeout(state, moment);
                    state = woken.unwrap_or_else(PoisonError::into_inner).0;
                }
                _ if state.active < state.limit => {
                    state.active += 1;
                    return Permit(Arc::clone(self));
                }
                _ => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Waits until the host wants to be asked again.
    pub(crate) fn wait(&self) {
        let resume = self.state.lock().unwrap_or_else(PoisonError::into_inner).resume;
        pause(resume.map_or(Duration::ZERO, |resume| resume.duration_since(Instant::now())));
    }

    /// Notes that the host had enough, and asked for a pause.
    pub(crate) fn throttled(&self, pause: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // All that are under way fail together: that is one message.
        if state.successes > 0 || state.limit == self.most {
            state.too_many = state.limit;
            state.limit = (state.limit / 2).max(1);
        }
        state.successes = 0;
        let resume = Instant::now() + pause;
        state.resume = Some(state.resume.map_or(resume, |old| old.max(resume)));
    }

    /// Notes that the host did what it was asked.
    pub(crate) fn succeeded(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.successes += 1;
        let rounds = if state.limit + 1 >= state.too_many { CAUTION } else { 1 };
        if state.limit < self.most && state.successes >= state.limit * rounds {
            state.limit += 1;
            state.successes = 0;
            self.changed.notify_one();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.active -= 1;
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_halves_and_grows_back() {
        let limiter = Limiter::new(8);
        let limit = || limiter.state.lock().unwrap().limit;
        limiter.throttled(Duration::ZERO);
        limiter.throttled(Duration::ZERO);
        assert_eq!(limit(), 4, "failures in a row are one message");
        (0..4).for_each(|_| limiter.succeeded());
        assert_eq!(limit(), 5);
        (0..5 + 6).for_each(|_| limiter.succeeded());
        assert_eq!(limit(), 7);
        (0..8 * 7 - 1).for_each(|_| limiter.succeeded());
        assert_eq!(limit(), 7, "8 were too many");
        limiter.succeeded();
        assert_eq!(limit(), 8);
    }

    #[test]
    fn no_more_than_the_limit_are_under_way() {
        let limiter = Arc::new(Limiter::new(2));
        let first = limiter.acquire();
        let _second = limiter.acquire();
        std::thread::scope(|scope| {
            let third = scope.spawn(|| drop(limiter.acquire()));
            std::thread::sleep(Duration::from_millis(20));
            assert!(!third.is_finished());
            drop(first);
        });
    }
}
