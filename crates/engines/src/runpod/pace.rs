//! Keeps below the provider's rate limits, as its own headers tell them; deleting never starves behind looking.
//! Malformed headers are passed over; without any the provider sets no limit for us.
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kubelet::QuotaLeft;
use tokio::time::Instant;

/// Before the first header: the quota of the documentation's example, in a minute.
const FIRST: u64 = 60;
const MINUTE: Duration = Duration::from_secs(60);

/// How urgent a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// May use the reserve: it ends costs.
    Terminate,
    /// Waits while only the reserve is left.
    Usual,
}

#[derive(Debug)]
pub(super) struct Pace(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    windows: Vec<Window>,
    blocked: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Window {
    /// As the provider calls it; `None` is our own guess before its first word.
    name: Option<String>,
    remaining: u64,
    /// None until a policy told it; then the window is forgotten when it ends.
    quota: Option<u64>,
    resets: Instant,
}

// === impl Pace ===

impl Pace {
    pub(super) fn new() -> Self {
        let window = Window { name: None, remaining: FIRST, quota: Some(FIRST), resets: Instant::now() + MINUTE };
        Self(Mutex::new(Inner { windows: vec![window], blocked: None }))
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self, urgency: Urgency) {
        while let Some(until) = self.wait(urgency) {
            tokio::time::sleep_until(until).await;
        }
    }

    /// Takes in the headers of an answer.
    pub(super) fn learn(&self, state: Option<&str>, policy: Option<&str>) {
        let now = Instant::now();
        let quotas = policy.map(parse).unwrap_or_default();
        let windows = parse(state.unwrap_or_default()).into_iter().filter_map(|(name, fields)| {
            let remaining = value(&fields, "r")?;
            let quota = quotas.iter().find(|(other, _)| *other == name).and_then(|(_, fields)| value(fields, "q"));
            let resets = now + Duration::from_secs(value(&fields, "t").unwrap_or(60).min(86_400));
            Some(Window { name: Some(name.to_owned()), remaining, quota, resets })
        });
        self.lock().windows = windows.collect();
    }

    /// The provider said 429.
    pub(super) fn block(&self, retry_after: Option<u64>) {
        let mut inner = self.lock();
        let now = Instant::now();
        let exhausted = inner.windows.iter().filter(|window| window.remaining == 0).map(|window| window.resets).max();
        let told =
            now + Duration::from_secs(retry_after.unwrap_or(if exhausted.is_some() { 0 } else { 5 }).min(86_400));
        inner.blocked = Some(exhausted.map_or(told, |resets| resets.max(told)));
    }

    /// What the provider lets us call yet, as far as it said.
    pub(super) fn left(&self) -> Vec<QuotaLeft> {
        let now = Instant::now();
        let inner = self.lock();
        let left = inner.windows.iter().filter_map(|window| {
            // One that has ended begins anew with the next call.
            let calls = if window.resets > now { window.remaining } else { window.quota? };
            Some(QuotaLeft { window: window.name.clone()?, calls })
        });
        left.collect()
    }

    /// Takes a turn, or says until when there is none.
    fn wait(&self, urgency: Urgency) -> Option<Instant> {
        let mut inner = self.lock();
        let now = Instant::now();
        if let Some(until) = inner.blocked {
            if until > now {
                return Some(until);
            }
            inner.blocked = None;
        }
        inner.windows.retain(|window| window.resets > now || window.quota.is_some());
        for window in inner.windows.iter_mut().filter(|window| window.resets <= now) {
            window.remaining = window.quota.unwrap_or_default();
            window.resets = now + MINUTE;
        }
        let short = |window: &&Window| match urgency {
            Urgency::Terminate => window.remaining == 0,
            Urgency::Usual => window.remaining <= (window.quota.unwrap_or(window.remaining) / 10).min(20),
        };
        if let Some(until) = inner.windows.iter().filter(short).map(|window| window.resets).max() {
            return Some(until);
        }
        for window in &mut inner.windows {
            window.remaining = window.remaining.saturating_sub(1);
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `"minute";r=58;t=41, "hour";r=2800;t=1812`, structured fields of RFC 9651 as far as they are used here.
fn parse(text: &str) -> Vec<(&str, Vec<(&str, &str)>)> {
    let item = |item: &'_ str| -> Option<(usize, usize)> {
        let start = item.find('"')? + 1;
        Some((start, start + item[start..].find('"')?))
    };
    text.split(',')
        .filter_map(|text| {
            let (start, end) = item(text)?;
            let fields = text[end + 1..].split(';').filter_map(|field| field.trim().split_once('='));
            Some((&text[start..end], fields.collect()))
        })
        .collect()
}

fn value(fields: &[(&str, &str)], name: &str) -> Option<u64> {
    fields.iter().find(|(key, _)| *key == name)?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_last_turns_are_kept_for_deleting() {
        let pace = Pace::new();
        pace.learn(
            Some("\"minute\";r=7;t=30, \"hour\";r=900;t=3000"),
            Some("\"minute\";q=60;w=60, \"hour\";q=3000;w=3600"),
        );
        assert!(pace.turn(Urgency::Usual).now_or_never().is_some());
        assert!(pace.turn(Urgency::Usual).now_or_never().is_none(), "six of sixty are the reserve");
        for _ in 0..6 {
            assert!(pace.turn(Urgency::Terminate).now_or_never().is_some());
        }
        let start = Instant::now();
        pace.turn(Urgency::Terminate).await;
        assert_eq!(start.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_told_by_window_as_far_as_the_provider_said() {
        let pace = Pace::new();
        assert!(pace.left().is_empty(), "sixty a minute is a guess of ours");
        pace.learn(Some("\"minute\";r=7;t=30, \"day\";r=900;t=40"), Some("\"minute\";q=60;w=60"));
        pace.turn(Urgency::Usual).await;
        let left = |window: &str, calls| QuotaLeft { window: window.into(), calls };
        assert_eq!(pace.left(), [left("minute", 6), left("day", 899)]);
        tokio::time::advance(Duration::from_secs(35)).await;
        assert_eq!(pace.left(), [left("minute", 60), left("day", 899)], "a minute began anew");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(pace.left(), [left("minute", 60)], "nobody said how many a new day has");
        pace.learn(None, None);
        assert!(pace.left().is_empty(), "the provider sets no limit any more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_obeyed_and_nonsense_is_passed_over() {
        let pace = Pace::new();
        pace.learn(Some("minute;;r=x,,\"hour\";t=5"), None);
        pace.block(Some(7));
        let start = Instant::now();
        pace.turn(Urgency::Terminate).await;
        assert_eq!(start.elapsed().as_secs(), 7);
        pace.learn(Some("\"day\";r=0;t=50"), None);
        pace.block(Some(7));
        pace.turn(Urgency::Usual).await;
        assert_eq!(start.elapsed().as_secs(), 57, "the longer of Retry-After and the window's end");
    }
}
