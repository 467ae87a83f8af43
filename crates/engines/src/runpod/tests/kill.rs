//! F21: the engine's process is killed between any two steps of its calls, a thousand times and more, with faults on top.
//! The loop below does what a node does at its simplest: list, adopt, create, delete, and end what has had no pod in two
//! lists. The node itself, with what it writes to pods, is killed in `kill_node`.

use std::collections::{BTreeSet, HashSet};

use runpod_sim::Random;

use super::*;

/// Kills each seed must survive, and seeds: 1,200 kills.
const KILLS: usize = 8;
const SEEDS: u64 = 150;
pub(super) const TICK: Duration = Duration::from_secs(5);
/// Settling takes less; a run that needs more hangs.
pub(super) const LONGEST: Duration = Duration::from_secs(4 * 3600);

/// The pods of the cluster: wanted ones, and those being deleted until their instance is gone.
#[derive(Default)]
struct Pods {
    wanted: BTreeMap<String, InstanceRequest>,
    deleting: BTreeSet<String>,
    made: u32,
}

impl Pods {
    fn change(&mut self, dice: &mut Random, now: Timestamp) {
        if self.wanted.len() < 2 || dice.below(3) > 0 && self.wanted.len() < 5 {
            self.made += 1;
            let uid = format!("pod{}", self.made);
            self.wanted.insert(uid.clone(), request(&uid, now, |_| {}));
        } else if let Some(uid) = self.wanted.keys().nth(usize::try_from(dice.below(2)).unwrap()).cloned() {
            self.delete(&uid, dice.below(4) == 0);
        }
    }

    /// Forced: the object is gone at once, and only the sweep finds what it leaves.
    fn delete(&mut self, uid: &str, forced: bool) {
        self.wanted.remove(uid);
        if !forced {
            self.deleting.insert(uid.to_owned());
        }
    }
}

/// One round of what the node does. True if nothing is left to do.
async fn round(engine: &RunPod, pods: &mut Pods, suspects: &mut HashSet<String>) -> bool {
    let Ok(list) = engine.list().await else { return false };
    let mut calm = pods.deleting.is_empty();
    for uid in pods.deleting.clone() {
        if engine.delete(&uid, Duration::ZERO).await.is_ok() {
            pods.deleting.remove(&uid);
        }
    }
    for (uid, request) in &pods.wanted {
        if !list.iter().any(|one| one.uid == *uid && !one.containers.is_empty()) {
            calm = false;
            let _ = engine.create(request).await;
        }
    }
    let known = |uid: &str| pods.wanted.contains_key(uid) || pods.deleting.contains(uid);
    let unknown: HashSet<String> = list.iter().map(|one| one.uid.clone()).filter(|uid| !known(uid)).collect();
    for uid in unknown.intersection(suspects) {
        let _ = engine.delete(uid, Duration::ZERO).await;
    }
    calm &= unknown.is_empty();
    *suspects = unknown;
    calm
}

pub(super) fn faults(simulator: &Simulator) {
    let refuse = |status| Effect::Refuse { status, shape: Shape::Html, retry_after: None };
    let create = "POST /v2/pods";
    let all = [
        (create, Effect::Hang { acts: true }, 0.05),
        (create, Effect::Cut, 0.05),
        (create, Effect::Lie { status: 500, shape: Shape::Empty }, 0.05),
        (create, Effect::NoCapacity, 0.1),
        (create, Effect::SlowBoot { seconds: None }, 0.03),
        (create, Effect::BadImage { error: false }, 0.03),
        ("GET /v2/pods", refuse(502), 0.05),
        ("GET /v2/pods", Effect::LeaveOut, 0.05),
        ("GET /v2/pods/{id}", refuse(503), 0.05),
        ("DELETE /v2/pods/{id}", refuse(500), 0.1),
        ("DELETE /v2/pods/{id}", Effect::LivesOn, 0.1),
        ("DELETE /v2/pods/{id}", Effect::NotFound, 0.05),
    ];
    for (route, effect, chance) in all {
        simulator.control(Control::Fault { fault: Box::new(Fault::on(route, effect).with_chance(chance)) });
    }
}

async fn survive(seed: u64) -> usize {
    let mut dice = Random::new(seed);
    let base: Timestamp = "2026-09-01T00:00:00Z".parse().unwrap();
    let settings =
        Settings { list_lag_seconds: seed % 3 * 10, quota: None, check_replies: false, ..Settings::default() };
    let simulator = Arc::new(Simulator::new(settings, runpod_sim::Clock::new(base, 1.0), seed));
    simulator.control(Control::Foreign { name: "somebody-else".into() });
    if seed.is_multiple_of(2) {
        faults(&simulator);
    }
    let config = RunPodConfig { max_pending: None, ..RunPodConfig::new("cluster", "node") };
    let mut pods = Pods::default();
    let mut kills = 0;
    while kills < KILLS {
        let fuse = Fuse::new(i64::try_from(dice.below(160)).unwrap());
        let node = engine(&simulator, config.clone(), fuse.clone());
        tokio::select! {
            () = live(&node, &simulator, &mut pods, &mut dice) => {}
            () = fuse.blown.notified() => kills += 1,
        }
    }
    simulator.control(Control::ClearFaults);
    settle(&simulator, &config, &mut pods).await;
    let living: Vec<&str> = pods.wanted.keys().map(String::as_str).collect();
    money(&simulator, &living, config.lag);
    for uid in pods.wanted.keys().cloned().collect::<Vec<_>>() {
        pods.delete(&uid, false);
    }
    settle(&simulator, &config, &mut pods).await;
    money(&simulator, &[], config.lag);
    assert_eq!(simulator.report().billed("").len(), 1, "what is not ours is untouched");
    kills
}

/// Works until it is killed.
async fn live(node: &RunPod, simulator: &Simulator, pods: &mut Pods, dice: &mut Random) {
    let mut suspects = HashSet::new();
    loop {
        if dice.below(2) == 0 {
            pods.change(dice, simulator.clock.now());
        }
        round(node, pods, &mut suspects).await;
        tokio::time::sleep(TICK).await;
    }
}

async fn settle(simulator: &Arc<Simulator>, config: &RunPodConfig, pods: &mut Pods) {
    let node = engine(simulator, config.clone(), Fuse::new(i64::MAX));
    let mut suspects = HashSet::new();
    let mut calm = 0;
    let settling = async {
        while calm < 3 {
            calm = if round(&node, pods, &mut suspects).await { calm + 1 } else { 0 };
            tokio::time::sleep(TICK).await;
        }
    };
    assert!(tokio::time::timeout(LONGEST, settling).await.is_ok(), "never settles");
    // What a list still lacks after its lag would be a leak that nobody sees.
    tokio::time::sleep(config.lag).await;
    round(&node, pods, &mut suspects).await;
}

#[tokio::test(start_paused = true)]
async fn f21_a_process_killed_anywhere_leaks_nothing_and_doubles_nothing() {
    let mut kills = 0;
    for seed in 0..SEEDS {
        kills += survive(seed).await;
    }
    assert!(kills >= 1000, "{kills}");
}

#[tokio::test(start_paused = true)]
async fn a_create_that_waits_for_the_rate_limit_is_not_sent_once_another_process_may_act() {
    let (world, route) = (World::new(), "POST /v2/pods");
    let busy = Effect::Refuse { status: 429, shape: Shape::Problem, retry_after: Some(60) };
    world.add(Fault::on(route, busy).times(1));
    let request = world.request("a", |_| {});
    let lost = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        world.engine.retire();
        world.engine.quiet().await;
    };
    let (made, ()) = tokio::join!(world.engine.create(&request), lost);
    assert!(made.is_err() && world.engine.create(&request).await.is_err());
    assert_eq!(world.simulator.report().count(route), 1, "the one that was refused");
    world.money(&[]).await;
}
