//! 500 requests a second whatever the answers do: each is timed from the moment when it was due, so that a stall counts
//! for all who wait.

use std::time::{Duration, Instant};

use testkit::Authority;

const PER_SECOND: u32 = 500;
const WARM_UP: u32 = PER_SECOND * 2;
const COUNT: u32 = PER_SECOND * 20;

/// Milliseconds.
pub struct Figures {
    /// The middle.
    pub p50: f64,
    /// One in a hundred takes longer.
    pub p99: f64,
    worst: f64,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PER_SECOND}/s, p50 {:.2} ms, p99 {:.2} ms, worst {:.2} ms", self.p50, self.p99, self.worst)
    }
}

/// Sends the reviews in turn.
pub async fn run(url: &str, authority: &Authority, bodies: &[String]) -> Figures {
    let ca = reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([ca]).build().unwrap();
    let begun = Instant::now();
    let mut waiting = Vec::with_capacity((WARM_UP + COUNT) as usize);
    for n in 0..WARM_UP + COUNT {
        let due = begun + Duration::from_secs(1) * n / PER_SECOND;
        tokio::time::sleep_until(due.into()).await;
        let request =
            http.post(url).header("content-type", "application/json").body(bodies[n as usize % bodies.len()].clone());
        waiting.push(tokio::spawn(async move {
            let answer = request.send().await.expect("an answer").text().await.expect("a whole answer");
            assert!(answer.contains("\"allowed\":true"), "{answer}");
            due.elapsed()
        }));
    }
    let mut times = Vec::with_capacity(waiting.len());
    for one in waiting {
        times.push(one.await.unwrap());
    }
    let mut times: Vec<f64> =
        times.split_off(WARM_UP as usize).iter().map(|time| time.as_secs_f64() * 1000.0).collect();
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    Figures { p50: at(0.5), p99: at(0.99), worst: at(1.0) }
}
