//! Progress lines for a person: the seconds since the start, then what happens now.
//! One format for all commands, readable in a terminal and in a log file.

use std::io::Write;
use std::time::Instant;

/// Prints progress lines.
#[derive(Clone, Copy, Debug)]
pub struct Say {
    start: Instant,
}

impl Say {
    /// The clock of the lines starts now.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }

    /// One step.
    pub fn step(&self, text: impl AsRef<str>) {
        println!("{:>7.1} s  {}", self.start.elapsed().as_secs_f64(), text.as_ref());
        // A pipe or a file is buffered in blocks; whoever waits behind it wants each line now.
        let _nobody_listens = std::io::stdout().flush();
    }

    /// A line below a step, or text that stands alone.
    pub fn note(&self, text: impl AsRef<str>) {
        println!("{}", text.as_ref());
        let _nobody_listens = std::io::stdout().flush();
    }
}
