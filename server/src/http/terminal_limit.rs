//! How many terminals may be open at once. In the memory of this process: each holds a connection of ours to the cluster,
//! and a limit protects the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use domain::id::UserId;
use domain::{Code, Error};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::problem::Problem;

const OF_A_PERSON: usize = 20;
const OF_ALL: usize = 500;
// Somebody closes one sooner or later; nobody knows when.
const RETRY_SECONDS: u32 = 10;
// Recording the end of a terminal takes one write; a browser that does not read must not hold up the exit.
const END_LIMIT: Duration = Duration::from_secs(5);

/// The terminals that are open, by person.
#[derive(Clone, Default)]
pub struct Terminals {
    open: Arc<Mutex<BTreeMap<UserId, usize>>>,
    running: TaskTracker,
}

/// The place of one terminal; free again when it is dropped.
pub struct Place {
    terminals: Terminals,
    user: UserId,
    _running: TaskTrackerToken,
}

// === impl Terminals ===

impl Terminals {
    /// Takes a place for a terminal of `user`.
    ///
    /// # Errors
    /// 429 with the limit that is reached.
    pub fn take(&self, user: UserId) -> Result<Place, Problem> {
        let mut open = self.open();
        let (own, all) = (open.get(&user).copied().unwrap_or_default(), open.values().sum::<usize>());
        if own >= OF_A_PERSON {
            return Err(full(format!("You have {own} of {OF_A_PERSON} terminals open: close one first")));
        }
        if all >= OF_ALL {
            return Err(full("Too many terminals are open on this console: try again later".to_owned()));
        }
        open.insert(user, own + 1);
        Ok(Place { terminals: self.clone(), user, _running: self.running.token() })
    }

    /// Waits a while until every terminal has recorded its end: the listener forgets connections that became terminals.
    pub async fn ended(&self) {
        self.running.close();
        let _stuck = timeout(END_LIMIT, self.running.wait()).await;
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<UserId, usize>> {
        // A panic between two numbers leaves numbers: nothing to give up.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn full(detail: String) -> Problem {
    let refused = Problem::from(Error::RateLimited { retry_after_seconds: RETRY_SECONDS });
    refused.in_words(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited.as_str(), detail)
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.terminals.open();
        match open.get_mut(&self.user) {
            Some(own) if *own > 1 => *own -= 1,
            _ => {
                open.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use uuid::Uuid;

    use super::*;

    fn person(number: u128) -> UserId {
        UserId::new(Uuid::from_u128(number))
    }

    fn status(taken: Result<Place, Problem>) -> u16 {
        taken.err().map_or(200, |problem| problem.into_response().status().as_u16())
    }

    #[test]
    fn a_person_has_twenty_terminals_and_a_closed_one_makes_room() {
        let terminals = Terminals::default();
        let mut places: Vec<Place> = (0..20).filter_map(|_| terminals.take(person(1)).ok()).collect();
        assert_eq!((places.len(), status(terminals.take(person(1)))), (20, 429));
        assert_eq!(status(terminals.take(person(2))), 200, "somebody else");
        places.pop();
        assert_eq!(status(terminals.take(person(1))), 200);
    }

    #[test]
    fn all_together_have_five_hundred_and_nothing_is_left_of_those_that_closed() {
        let terminals = Terminals::default();
        let places: Vec<Place> = (0..500).filter_map(|n| terminals.take(person(n / 20)).ok()).collect();
        assert_eq!((places.len(), status(terminals.take(person(1000)))), (500, 429));
        drop(places);
        assert!(terminals.open().is_empty());
    }
}
