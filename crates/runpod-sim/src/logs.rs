//! `/v2/pods/{id}/logs`: where a stream begins, and what one event looks like.

use jiff::Timestamp;
use serde_json::json;

use crate::{
    call::{Body, Call, Reply},
    fault::Effect,
    pod::Line,
    pod_routes::unknown,
    simulator::Simulator,
    state::State,
};

pub(crate) fn open(state: &State, call: &Call, id: &str, effects: &[Effect]) -> Reply {
    let Some(pod) = state.pods.get(id) else { return unknown(id) };
    let source = call.parameter("source");
    let wanted = |line: &Line| source.as_deref().is_none_or(|source| source == line.source);
    let since = call.parameter("since").and_then(|text| text.parse::<Timestamp>().ok());
    let from = match (&call.last_event_id, since) {
        (Some(last), _) => number_of(last).map_or(0, |number| number + 1),
        (None, Some(since)) => pod.log.iter().position(|line| line.at >= since).unwrap_or(pod.log.len()),
        (None, None) => {
            let tail = call.parameter("tail").and_then(|text| text.parse().ok()).unwrap_or(100);
            let numbers: Vec<usize> = (0..pod.log.len()).filter(|n| wanted(&pod.log[*n])).collect();
            match numbers.len().checked_sub(tail).and_then(|skipped| numbers.get(skipped)) {
                Some(from) => *from,
                None if tail == 0 => pod.log.len(),
                None => 0,
            }
        }
    };
    let events = Body::Events { id: id.to_owned(), from, source, effects: effects.to_vec() };
    Reply { status: 200, headers: Vec::new(), body: events }
        .with("Cache-Control", "no-cache")
        .with("X-Accel-Buffering", "no")
}

/// A log that is being read.
pub struct Follower {
    id: String,
    from: usize,
    source: Option<String>,
    effects: Vec<Effect>,
    sent: usize,
    broken: bool,
}

// === impl Follower ===

impl Follower {
    /// Reads what [`Body::Events`] says.
    #[must_use]
    pub fn new(id: String, from: usize, source: Option<String>, effects: Vec<Effect>) -> Self {
        Self { id, from, source, effects, sent: 0, broken: false }
    }

    /// The events that are new; empty if there are none, `None` once the stream has broken.
    pub fn next(&mut self, simulator: &Simulator) -> Option<String> {
        if self.broken {
            return None;
        }
        let mut text = String::new();
        if self.effects.contains(&Effect::LogGarbage) && self.sent == 0 {
            text.push_str("id: x\ndata: {no json\n\n");
            text.push_str(&format!(
                "id: y\ndata: {{\"source\":\"container\",\"line\":\"{}\"}}\n\n",
                "x".repeat(1 << 20)
            ));
            self.sent = 1;
        }
        for one in simulator.events(&self.id, &mut self.from, self.source.as_deref()) {
            if self.effects.iter().any(|effect| matches!(effect, Effect::LogCut { lines } if self.sent >= *lines)) {
                self.broken = true;
                return Some(text);
            }
            self.sent += 1;
            text.push_str(&one);
            if self.effects.contains(&Effect::LogTwice) {
                text.push_str(&one);
            }
        }
        Some(text)
    }
}

/// One server-sent event.
pub(crate) fn event(number: usize, line: &Line) -> String {
    let data = json!({"ts": line.at.to_string(), "source": line.source, "line": line.text});
    format!("id: {}/{number:012}\ndata: {data}\n\n", line.at)
}

fn number_of(id: &str) -> Option<usize> {
    id.rsplit('/').next()?.parse().ok()
}
