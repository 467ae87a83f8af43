//! The status page: one look at what a demo has rented and what it would have cost.

use crate::{pod::dollars, report::Report};

/// The page as HTML.
pub(crate) fn render(report: &Report) -> String {
    let row = |pod: &crate::PodReport| {
        format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=n>{} s</td><td class=n>${:.4}</td></tr>",
            escape(&pod.id),
            escape(&pod.name),
            pod.status,
            escape(&pod.hardware),
            escape(&pod.data_center),
            pod.seconds,
            dollars(pod.micros)
        )
    };
    let rows: String = report.pods.iter().rev().map(row).collect();
    let calls: String = report
        .calls
        .iter()
        .flat_map(|(route, all)| all.iter().map(move |(status, count)| (route, status, count)))
        .map(|(route, status, count)| {
            format!("<tr><td>{}</td><td>{status}</td><td class=n>{count}</td></tr>", escape(route))
        })
        .collect();
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=5><title>RunPod simulator</title>\
         <style>:root{{color-scheme:light dark}}body{{font:15px/1.5 system-ui;margin:2rem auto;max-width:70rem;padding:0 1rem}}\
         table{{border-collapse:collapse;width:100%}}td,th{{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884}}\
         .n{{text-align:right}}dl{{display:flex;gap:3rem}}dt{{opacity:.7}}dd{{margin:0;font-size:1.4rem}}</style>\
         <h1>RunPod simulator</h1><p>Nothing here is real: no instance runs and no money is spent.</p>\
         <dl><div><dt>Per hour now</dt><dd>${:.4}</dd></div><div><dt>Peak per hour</dt><dd>${:.4}</dd></div>\
         <div><dt>Spent</dt><dd>${:.4}</dd></div><div><dt>Balance</dt><dd>${:.2}</dd></div></dl>\
         <h2>Instances</h2><table><tr><th>Id<th>Name<th>Status<th>Hardware<th>Data centre<th class=n>Age<th class=n>Cost</tr>{rows}</table>\
         <h2>Calls</h2><table><tr><th>Route<th>Status<th class=n>Count</tr>{calls}</table>",
        dollars(report.rate_micros),
        dollars(report.peak_micros),
        dollars(report.spent_micros),
        dollars(report.balance_micros),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
