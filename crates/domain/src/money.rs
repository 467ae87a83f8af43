//! Money as integer micro-units with its currency: no floats, no rounding surprises.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::figure::grouped;
use crate::{Error, Result};

/// An ISO 4217 code, three capital letters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(String);

/// An amount in micro-units (1 EUR = 1 000 000).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// Micro-units; never negative for prices.
    pub micros: i64,
    /// What they are micro-units of.
    pub currency: Currency,
}

/// Micro-units in the form of [`Money::decimal`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal(pub i64);

// === impl Currency ===

impl Currency {
    /// Checks the form.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless three capital letters.
    pub fn new(code: &str) -> Result<Self> {
        if code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()) {
            Ok(Self(code.to_owned()))
        } else {
            Err(Error::field("currency", "iso_4217", "Currency must be three capital letters, for example EUR"))
        }
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Currency {
    type Error = Error;
    fn try_from(code: String) -> Result<Self> {
        Self::new(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.0
    }
}

// === impl Money ===

impl Money {
    /// Reads a decimal string with at most six decimals.
    ///
    /// # Errors
    /// [`Error::Invalid`] for signs, exponents, more than six decimals, or overflow.
    pub fn parse(decimal: &str, currency: Currency) -> Result<Self> {
        parse_micros(decimal)
            .map(|micros| Self { micros, currency })
            .ok_or_else(|| Error::field("amount", "decimal", "Write an amount such as 3.29, with at most six decimals"))
    }

    /// Reads [`Self::with_currency`].
    pub fn parse_with_currency(text: &str) -> Option<Self> {
        let (amount, currency) = text.split_once(' ')?;
        Self::parse(amount, Currency::new(currency).ok()?).ok()
    }

    /// The decimal form with its currency, as a pod's annotation holds its price: `3.29 EUR`.
    pub fn with_currency(&self) -> String {
        format!("{} {}", self.decimal(), self.currency.as_str())
    }

    /// `hours` times this hourly price, rounded to the nearest micro-unit, saturating.
    pub fn for_seconds(&self, seconds: u64) -> Self {
        Self { micros: self.micros_for(seconds), currency: self.currency.clone() }
    }

    /// The micro-units of [`Self::for_seconds`].
    pub fn micros_for(&self, seconds: u64) -> i64 {
        let total = i128::from(self.micros) * i128::from(seconds);
        i64::try_from((total + 1800) / 3600).unwrap_or(i64::MAX)
    }

    /// `count` times this amount, saturating.
    pub fn times(&self, count: u32) -> Self {
        Self { micros: self.micros.saturating_mul(i64::from(count)), currency: self.currency.clone() }
    }

    /// The shortest decimal form with at least two decimals, for example `3.29`.
    pub fn decimal(&self) -> String {
        Decimal(self.micros).to_string()
    }

    /// For people: symbol or code and two decimals (more when the amount is below a cent).
    pub fn display(&self) -> String {
        let cents = self.micros.saturating_add(5_000) / 10_000;
        let number = if self.micros > 0 && self.micros < 10_000 {
            self.decimal()
        } else {
            format!("{}.{:02}", grouped(cents / 100), cents % 100)
        };
        match self.currency.as_str() {
            "EUR" => format!("€{number}"),
            "USD" => format!("${number}"),
            other => format!("{number} {other}"),
        }
    }
}

// === impl Decimal ===

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, mut rest, mut digits) = (self.0 / 1_000_000, self.0 % 1_000_000, 6usize);
        while digits > 2 && rest % 10 == 0 {
            (rest, digits) = (rest / 10, digits - 1);
        }
        write!(f, "{whole}.{rest:0digits$}")
    }
}

fn parse_micros(decimal: &str) -> Option<i64> {
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let fraction: i64 = format!("{fraction:0<6}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur(text: &str) -> Money {
        Money::parse(text, Currency::new("EUR").unwrap()).unwrap()
    }

    #[test]
    fn decimals_survive_a_round_trip() {
        for (input, output) in [
            ("3.290000", "3.29"),
            ("0", "0.00"),
            ("0.000001", "0.000001"),
            ("12.5", "12.50"),
            ("7.1234", "7.1234"),
            ("1.01", "1.01"),
        ] {
            assert_eq!(eur(input).decimal(), output);
        }
    }

    #[test]
    fn an_amount_with_its_currency_survives_a_round_trip() {
        assert_eq!(eur("3.290000").with_currency(), "3.29 EUR");
        assert_eq!(Money::parse_with_currency("3.29 EUR"), Some(eur("3.29")));
        for bad in ["", "3.29", "3.29 eur", "3.29EUR", "-1 EUR"] {
            assert_eq!(Money::parse_with_currency(bad), None, "{bad}");
        }
    }

    #[test]
    fn odd_amounts_are_refused() {
        for bad in ["", ".5", "-1", "1e3", "1.0000001", "99999999999999999999", "1,5"] {
            assert!(Money::parse(bad, Currency::new("EUR").unwrap()).is_err(), "{bad}");
        }
    }

    #[test]
    fn thousands_are_set_apart_for_people_and_never_for_programs() {
        assert_eq!(eur("1234.5").display(), "€1\u{202f}234.50");
        let francs = Money { currency: Currency::new("CHF").unwrap(), ..eur("2000000") };
        assert_eq!(francs.display(), "2\u{202f}000\u{202f}000.00 CHF");
        assert_eq!(eur("1234.5").decimal(), "1234.50");
    }

    #[test]
    fn twelve_minutes_of_an_hour_cost_a_fifth() {
        assert_eq!(eur("3.29").for_seconds(720).display(), "€0.66");
    }
}
