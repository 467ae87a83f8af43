//! Waiting on a condition with a limit: never a fixed sleep.

use std::time::Duration;

// Generous on purpose: a failing test may take long, a passing one ends as soon as the condition holds.
const LIMIT: Duration = Duration::from_secs(60);
const PACE: Duration = Duration::from_millis(25);

/// Asks `probe` until it gives a value. Panics with `what` and the last refusal after a minute.
pub async fn eventually<T, E: std::fmt::Debug>(what: &str, mut probe: impl AsyncFnMut() -> Result<T, E>) -> T {
    let started = tokio::time::Instant::now();
    let mut pace = tokio::time::interval(PACE);
    loop {
        pace.tick().await;
        match probe().await {
            Ok(value) => return value,
            Err(last) if started.elapsed() > LIMIT => panic!("{what}: not within a minute; last seen: {last:?}"),
            Err(_) => {}
        }
    }
}
