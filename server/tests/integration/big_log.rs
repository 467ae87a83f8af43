//! A log that is too large to be held goes through the console whole, and the console holds none of it.

use reqwest::Response;
use serde_json::json;
use testkit::{eventually, in_time, local_image, resident_mib};

use crate::place::Place;

const LINES: usize = 16 * 1024;
/// Bytes of a line with its end, which is CRLF: a pod by itself is an interactive one, with a terminal. All of them are
/// 64 MiB, the half of which nobody may hold.
const WIDTH: usize = 4097;
const LAST: &[u8] = b"done\r\n";
const MOST_MIB: f64 = 32.0;

/// Says all lines, then waits to be ended.
fn program() -> String {
    format!(
        "trap 'exit 0' TERM; pad=$(printf '%04086d' 0); n=0; \
         while [ $n -lt {LINES} ]; do n=$((n+1)); printf '%08d %s\\n' $n $pad; done; echo done; while :; do sleep 1 & wait $!; done"
    )
}

/// A log on its way: each line is looked at and let go.
struct Reading {
    stream: Response,
    open: Vec<u8>,
    /// So many came, in their order.
    lines: usize,
    console: u32,
    /// Memory of the console at the highest, in MiB.
    most: f64,
}

// === impl Reading ===

impl Reading {
    async fn begun(place: &Place, query: &str) -> Self {
        let url = format!("{}{}", place.app.url, place.path(&format!("pods/talks/logs{query}")));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let asked = client.get(url).header("cookie", place.member.cookie().unwrap()).send();
        let stream = in_time("the log begins", asked).await.unwrap();
        assert_eq!(stream.status(), 200, "{query}");
        Self { stream, open: Vec::new(), lines: 0, console: place.app.pid(), most: 0.0 }
    }

    /// False at the end.
    async fn piece(&mut self) -> bool {
        let piece = in_time("the log goes on", self.stream.chunk()).await.unwrap();
        self.most = self.most.max(resident_mib(self.console));
        let Some(piece) = piece else { return false };
        self.open.extend_from_slice(&piece);
        let whole = self.open.len() / WIDTH * WIDTH;
        let rest = format!(" {:04086}\r\n", 0);
        for line in self.open[..whole].chunks_exact(WIDTH) {
            self.lines += 1;
            let (number, pad) = line.split_at(8);
            let begins = String::from_utf8_lossy(number);
            assert_eq!(begins, format!("{:08}", self.lines), "each line once and in its order");
            assert!(pad == rest.as_bytes(), "line {begins} is not as it was written");
        }
        self.open.drain(..whole);
        true
    }

    /// Reads on until all lines came.
    async fn through(&mut self) {
        while self.lines < LINES || self.open.len() < LAST.len() {
            assert!(self.piece().await, "the log ended after {} lines", self.lines);
        }
        assert_eq!(self.open, LAST, "nothing comes after the last line");
    }
}

/// One reader asks for the log and takes nothing of it, while another follows it and a third downloads it: what the first
/// one leaves lying stays at the node.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_64_mib_comes_whole_to_who_follows_and_who_downloads_and_the_console_holds_none_of_it() {
    let place = Place::new().await;
    let plan = json!({"kind": "pod", "name": "talks", "sku_code": "cpu-shared-8g", "image": local_image().await,
        "command": ["/bin/sh", "-c", program()]});
    let made = place.member.post(&place.path("workloads"), plan).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let pod = place.path("workloads/pod/talks");
    eventually("it runs", async || {
        let reply = place.member.get(&pod).await;
        if reply.json()["workload"]["status"] == "running" { Ok(()) } else { Err(reply.text) }
    })
    .await;
    // Podman (4.3) breaks a line off that it follows while it is being written, and counts pieces of one in a tail.
    let last = place.path("pods/talks/logs?tail=1");
    eventually("all lines are written", async || {
        let reply = place.member.get(&last).await;
        if reply.text.as_bytes() == LAST { Ok(()) } else { Err(reply.text.chars().take(80).collect::<String>()) }
    })
    .await;

    let mut slow = Reading::begun(&place, "?follow=true").await;
    let before = resident_mib(place.app.pid());
    let mut following = Reading::begun(&place, "?follow=true").await;
    following.through().await;
    let mut download = Reading::begun(&place, "").await;
    download.through().await;
    assert!(!download.piece().await, "a download ends with the log");
    slow.through().await;
    for (who, reading) in [("following", &following), ("download", &download), ("slow", &slow)] {
        let grown = reading.most - before;
        assert!(grown < MOST_MIB, "{who}: the console grew by {grown:.1} MiB, from {before:.1}");
    }
    assert_eq!(place.member.delete(&pod).await.status, 204);
}
