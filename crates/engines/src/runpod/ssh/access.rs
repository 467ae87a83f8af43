//! Where an instance's SSH server is, and its container's variables. Calls are counted for the whole account, and a page
//! behind a forwarded port makes dozens of connections: so it is asked for once a minute.
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use kubelet::ProviderError;
use serde::Deserialize;
use tokio::time::Instant;

use crate::runpod::{client::ApiError, engine::Engine, files, pace::Urgency, rental::Rental};

/// Older answers are asked for again.
const FRESH: Duration = Duration::from_secs(60);

/// What only this needs of an instance. Never shown: the variables may be secret.
pub(super) struct Access {
    /// The provider gives them to the container's first process only.
    pub(super) env: BTreeMap<String, String>,
    pub(super) endpoint: Endpoint,
}

/// Where an instance's own SSH server is reached.
#[derive(Deserialize)]
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) username: String,
}

/// The provider's answer.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    env: Option<BTreeMap<String, String>>,
    #[serde(default)]
    ssh: Option<Endpoints>,
}

#[derive(Deserialize)]
struct Endpoints {
    #[serde(default)]
    direct: Option<Endpoint>,
}

/// Answers of the last minute, by the instance's id.
#[derive(Default)]
pub(in crate::runpod) struct Ways(Mutex<HashMap<String, Way>>);

struct Way {
    asked: Instant,
    /// A container that was started anew may be elsewhere.
    started: Option<Timestamp>,
    access: Arc<Access>,
}

// === impl Engine ===

impl Engine {
    pub(super) async fn access(&self, rental: &Rental) -> Result<Arc<Access>, ProviderError> {
        if let Some(known) = self.ways.of(rental) {
            return Ok(known);
        }
        let path = format!("/v2/pods/{}", rental.id);
        let found = self.client.get(&path, Urgency::Usual).await.and_then(|body| {
            serde_json::from_slice::<Answer>(&body).map_err(|_| ApiError::Unknown("the answer cannot be read".into()))
        });
        let found = found.map_err(|error| ProviderError::Unavailable(error.to_string()))?;
        let endpoint = found.ssh.and_then(|ssh| ssh.direct).ok_or_else(|| {
            ProviderError::Unavailable("RunPod has not mapped the port of the SSH server yet; try again".into())
        })?;
        let mut env = found.env.unwrap_or_default();
        // No variable of the container's any more when its command runs.
        env.remove(files::VARIABLE);
        let access = Arc::new(Access { env, endpoint });
        self.ways.keep(rental, access.clone());
        Ok(access)
    }
}

// === impl Ways ===

impl Ways {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Way>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, rental: &Rental) -> Option<Arc<Access>> {
        let mut ways = self.lock();
        ways.retain(|_, way| way.asked.elapsed() < FRESH);
        ways.get(&rental.id).filter(|way| way.started == rental.started).map(|way| way.access.clone())
    }

    fn keep(&self, rental: &Rental, access: Arc<Access>) {
        let way = Way { asked: Instant::now(), started: rental.started, access };
        self.lock().insert(rental.id.clone(), way);
    }

    /// It led nowhere.
    pub(super) fn forget(&self, id: &str) {
        self.lock().remove(id);
    }
}
