//! The provider's rate limits: three windows that count at once, told in every reply.

use jiff::Timestamp;

use crate::{
    clock::{after, seconds_between},
    settings::Quotas,
};

/// Name and length of each window.
const WINDOWS: [(&str, u64); 3] = [("minute", 60), ("hour", 3600), ("day", 86_400)];

/// Requests counted so far.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    windows: [Option<Window>; 3],
}

#[derive(Clone, Copy, Debug)]
struct Window {
    ends: Timestamp,
    used: u64,
}

/// What the windows say after one more request.
pub(crate) struct Count {
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Seconds to wait, and the name of the window, if one is used up.
    pub(crate) exhausted: Option<(u64, &'static str)>,
}

// === impl Quota ===

impl Quota {
    pub(crate) fn count(&mut self, limits: Quotas, now: Timestamp) -> Count {
        let (mut state, mut policy, mut exhausted) = (Vec::new(), Vec::new(), None);
        let quotas = [limits.minute, limits.hour, limits.day];
        for (((name, seconds), quota), window) in WINDOWS.into_iter().zip(quotas).zip(&mut self.windows) {
            let window = match window {
                Some(window) if window.ends > now => window,
                _ => window.insert(Window { ends: after(now, seconds), used: 0 }),
            };
            let rest = seconds_between(now, window.ends).max(1);
            if window.used >= quota {
                exhausted = exhausted.max(Some((rest, name)));
            } else {
                window.used += 1;
            }
            state.push(format!("\"{name}\";r={};t={rest}", quota - window.used));
            policy.push(format!("\"{name}\";q={quota};w={seconds}"));
        }
        let headers = vec![("RateLimit", state.join(", ")), ("RateLimit-Policy", policy.join(", "))];
        Count { headers, exhausted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_that_is_used_up_is_named_and_opens_again() {
        let (mut quota, start) = (Quota::default(), Timestamp::from_second(0).unwrap());
        let limits = Quotas { minute: 2, hour: 100, day: 100 };
        assert_eq!(
            quota.count(limits, start).headers[0].1,
            "\"minute\";r=1;t=60, \"hour\";r=99;t=3600, \"day\";r=99;t=86400"
        );
        assert!(quota.count(limits, start).exhausted.is_none());
        assert_eq!(quota.count(limits, after(start, 20)).exhausted, Some((40, "minute")));
        assert!(quota.count(limits, after(start, 60)).exhausted.is_none());
    }
}
