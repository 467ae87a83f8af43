//! One instance that we rent, and how the node is shown it: the table of `virtual-node.md` §4.2.
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kubelet::{ContainerInstance, ContainerRun, Ended, Hold, Instance};

use super::{
    api::{Rented, Status, micros},
    clock::span,
    ports::{http, tcp},
    terms,
};

/// Exit codes for ends that nobody saw: as of a killed process, and of a container that could not run.
const KILLED: i32 = 137;
const BROKEN: i32 = 128;
/// The uptime is in whole seconds and read a little late: smaller differences are not a new start.
const INEXACT: SignedDuration = SignedDuration::from_secs(5);
/// So long the provider may still show the end of the old container after it was told to start it anew.
const RESTART_LIMIT: SignedDuration = SignedDuration::from_secs(30);

/// An instance with our marker.
#[derive(Clone, Debug)]
pub(super) struct Rental {
    pub(super) id: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) container: String,
    pub(super) attempt: u32,
    pub(super) pod_ip: Option<String>,
    pub(super) created: Timestamp,
    /// Millionths of a dollar per hour, by the last reply that named a price.
    pub(super) cost: i64,
    pub(super) status: Status,
    /// Start of the container, once it was seen running.
    pub(super) started: Option<Timestamp>,
    /// It runs at present.
    pub(super) up: bool,
    wanted_tcp: Vec<u16>,
    wanted_http: Vec<u16>,
    /// Private and public port and address.
    pub(super) mapped: Vec<(u16, u16, String)>,
    pub(super) exit_marker: Option<String>,
    pub(super) exit: Option<(i32, Timestamp)>,
    /// The attempt that a probe found unhealthy, and when: it counts as ended, though it still runs.
    pub(super) killed: Option<(u32, Timestamp)>,
    /// The attempt that ended and that RunPod started anew by itself, and when: it counts as ended, too.
    pub(super) crashed: Option<(u32, Timestamp)>,
    /// Start of the container that another one seems to have followed, though nobody here asked for it.
    pub(super) doubted: Option<Timestamp>,
    /// Its pod wants it to run until it is deleted, however often its process ends.
    pub(super) until_deleted: bool,
    /// Since when the container is being brought up.
    pub(super) booting: Timestamp,
    /// When it was first seen not to run any more.
    pub(super) stopped: Option<Timestamp>,
    /// First list without it that a direct look confirmed.
    pub(super) missing: Option<Timestamp>,
    pub(super) previous: Option<Ended>,
    /// What it was rented on, as it says it itself.
    pub(super) terms: String,
    /// It is where, or costs what, its pod must not have: it is to end, and never used while that does not work. Unless its
    /// pod runs on it already.
    pub(super) condemned: bool,
}

/// What is wrong with an instance that is of no use to its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// The image cannot be started; the provider gives no reason.
    Image,
    /// The host does not get the container up.
    Host,
    /// It is in another place, or dearer, than was asked for.
    Condemned,
}

// === impl Rental ===

impl Rental {
    pub(super) fn new(rented: &Rented, now: Timestamp) -> Self {
        let marks = rented.env.clone().unwrap_or_default();
        let mut rental = Self {
            id: rented.id.clone(),
            namespace: marks.namespace,
            name: marks.pod,
            container: marks.container,
            attempt: marks.attempt.parse().unwrap_or(0),
            pod_ip: Some(marks.pod_ip).filter(|ip| !ip.is_empty()),
            created: rented.created.unwrap_or(now),
            cost: 0,
            status: Status::Starting,
            started: None,
            up: false,
            wanted_tcp: Vec::new(),
            wanted_http: Vec::new(),
            mapped: Vec::new(),
            exit_marker: marks.exit_marker,
            exit: None,
            killed: None,
            crashed: None,
            doubted: None,
            until_deleted: marks.until_deleted.is_some(),
            booting: rented.created.unwrap_or(now),
            stopped: None,
            missing: None,
            previous: None,
            terms: marks.terms,
            condemned: terms::broken(rented).is_some(),
        };
        rental.update(rented, now);
        rental
    }

    /// Takes in what a reply says now. An unknown state changes nothing.
    pub(super) fn update(&mut self, rented: &Rented, now: Timestamp) {
        self.missing = None;
        if let Some(cost) = rented.cost.map(micros).filter(|cost| *cost > 0) {
            self.cost = cost;
        }
        if rented.status == Status::Unknown {
            return;
        }
        let between = self.is_between(now);
        self.status = if rented.status == Status::Exited && between { Status::Starting } else { rented.status };
        let ports = rented.ports.as_deref().unwrap_or_default();
        (self.wanted_tcp, self.wanted_http) = (tcp(ports), http(ports));
        // What a stopped instance still shows of its runtime is old.
        let runtime = rented.runtime.as_ref().filter(|_| rented.status == Status::Running);
        let runtime =
            runtime.filter(|runtime| !between || runtime.uptime.is_none_or(|uptime| self.is_new(now, uptime)));
        let uptime = runtime.and_then(|runtime| runtime.uptime);
        self.up = uptime.is_some();
        if let Some(uptime) = uptime {
            self.stopped = None;
            self.note_start(now, uptime);
        } else if matches!(self.status, Status::Exited | Status::Error) {
            self.stopped.get_or_insert(now);
        }
        let ports = runtime.and_then(|runtime| runtime.ports.as_deref()).unwrap_or_default();
        let number = |port: Option<u32>| u16::try_from(port?).ok();
        let public =
            ports.iter().filter_map(|port| Some((number(port.private)?, number(port.public)?, port.ip.clone()?)));
        self.mapped = public.filter(|(private, _, _)| self.wanted_tcp.contains(private)).collect();
    }

    /// Whether it was told to start its container anew and the new one was not seen yet.
    fn is_between(&self, now: Timestamp) -> bool {
        self.previous.is_some() && self.started.is_none() && now.duration_since(self.booting) <= RESTART_LIMIT
    }

    /// Whether a container that has run for so many seconds was started after the last order to do so.
    fn is_new(&self, now: Timestamp, uptime: u64) -> bool {
        start(now, uptime).duration_since(self.booting) > -INEXACT
    }

    fn note_start(&mut self, now: Timestamp, uptime: u64) {
        let started = start(now, uptime);
        let same = self.started.is_some_and(|known| started.duration_since(known).abs() < INEXACT);
        if same || self.is_crashed() {
            return;
        }
        if let Some(known) = self.started.filter(|known| *known < started && !self.until_deleted) {
            self.doubted.get_or_insert(known);
        }
        self.started = Some(started);
    }

    /// What became of the doubt: when RunPod started the container anew by itself, if it did.
    pub(super) fn settle_doubt(&mut self, restarted: Option<Timestamp>) {
        if let Some((known, at)) = self.doubted.take().zip(restarted)
            && self.ended().is_none()
        {
            (self.crashed, self.started) = (Some((self.attempt, at)), Some(known));
        }
    }

    /// What was read before a crash was found, or before a restart in place, may arrive after it.
    pub(super) fn keep_start_of(&mut self, old: &Self) {
        if old.is_crashed() || old.booting > self.booting {
            (self.started, self.doubted) = (old.started, old.doubted);
        }
    }

    /// Whether this instance will never run its container.
    pub(super) fn defect(&self, now: Timestamp, boot_limit: Duration) -> Option<Defect> {
        if self.condemned {
            return Some(Defect::Condemned);
        }
        if self.started.is_some() || self.is_crashed() {
            return None;
        }
        match self.status {
            // What ran before has an image that can be started.
            Status::Exited if self.previous.is_none() => Some(Defect::Image),
            Status::Starting | Status::Running if span(self.booting, now) > boot_limit => Some(Defect::Host),
            _ => None,
        }
    }

    pub(super) fn is_mapped(&self) -> bool {
        self.wanted_tcp.iter().all(|port| self.mapped.iter().any(|(private, _, _)| private == port))
    }

    /// Whether it was asked to open this TCP port.
    pub(super) fn wants(&self, port: u16) -> bool {
        self.wanted_tcp.contains(&port)
    }

    /// Whether this port is served by the provider's proxy only.
    pub(super) fn is_proxied(&self, port: u16) -> bool {
        self.wanted_http.contains(&port) && !self.wants(port)
    }

    /// Whether it runs a container that a probe found unhealthy, or that has ended, and that the provider can start anew. A
    /// wrapped one waits for its end to be read, with a marker for each attempt, so it gets another instance.
    pub(super) fn is_restartable(&self) -> bool {
        let alive = matches!(self.status, Status::Starting | Status::Running);
        (self.is_killed() || self.is_crashed()) && alive && self.exit.is_none() && self.exit_marker.is_none()
    }

    /// The provider starts its container anew.
    pub(super) fn restarted(&mut self, attempt: u32, now: Timestamp) {
        self.previous = self.ended();
        (self.attempt, self.booting) = (attempt, now);
        (self.started, self.doubted, self.up) = (None, None, false);
        self.mapped.clear();
    }

    fn is_killed(&self) -> bool {
        self.killed.is_some_and(|(attempt, _)| attempt == self.attempt)
    }

    fn is_crashed(&self) -> bool {
        self.crashed.is_some_and(|(attempt, _)| attempt == self.attempt)
    }

    /// As the pod's status shows it.
    pub(super) fn container_id(&self) -> String {
        format!("runpod://{}", self.id)
    }

    /// How the node is shown this instance. One that will never run shows no container, so that the node asks for one.
    pub(super) fn instance(&self, uid: &str, now: Timestamp, boot_limit: Duration) -> Instance {
        let containers = if self.defect(now, boot_limit).is_some() { Vec::new() } else { vec![self.view()] };
        Instance {
            uid: uid.to_owned(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            pod_ip: self.pod_ip.clone(),
            disruption: None,
            containers,
        }
    }

    fn view(&self) -> ContainerInstance {
        let run = self.ended().map_or_else(
            // What has run and has not ended still runs, whatever a late reply says of its start (F10).
            || self.started.map_or(ContainerRun::Created, |started| ContainerRun::Running { started }),
            ContainerRun::Ended,
        );
        let unmapped = (!self.is_mapped()).then(|| Hold {
            reason: "PortsNotMapped".into(),
            message: "RunPod has not mapped all TCP ports yet".into(),
        });
        ContainerInstance {
            name: self.container.clone(),
            id: self.container_id(),
            image_id: String::new(),
            attempt: self.attempt,
            hold: unmapped.filter(|_| matches!(run, ContainerRun::Running { .. })),
            run,
            previous: self.previous.clone(),
        }
    }

    /// How it ended: by its own word, else by what can be seen from outside.
    pub(super) fn ended(&self) -> Option<Ended> {
        let end = |exit_code: i32, reason: &str, message: &str, at: Option<Timestamp>| Ended {
            exit_code,
            reason: reason.into(),
            message: message.into(),
            started: self.started,
            finished: at,
            id: self.container_id(),
        };
        if let Some((code, at)) = self.exit {
            return Some(end(code, if code == 0 { "Completed" } else { "Error" }, "", Some(at)));
        }
        if let Some((_, at)) = self.killed.filter(|_| self.is_killed()) {
            return Some(end(KILLED, "Error", "Its probe found it unhealthy", Some(at)));
        }
        if let Some((_, at)) = self.crashed.filter(|_| self.is_crashed()) {
            let message = "Its process ended; RunPod started it anew and does not say with which exit code it ended";
            return Some(end(KILLED, "Error", message, Some(at)));
        }
        match self.status {
            Status::Exited => {
                let message = "RunPod stopped the instance and does not say why or with which exit code";
                Some(end(KILLED, Ended::LOST, message, self.stopped))
            }
            Status::Error => {
                Some(end(BROKEN, "ProviderError", "RunPod reports an error and gives no reason", self.stopped))
            }
            _ => None,
        }
    }
}

fn start(now: Timestamp, uptime: u64) -> Timestamp {
    let uptime = SignedDuration::from_secs(i64::try_from(uptime).unwrap_or(i64::MAX));
    now.checked_sub(uptime).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(600);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seen(state: Value) -> Rented {
        let mut rented = json!({"id": "a", "env": {"REMOTEGPU_CONTAINER": "app"}});
        rented.as_object_mut().unwrap().extend(state.as_object().unwrap().clone());
        serde_json::from_value(rented).unwrap()
    }

    fn running(uptime: u64) -> Rented {
        seen(json!({"status": "RUNNING", "runtime": {"uptime": uptime}}))
    }

    /// It ran from second 100 on, was found unhealthy and started anew at second 200.
    fn restarted() -> Rental {
        let mut rental = Rental::new(&running(0), at(100));
        rental.killed = Some((0, at(199)));
        rental.restarted(1, at(200));
        rental
    }

    #[test]
    fn an_instance_that_never_ran_and_is_stopped_has_a_bad_image() {
        let rental = Rental::new(&seen(json!({"status": "EXITED"})), at(100));
        assert_eq!(rental.defect(at(101), LIMIT), Some(Defect::Image));
    }

    #[test]
    fn the_old_containers_end_seen_after_a_restart_is_not_the_new_ones() {
        let mut rental = restarted();
        rental.update(&seen(json!({"status": "EXITED"})), at(203));
        assert_eq!((rental.defect(at(203), LIMIT), rental.ended()), (None, None));
        rental.update(&running(105), at(205));
        assert_eq!((rental.started, rental.up), (None, false), "it is the old one that still runs");
        rental.update(&running(4), at(210));
        assert_eq!((rental.started, rental.up), (Some(at(206)), true));
        rental.update(&seen(json!({"status": "EXITED"})), at(212));
        assert!(rental.ended().is_some(), "the new one ended");
    }

    #[test]
    fn a_restarted_container_that_stays_stopped_has_ended_and_its_image_is_not_to_blame() {
        let mut rental = restarted();
        rental.update(&seen(json!({"status": "EXITED"})), at(231));
        assert_eq!(rental.defect(at(231), LIMIT), None);
        assert_eq!(rental.ended().map(|end| end.exit_code), Some(KILLED));
    }
}
