//! Days and months in UTC, counted: what invoices, sums and charts are cut by.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

const DAY: i64 = 86_400;

/// A day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(i64);

/// A month in UTC, half-open: the first moment of the next one is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Month(i64);

// === impl Day ===

impl Day {
    /// The day of a moment.
    pub fn of(at: Timestamp) -> Self {
        Self(at.as_second().div_euclid(DAY))
    }

    /// From its stored form, days since 1970-01-01.
    pub fn from_number(days: i64) -> Self {
        Self(days)
    }

    /// The stored form.
    pub fn number(self) -> i64 {
        self.0
    }

    /// Reads `2026-11-21`.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let date: Option<Date> = text.parse().ok().filter(|_| text.len() == "2026-11-21".len());
        let wrong = || Error::field(field, "day", "Write a day as 2026-11-21, from 2020 to 2100");
        let date = date.filter(|date| (2020..=2100).contains(&date.year())).ok_or_else(wrong)?;
        Ok(Self::of(midnight(date)))
    }

    /// Its first moment.
    pub fn start(self) -> Timestamp {
        Timestamp::from_second(self.0.saturating_mul(DAY)).unwrap_or(Timestamp::MAX)
    }

    /// The day after.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The day of the month, 1 to 31.
    pub fn of_month(self) -> i8 {
        date_of(self.start()).day()
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        date_of(self.start()).fmt(f)
    }
}

// === impl Month ===

impl Month {
    /// The month of a moment.
    pub fn of(at: Timestamp) -> Self {
        let date = date_of(at);
        Self(i64::from(date.year()) * 12 + i64::from(date.month()) - 1)
    }

    /// A month of the years 2020 to 2100.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `month`.
    pub fn new(year: i16, month: i8) -> Result<Self> {
        if (2020..=2100).contains(&year) && (1..=12).contains(&month) {
            Ok(Self(i64::from(year) * 12 + i64::from(month) - 1))
        } else {
            Err(Error::field("month", "month", "Write a month as 2026-11, from 2020 to 2100"))
        }
    }

    /// Reads `2026-11`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn parse(text: &str) -> Result<Self> {
        let digits = text.len() == "2026-11".len() && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let parts = text.split_once('-').filter(|_| digits);
        let (year, month) = parts.map_or((0, 0), |(y, m)| (y.parse().unwrap_or(0), m.parse().unwrap_or(0)));
        Self::new(year, month)
    }

    /// From its stored form, year * 12 + month - 1.
    pub fn from_number(months: i64) -> Self {
        Self(months)
    }

    /// The stored form.
    pub fn number(self) -> i64 {
        self.0
    }

    /// The year.
    pub fn year(self) -> i16 {
        i16::try_from(self.0.div_euclid(12)).unwrap_or(i16::MAX)
    }

    /// 1 to 12.
    pub fn month(self) -> i8 {
        i8::try_from(self.0.rem_euclid(12) + 1).unwrap_or(1)
    }

    /// The month after.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Its first moment.
    pub fn start(self) -> Timestamp {
        Date::new(self.year(), self.month(), 1).map_or(Timestamp::MAX, midnight)
    }

    /// The first moment after it.
    pub fn end(self) -> Timestamp {
        self.next().start()
    }

    /// Its last day.
    pub fn last_day(self) -> Day {
        Day(Day::of(self.end()).0 - 1)
    }

    /// Its days.
    pub fn days(self) -> impl Iterator<Item = Day> {
        (Day::of(self.start()).0..Day::of(self.end()).0).map(Day)
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.month())
    }
}

/// Without a time zone, which would be looked up for each record of an invoice.
fn date_of(at: Timestamp) -> Date {
    Offset::UTC.to_datetime(at).date()
}

fn midnight(date: Date) -> Timestamp {
    Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_ends_with_the_first_moment_of_the_next() {
        let month = Month::parse("2026-12").unwrap();
        assert_eq!((month.start(), month.end()), (at("2026-12-01T00:00:00Z"), at("2027-01-01T00:00:00Z")));
        assert_eq!(Month::of(month.end()), month.next());
        assert_eq!(Month::of(at("2026-12-31T23:59:59Z")), month);
        assert_eq!((month.to_string(), month.next().to_string()), ("2026-12".to_owned(), "2027-01".to_owned()));
        assert_eq!((month.days().count(), Month::parse("2028-02").unwrap().days().count()), (31, 29));
    }

    #[test]
    fn what_is_no_month_and_no_day_is_refused() {
        for bad in ["", "2026", "2026-13", "2026-00", "2019-12", "2101-01", "2026-1", "26-11", "2026-1-"] {
            assert!(Month::parse(bad).is_err(), "{bad}");
        }
        for bad in ["", "2026-11", "2026-11-31", "2026-02-29", "1999-01-01", "2026-11-21T00:00:00Z"] {
            assert!(Day::parse("since", bad).is_err(), "{bad}");
        }
        let day = Day::parse("since", "2026-11-21").unwrap();
        assert_eq!((day.to_string(), day.of_month()), ("2026-11-21".to_owned(), 21));
        assert_eq!(day.next().start(), at("2026-11-22T00:00:00Z"));
        assert_eq!(Day::from_number(day.number()), day);
    }
}
