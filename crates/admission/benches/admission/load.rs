//! 500 requests a second whatever the answers do: each is timed from the moment when it was due, so that a stall counts
//! for all who wait.

use testkit::{Authority, steady};

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
    let (url, bodies) = (url.to_owned(), bodies.to_vec());
    let ask = move |number: u32| {
        let body = bodies[number as usize % bodies.len()].clone();
        let request = http.post(&url).header("content-type", "application/json").body(body);
        async move {
            let answer = request.send().await.expect("an answer").text().await.expect("a whole answer");
            assert!(answer.contains("\"allowed\":true"), "{answer}");
        }
    };
    let times = steady(PER_SECOND, WARM_UP + COUNT, ask).await.split_off(WARM_UP as usize);
    let mut times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1000.0).collect();
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    Figures { p50: at(0.5), p99: at(0.99), worst: at(1.0) }
}
