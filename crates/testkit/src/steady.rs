//! Calls at a steady rate, for measuring.

use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// Makes `count` calls, `per_second` of them each second whatever the answers do; gives what each took from the moment
/// when it was due, in the order of the calls, so that a stall counts for all behind it.
///
/// A thread of its own keeps the time: tokio's timers wake at whole milliseconds, which would be most of what is measured,
/// and in bursts.
pub async fn steady<C, F>(per_second: u32, count: u32, mut call: C) -> Vec<Duration>
where
    C: FnMut(u32) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = Handle::current();
    let pacer = tokio::task::spawn_blocking(move || {
        let begun = Instant::now();
        let start = |number| {
            let due = begun + Duration::from_secs(1) * number / per_second;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let call = call(number);
            runtime.spawn(async move {
                call.await;
                due.elapsed()
            })
        };
        (0..count).map(start).collect::<Vec<_>>()
    });
    let mut times = Vec::new();
    for call in pacer.await.expect("every call is made") {
        times.push(call.await.expect("a call succeeds"));
    }
    times
}
