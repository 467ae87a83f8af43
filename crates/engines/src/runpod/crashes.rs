//! Containers that RunPod has started anew by itself: it does so with whatever ends, and shows neither that nor an exit code
//! (`runpod-api.md` §4, §7). How long a container has run raises the doubt, and RunPod's own log is the proof.
use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::{
    engine::Engine,
    logs::{Part, Source, lines},
    rental::Rental,
};

/// What RunPod writes before each start.
const START: &str = "start container";
/// So many starts, of which none came up in time, are those of a container that ends at once: an order to start anew makes two.
const REPEATED: usize = 3;
/// Clocks differ by less.
const SKEW: SignedDuration = SignedDuration::from_secs(2);
/// Lines before the present that are looked at.
const BACK: u16 = 100;
/// Logs that are read at the same time.
const PARALLEL: usize = 16;

// === impl Engine ===

impl Engine {
    /// Finds out about the containers that seem to have been started anew by nobody here.
    pub(super) async fn find_crashes(&self) {
        let doubted: Vec<(String, String, Timestamp)> = {
            let fleet = self.fleet();
            let all = fleet.rentals.iter().filter_map(|(uid, one)| Some((uid.clone(), one.id.clone(), one.doubted?)));
            all.collect()
        };
        let look = |(uid, id, known): (String, String, Timestamp)| async move {
            // Not to be read for now: the doubt stays.
            let Some(starts) = self.starts(&id).await else { return };
            if let Some(rental) = self.fleet().rentals.get_mut(&uid).filter(|rental| rental.id == id) {
                rental.settle_doubt(another(&starts, known));
            }
        };
        stream::iter(doubted).for_each_concurrent(PARALLEL, look).await;
    }

    /// Whether an instance that does not come up is not to blame, but its container; then that counts as ended.
    pub(super) async fn ends_at_once(&self, uid: &str, rental: &Rental) -> bool {
        let starts = self.starts(&rental.id).await.unwrap_or_default();
        let starts = starts.iter().filter(|at| at.duration_since(rental.booting) > SKEW).count();
        let (now, mut fleet) = (self.clock.now(), self.fleet());
        let known = fleet.rentals.get_mut(uid).filter(|known| known.id == rental.id && !known.until_deleted);
        let Some(known) = known.filter(|_| starts >= REPEATED) else { return false };
        known.crashed = Some((known.attempt, now));
        true
    }

    /// When RunPod started the container, the earliest first; `None` if its log cannot be read.
    async fn starts(&self, id: &str) -> Option<Vec<Timestamp>> {
        let (source, tail) = (Source::System, u64::from(BACK));
        let part = Part { id: id.to_owned(), source, tail, since: None, follow: false };
        let found: Vec<_> = lines(self.client.clone(), part).await.ok()?.take(usize::from(BACK)).collect().await;
        let starts = found.iter().filter(|line| line.line.starts_with(START)).filter_map(|line| line.time());
        let mut starts: Vec<Timestamp> = starts.collect();
        starts.sort_unstable();
        Some(starts)
    }
}

/// The start that followed the one at `known`. The log goes by another clock than `known`, so the first of its starts is no
/// proof, whatever its time: it may be that of `known` itself.
fn another(starts: &[Timestamp], known: Timestamp) -> Option<Timestamp> {
    let first = *starts.first()?;
    starts.iter().copied().find(|at| at.duration_since(known) > SKEW && at.duration_since(first) > SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_start_in_the_log_is_the_known_one_however_its_clock_goes() {
        let at = |seconds: i64| Timestamp::from_second(seconds).unwrap();
        assert_eq!(another(&[at(160)], at(100)), None);
        assert_eq!(another(&[at(100), at(130)], at(100)), Some(at(130)));
        assert_eq!(another(&[at(40), at(100)], at(100)), None, "what was before is no news");
        assert_eq!(another(&[], at(100)), None);
    }
}
