//! Lists in an order: every row once, over ties and over pages, upwards and downwards, without reading all of them.

use backend::ports::*;
use domain::api_key::ApiKey;
use domain::audit::Action;
use domain::order::{Direction, Order, OrderedRequest, SortBy};
use domain::page::Page;
use domain::scope::Scope;
use domain::tenant::TenantLabel;
use domain::user::Role;

use crate::database::Database;
use crate::given;

on_both_engines! {
    keys_come_in_order_page_by_page
    accounts_come_in_order_page_by_page
    tenants_come_in_order_by_what_people_call_them
    a_page_goes_on_from_where_its_last_row_was
    no_page_in_an_order_reads_a_whole_list
}

/// A name with an id.
type Row = (String, String);

const ORDERS: [&str; 4] = ["created", "-created", "name", "-name"];

/// Every page of `list`, asked for as programs ask: with the cursor of the page before.
async fn walk(list: &impl AsyncFn(&OrderedRequest) -> Vec<Row>, order: Order, limit: u32) -> Vec<Row> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let request = OrderedRequest::new(Some(limit), cursor, order).unwrap();
        let page = Page::from_rows(list(&request).await, limit, |(name, id)| order.cursor(name, id));
        rows.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return rows;
        }
    }
}

/// Whether `list` gives `rows`, and nothing else, in every order and whatever the length of its pages.
async fn comes_in_order(rows: &[Row], list: impl AsyncFn(&OrderedRequest) -> Vec<Row>) {
    for order in ORDERS.map(Order::in_address) {
        let name = |name: &str| if order.by == SortBy::Name { name.to_lowercase() } else { String::new() };
        let mut wanted = rows.to_vec();
        wanted.sort_by_key(|row| (name(&row.0), row.1.clone()));
        if order.direction == Direction::Desc {
            wanted.reverse();
        }
        for limit in [1, 2, 200] {
            assert_eq!(walk(&list, order, limit).await, wanted, "{order:?} by {limit}");
        }
    }
}

async fn keys_come_in_order_page_by_page(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let colleague = given::member(db, &tenant.account, Role::Member).await;
    other.api_key(db, Scope::All).await;
    let row = |key: &ApiKey| (key.name.clone(), key.id.to_string());
    let (mut all, mut own) = (Vec::new(), Vec::new());
    for (name, owner_id) in [
        ("bravo", tenant.owner.id),
        ("Alpha", colleague.id),
        ("Bravo", colleague.id),
        ("charlie", tenant.owner.id),
        ("bravo", tenant.owner.id),
        ("alpha", tenant.owner.id),
    ] {
        let key = ApiKey { name: name.into(), owner_id, ..tenant.new_api_key(Scope::All) };
        let key = row(&tenant.stored(db, key).await);
        if owner_id == tenant.owner.id {
            own.push(key.clone());
        }
        all.push(key);
    }
    for (owner, rows) in [(None, all), (Some(tenant.owner.id), own)] {
        comes_in_order(&rows, async |page: &OrderedRequest| {
            db.list_api_keys(tenant.account.id, owner, page).await.unwrap().iter().map(row).collect::<Vec<_>>()
        })
        .await;
    }
}

async fn accounts_come_in_order_page_by_page(db: &Database) {
    let mut rows = Vec::new();
    for name in ["delta", "Alpha", "charlie", "Delta", "bravo", "DELTA"] {
        let account = given::account(db, name).await;
        rows.push((name.to_owned(), account.id.to_string()));
    }
    comes_in_order(&rows, async |page: &OrderedRequest| {
        let found = db.list_accounts(page).await.unwrap();
        found.iter().map(|row| (row.account.name.as_str().to_owned(), row.account.id.to_string())).collect::<Vec<_>>()
    })
    .await;
}

async fn tenants_come_in_order_by_what_people_call_them(db: &Database) {
    let (ada, bob) = (given::tenant(db).await, given::tenant(db).await);
    let mut rows = Vec::new();
    for (tenant, name, label) in [
        (&ada, "alpha", Some("Zulu")),
        (&ada, "bravo", None),
        (&bob, "bravo", None),
        (&bob, "delta", Some("Alpha")),
        (&ada, "echo", Some("zulu")),
    ] {
        let namespace = tenant.namespace(db, name).await;
        if let Some(label) = label {
            let (label, audit) = (TenantLabel::new(label).unwrap(), tenant.event(Action::TenantRenamed));
            assert!(db.set_tenant_label(namespace.id, &label, &audit).await.unwrap());
        }
        rows.push((label.unwrap_or(name).to_owned(), namespace.id.to_string()));
    }
    comes_in_order(&rows, async |page: &OrderedRequest| {
        let found = db.list_tenants(page).await.unwrap();
        found.iter().map(|row| (row.namespace.label().to_owned(), row.namespace.id.to_string())).collect::<Vec<_>>()
    })
    .await;
}

async fn a_page_goes_on_from_where_its_last_row_was(db: &Database) {
    let tenant = given::tenant(db).await;
    let mut keys = Vec::new();
    for name in ["alpha", "bravo", "charlie"] {
        keys.push(tenant.stored(db, ApiKey { name: name.into(), ..tenant.new_api_key(Scope::All) }).await);
    }
    let order = Order::in_address("name");
    let cursor = order.cursor(&keys[1].name, &keys[1].id.to_string());
    let renamed = ApiKey { name: "zulu".into(), ..keys[1].clone() };
    assert!(db.update_api_key(&renamed, false, &tenant.event(Action::ApiKeyChanged)).await.unwrap());
    let request = OrderedRequest::new(None, Some(cursor), order).unwrap();
    let rest = db.list_api_keys(tenant.account.id, None, &request).await.unwrap();
    assert_eq!(rest.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["charlie", "zulu"]);
}

/// Plans and not times: a plan that reads an index in its order costs the same at a million rows.
async fn no_page_in_an_order_reads_a_whole_list(db: &Database) {
    let tenant = given::tenant(db).await;
    grow(db, &tenant).await;
    for order in ["name", "-name"].map(Order::in_address) {
        let middle = order.cursor("Thing 5000", "019c1b2e-7f00-7000-8000-000000005000");
        for cursor in [None, Some(middle)] {
            let request = OrderedRequest::new(None, cursor, order).unwrap();
            let plans = db.explain_lists(tenant.account.id, tenant.owner.id, &request).await.unwrap();
            // Somebody with half of all keys may be read among those of everybody just as well.
            let indexes = ["api_keys_by_name", "by_name", "accounts_by_name", "namespaces_by_label"];
            for (index, plan) in indexes.iter().zip(&plans) {
                assert!(plan.contains(index), "{request:?}: {plan}");
                for whole in ["TEMP B-TREE", "Sort"] {
                    assert!(!plan.contains(whole), "{request:?} sorts all of it: {plan}");
                }
            }
        }
    }
}

/// Enough rows that a planner has a choice; every second key is a colleague's. Behind the store's back, as only their
/// number matters.
async fn grow(db: &Database, tenant: &given::Tenant) {
    let colleague = given::member(db, &tenant.account, Role::Member).await;
    let (account, owner, colleague) = (tenant.account.id, tenant.owner.id, colleague.id);
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)";
    let id = "'00000000-0000-7000-8000-' || CAST(100000000000 + i AS TEXT)";
    let name = "'Thing ' || CAST(i AS TEXT)";
    for text in [
        format!(
            "INSERT INTO api_keys (id, account_id, owner_id, name, public_id, generation, digest, pepper_id, scope,
                 access, disabled, created_ms)
             {numbers} SELECT {id}, '{account}', CASE WHEN i % 2 = 0 THEN '{owner}' ELSE '{colleague}' END, {name},
                 'p' || CAST(i AS TEXT), 1, '', '', '', 'view', FALSE, 0 FROM n"
        ),
        format!(
            "INSERT INTO accounts (id, name, customer_number, created_ms)
             {numbers} SELECT {id}, {name}, 1000 + i, 0 FROM n"
        ),
        format!(
            "INSERT INTO namespaces (id, account_id, name, kubernetes_name, status, created_by, created_ms)
             {numbers} SELECT {id}, '{account}', {name}, {name}, 'active', '{owner}', 0 FROM n"
        ),
        "ANALYZE".to_owned(),
    ] {
        db.run(text).await.unwrap();
    }
}
