//! The meter over the real ledger, killed at every step: no second of a pod is charged twice, and none is lost that
//! anybody saw. Lives of pods and moments of death come from a seed, so that a failure can be told and repeated.

use std::collections::{BTreeMap, BTreeSet};

use backend::ports::*;
use domain::id::{AccountId, NamespaceId, UsageId, UserId};
use domain::money::{Currency, Money};
use domain::usage::{Meter, MeteredPod, Metering, Note, Subject, UsageRecord};
use jiff::Timestamp;
use uuid::Uuid;

use crate::database::Database;
use crate::given::at;

on_both_engines! {
    a_meter_that_is_killed_at_any_step_charges_no_second_twice_and_loses_none_it_saw
}

const SEEDS: u64 = 25;
const PODS: usize = 8;
const END: i64 = 400;

/// Numbers from a seed (xorshift64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 % u64::try_from(below).unwrap()).unwrap()
    }
}

/// What really happens to a pod, in seconds.
#[derive(Debug)]
struct Life {
    uid: String,
    start: i64,
    end: i64,
    /// When its object goes from the cluster.
    removed: i64,
    /// From then on its status tells a later start: a container was started again.
    restarted: i64,
}

impl Life {
    fn new(uid: String, dice: &mut Dice) -> Self {
        let start = dice.roll(END / 2);
        let end = start + 1 + dice.roll(END / 3);
        let removed = if dice.roll(3) == 0 { END * 2 } else { end + dice.roll(20) };
        let restarted = if dice.roll(2) == 0 { start + dice.roll(60) } else { END * 2 };
        Self { uid, start, end, removed, restarted }
    }

    fn seen(&self, now: i64) -> MeteredPod {
        let started = if now >= self.restarted { self.restarted.min(self.end) } else { self.start };
        let over = now >= self.end;
        MeteredPod {
            uid: self.uid.clone(),
            namespace_id: NamespaceId::new(Uuid::from_u128(3)),
            name: self.uid.clone(),
            origin: None,
            sku_code: "gpu-h100-1x".into(),
            engine: "simulated".into(),
            runtime_class: String::new(),
            ordered_by: None,
            price: Money { micros: 3_600_000_000, currency: Currency::new("EUR").unwrap() },
            started_at: at(started),
            ended_at: over.then(|| at(self.end)),
            over,
        }
    }
}

/// What a process that lives since `born` is told at `now`.
fn says(lives: &[Life], born: i64, now: i64) -> Metering {
    let mut says = Metering::default();
    for life in lives.iter().filter(|life| life.start <= now) {
        if life.removed > now {
            says.pods.insert(life.uid.clone(), life.seen(now));
        } else if life.removed > born {
            says.gone.insert(life.uid.clone(), life.seen(now));
        }
    }
    says
}

fn record(account: AccountId, note: &Note<'_>) -> UsageRecord {
    let base = match note.of {
        Subject::Record(record) => record.clone(),
        Subject::Pod(pod) => UsageRecord {
            id: UsageId::new(Uuid::now_v7()),
            account_id: account,
            namespace_id: pod.namespace_id,
            namespace: "team-ml".into(),
            kubernetes_name: "team-ml-00000003".into(),
            member_id: UserId::new(Uuid::from_u128(4)),
            member: "ada@example.com".into(),
            key: None,
            pod_uid: pod.uid.clone(),
            pod: pod.name.clone(),
            origin_pod: pod.name.clone(),
            origin_namespace: "team-ml-00000003".into(),
            sku_code: pod.sku_code.clone(),
            engine: pod.engine.clone(),
            runtime_class: String::new(),
            price: pod.price.clone(),
            started_at: note.from,
            ended_at: None,
        },
    };
    UsageRecord { started_at: note.from, ended_at: note.until, ..base }
}

/// One look; `killed` is the step before which the process dies. None when it did.
async fn look(
    db: &Database,
    account: AccountId,
    meter: Option<Meter>,
    says: &Metering,
    now: Timestamp,
    killed: i64,
) -> Option<Meter> {
    let mut meter = match meter {
        Some(meter) => meter,
        None => {
            let open = db.open_usage(Some(account)).await.unwrap();
            Meter::new(open, db.metered_until().await.unwrap().unwrap_or(now))
        }
    };
    let ends = db.usage_ends(&meter.unknown(says)).await.unwrap();
    let records: Vec<UsageRecord> = meter.look(says, &ends, now).iter().map(|note| record(account, note)).collect();
    if killed == 1 {
        return None;
    }
    // The whole transaction, or nothing of it: in halves it would be another database.
    db.note_usage(&records).await.unwrap();
    if killed == 2 {
        return None;
    }
    meter.noted(records, says, now);
    db.set_metered_until(now).await.unwrap();
    (killed != 3).then_some(meter)
}

async fn a_meter_that_is_killed_at_any_step_charges_no_second_twice_and_loses_none_it_saw(db: &Database) {
    for seed in 1..=SEEDS {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let account = AccountId::new(Uuid::now_v7());
        // Each run has its own stretch of time and uids: they share the ledger and its mark.
        let offset = i64::try_from(seed).unwrap() * END * 4;
        let mut lives: Vec<Life> =
            (0..PODS).map(|n| Life::new(format!("{seed}-{n}-{}", Uuid::now_v7()), &mut dice)).collect();
        for life in &mut lives {
            for moment in [&mut life.start, &mut life.end, &mut life.removed, &mut life.restarted] {
                *moment += offset;
            }
        }
        let (mut now, mut born, mut meter) = (offset, offset, None);
        let mut looks = BTreeSet::new();
        let mut deaths = 0;
        while now < offset + END {
            now += 1 + dice.roll(9);
            let step = if dice.roll(4) == 0 { 1 + dice.roll(3) } else { 0 };
            meter = look(db, account, meter, &says(&lives, born, now), at(now), step).await;
            match meter {
                Some(_) => drop(looks.insert(now)),
                None => {
                    deaths += 1;
                    now += dice.roll(15);
                    born = now;
                }
            }
        }
        now = offset + END * 2 - 1;
        look(db, account, meter, &says(&lives, born, now), at(now), 0).await;
        assert!(deaths > 0, "seed {seed} kills nothing");
        let charged = charged(db, account).await;
        for life in &lives {
            judge(seed, life, charged.get(&life.uid).map(Vec::as_slice).unwrap_or_default(), &looks);
        }
        let seconds: i64 = charged.values().flatten().map(|(from, until)| until - from).sum();
        let days =
            db.usage_days(account, domain::usage::Day::of(at(0)), domain::usage::Day::of(at(now))).await.unwrap();
        assert_eq!(days.iter().map(|day| day.seconds).sum::<i64>(), seconds, "seed {seed}: sums follow the records");
    }
}

/// Spans of each pod, in seconds of the test clock.
async fn charged(db: &Database, account: AccountId) -> BTreeMap<String, Vec<(i64, i64)>> {
    let mut spans: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
    let months = [at(0), at(31 * 86_400)].map(domain::usage::Month::of);
    for month in BTreeSet::from(months) {
        for record in db.billed_usage(account, month, None, 1000).await.unwrap() {
            let second = |moment: Timestamp| moment.as_second() - at(0).as_second();
            let until = record.ended_at.expect("every pod is over in the end");
            spans.entry(record.pod_uid).or_default().push((second(record.started_at), second(until)));
        }
    }
    spans
}

fn judge(seed: u64, life: &Life, spans: &[(i64, i64)], looks: &BTreeSet<i64>) {
    let mut spans = spans.to_vec();
    spans.sort_unstable();
    let told = format!("seed {seed}: {life:?} was charged {spans:?}");
    assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "twice: {told}");
    let inside = |span: &(i64, i64)| life.start <= span.0 && span.1 <= life.end;
    assert!(spans.iter().all(inside), "when it did not run: {told}");
    // From the first look that saw it run to the last one is charged whatever was killed in between.
    let seen: Vec<i64> = looks.range(life.start..life.end.min(life.removed)).copied().collect();
    let total: i64 = spans.iter().map(|span| span.1 - span.0).sum();
    if let (Some(first), Some(last)) = (seen.first(), seen.last()) {
        assert!(total >= last - first, "less than was seen: {told}");
    }
    // Whatever is told until after its end is charged to the second, unless its start was forgotten before it was seen.
    let forgotten = seen.first().is_none_or(|first| *first >= life.restarted);
    if looks.range(life.end..life.removed).next().is_some() && !forgotten {
        assert_eq!(total, life.end - life.start, "{told}");
    }
}
