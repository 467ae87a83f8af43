//! Many records as one value. To find a row costs less than to hand it over: the driver copies each column of SQLite's
//! twice, sends each row from one thread to another and wakes the reader for it. So the database puts a batch together.

use domain::id::{AccountId, NamespaceId, UsageId, UserId};
use domain::money::{Currency, Money};
use domain::usage::{BillingPlace, UsageRecord};
use domain::{Error, Result};
use jiff::Timestamp;

use super::key;
use crate::row::{at, stored};

/// Between two fields, and between two records: ASCII has these signs for it, and no Kubernetes name holds one.
const FIELD: char = '\u{1f}';
const RECORD: char = '\u{1e}';
/// Of a record.
const FIELDS: usize = 19;

/// A SELECT of how many records there are and of all their fields, in the order of the rows; `rest` begins behind WHERE
/// and holds their order.
pub(super) fn select(rest: &str) -> String {
    format!(
        "SELECT count(*), string_agg(packed, '{RECORD}') FROM (
             SELECT concat_ws('{FIELD}', id, namespace_id, namespace, kubernetes_name, member_id, member, pod_uid, pod,
                 origin_pod, origin_namespace, sku, engine, runtime_class, price_micros, currency, started_ms,
                 coalesce(CAST(ended_ms AS TEXT), ''), key_id, key_name) AS packed
             FROM usage_records WHERE {rest}) AS page"
    )
}

/// Whether [`records`] can take `text` apart: no value of its `count` records holds one of the signs. Each that did
/// would add to the number of that sign.
pub(super) fn is_whole(count: i64, text: &str) -> bool {
    let (mut fields, mut records) = (0usize, 0usize);
    for byte in text.bytes() {
        fields += usize::from(byte == FIELD as u8);
        records += usize::from(byte == RECORD as u8);
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    records == count.saturating_sub(1) && fields == count.saturating_mul(FIELDS - 1)
}

/// Where the last record stands; none of a text without records.
pub(super) fn last(text: &str) -> Result<Option<BillingPlace>> {
    let Some(fields) = text.rsplit(RECORD).next().and_then(fields) else { return Ok(None) };
    let [id, namespace_id, .., started_ms, _, _, _] = fields;
    Ok(Some(BillingPlace {
        namespace_id: stored(NamespaceId::parse, namespace_id)?,
        started_at: moment(started_ms)?,
        id: stored(UsageId::parse, id)?,
    }))
}

/// The `count` records of an account that `text` holds. None where a value of theirs holds one of the signs, which the
/// numbers of both always show: whoever asks has to read rows then.
pub(super) fn records(account: AccountId, count: i64, text: &str) -> Result<Option<Vec<UsageRecord>>> {
    let count = usize::try_from(count).map_err(Error::internal)?;
    if count == 0 {
        return Ok(Some(Vec::new()));
    }
    if text.matches(RECORD).count() + 1 != count {
        return Ok(None);
    }
    let mut records = Vec::with_capacity(count);
    for line in text.split(RECORD) {
        let Some(fields) = fields(line) else { return Ok(None) };
        records.push(record(account, fields)?);
    }
    Ok(Some(records))
}

fn fields(line: &str) -> Option<[&str; FIELDS]> {
    let (mut parts, mut fields) = (line.split(FIELD), [""; FIELDS]);
    for field in &mut fields {
        *field = parts.next()?;
    }
    parts.next().is_none().then_some(fields)
}

/// The fields in the order of [`select`].
fn record(account_id: AccountId, fields: [&str; FIELDS]) -> Result<UsageRecord> {
    let [
        id,
        namespace_id,
        namespace,
        kubernetes_name,
        member_id,
        member,
        pod_uid,
        pod,
        origin_pod,
        origin_namespace,
        sku,
        engine,
        runtime_class,
        price_micros,
        currency,
        started_ms,
        ended_ms,
        key_id,
        key_name,
    ] = fields;
    Ok(UsageRecord {
        id: stored(UsageId::parse, id)?,
        account_id,
        namespace_id: stored(NamespaceId::parse, namespace_id)?,
        namespace: namespace.to_owned(),
        kubernetes_name: kubernetes_name.to_owned(),
        member_id: stored(UserId::parse, member_id)?,
        member: member.to_owned(),
        key: key(key_id, key_name.to_owned())?,
        pod_uid: pod_uid.to_owned(),
        pod: pod.to_owned(),
        origin_pod: origin_pod.to_owned(),
        origin_namespace: origin_namespace.to_owned(),
        sku_code: sku.to_owned(),
        engine: engine.to_owned(),
        runtime_class: runtime_class.to_owned(),
        price: Money { micros: number(price_micros)?, currency: stored(Currency::new, currency)? },
        started_at: moment(started_ms)?,
        ended_at: if ended_ms.is_empty() { None } else { Some(moment(ended_ms)?) },
    })
}

fn number(text: &str) -> Result<i64> {
    text.parse().map_err(Error::internal)
}

fn moment(text: &str) -> Result<Timestamp> {
    at(number(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(member: &str, ended: &str) -> String {
        let id = "019c1b2e-7f00-7abc-8def-0123456789ab";
        let text =
            format!("{id},{id},team,team-1,{id},{member},uid,pod,pod,team-1,sku,,,3290000,EUR,1700000000000,{ended},,");
        text.replace(',', &FIELD.to_string())
    }

    fn read(count: i64, lines: &[String]) -> Option<Vec<UsageRecord>> {
        let account = AccountId::parse("019c1b2e-7f00-7abc-8def-0123456789ac").unwrap();
        records(account, count, &lines.join(&RECORD.to_string())).unwrap()
    }

    #[test]
    fn empty_fields_are_kept_and_an_empty_end_is_none() {
        let read = read(2, &[line("", ""), line("ada@example.com", "1700000001000")]).unwrap();
        assert_eq!((read[0].member.as_str(), read[0].ended_at), ("", None));
        assert_eq!((read[1].runtime_class.as_str(), read[1].price.micros), ("", 3_290_000));
        assert_eq!(read[1].ended_at.unwrap().as_millisecond(), 1_700_000_001_000);
    }

    #[test]
    fn the_next_batch_begins_behind_the_last_record() {
        let lines = [line("", ""), line("ada@example.com", "1700000001000").replace("1700000000000", "1700000000007")];
        let text = lines.join(&RECORD.to_string());
        assert!(is_whole(2, &text) && !is_whole(1, &text));
        let read = read(2, &lines).unwrap();
        assert_eq!(last(&text).unwrap(), Some(read[1].place()));
        assert_eq!((is_whole(0, ""), last("").unwrap()), (true, None));
    }

    #[test]
    fn a_value_with_a_sign_in_it_is_never_taken_for_two() {
        let forged = format!("x{RECORD}{}", line("nobody", ""));
        for odd in [format!("a{FIELD}b"), format!("a{RECORD}b"), forged] {
            assert_eq!(read(1, &[line(&odd, "")]), None, "{odd:?}");
            assert!(!is_whole(1, &line(&odd, "")), "{odd:?}");
        }
        assert_eq!(read(0, &[]), Some(Vec::new()));
    }
}
