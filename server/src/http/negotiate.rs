//! Which of several forms of an answer a client would rather have (RFC 9110 §12.5.1).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// The first of `types` among those with the highest `q`; none when the client takes none of them.
pub fn preferred<'a>(headers: &HeaderMap, types: &[&'a str]) -> Option<&'a str> {
    let asked: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if asked.is_empty() {
        return types.first().copied();
    }
    let ranges: Vec<(&str, f32)> = asked.iter().flat_map(|value| value.split(',')).map(range).collect();
    let mut best: Option<(&str, f32)> = None;
    for wanted in types {
        let q = quality(&ranges, wanted);
        if q > best.map_or(0.0, |(_, q)| q) {
            best = Some((wanted, q));
        }
    }
    best.map(|(wanted, _)| wanted)
}

/// A range with its weight; one that cannot be read has none.
fn range(text: &str) -> (&str, f32) {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (range, weight.map_or(1.0, |q| q.parse().unwrap_or(0.0)))
}

/// The weight of the most specific range that fits.
fn quality(ranges: &[(&str, f32)], wanted: &str) -> f32 {
    let group = wanted.split_once('/').map_or("", |(group, _)| group);
    let weight = |fits: &dyn Fn(&str) -> bool| ranges.iter().find(|(range, _)| fits(range)).map(|(_, q)| *q);
    let exact = weight(&|range| range.eq_ignore_ascii_case(wanted));
    let of_group =
        || weight(&|range| range.strip_suffix("/*").is_some_and(|g| g != "*" && g.eq_ignore_ascii_case(group)));
    exact.or_else(of_group).or_else(|| weight(&|range| range == "*/*")).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_weight_wins_and_the_first_form_on_a_tie() {
        let forms = ["application/json", "text/csv"];
        for (accept, wanted) in [
            ("*/*", Some("application/json")),
            ("application/json", Some("application/json")),
            ("text/csv", Some("text/csv")),
            ("text/*", Some("text/csv")),
            ("text/csv, application/json", Some("application/json")),
            ("text/csv, application/json;q=0.9", Some("text/csv")),
            ("application/json;q=0.2, text/csv;q=0.1", Some("application/json")),
            ("text/csv;q=0, */*;q=0.1", Some("application/json")),
            ("text/html, */*;q=0.8", Some("application/json")),
            ("text/html", None),
            ("text/csv;q=0", None),
            ("application/json;q=much", None),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
            assert_eq!(preferred(&headers, &forms), wanted, "{accept}");
        }
        assert_eq!(preferred(&HeaderMap::new(), &forms), Some("application/json"));
    }
}
