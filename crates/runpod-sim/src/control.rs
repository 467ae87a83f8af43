//! The control API, which clients never use: faults, events, settings, time.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

use crate::{
    call::{Body, Reply},
    fault::Fault,
    pod::End,
    settings::Settings,
    simulator::Simulator,
};

/// One thing that a script does to the provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Control {
    /// Adds a fault.
    Fault {
        /// The fault.
        fault: Box<Fault>,
    },
    /// Takes all faults away.
    ClearFaults,
    /// Replaces the settings.
    Settings {
        /// The new ones.
        settings: Box<Settings>,
    },
    /// Moves the clock.
    Advance {
        /// Seconds.
        seconds: u64,
    },
    /// Only that many instances of a type in a data centre; an empty text means all.
    Stock {
        /// GPU or CPU type.
        #[serde(default)]
        hardware: String,
        /// Data centre.
        #[serde(default)]
        data_center: String,
        /// Instances.
        count: u64,
    },
    /// The catalogue shows HIGH whatever the stock (F4).
    StaleStock {
        /// On or off.
        on: bool,
    },
    /// Stops instances without a call from the client (F7).
    Stop {
        /// Part of the name.
        name: String,
    },
    /// Terminates instances without a call from the client (F6, F7).
    Terminate {
        /// Part of the name.
        name: String,
    },
    /// The process of instances ends (F14).
    Exit {
        /// Part of the name.
        name: String,
        /// Exit code.
        code: i32,
    },
    /// The host restarts: ports change (F8).
    Restart {
        /// Part of the name.
        name: String,
    },
    /// The container prints a line.
    Print {
        /// Part of the name.
        name: String,
        /// The line.
        line: String,
    },
    /// Containers answer HTTP requests with another status.
    Health {
        /// HTTP status.
        status: u16,
    },
    /// The SSH servers of instances show another host key.
    HostKey,
    /// Somebody else rents an instance of this name (F20).
    Foreign {
        /// Name.
        name: String,
    },
}

// === impl Simulator ===

impl Simulator {
    /// Does one thing of a script.
    pub fn control(&self, control: Control) {
        let now = self.clock.now();
        match control {
            Control::Fault { fault } => self.lock().faults.add(*fault),
            Control::ClearFaults => self.lock().faults.clear(),
            Control::Settings { settings } => self.lock().settings = *settings,
            Control::Advance { seconds } => self.clock.advance(Duration::from_secs(seconds)),
            Control::Stock { hardware, data_center, count } => self.lock().limit(&hardware, &data_center, count),
            Control::StaleStock { on } => self.lock().stale_stock = on,
            Control::Stop { name } => self.each(&name, |state, id| state.end(id, End::Exited, now)),
            Control::Terminate { name } => self.each(&name, |state, id| state.end(id, End::Terminated, now)),
            Control::Exit { name, code } => self.each(&name, |state, id| {
                let settings = state.settings.clone();
                if let Some(pod) = state.pods.get_mut(id) {
                    pod.exit(code, now, &settings);
                }
            }),
            Control::Restart { name } => self.each(&name, |state, id| {
                let settings = state.settings.clone();
                if let Some(pod) = state.pods.get_mut(id) {
                    pod.restart(now, &settings);
                }
            }),
            Control::Print { name, line } => self.each(&name, |state, id| {
                if let Some(pod) = state.pods.get_mut(id) {
                    pod.say(now, "container", line.clone());
                }
            }),
            Control::Health { status } => self.lock().settings.http_status = status,
            Control::HostKey => {
                let mut state = self.lock();
                state.host_keys = state.host_keys.wrapping_add(1);
            }
            Control::Foreign { name } => {
                let body = json!({"name": name, "image": "somebody/else", "gpu": {"id": "NVIDIA L4", "count": 1}});
                let _reply = crate::create::create(&mut self.lock(), body, &[], now);
            }
        }
    }

    fn each(&self, part: &str, change: impl Fn(&mut crate::state::State, &str)) {
        let now = self.clock.now();
        let mut state = self.lock();
        state.progress(now);
        let living = state.pods.values().filter(|pod| pod.name.contains(part) && pod.is_alive(now));
        let ids: Vec<String> = living.map(|pod| pod.id.clone()).collect();
        for id in ids {
            change(&mut state, &id);
        }
    }
}

/// `/control/…` over HTTP.
pub(crate) fn route(simulator: &Simulator, method: &str, path: &str, body: &[u8]) -> Reply {
    match (method, path) {
        ("GET", "/control/report") => Reply::json(200, serde_json::to_value(simulator.report()).unwrap_or(Value::Null)),
        ("GET", "/control/settings") => {
            Reply::json(200, serde_json::to_value(&simulator.lock().settings).unwrap_or(Value::Null))
        }
        ("GET", "/control/faults") => {
            Reply::json(200, serde_json::to_value(simulator.lock().faults.all()).unwrap_or(Value::Null))
        }
        ("POST", "/control") => match serde_json::from_slice::<Control>(body) {
            Ok(control) => {
                simulator.control(control);
                Reply { status: 204, headers: Vec::new(), body: Body::Empty }
            }
            Err(error) => Reply::problem(422, &error.to_string()),
        },
        _ => Reply::problem(404, "no such route"),
    }
}
