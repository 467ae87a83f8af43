//! How often somebody may ask, by class of request. In the memory of this process: a limit protects the process;
//! what protects passwords is counted in the database.
//!
//! Source: `security.md` §1.3 and §9.

mod bucket;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use app::ssr::CallerSlot;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use backend::Origin;
use domain::client_address::grouped;
use domain::{Error, Result};

use super::problem::Problem;
use bucket::{Limit, Table};

/// What is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The key route, per key whose checksum is right.
    Key,
    /// The key route, per address: keys that were refused.
    BadKey,
    /// Anonymous requests that change something, per address: sign-in, resets, invitations.
    SignIn,
    /// Other requests without a session, per address.
    Anonymous,
    /// Requests of somebody signed in, per person.
    Session,
    /// Everything before the session is looked up, per address.
    Address,
}

/// The counters of all classes.
#[derive(Clone)]
pub struct RateLimits {
    factor: u32,
    start: Instant,
    tables: Arc<[Mutex<Table>; 6]>,
}

// === impl Class ===

impl Class {
    fn limit(self) -> Limit {
        match self {
            // One kubectl command is one call, a script runs hundreds at once; the token itself is cached.
            Self::Key => Limit { burst: 2000, per_second: 500 },
            // One bad kubectl command makes 5 to 6 calls, and its user must read why (security.md §1.3).
            Self::BadKey => Limit { burst: 120, per_second: 2 },
            Self::SignIn => Limit { burst: 60, per_second: 2 },
            Self::Anonymous => Limit { burst: 300, per_second: 50 },
            Self::Session => Limit { burst: 600, per_second: 100 },
            // Many people behind one address.
            Self::Address => Limit { burst: 3000, per_second: 500 },
        }
    }
}

// === impl RateLimits ===

impl RateLimits {
    /// Every limit times `factor`; 0 lifts them all.
    pub fn new(factor: u32) -> Self {
        Self { factor, start: Instant::now(), tables: Arc::default() }
    }

    /// Counts one request of `subject`.
    ///
    /// # Errors
    /// [`Error::RateLimited`] with the seconds to wait.
    pub fn take(&self, class: Class, subject: &str) -> Result<()> {
        self.with(class, |table, limit, now| table.take(subject, limit, now))
    }

    /// As [`RateLimits::take`], without counting.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when nothing is left.
    pub fn check(&self, class: Class, subject: &str) -> Result<()> {
        self.with(class, |table, limit, now| table.check(subject, limit, now))
    }

    /// Whether `subject` was counted lately.
    pub fn knows(&self, class: Class, subject: &str) -> bool {
        self.with(class, |table, _, _| if table.knows(subject) { Ok(()) } else { Err(0) }).is_ok()
    }

    fn with(&self, class: Class, ask: impl FnOnce(&mut Table, Limit, u64) -> Result<(), u64>) -> Result<()> {
        let limit = class.limit();
        let limit = Limit {
            burst: limit.burst.saturating_mul(self.factor),
            per_second: limit.per_second.saturating_mul(self.factor),
        };
        if self.factor == 0 {
            return Ok(());
        }
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // A panic between two numbers leaves numbers: nothing to give up.
        let mut table = self.tables[class as usize].lock().unwrap_or_else(PoisonError::into_inner);
        ask(&mut table, limit, now).map_err(|wait| {
            let seconds = wait.div_ceil(1_000_000_000);
            Error::RateLimited { retry_after_seconds: u32::try_from(seconds).unwrap_or(u32::MAX) }
        })
    }
}

/// Middleware before the session layer: an address may not make us look up sessions without end.
pub async fn by_address(State(limits): State<RateLimits>, request: Request, next: Next) -> Response {
    match limits.take(Class::Address, &address(&request)) {
        Ok(()) => next.run(request).await,
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Middleware after the session was resolved: by person, or by address and what is asked.
pub async fn by_caller(State(limits): State<RateLimits>, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<CallerSlot>().and_then(|slot| slot.0.as_ref());
    let counted = match caller {
        Some(caller) => limits.take(Class::Session, &caller.user.id.to_string()),
        None if changes(&request) => limits.take(Class::SignIn, &address(&request)),
        None => limits.take(Class::Anonymous, &address(&request)),
    };
    match counted {
        Ok(()) => next.run(request).await,
        Err(error) => Problem::from(error).into_response(),
    }
}

/// The address of a request as limits count it.
pub fn address_of(origin: &Origin) -> String {
    grouped(&origin.address)
}

fn address(request: &Request) -> String {
    request.extensions().get::<Origin>().map(address_of).unwrap_or_default()
}

fn changes(request: &Request) -> bool {
    !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(limits: &RateLimits, class: Class, subject: &str) -> usize {
        (0..10_000).take_while(|_| limits.take(class, subject).is_ok()).count()
    }

    #[test]
    fn the_bursts_that_kubectl_needs_are_there() {
        assert!(Class::Key.limit().burst >= 30);
        assert!(Class::BadKey.limit().burst >= 6);
    }

    #[test]
    fn each_subject_and_each_class_is_counted_apart() {
        let limits = RateLimits::new(1);
        assert!(answered(&limits, Class::BadKey, "203.0.113.7") >= 30);
        assert!(limits.check(Class::BadKey, "203.0.113.7").is_err());
        assert!(limits.check(Class::BadKey, "203.0.113.8").is_ok());
        assert!(limits.check(Class::SignIn, "203.0.113.7").is_ok());
    }

    #[test]
    fn a_refusal_says_how_long_to_wait() {
        let limits = RateLimits::new(1);
        answered(&limits, Class::BadKey, "x");
        let refused = limits.take(Class::BadKey, "x").err().unwrap();
        assert!(matches!(refused, Error::RateLimited { retry_after_seconds: 1 }), "{refused:?}");
    }

    #[test]
    fn a_factor_widens_and_zero_lifts() {
        assert_eq!(answered(&RateLimits::new(0), Class::BadKey, "x"), 10_000);
        let limits = RateLimits::new(3);
        assert!(answered(&limits, Class::BadKey, "x") >= 90);
    }
}
