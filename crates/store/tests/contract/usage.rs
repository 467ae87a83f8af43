//! Usage: nothing is charged twice, sums follow the records, months come in the order of an invoice.

use backend::ports::*;
use domain::id::{AccountId, ApiKeyId, NamespaceId, UsageId, UserId};
use domain::money::{Currency, Money};
use domain::page::PageRequest;
use domain::usage::{BillingPlace, Day, Month, UsageDay, UsageKey, UsageRecord};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::database::Database;
use crate::given::at;

on_both_engines! {
    a_record_is_begun_and_ended_once_however_often_it_is_noted
    a_pod_has_one_open_record_and_no_two_that_overlap
    what_has_ended_is_summed_by_day
    what_a_key_ordered_is_summed_beside_the_rest_of_the_day
    the_sum_of_a_day_stays_at_the_most_that_fits
    only_what_runs_is_open_and_only_the_accounts_own
    what_runs_is_priced_by_namespace_and_only_the_accounts_own
    a_month_is_read_in_pages_by_namespace_and_by_sku
    an_invoice_reads_namespace_by_namespace_in_the_order_of_starts
    batches_of_any_length_neither_lose_nor_double_what_began_in_one_moment
    records_come_back_whole_whatever_their_names_hold
    neither_an_invoice_nor_a_page_sorts_a_month
    the_meters_mark_only_moves_forward
}

/// A record of one euro an hour.
fn record(account: AccountId, pod: &str, started: i64, ended: Option<i64>) -> UsageRecord {
    UsageRecord {
        id: UsageId::new(Uuid::now_v7()),
        account_id: account,
        namespace_id: NamespaceId::new(Uuid::from_u128(3)),
        namespace: "team-ml".into(),
        kubernetes_name: "team-ml-00000003".into(),
        member_id: UserId::new(Uuid::from_u128(4)),
        member: "ada@example.com".into(),
        key: None,
        pod_uid: pod.into(),
        pod: format!("{pod}-name"),
        origin_pod: format!("{pod}-name"),
        origin_namespace: "team-ml-00000003".into(),
        sku_code: "gpu-h100-1x".into(),
        engine: "simulated".into(),
        runtime_class: String::new(),
        price: Money { micros: 1_000_000, currency: Currency::new("EUR").unwrap() },
        started_at: at(started),
        ended_at: ended.map(at),
    }
}

fn somebody() -> AccountId {
    AccountId::new(Uuid::now_v7())
}

fn ended(record: &UsageRecord, second: i64) -> UsageRecord {
    UsageRecord { ended_at: Some(at(second)), ..record.clone() }
}

async fn days(db: &Database, account: AccountId) -> Vec<UsageDay> {
    db.usage_days(account, Day::of(Timestamp::UNIX_EPOCH), Day::of(at(400_000_000))).await.unwrap()
}

async fn totals(db: &Database, account: AccountId) -> (i64, i64) {
    let days = days(db, account).await;
    (days.iter().map(|day| day.seconds).sum(), days.iter().map(|day| day.micros).sum())
}

async fn a_record_is_begun_and_ended_once_however_often_it_is_noted(db: &Database) {
    let account = somebody();
    let open = record(account, "a", 0, None);
    for _ in 0..3 {
        db.note_usage(std::slice::from_ref(&open)).await.unwrap();
        db.note_usage(&[UsageRecord { id: UsageId::new(Uuid::now_v7()), ..open.clone() }]).await.unwrap();
    }
    assert_eq!(db.open_usage(Some(account)).await.unwrap(), std::slice::from_ref(&open));
    assert_eq!(totals(db, account).await, (0, 0), "what runs is in no sum yet");
    for second in [3600, 3600, 7200] {
        db.note_usage(&[ended(&open, second)]).await.unwrap();
        assert_eq!(totals(db, account).await, (3600, 1_000_000));
    }
    db.note_usage(std::slice::from_ref(&open)).await.unwrap();
    assert!(db.open_usage(Some(account)).await.unwrap().is_empty(), "an ended record does not open again");
    let ends = db.usage_ends(&["a".into(), "unknown".into()]).await.unwrap();
    assert_eq!(ends.into_iter().collect::<Vec<_>>(), [("a".to_owned(), at(3600))]);
}

async fn a_pod_has_one_open_record_and_no_two_that_overlap(db: &Database) {
    let account = somebody();
    let first = record(account, "a", 100, None);
    let second = record(account, "a", 200, None);
    db.note_usage(&[first.clone(), second]).await.unwrap();
    assert_eq!(db.open_usage(Some(account)).await.unwrap(), std::slice::from_ref(&first));
    db.note_usage(&[ended(&first, 300)]).await.unwrap();
    db.note_usage(&[record(account, "a", 150, Some(400)), record(account, "a", 299, None)]).await.unwrap();
    assert!(db.open_usage(Some(account)).await.unwrap().is_empty());
    let next = record(account, "a", 300, None);
    db.note_usage(std::slice::from_ref(&next)).await.unwrap();
    assert_eq!(db.open_usage(Some(account)).await.unwrap(), [next], "it goes on where the last one ended");
    assert_eq!(totals(db, account).await.0, 200);
}

async fn what_has_ended_is_summed_by_day(db: &Database) {
    let account = somebody();
    let midnight = Day::of(at(0)).next().start();
    let start = (midnight - SignedDuration::from_hours(1)).as_second() - at(0).as_second();
    db.note_usage(&[record(account, "a", start, Some(start + 7200)), record(account, "b", start, Some(start + 1800))])
        .await
        .unwrap();
    let renamed = UsageRecord { namespace: "renamed".into(), ..record(account, "c", start + 3600, Some(start + 3601)) };
    db.note_usage(&[renamed]).await.unwrap();
    db.note_usage(&[record(somebody(), "d", start, Some(start + 3600))]).await.unwrap();
    let found = days(db, account).await;
    let figures: Vec<_> = found.iter().map(|day| (day.day, day.seconds, day.micros, day.namespace.as_str())).collect();
    let (first, second) = (Day::of(at(0)), Day::of(at(0)).next());
    assert_eq!(figures, [(first, 5400, 1_500_000, "team-ml"), (second, 3601, 1_000_278, "renamed")]);
    let one = db.usage_days(account, second, second).await.unwrap();
    assert_eq!(one, found[1..]);
}

async fn what_a_key_ordered_is_summed_beside_the_rest_of_the_day(db: &Database) {
    let account = somebody();
    let by = |key: u128, name: &str, pod: &str, seconds: i64| UsageRecord {
        key: Some(UsageKey { id: ApiKeyId::new(Uuid::from_u128(key)), name: name.into() }),
        ..record(account, pod, 0, Some(seconds))
    };
    let mine = record(account, "a", 0, Some(3600));
    let running = UsageRecord { ended_at: None, ..by(7, "ci", "b", 0) };
    db.note_usage(&[mine, running.clone(), by(7, "ci", "c", 1800), by(8, "nightly", "d", 60)]).await.unwrap();
    assert_eq!(db.open_usage(Some(account)).await.unwrap(), [running]);
    for _ in 0..2 {
        // Under the key's new name, and never twice.
        db.note_usage(&[by(7, "renamed", "e", 1800)]).await.unwrap();
    }
    let found = days(db, account).await;
    let shown = |day: &UsageDay| {
        let name = day.key.as_ref().map_or("", |key| key.name.as_str()).to_owned();
        (name, day.namespace.clone(), day.member.clone(), day.seconds, day.micros)
    };
    let line = |key: &str, seconds: i64, micros: i64| {
        (key.to_owned(), "team-ml".to_owned(), "ada@example.com".to_owned(), seconds, micros)
    };
    let shown: Vec<_> = found.iter().map(shown).collect();
    assert_eq!(
        shown,
        [line("", 3600, 1_000_000), line("renamed", 3600, 1_000_000), line("nightly", 60, 16_667)],
        "the rest, then each key"
    );
    let only = somebody();
    db.note_usage(&[UsageRecord { account_id: only, ..by(7, "ci", "f", 60) }]).await.unwrap();
    assert_eq!(days(db, only).await.len(), 1, "nothing is left without a key");
}

async fn what_runs_is_priced_by_namespace_and_only_the_accounts_own(db: &Database) {
    let account = somebody();
    assert!(db.open_rates(account).await.unwrap().is_empty());
    let [mine, other] = [3, 5].map(|n| NamespaceId::new(Uuid::from_u128(n)));
    let priced = |pod: &str, namespace_id, micros, currency| {
        let price = Money { micros, currency: Currency::new(currency).unwrap() };
        UsageRecord { namespace_id, price, ..record(account, pod, 0, None) }
    };
    let (half, dear) = (priced("c", mine, 500_000, "EUR"), priced("e", other, i64::MAX - 7, "EUR"));
    let alike = [priced("a", mine, 1_000_000, "EUR"), priced("b", mine, 1_000_000, "EUR")];
    db.note_usage(&alike).await.unwrap();
    db.note_usage(&[half, priced("d", mine, 2_000_000, "USD"), dear, priced("f", other, i64::MAX - 7, "EUR")])
        .await
        .unwrap();
    db.note_usage(&[record(account, "ended", 0, Some(60)), record(somebody(), "foreign", 0, None)]).await.unwrap();
    let rates = db.open_rates(account).await.unwrap();
    let shown = |id| rates[&id].iter().map(|rate| (rate.micros, rate.currency.as_str())).collect::<Vec<_>>();
    assert_eq!(rates.len(), 2);
    assert_eq!(shown(mine), [(500_000, "EUR"), (2_000_000, "EUR"), (2_000_000, "USD")]);
    assert_eq!(shown(other), [(i64::MAX, "EUR")], "the most that fits");
    db.note_usage(&[ended(&alike[0], 3600), ended(&alike[1], 3600)]).await.unwrap();
    assert_eq!(db.open_rates(account).await.unwrap()[&mine].len(), 2, "what ended costs nothing more");
}

async fn the_sum_of_a_day_stays_at_the_most_that_fits(db: &Database) {
    let account = somebody();
    for pod in ["a", "b", "c"] {
        let dear = record(account, pod, 0, Some(3600));
        let price = Money { micros: i64::MAX - 7, ..dear.price.clone() };
        db.note_usage(&[UsageRecord { price, ..dear }]).await.unwrap();
    }
    assert_eq!(totals(db, account).await, (10_800, i64::MAX));
    db.note_usage(&[record(account, "d", 0, Some(3600))]).await.unwrap();
    assert_eq!(totals(db, account).await, (14_400, i64::MAX));
}

async fn only_what_runs_is_open_and_only_the_accounts_own(db: &Database) {
    let (account, other) = (somebody(), somebody());
    let mine = record(account, "a", 0, None);
    db.note_usage(&[mine.clone(), record(account, "b", 0, Some(5)), record(other, "c", 0, None)]).await.unwrap();
    assert_eq!(db.open_usage(Some(account)).await.unwrap(), [mine]);
    let all = db.open_usage(None).await.unwrap();
    assert_eq!(all.len(), 2);
}

async fn a_month_is_read_in_pages_by_namespace_and_by_sku(db: &Database) {
    let account = somebody();
    let mut records: Vec<UsageRecord> = (0..5).map(|n| record(account, &format!("p{n}"), n, Some(n + 1))).collect();
    records[1].namespace_id = NamespaceId::new(Uuid::from_u128(9));
    records[3].sku_code = "cpu-small".into();
    db.note_usage(&records).await.unwrap();
    let next_month = Month::of(at(0)).end().as_second() - at(0).as_second();
    db.note_usage(&[record(account, "later", next_month, None), record(somebody(), "foreign", 0, None)]).await.unwrap();
    let read = async |filter: UsageFilter, limit, after| {
        let page = PageRequest { limit, after };
        let rows = db.list_usage(account, Month::of(at(0)), &filter, &page).await.unwrap();
        rows.into_iter().map(|row| row.pod_uid).collect::<Vec<_>>()
    };
    assert_eq!(read(UsageFilter::default(), 10, None).await, ["p4", "p3", "p2", "p1", "p0"]);
    assert_eq!(read(UsageFilter::default(), 1, Some(records[3].id.to_string())).await, ["p2", "p1"]);
    let oldest = UsageFilter { oldest_first: true, ..UsageFilter::default() };
    assert_eq!(read(oldest.clone(), 2, None).await, ["p0", "p1", "p2"]);
    assert_eq!(read(oldest, 2, Some(records[1].id.to_string())).await, ["p2", "p3", "p4"]);
    let of_namespace = UsageFilter { namespace: Some(records[1].namespace_id), ..UsageFilter::default() };
    assert_eq!(read(of_namespace, 10, None).await, ["p1"]);
    let of_sku = UsageFilter { sku_code: Some("cpu-small".into()), ..UsageFilter::default() };
    assert_eq!(read(of_sku, 10, None).await, ["p3"]);
}

async fn an_invoice_reads_namespace_by_namespace_in_the_order_of_starts(db: &Database) {
    let account = somebody();
    let in_namespace = |number: u128, record: UsageRecord| UsageRecord {
        namespace_id: NamespaceId::new(Uuid::from_u128(number)),
        ..record
    };
    let records = [
        in_namespace(2, record(account, "c", 5, None)),
        in_namespace(1, record(account, "b", 9, Some(10))),
        in_namespace(2, record(account, "a", 5, Some(6))),
        in_namespace(1, record(account, "d", 2, None)),
    ];
    db.note_usage(&records).await.unwrap();
    let order: Vec<String> = invoice(db, account, 3).await.into_iter().map(|row| row.pod_uid).collect();
    assert_eq!(order, ["d", "b", "c", "a"]);
    assert!(db.billed_usage(account, Month::of(at(0)).next(), None, 3).await.unwrap().is_empty());
}

/// All of the first month, read in batches.
async fn invoice(db: &Database, account: AccountId, limit: u32) -> Vec<UsageRecord> {
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let rows = db.billed_usage(account, Month::of(at(0)), after, limit).await.unwrap();
        after = rows.last().map(UsageRecord::place);
        let last = rows.len() < limit as usize;
        read.extend(rows);
        if last {
            return read;
        }
    }
}

async fn batches_of_any_length_neither_lose_nor_double_what_began_in_one_moment(db: &Database) {
    let account = somebody();
    let mut records: Vec<UsageRecord> =
        (0..7).map(|n| record(account, &format!("p{n}"), 5, (n % 2 == 0).then_some(6))).collect();
    db.note_usage(&records).await.unwrap();
    records.sort_by_key(|record| record.id);
    for limit in 1..=8 {
        assert_eq!(invoice(db, account, limit).await, records, "batches of {limit}");
    }
}

async fn records_come_back_whole_whatever_their_names_hold(db: &Database) {
    let account = somebody();
    let plain = UsageRecord { member: "Zoë, \"the\" 'one'\n".into(), ..record(account, "plain", 1, Some(2)) };
    // What the store itself puts between fields and records.
    let odd = UsageRecord {
        namespace: "a\u{1f}b".into(),
        member: "a\u{1e}b".into(),
        engine: String::new(),
        ..record(account, "odd", 3, None)
    };
    let records = [plain, odd];
    db.note_usage(&records).await.unwrap();
    let filter = UsageFilter { oldest_first: true, ..UsageFilter::default() };
    for limit in [1, 9] {
        assert_eq!(invoice(db, account, limit).await, records);
        let page = PageRequest { limit, after: None };
        assert_eq!(db.list_usage(account, Month::of(at(0)), &filter, &page).await.unwrap(), records);
    }
}

/// Plans and not times: a plan that reads an index in its order costs the same for each batch of a million records.
async fn neither_an_invoice_nor_a_page_sorts_a_month(db: &Database) {
    let account = somebody();
    grow(db, account).await;
    let middle = BillingPlace {
        namespace_id: NamespaceId::parse("00000000-0000-7000-8000-200000000010").unwrap(),
        started_at: at(10_000),
        id: UsageId::parse("00000000-0000-7000-8000-100000010000").unwrap(),
    };
    for after in [None, Some(middle)] {
        let plans = db.explain_usage(account, Month::of(at(0)), after, 2000).await.unwrap();
        assert!(plans[0].contains("usage_records_for_billing"), "{after:?}: {}", plans[0]);
        for plan in plans {
            for whole in ["SCAN usage_records", "Seq Scan", "TEMP B-TREE", "Sort"] {
                assert!(!plan.contains(whole), "{after:?} reads or sorts everything: {plan}");
            }
        }
    }
}

/// Enough rows that PostgreSQL's planner has a choice. Behind the store's back, as only their number matters.
async fn grow(db: &Database, account: AccountId) {
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)";
    let (month, start) = (Month::of(at(0)).number(), at(0).as_millisecond());
    db.run(format!(
        "INSERT INTO usage_records (id, account_id, namespace_id, namespace, kubernetes_name, member_id, member,
             pod_uid, pod, origin_pod, origin_namespace, sku, engine, runtime_class, price_micros, currency, month,
             started_ms, ended_ms)
         {numbers} SELECT '00000000-0000-7000-8000-' || CAST(100000000000 + i AS TEXT), '{account}',
             '00000000-0000-7000-8000-' || CAST(200000000000 + i % 20 AS TEXT), 'team', 'team', 'm', 'member',
             'uid-' || CAST(i AS TEXT), 'pod', 'pod', 'team', 'sku', 'engine', '', 1000000, 'EUR', {month},
             {start} + i * 1000, {start} + i * 1000 + 500
         FROM n"
    ))
    .await
    .unwrap();
    // The console runs none on SQLite.
    if db.file().is_none() {
        db.run("ANALYZE").await.unwrap();
    }
}

async fn the_meters_mark_only_moves_forward(db: &Database) {
    assert_eq!(db.metered_until().await.unwrap(), None);
    for (set, stands) in [(5, 5), (9, 9), (7, 9)] {
        db.set_metered_until(at(set)).await.unwrap();
        assert_eq!(db.metered_until().await.unwrap(), Some(at(stands)));
    }
}
