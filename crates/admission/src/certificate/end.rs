//! The end of the certificate in use, told in the log before it comes: after it no new pod of any tenant starts.

use domain::engine::certificate::read;
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::{CertificateDer, pem::PemObject};

// Enough for whoever must ask somebody else for a new one.
const NEAR: SignedDuration = SignedDuration::from_hours(30 * 24);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// When a certificate ends, and when that was told last.
pub(super) struct End {
    at: Option<Timestamp>,
    told: Option<Timestamp>,
}

// === impl End ===

impl End {
    /// Of a certificate with its chain, in PEM: that of the one which ends first.
    pub fn of(pem: &[u8]) -> Self {
        let chain = CertificateDer::pem_slice_iter(pem).flatten();
        let at = chain.filter_map(|der| read(&der)).map(|one| one.not_after).min();
        if at.is_none() {
            tracing::warn!("the end of the certificate cannot be read: nothing will be told before it comes");
        }
        Self { at, told: None }
    }

    /// Tells it if it is near: at once, and then once a day.
    pub fn tell(&mut self, now: Timestamp) {
        match self.due(now) {
            Some(ended) if ended <= now => {
                tracing::error!(%ended, "the certificate has ended, no new pod starts: write a new one into the files");
            }
            Some(ends) => {
                tracing::warn!(%ends, "the certificate ends soon, then no new pod starts: write a new one into the files");
            }
            None => {}
        }
    }

    fn due(&mut self, now: Timestamp) -> Option<Timestamp> {
        let at = self.at?;
        let told = self.told.is_some_and(|told| now.duration_since(told) < DAY);
        if told || at.duration_since(now) > NEAR {
            return None;
        }
        self.told = Some(now);
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(year: i32) -> String {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 3, 1);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn an_end_within_a_month_is_told_at_once_and_then_once_a_day() {
        let mut end = End::of(until(2027).as_bytes());
        let ends: Timestamp = "2027-03-01T00:00:00Z".parse().unwrap();
        let told = [(31, 0), (30, 0), (30, 1), (30, 23), (29, 0), (29, 23), (0, 0), (-1, 0)].map(|(days, later)| {
            let now = ends - SignedDuration::from_hours(days * 24 - later);
            end.due(now).is_some()
        });
        assert_eq!(told, [false, true, false, false, true, false, true, true]);
        assert_eq!(End::of(until(2027).as_bytes()).due(ends - DAY), Some(ends), "a new one is told anew");
    }

    #[test]
    fn of_a_chain_the_first_end_counts_and_what_is_no_certificate_has_none() {
        let chain = format!("{}{}", until(2029), until(2027));
        assert_eq!(End::of(chain.as_bytes()).at, Some("2027-03-01T00:00:00Z".parse().unwrap()));
        assert_eq!(End::of(b"none").due(Timestamp::MAX), None);
    }
}
