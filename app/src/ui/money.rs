//! Amounts of money, always with their currency.

use domain::money::{Currency, Money as Amount};
use domain::sku::PriceView;

/// Reads a decimal with its currency code; nothing for anything else.
pub fn amount(decimal: &str, currency: &str) -> Option<Amount> {
    Amount::parse(decimal, Currency::new(currency).ok()?).ok()
}

/// `€3.29/h`
pub fn per_hour(price: &PriceView) -> String {
    match amount(&price.amount, &price.currency) {
        Some(amount) => format!("{}/h", amount.display()),
        None => format!("{} {}/h", price.amount, price.currency),
    }
}

/// `€3.29/h`, each currency for itself; `–` for none.
pub fn sums_per_hour(prices: &[PriceView]) -> String {
    if prices.is_empty() {
        return "–".to_owned();
    }
    prices.iter().map(per_hour).collect::<Vec<_>>().join(" + ")
}

/// `€6.58/h`, and what a day of it costs.
pub fn per_hour_and_day(price: &Amount) -> (String, String) {
    (format!("{}/h", price.display()), format!("{} a day", price.times(24).display()))
}

/// `€6.58 for 2 hours`
pub fn for_hours(price: &Amount, hours: u32) -> String {
    format!("{} for {hours} {}", price.times(hours).display(), if hours == 1 { "hour" } else { "hours" })
}

/// What `now` costs when `cost` was right `seconds` ago and each hour costs `price`.
pub fn grown(cost: &Amount, price: Option<&Amount>, seconds: u64) -> Amount {
    let more = price.map_or(0, |price| price.for_seconds(seconds).micros);
    Amount { micros: cost.micros.saturating_add(more), currency: cost.currency.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_costs_nothing_is_a_dash_and_no_two_currencies_are_summed() {
        let price = |amount: &str, currency: &str| PriceView {
            amount: amount.to_owned(),
            currency: currency.to_owned(),
            unit: "hour".to_owned(),
        };
        assert_eq!(sums_per_hour(&[]), "–");
        assert_eq!(sums_per_hour(&[price("3.29", "EUR"), price("1", "USD")]), "€3.29/h + $1.00/h");
    }

    #[test]
    fn a_price_is_said_per_hour_and_per_day() {
        let price = amount("6.58", "EUR").unwrap();
        assert_eq!(per_hour_and_day(&price), ("€6.58/h".to_owned(), "€157.92 a day".to_owned()));
    }

    #[test]
    fn a_price_is_said_for_some_hours() {
        let price = amount("3.29", "EUR").unwrap();
        assert_eq!([1, 10].map(|hours| for_hours(&price, hours)), ["€3.29 for 1 hour", "€32.90 for 10 hours"]);
    }

    #[test]
    fn cost_grows_between_two_reports() {
        let (cost, price) = (amount("1", "EUR").unwrap(), amount("3.6", "EUR").unwrap());
        assert_eq!(grown(&cost, Some(&price), 1000).display(), "€2.00");
        assert_eq!(grown(&cost, None, 1000).display(), "€1.00");
    }
}
