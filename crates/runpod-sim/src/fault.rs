//! What can go wrong, and when: by route, by the instance's name, by the n-th call, or with a probability.
//! The numbers are those of `runpod-api.md` §15.3.

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// One fault and the calls that it strikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `POST /v2/pods`, as the schema writes it; any route if left out.
    #[serde(default)]
    pub route: Option<String>,
    /// Part of the name of the instance; any if left out.
    #[serde(default)]
    pub name: Option<String>,
    /// Calls that match and pass before the first that is struck.
    #[serde(default)]
    pub skip: u64,
    /// Calls that are struck; all of them if left out.
    #[serde(default)]
    pub times: Option<u64>,
    /// Chance of each call to be struck.
    #[serde(default)]
    pub probability: Option<f64>,
    /// What happens.
    pub effect: Effect,
}

/// What happens to a struck call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// Answered with this status; nothing is done (F1, F2, F11, F12, F16, F17).
    Refuse {
        /// HTTP status.
        status: u16,
        /// Form of the body.
        #[serde(default)]
        shape: Shape,
        /// Header `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Done, but answered with this status (F3).
    Lie {
        /// HTTP status.
        status: u16,
        /// Form of the body.
        #[serde(default)]
        shape: Shape,
    },
    /// Not answered (F3).
    Hang {
        /// Whether it is done all the same.
        acts: bool,
    },
    /// Done, and the reply breaks off in its middle (F3).
    Cut,
    /// Quota headers are missing, or cannot be read (F1).
    QuotaHeaders {
        /// What they say; `None` leaves them out.
        #[serde(default)]
        text: Option<String>,
    },
    /// Create: no capacity, whatever the catalogue says (F4).
    NoCapacity,
    /// Create: the container comes up after that time, or never (F5).
    SlowBoot {
        /// Seconds.
        #[serde(default)]
        seconds: Option<u64>,
    },
    /// Create: the image cannot be started (F13).
    BadImage {
        /// ERROR instead of EXITED.
        #[serde(default)]
        error: bool,
    },
    /// Create: TCP ports come after that time, or never (F8).
    SlowPorts {
        /// Seconds.
        #[serde(default)]
        seconds: Option<u64>,
    },
    /// Create: ports are mapped without an address (F8).
    PortsWithoutIp,
    /// Create: placed elsewhere (F18).
    WrongPlace {
        /// Id of the data centre.
        data_center: String,
    },
    /// Create: costs something else (F18).
    WrongPrice {
        /// Millionths of a dollar per hour.
        micros: i64,
    },
    /// List: the item comes twice (F9).
    ItemTwice,
    /// List: the same page comes again and again with `hasNextPage` (F9).
    EndlessPages,
    /// List: the second page's cursor is refused with 422 (F9).
    CursorRefused,
    /// List: the instance is left out (F6, F10).
    LeaveOut,
    /// List and get: the instance is shown as it was at its start; in a list also one that was deleted (F10).
    Stale,
    /// Delete: 204, and it lives on (F17).
    LivesOn,
    /// Delete or get: 404 although it lives (F17).
    NotFound,
    /// Logs: the stream breaks after that many lines (F15).
    LogCut {
        /// Lines.
        lines: usize,
    },
    /// Logs: each event comes twice (F15).
    LogTwice,
    /// Logs: an event that is no JSON, and one of 1 MiB, come first (F15).
    LogGarbage,
}

/// Form of an error's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A problem document.
    #[default]
    Problem,
    /// A page of some proxy.
    Html,
    /// Nothing.
    Empty,
}

/// Faults in force, each with the number of calls that matched.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<(Fault, u64)>);

// === impl Fault ===

impl Fault {
    /// Strikes each call of this route.
    #[must_use]
    pub fn on(route: &str, effect: Effect) -> Self {
        Self { route: Some(route.to_owned()), name: None, skip: 0, times: None, probability: None, effect }
    }

    /// Only that many calls.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Only with this chance.
    #[must_use]
    pub fn with_chance(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }
}

// === impl Faults ===

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push((fault, 0));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn all(&self) -> Vec<Fault> {
        self.0.iter().map(|(fault, _)| fault.clone()).collect()
    }

    /// The effects of one call, counted.
    pub(crate) fn strike(&mut self, route: &str, name: &str, random: &mut Random) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (fault, matched) in &mut self.0 {
            let here = fault.route.as_deref().is_none_or(|wanted| wanted == route)
                && fault.name.as_deref().is_none_or(|part| name.contains(part))
                && fault.probability.is_none_or(|chance| random.chance(chance));
            if !here {
                continue;
            }
            *matched += 1;
            let turn = *matched > fault.skip && fault.times.is_none_or(|times| *matched <= fault.skip + times);
            if turn {
                effects.push(fault.effect.clone());
            }
        }
        effects
    }
}
