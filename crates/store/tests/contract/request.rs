//! Requests with an `Idempotency-Key`: of many at once exactly one goes on, and its answer is given again.

use backend::ports::*;
use domain::request::{Begun, KeptAnswer, RequestRecord};
use futures::future::join_all;

use crate::database::Database;
use crate::given::at;

on_both_engines! {
    of_many_at_once_exactly_one_goes_on
    the_answer_is_given_again_until_it_expires
    another_body_under_the_same_key_is_noticed
    an_abandoned_key_is_free_and_an_answered_one_is_not
    a_request_that_never_ended_is_given_up
    old_requests_are_cleared_away
}

fn request(key: &str, body: &str) -> RequestRecord {
    RequestRecord { key_hash: key.into(), body_hash: body.into() }
}

fn answer(body: Option<&str>) -> KeptAnswer {
    KeptAnswer { status: 201, location: Some("/v1/things/1".into()), body: body.map(str::to_owned) }
}

async fn of_many_at_once_exactly_one_goes_on(db: &Database) {
    let one = request("key", "body");
    let begun = join_all((0..20).map(|_| db.begin_request(&one, at(1), at(60)))).await;
    let begun: Vec<Begun> = begun.into_iter().map(Result::unwrap).collect();
    assert_eq!(begun.iter().filter(|b| **b == Begun::New).count(), 1);
    assert_eq!(begun.iter().filter(|b| **b == Begun::Running).count(), 19);
}

async fn the_answer_is_given_again_until_it_expires(db: &Database) {
    let one = request("key", "body");
    assert_eq!(db.begin_request(&one, at(1), at(60)).await.unwrap(), Begun::New);
    db.finish_request("key", &answer(Some("{}")), at(1000)).await.unwrap();
    assert_eq!(db.begin_request(&one, at(999), at(1060)).await.unwrap(), Begun::Done(answer(Some("{}"))));
    assert_eq!(db.begin_request(&one, at(1000), at(1060)).await.unwrap(), Begun::New);
    assert_eq!(db.begin_request(&one, at(1001), at(1061)).await.unwrap(), Begun::Running);
}

async fn another_body_under_the_same_key_is_noticed(db: &Database) {
    assert_eq!(db.begin_request(&request("key", "a"), at(1), at(60)).await.unwrap(), Begun::New);
    assert_eq!(db.begin_request(&request("key", "b"), at(1), at(60)).await.unwrap(), Begun::Other);
    db.finish_request("key", &answer(None), at(1000)).await.unwrap();
    assert_eq!(db.begin_request(&request("key", "b"), at(2), at(60)).await.unwrap(), Begun::Other);
    assert_eq!(db.begin_request(&request("key", "a"), at(2), at(60)).await.unwrap(), Begun::Done(answer(None)));
}

async fn an_abandoned_key_is_free_and_an_answered_one_is_not(db: &Database) {
    db.begin_request(&request("key", "a"), at(1), at(60)).await.unwrap();
    db.abandon_request("key").await.unwrap();
    assert_eq!(db.begin_request(&request("key", "b"), at(1), at(60)).await.unwrap(), Begun::New);
    db.finish_request("key", &answer(None), at(1000)).await.unwrap();
    db.abandon_request("key").await.unwrap();
    assert_eq!(db.begin_request(&request("key", "b"), at(2), at(60)).await.unwrap(), Begun::Done(answer(None)));
}

async fn a_request_that_never_ended_is_given_up(db: &Database) {
    let one = request("key", "a");
    db.begin_request(&one, at(1), at(60)).await.unwrap();
    assert_eq!(db.begin_request(&one, at(59), at(119)).await.unwrap(), Begun::Running);
    assert_eq!(db.begin_request(&one, at(60), at(120)).await.unwrap(), Begun::New);
}

async fn old_requests_are_cleared_away(db: &Database) {
    for number in 0..30 {
        db.begin_request(&request(&format!("old-{number}"), "a"), at(1), at(60)).await.unwrap();
    }
    db.begin_request(&request("new-1", "a"), at(100), at(160)).await.unwrap();
    db.begin_request(&request("new-2", "a"), at(100), at(160)).await.unwrap();
    assert_eq!(db.count("requests").await, 2);
}
