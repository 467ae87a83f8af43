//! Waiting on a condition with a limit: never a fixed sleep, never for ever.

use std::time::Duration;

/// Generous on purpose: a failing test may take long, a passing one ends as soon as the condition holds.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
const PACE: Duration = Duration::from_millis(25);

/// Asks `probe` until it gives a value. Panics with `what` and the last refusal after a minute.
pub async fn eventually<T, E: std::fmt::Debug>(what: &str, mut probe: impl AsyncFnMut() -> Result<T, E>) -> T {
    let started = tokio::time::Instant::now();
    loop {
        let asked = tokio::time::Instant::now();
        match probe().await {
            Ok(value) => return value,
            Err(last) if started.elapsed() > LIMIT => panic!("{what}: not within a minute; last seen: {last:?}"),
            Err(_) => {}
        }
        // A question that starts a program costs a core while it is asked: those who are waited for need it too.
        tokio::time::sleep(PACE.max(asked.elapsed() * 2)).await;
    }
}

/// Waits for what comes by itself: a line, an answer, the end of a process. Panics with `what` after a minute.
pub async fn in_time<T>(what: &str, awaited: impl Future<Output = T>) -> T {
    let came = tokio::time::timeout(LIMIT, awaited).await;
    came.unwrap_or_else(|_| panic!("{what}: not within a minute, nothing came"))
}
