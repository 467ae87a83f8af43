//! One rented instance as a function of time, and how the API shows it.
//! Nothing happens in the background: each look works out what has happened since.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    clock::{after, seconds_between},
    ledger::Ledger,
    settings::{Boot, Settings},
};

/// Where an SSH server listens.
const SSH: u16 = 22;

/// A line of a log.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    pub(crate) source: &'static str,
    pub(crate) text: String,
}

/// How an instance ended without being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exited,
    Error,
    Terminated,
}

#[derive(Clone, Debug)]
pub(crate) struct Pod {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Container settings as they are shown: image, args, disk, ports, env, mounts, registry.
    pub(crate) container: Map<String, Value>,
    /// `{"gpu": …}` or `{"cpu": …}`.
    pub(crate) hardware: (&'static str, Value),
    /// What the create said of the hardware, word for word.
    pub(crate) asked: Value,
    pub(crate) cloud: String,
    pub(crate) data_center: String,
    /// Millionths of a dollar per hour while it runs.
    pub(crate) price: i64,
    pub(crate) ledger: Ledger,
    pub(crate) created: Timestamp,
    /// When the container comes up; `None` = never.
    pub(crate) up: Option<Timestamp>,
    /// When TCP ports are mapped; `None` = never.
    pub(crate) mapped: Option<Timestamp>,
    pub(crate) ports_without_ip: bool,
    /// Changes with each restart: so do public ports.
    pub(crate) generation: u16,
    pub(crate) ended: Option<(End, Timestamp)>,
    /// The process is over and its wrapper waits.
    pub(crate) blocked: bool,
    pub(crate) printed: bool,
    pub(crate) log: Vec<Line>,
    pub(crate) number: u16,
    pub(crate) locked: bool,
    /// Not shown in lists before.
    pub(crate) listed: Timestamp,
}

// === impl Pod ===

impl Pod {
    pub(crate) fn status(&self, now: Timestamp, boot: Boot) -> &'static str {
        match self.ended.filter(|(_, at)| *at <= now) {
            Some((End::Exited, _)) => return "EXITED",
            Some((End::Error, _)) => return "ERROR",
            Some((End::Terminated, _)) => return "TERMINATED",
            None => {}
        }
        let half = self.up.map(|up| after(self.created, seconds_between(self.created, up) / 2));
        match (boot, self.up) {
            (_, Some(up)) if up <= now => "RUNNING",
            (Boot::AsLive, _) => "RUNNING",
            (Boot::ByText, _) if half.is_some_and(|half| half > now) => "PROVISIONING",
            (Boot::ByText, _) => "STARTING",
        }
    }

    pub(crate) fn is_alive(&self, now: Timestamp) -> bool {
        self.ended.is_none_or(|(_, at)| at > now)
    }

    pub(crate) fn is_terminated(&self, now: Timestamp) -> bool {
        self.ended.is_some_and(|(end, at)| end == End::Terminated && at <= now)
    }

    pub(crate) fn say(&mut self, at: Timestamp, source: &'static str, text: impl Into<String>) {
        self.log.push(Line { at, source, text: text.into() });
    }

    /// Ends it; a stopped one still costs its disk, a terminated one nothing.
    pub(crate) fn end(&mut self, end: End, at: Timestamp) {
        self.ended = Some((end, at));
        let disk = self.container.get("disk").and_then(Value::as_i64).unwrap_or(0);
        // 0.20 dollars for each GB and month of 730 hours.
        let rate = if end == End::Terminated { 0 } else { disk * 200_000 / 730 };
        self.ledger.change(at, rate);
    }

    /// The container comes up again, with new ports.
    pub(crate) fn restart(&mut self, now: Timestamp, settings: &Settings) {
        self.generation += 1;
        self.ended = None;
        self.blocked = false;
        self.printed = false;
        // What a start that never came about would have written.
        self.log.retain(|line| line.at <= now);
        self.up = Some(after(now, settings.boot_seconds));
        self.mapped = Some(after(now, settings.boot_seconds + settings.port_seconds));
        self.ledger.change(now, self.price);
    }

    /// What the process has done since the last look.
    pub(crate) fn progress(&mut self, now: Timestamp, settings: &Settings) {
        let Some(up) = self.up.filter(|up| *up <= now && self.is_alive(now)) else { return };
        let image = self.image().to_owned();
        let Some(process) = settings.processes.iter().find(|process| image.contains(&process.image)) else { return };
        if !self.printed {
            self.printed = true;
            for line in &process.lines {
                self.say(up, "container", line.clone());
            }
        }
        if let Some(end) = process.seconds.map(|seconds| after(up, seconds)).filter(|end| *end <= now && !self.blocked)
        {
            self.exit(process.code, end, settings);
        }
    }

    /// The process ends: a wrapper says so and waits, otherwise the platform starts it again or stops.
    pub(crate) fn exit(&mut self, code: i32, at: Timestamp, settings: &Settings) {
        let marker = self.container.get("env").and_then(|env| env["REMOTEGPU_EXIT_MARKER"].as_str()).map(str::to_owned);
        match marker {
            Some(marker) => {
                self.say(at, "container", format!("{marker} {code}"));
                self.blocked = true;
            }
            None if settings.exit_stops => {
                self.say(at, "system", "stop container");
                self.end(End::Exited, at);
            }
            None => {
                let image = self.image().to_owned();
                self.say(at, "system", format!("start container for {image}: begin"));
                self.restart(at, settings);
            }
        }
    }

    pub(crate) fn image(&self) -> &str {
        self.container.get("image").and_then(Value::as_str).unwrap_or_default()
    }

    /// The object of the API.
    pub(crate) fn view(&self, now: Timestamp, settings: &Settings) -> Value {
        let status = self.status(now, settings.boot);
        let up = self.up.filter(|up| status == "RUNNING" && *up <= now);
        let mut view = self.container.clone();
        let mut put = |key: &str, value: Value| view.insert(key.to_owned(), value);
        put("id", json!(self.id));
        put("name", json!(self.name));
        put("status", json!(status));
        put("actions", actions(status));
        put("cloud", json!(self.cloud));
        put("dataCenterId", json!(self.data_center));
        put("cudaVersion", if self.hardware.0 == "gpu" { json!("12.8") } else { Value::Null });
        put("ssh", self.ssh(now, up.is_some(), settings));
        put("template", Value::Null);
        put("cost", json!(dollars(if matches!(status, "EXITED" | "TERMINATED") { 0 } else { self.price })));
        put("locked", json!(self.locked));
        put("globalNetworking", json!({"enabled": false}));
        put("runtime", up.map_or(Value::Null, |up| self.runtime(now, up, settings)));
        put("createdAt", json!(self.created.to_string()));
        put("startedAt", self.up.filter(|up| *up <= now).map_or(Value::Null, |up| json!(up.to_string())));
        put(self.hardware.0, self.hardware.1.clone());
        if settings.growth {
            put("fromTheFuture", json!({"anything": [1, 2, 3]}));
        }
        Value::Object(view)
    }

    /// Whether its process answers at this HTTP port.
    pub(crate) fn serves(&self, port: &str, now: Timestamp) -> bool {
        let ports = self.container.get("ports").and_then(Value::as_array).into_iter().flatten();
        let opened = ports.filter_map(|one| one.as_str()?.strip_suffix("/http")).any(|one| one == port);
        opened && self.is_alive(now) && !self.blocked && self.up.is_some_and(|up| up <= now)
    }

    fn runtime(&self, now: Timestamp, up: Timestamp, settings: &Settings) -> Value {
        let ports: Vec<Value> = self
            .mapped_ports(now, settings)
            .into_iter()
            .map(|(private, public, ip)| {
                let ip = (!self.ports_without_ip).then_some(ip);
                json!({"private": private, "public": public, "type": "tcp", "ip": ip})
            })
            .collect();
        let busy = i64::from(self.number) % 60 + 20;
        json!({"uptime": seconds_between(up, now), "gpus": [{"util": busy, "memoryUtil": busy / 2}],
            "cpu": {"util": busy / 3}, "memory": {"util": busy / 2}, "ports": ports})
    }

    /// Private and public number and public address of each TCP port; none before they are mapped.
    fn mapped_ports(&self, now: Timestamp, settings: &Settings) -> Vec<(u16, u16, String)> {
        if self.mapped.is_none_or(|mapped| mapped > now) {
            return Vec::new();
        }
        let wanted = self.container.get("ports").and_then(Value::as_array).into_iter().flatten();
        let tcp = wanted.filter_map(|port| port.as_str()?.strip_suffix("/tcp")?.parse::<u16>().ok());
        let base = 10_000 + self.number % 400 * 100 + self.generation % 4 * 20;
        let here = |private: u16| if private == SSH { settings.ssh_port } else { settings.tcp_port };
        let place = |(private, public): (u16, u16)| match here(private) {
            Some(real) => (private, real, "127.0.0.1".to_owned()),
            None => (private, public, self.ip()),
        };
        tcp.zip(base..).map(place).collect()
    }

    fn ip(&self) -> String {
        format!("203.0.113.{}", self.number % 250 + 1)
    }

    fn ssh(&self, now: Timestamp, up: bool, settings: &Settings) -> Value {
        let mapped = self.mapped_ports(now, settings).into_iter().find(|(private, ..)| *private == SSH && up);
        let direct = mapped.map(|(_, public, ip)| {
            let user = "root";
            json!({"host": ip, "port": public, "username": user, "command": format!("ssh {user}@{ip} -p {public}")})
        });
        let user = format!("{}-64410d3d", self.id);
        let proxy = up.then(|| {
            json!({"host": "ssh.runpod.io", "port": 22, "username": user, "command": format!("ssh {user}@ssh.runpod.io")})
        });
        json!({"proxy": proxy, "direct": direct})
    }
}

/// Millionths of a dollar as the API writes money.
pub(crate) fn dollars(micros: i64) -> f64 {
    // Exact: amounts stay far below 2^53 millionths.
    #[expect(clippy::cast_precision_loss, reason = "prices are far below 2^53 millionths")]
    let micros = micros as f64;
    micros / 1e6
}

pub(crate) fn actions(status: &str) -> Value {
    match status {
        "PROVISIONING" | "STARTING" => json!(["stop", "terminate"]),
        "RUNNING" => json!(["stop", "restart", "terminate"]),
        "EXITED" | "ERROR" => json!(["start", "terminate"]),
        _ => json!([]),
    }
}
