//! The log of a simulated container: one honest line, then silence.
//! It obeys the options of a real log, so that every viewer can be tried on it.
use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use kubelet::{ByteStream, ContainerInstance, ContainerRun, LogOptions, LogSince};
use tokio_util::sync::CancellationToken;

/// The lines so far; with `end` the stream stays open until it fires.
pub(super) fn stream(
    container: &ContainerInstance,
    options: &LogOptions,
    end: Option<CancellationToken>,
) -> ByteStream {
    let text = lines(container, options, Timestamp::now());
    let first = stream::iter((!text.is_empty()).then(|| Ok(text.into())));
    match end {
        // An empty piece ends the silence; the reader sees nothing but the end.
        Some(end) => {
            first.chain(async move { end.cancelled().await }.into_stream().map(|()| Ok(Default::default()))).boxed()
        }
        None => first.boxed(),
    }
}

fn lines(container: &ContainerInstance, options: &LogOptions, now: Timestamp) -> String {
    let ContainerRun::Running { started } = container.run else { return String::new() };
    let since = match options.since {
        None => Timestamp::MIN,
        Some(LogSince::Time(time)) => time,
        Some(LogSince::Seconds(seconds)) => {
            now.checked_sub(Duration::from_secs(seconds.unsigned_abs())).unwrap_or(Timestamp::MIN)
        }
    };
    if options.tail == Some(0) || started < since {
        return String::new();
    }
    let time = if options.timestamps { format!("{started} ") } else { String::new() };
    format!("{time}simulated engine: container {:?} started; no process runs here\n", container.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(options: &LogOptions) -> String {
        let started = "2026-01-01T00:00:00Z".parse().unwrap();
        let container = ContainerInstance {
            hold: None,
            name: "app".into(),
            id: String::new(),
            image_id: String::new(),
            attempt: 0,
            run: ContainerRun::Running { started },
            previous: None,
        };
        lines(&container, options, started + Duration::from_secs(60))
    }

    #[test]
    fn the_log_obeys_its_options() {
        let line = "simulated engine: container \"app\" started; no process runs here\n";
        assert_eq!(text(&LogOptions::default()), line);
        assert_eq!(
            text(&LogOptions { timestamps: true, ..LogOptions::default() }),
            format!("2026-01-01T00:00:00Z {line}")
        );
        assert_eq!(text(&LogOptions { tail: Some(0), ..LogOptions::default() }), "");
        assert_eq!(text(&LogOptions { since: Some(LogSince::Seconds(30)), ..LogOptions::default() }), "");
        assert_eq!(text(&LogOptions { since: Some(LogSince::Seconds(90)), ..LogOptions::default() }), line);
    }
}
