//! What part of a container's log is wanted, and how a log that is followed goes on when its container is started again.

use crate::pod::{ContainerPhase, ContainerView, PodState, exit_in_words};
use crate::{Error, Result};

/// Most pods that one stream joins: each is a connection of its own to a node.
pub const MOST_PODS: usize = 16;
/// Most lines of the past that a live stream begins with; the whole log is a download.
pub const MOST_LIVE_LINES: u32 = 100_000;

/// What part of a log is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Which container; the first when unsaid.
    pub container: Option<String>,
    /// Keep the stream open.
    pub follow: bool,
    /// Of the run before the last restart.
    pub previous: bool,
    /// Last lines first.
    pub tail_lines: Option<u32>,
    /// Only what was written in these last seconds.
    pub since_seconds: Option<u32>,
    /// Begin each line with its time, RFC 3339.
    pub timestamps: bool,
}

/// A piece of a log that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogPiece {
    /// Whole or partial lines.
    Bytes(Vec<u8>),
    /// The container was started again: what follows is the log of that run, from its start.
    Restarted(Restart),
}

/// That a container was started again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restart {
    /// RFC 3339: when the run before ended, where that is known.
    pub at: Option<String>,
    /// Plain words.
    pub words: String,
}

/// What a container does whose log has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterEnd {
    /// It seems to run still: its end is not reported yet, or it was not the container that ended the log.
    Running,
    /// It is between two runs.
    Waiting,
    /// It was started again, with its number of restarts.
    Again(u32, Restart),
    /// It runs no more.
    Over,
}

/// The first run, counted in restarts, that a log opened now does not tell of. `wanted` as [`LogOptions::container`].
pub fn first_unread(pod: &PodState, wanted: Option<&str>) -> u32 {
    own(pod, wanted).map_or(0, |container| container.restarts.saturating_add(u32::from(has_run(container))))
}

/// What became of a container when its log ended; `next` is the first run that was not read.
pub fn after_end(pod: &PodState, wanted: Option<&str>, next: u32) -> AfterEnd {
    let Some(container) = own(pod, wanted) else { return AfterEnd::Over };
    if container.phase != ContainerPhase::Waiting && container.restarts >= next {
        return AfterEnd::Again(container.restarts, restart(container, next));
    }
    let prepared = container.init && container.last_exit.as_deref() == Some(exit_in_words(0, None).as_str());
    match container.phase {
        phase if pod.over() || (prepared && phase == ContainerPhase::Ended) => AfterEnd::Over,
        ContainerPhase::Running => AfterEnd::Running,
        ContainerPhase::Ended | ContainerPhase::Waiting => AfterEnd::Waiting,
    }
}

/// The container of that name, or the first one that does not only prepare the others.
fn own<'a>(pod: &'a PodState, wanted: Option<&str>) -> Option<&'a ContainerView> {
    pod.containers.iter().find(|container| match wanted {
        Some(name) => container.name == name,
        None => !container.init,
    })
}

/// Whether the run that its restarts count has begun. One that keeps ending waits under the count of the run before.
fn has_run(container: &ContainerView) -> bool {
    container.phase != ContainerPhase::Waiting || container.reason.starts_with("CrashLoopBackOff")
}

fn restart(container: &ContainerView, next: u32) -> Restart {
    let words = match container.restarts.saturating_sub(next) {
        _ if container.restarts == 0 => "Container started".to_owned(),
        0 => "Container restarted".to_owned(),
        // Nothing keeps the logs of the runs between.
        more => format!("Container restarted {} times", more.saturating_add(1)),
    };
    // One that is over again tells of its own end only.
    let last = container.last_exit.as_deref().filter(|_| container.phase == ContainerPhase::Running);
    let words = match last {
        Some(exit) => format!("{words} after {}", exit.replacen("Exit", "exit", 1)),
        None => words,
    };
    Restart { at: container.last_exit_at.clone().filter(|_| last.is_some()), words }
}

// === impl LogOptions ===

impl LogOptions {
    /// Checks what the API server would refuse without a sentence for people.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `since` of no second.
    pub fn check(&self) -> Result<()> {
        match self.since_seconds {
            Some(0) => Err(Error::field("since", "range", "since must be at least 1 second")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn container(name: &str, phase: ContainerPhase, restarts: u32) -> ContainerView {
        ContainerView {
            name: name.into(),
            image: "x".into(),
            init: false,
            phase,
            ready: false,
            restarts,
            reason: String::new(),
            last_exit: (restarts > 0).then(|| exit_in_words(3, Some("Error"))),
            last_exit_at: (restarts > 0).then(|| "1970-01-01T00:01:00Z".into()),
        }
    }

    fn pod(phase: &str, containers: Vec<ContainerView>) -> PodState {
        PodState {
            name: "a".into(),
            phase: phase.into(),
            ready: false,
            deleting: false,
            node: None,
            ip: None,
            restarts: 0,
            created_at: Timestamp::UNIX_EPOCH,
            started_at: None,
            ended_at: None,
            sku_code: String::new(),
            owners: Vec::new(),
            reason: None,
            message: None,
            price: None,
            containers,
            conditions: Vec::new(),
        }
    }

    fn app(phase: ContainerPhase, restarts: u32) -> PodState {
        pod("Running", vec![container("app", phase, restarts)])
    }

    #[test]
    fn a_log_goes_on_with_the_next_run_once_that_has_begun_and_never_with_the_same() {
        let next = first_unread(&app(ContainerPhase::Running, 0), None);
        assert_eq!(after_end(&app(ContainerPhase::Running, 0), None, next), AfterEnd::Running);
        assert_eq!(after_end(&app(ContainerPhase::Ended, 0), None, next), AfterEnd::Waiting);
        assert_eq!(after_end(&app(ContainerPhase::Waiting, 1), None, next), AfterEnd::Waiting);
        let at = Some("1970-01-01T00:01:00Z".to_owned());
        let restart = Restart { at, words: "Container restarted after exit code 3".into() };
        assert_eq!(after_end(&app(ContainerPhase::Running, 1), None, next), AfterEnd::Again(1, restart));
        assert_eq!(after_end(&app(ContainerPhase::Running, 1), None, 2), AfterEnd::Running);
    }

    #[test]
    fn runs_that_nobody_read_are_counted_and_a_run_that_is_over_already_is_read() {
        let words = |pod: &PodState, next| match after_end(pod, None, next) {
            AfterEnd::Again(_, restart) => restart.words,
            other => format!("{other:?}"),
        };
        assert_eq!(words(&app(ContainerPhase::Running, 3), 1), "Container restarted 3 times after exit code 3");
        let over = pod("Succeeded", vec![container("app", ContainerPhase::Ended, 1)]);
        assert_eq!(words(&over, 1), "Container restarted");
        assert_eq!(after_end(&over, None, 2), AfterEnd::Over);
    }

    #[test]
    fn what_waits_for_its_first_start_or_keeps_ending_is_told_apart() {
        let mut waits = app(ContainerPhase::Waiting, 2);
        assert_eq!(first_unread(&waits, None), 2, "that run has not begun");
        waits.containers[0].reason = "CrashLoopBackOff: back-off 10s".into();
        assert_eq!(first_unread(&waits, None), 3, "its log is that of the last run");
    }

    #[test]
    fn the_container_is_the_named_one_or_the_first_that_stays() {
        let first = ContainerView { init: true, ..container("prepare", ContainerPhase::Ended, 0) };
        let prepare = ContainerView { last_exit: Some(exit_in_words(0, None)), ..first };
        let both = pod("Running", vec![prepare, container("app", ContainerPhase::Running, 4)]);
        assert_eq!([first_unread(&both, None), first_unread(&both, Some("prepare"))], [5, 1]);
        assert_eq!(after_end(&both, Some("prepare"), 1), AfterEnd::Over, "it is never started again");
        assert_eq!(after_end(&both, Some("none"), 0), AfterEnd::Over);
    }
}
