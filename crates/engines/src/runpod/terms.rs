//! What an instance was rented on: the most it may cost, and where it may be. The terms stand in a variable of the instance:
//! whoever adopts it may be another process than the one that rented it, and its create need not have been answered.
use std::fmt;

use super::{
    api::{Rented, micros},
    choice::{Wish, dollars},
};

/// The terms of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// Millionths of a dollar per hour, limit included.
    ceiling: i64,
    /// Empty = anywhere.
    places: Vec<String>,
}

// === impl Terms ===

impl Terms {
    pub(super) fn of(wish: &Wish) -> Self {
        Self { ceiling: wish.ceiling, places: wish.places.clone() }
    }

    /// `None` for an instance of an earlier version: nobody knows what it was rented on.
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let ceiling = words.next()?.parse().ok()?;
        Some(Self { ceiling, places: words.map(str::to_owned).collect() })
    }

    /// Reason and sentence, where an instance is not what it was rented as.
    pub(super) fn breach(&self, rented: &Rented) -> Option<(&'static str, String)> {
        let place = rented.data_center.as_ref().filter(|_| !self.places.is_empty());
        if let Some(place) = place.filter(|place| !self.places.contains(place)) {
            return Some(("DatacenterViolation", format!("RunPod placed instance {} in {place}", rented.id)));
        }
        let cost = rented.cost.map(micros).filter(|cost| *cost > self.ceiling)?;
        let (cost, ceiling) = (dollars(cost), dollars(self.ceiling));
        Some(("PriceAboveLimit", format!("Instance {} costs {cost} an hour; the limit is {ceiling}", rented.id)))
    }
}

/// As the variable says them: the ceiling, then the places.
impl fmt::Display for Terms {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.ceiling)?;
        self.places.iter().try_for_each(|place| write!(formatter, " {place}"))
    }
}

/// Reason and sentence, where an instance is not what it says itself that it was rented as.
pub(super) fn broken(rented: &Rented) -> Option<(&'static str, String)> {
    Terms::read(&rented.env.as_ref()?.terms)?.breach(rented)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reason(terms: &str, place: &str, cost: f64) -> Option<&'static str> {
        let rented = json!({"id": "a", "env": {"REMOTEGPU_TERMS": terms}, "dataCenterId": place, "cost": cost});
        broken(&serde_json::from_value(rented).unwrap()).map(|(reason, _)| reason)
    }

    #[test]
    fn an_instance_is_judged_by_what_it_was_rented_on() {
        let places = vec!["EU-RO-1".to_owned(), "EU-SE-1".to_owned()];
        let both = Terms { ceiling: 500_000, places };
        assert_eq!(Terms::read(&both.to_string()), Some(both.clone()));
        let terms = both.to_string();
        assert_eq!(reason(&terms, "EU-SE-1", 0.5), None);
        assert_eq!(reason(&terms, "US-TX-3", 0.5), Some("DatacenterViolation"));
        assert_eq!(reason(&terms, "EU-SE-1", 0.51), Some("PriceAboveLimit"));
        let anywhere = Terms { ceiling: i64::MAX, places: Vec::new() };
        assert_eq!(reason(&anywhere.to_string(), "US-TX-3", 80.0), None);
        assert_eq!(reason("", "US-TX-3", 80.0), None, "an earlier version rented it");
    }
}
