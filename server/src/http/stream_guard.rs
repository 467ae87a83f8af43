//! Ends an open stream when the console shuts down, or when who opened it may no longer look.
//!
//! Source: `security.md` §4.2: streams check the session again at least each minute.

use std::time::Duration;

use app::ssr::CallerSlot;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::response::sse::Event;
use backend::Caller;
use domain::permission::Permission;
use domain::{Code, Error};
use futures::{Stream, StreamExt as _, stream};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tower_sessions::Session;

use super::problem::Problem;
use super::session::Shown;
use super::state::AppState;

/// The pause between two looks at who reads a stream; a minute at most.
#[derive(Debug, Clone, Copy)]
pub struct Recheck(pub Duration);

/// The proof that a stream may go on, asked again and again.
pub struct StreamGuard {
    caller: Caller,
    session: Session,
    shown: Shown,
    state: AppState,
}

/// Why a stream was closed.
#[derive(Debug, Clone, Copy)]
enum End {
    /// This process ends; another one, or the next one, goes on.
    Stopping,
    /// The session or the right to look is over.
    NotAllowed,
}

/// What a stream shows, and so what its reader must still be allowed to see.
pub enum Sees {
    /// A namespace.
    Namespace(String),
    /// A namespace in which the caller may act.
    Workspace(String),
    /// Something of the account, by permission.
    Permitted(Permission),
}

// === impl End ===

impl End {
    fn event(self) -> Event {
        Event::default().event("closed").data(match self {
            Self::Stopping => "stopping",
            Self::NotAllowed => "not_allowed",
        })
    }
}

// === impl StreamGuard ===

impl StreamGuard {
    /// Who opened the stream.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Cuts `stream` when its namespace is no longer the caller's to see.
    pub fn watch<S: Stream>(self, namespace_id: String, stream: S) -> impl Stream<Item = S::Item> {
        stream.take_until(Box::pin(async move {
            self.ended(Sees::Namespace(namespace_id)).await;
        }))
    }

    /// The same for events of a page, with a last one that says why.
    pub fn watch_events<E>(
        self,
        namespace_id: String,
        events: impl Stream<Item = std::result::Result<Event, E>>,
    ) -> impl Stream<Item = std::result::Result<Event, E>> {
        self.watch_events_of(Sees::Namespace(namespace_id), events)
    }

    /// The same for whatever the caller `sees`.
    pub fn watch_events_of<E>(
        self,
        sees: Sees,
        events: impl Stream<Item = std::result::Result<Event, E>>,
    ) -> impl Stream<Item = std::result::Result<Event, E>> {
        let (tell, told) = oneshot::channel();
        let ended = async move {
            let reason = self.ended(sees).await;
            // Nobody listens any more once the stream itself is over.
            let _over = tell.send(reason);
        };
        let farewell = stream::once(told).filter_map(|reason| async move { Some(Ok(reason.ok()?.event())) });
        events.take_until(Box::pin(ended)).chain(farewell)
    }

    /// Waits until the stream must end; says why, in words.
    pub async fn over(self, sees: Sees) -> &'static str {
        match self.ended(sees).await {
            End::Stopping => "The console restarts; connect again",
            End::NotAllowed => "Your session or your right to do this has ended",
        }
    }

    async fn ended(self, sees: Sees) -> End {
        let Recheck(pause) = self.state.recheck;
        let mut looks = interval_at(Instant::now() + pause, pause);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.state.shutdown.cancelled() => return End::Stopping,
                _ = looks.tick() => {}
            }
            if !self.still_allowed(&sees).await {
                return End::NotAllowed;
            }
        }
    }

    /// A database that does not answer ends the stream too: never allow on a fault.
    async fn still_allowed(&self, sees: &Sees) -> bool {
        match (self.shown.still_caller(&self.state, &self.session, &self.caller.origin).await, sees) {
            (Ok(Some(caller)), Sees::Namespace(id)) => self.state.backend.get_namespace(&caller, id).await.is_ok(),
            (Ok(Some(caller)), Sees::Workspace(id)) => {
                caller.require(Permission::Deploy).is_ok()
                    && self.state.backend.get_namespace(&caller, id).await.is_ok()
            }
            (Ok(Some(caller)), Sees::Permitted(permission)) => {
                caller.account.id == self.caller.account.id && caller.may(*permission)
            }
            (Ok(None) | Err(_), _) => false,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for StreamGuard
where
    AppState: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let state = AppState::from_ref(state);
        let caller = parts.extensions.get::<CallerSlot>().and_then(|slot| slot.0.clone());
        let shown = parts.extensions.get::<Shown>().cloned();
        match (caller, parts.extensions.get::<Session>().cloned(), shown) {
            (Some(caller), Some(session), Some(shown)) => Ok(Self { caller, session, shown, state }),
            _ => Err(Error::Unauthenticated { code: Code::MissingAccessToken }.into()),
        }
    }
}
