//! The web proxy before the HTTP ports of instances: `/proxy/<id>/<port>/…` for `https://<id>-<port>.proxy.runpod.net/…`.
//! Nothing is passed on: a container answers with the status of the settings.

use crate::simulator::Simulator;

/// What the proxy answers where nobody is.
const NOBODY: u16 = 502;

/// Id and port of a path behind `/proxy/`.
pub(crate) fn instance(path: &str) -> Option<(&str, &str)> {
    let (id, rest) = path.split_once('/')?;
    Some((id, rest.split('/').next()?))
}

// === impl Simulator ===

impl Simulator {
    /// The status of a request for an HTTP port of an instance.
    #[must_use]
    pub fn proxied(&self, id: &str, port: &str) -> u16 {
        let now = self.clock.now();
        let mut state = self.lock();
        state.progress(now);
        let served = state.pods.get(id).is_some_and(|pod| pod.serves(port, now));
        if served { state.settings.http_status } else { NOBODY }
    }
}
