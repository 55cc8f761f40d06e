//! Limits in virtual time.

use proptest::prelude::*;

use super::{MAXIMUM_CALLERS, Over, Share, Usage, takes_place};
use crate::config::CallLimits;
use crate::testing::{call, request};

const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;

fn per_minute(limit: u32) -> Share {
    Share { per_minute: Some(limit), at_once: None }
}

/// Counts several messages one after the other; whether the last passes, too.
fn passes<K: Ord + Clone>(usage: &mut Usage<K>, limit: u32, caller: &K, messages: u32, now: u64) -> bool {
    (0..messages).map(|_| usage.count(per_minute(limit), caller, now).is_ok()).last() == Some(true)
}

fn share(requests: u32, calls: u32, replicas: u32) -> (Option<u32>, Option<u32>) {
    let limits = CallLimits {
        message_bytes: 1024,
        requests_per_minute: Some(requests),
        concurrent_calls: Some(calls),
        replicas,
    };
    let Share { per_minute, at_once } = Share::of(&limits);
    (per_minute, at_once)
}

#[test]
fn replicas_divide_what_is_admitted_and_each_admits_one() {
    assert_eq!(share(600, 32, 1), (Some(600), Some(32)));
    assert_eq!(share(600, 32, 3), (Some(200), Some(10)), "what does not divide is left over");
    assert_eq!(share(2, 1, 5), (Some(1), Some(1)));
    let none =
        CallLimits { message_bytes: 1024, requests_per_minute: None, concurrent_calls: None, replicas: 2 };
    assert_eq!(Share::of(&none), Share { per_minute: None, at_once: None });
}

#[test]
fn a_minutes_worth_passes_at_once_and_then_one_after_the_other() {
    let mut usage = Usage::default();
    for limit in [1, 6, 7, 600] {
        let start = 10 * MINUTE * u64::from(limit);
        for message in 0..limit {
            assert_eq!(usage.count(per_minute(limit), &"a", start), Ok(()), "{message} of {limit}");
        }
        let seconds = 60_u64.div_ceil(u64::from(limit));
        for _ in 0..3 {
            let over = usage.count(per_minute(limit), &"a", start);
            assert_eq!(over, Err(Over::PerMinute { seconds }), "what is refused costs nothing");
        }
        assert!(usage.count(per_minute(limit), &"a", start + seconds * SECOND).is_ok(), "as was said");
    }
}

#[test]
fn the_next_minute_is_as_the_first() {
    let mut usage = Usage::default();
    for minute in 0..3 {
        for _ in 0..10 {
            assert!(usage.count(per_minute(10), &"a", minute * MINUTE).is_ok());
        }
        assert!(usage.count(per_minute(10), &"a", minute * MINUTE).is_err());
    }
}

#[test]
fn a_caller_is_counted_for_himself() {
    let mut usage = Usage::default();
    assert!(usage.count(per_minute(1), &"a", 0).is_ok());
    assert!(usage.count(per_minute(1), &"a", 0).is_err());
    assert!(usage.count(per_minute(1), &"b", 0).is_ok());
}

#[test]
fn without_a_limit_nothing_is_counted() {
    let mut usage = Usage::default();
    let none = Share { per_minute: None, at_once: None };
    for _ in 0..100_000 {
        assert!(usage.count(none, &"a", 0).is_ok());
        assert!(usage.begin(none, &"a").is_ok());
    }
    assert!(usage.paid.is_empty());
}

#[test]
fn another_limit_holds_at_once_and_forgives_nothing() {
    let mut usage = Usage::default();
    assert!(passes(&mut usage, 10, &"a", 10, 0));
    assert!(usage.count(per_minute(100), &"a", 0).is_err(), "the minute is used up");
    assert!(passes(&mut usage, 100, &"a", 50, MINUTE / 2));
    assert!(usage.count(per_minute(2), &"a", MINUTE / 2).is_err());
    assert!(usage.count(per_minute(2), &"a", MINUTE).is_ok());
}

#[test]
fn callers_beyond_those_that_are_kept_share_one_count_and_nobody_is_forgiven() {
    let mut usage = Usage::default();
    let (limit, last) = (per_minute(2), MAXIMUM_CALLERS);
    for caller in 0..MAXIMUM_CALLERS {
        assert!(passes(&mut usage, 2, &caller, 2, 0));
    }
    assert!(usage.count(limit, &last, 0).is_ok());
    assert!(usage.count(limit, &(last + 1), 0).is_ok());
    assert!(usage.count(limit, &(last + 2), 0).is_err(), "what the two have sent counts for the third");
    assert!(usage.count(limit, &0, 0).is_err(), "who is kept stays kept");
    assert_eq!(usage.paid.len(), MAXIMUM_CALLERS);
    // A minute later everybody has paid, and there is room for those who came too late.
    assert!(passes(&mut usage, 2, &last, 2, MINUTE));
    assert_eq!(usage.paid.len(), 1, "who owes nothing stands as if he had never been there");
    assert!(usage.count(limit, &last, MINUTE).is_err());
}

#[test]
fn who_moves_from_the_common_count_to_one_of_his_own_takes_it_along() {
    let mut usage = Usage::default();
    let limit = per_minute(2);
    for caller in 0..MAXIMUM_CALLERS {
        assert!(usage.count(limit, &caller, 0).is_ok());
    }
    assert!(passes(&mut usage, 2, &MAXIMUM_CALLERS, 2, SECOND));
    // The others have paid now, and he has not.
    let later = MINUTE / 2 + SECOND / 2;
    assert!(usage.count(limit, &MAXIMUM_CALLERS, later).is_err());
    assert!(usage.count(limit, &MAXIMUM_CALLERS, MINUTE / 2 + SECOND).is_ok());
    assert_eq!(usage.paid.len(), 1);
    assert!(usage.count(limit, &MAXIMUM_CALLERS, MINUTE / 2 + SECOND).is_err());
}

#[test]
fn so_many_calls_are_under_way_at_once_and_a_place_that_is_given_back_is_free() {
    let mut usage = Usage::default();
    let two = Share { per_minute: None, at_once: Some(2) };
    assert!(usage.begin(two, &"a").is_ok());
    assert!(usage.begin(two, &"a").is_ok());
    assert_eq!(usage.begin(two, &"a"), Err(Over::AtOnce));
    assert!(usage.begin(two, &"b").is_ok(), "another caller has places of his own");
    usage.end(&"a");
    assert!(usage.begin(two, &"a").is_ok());
    assert!(usage.begin(two, &"a").is_err());
    for caller in ["a", "a", "b", "b"] {
        usage.end(&caller);
    }
    assert!(usage.under_way.is_empty(), "nobody is kept who has no call under way");
    assert_eq!(Over::AtOnce.retry_after_seconds(), 1);
}

#[test]
fn requests_take_a_place_and_what_must_pass_beside_them_does_not() {
    let listen = r#"{"notifications":{"resourceSubscriptions":[]}}"#;
    for (message, takes) in [
        (request("tools/call", r#"{"name":"x"}"#), true),
        (request("tools/list", "{}"), true),
        (request("initialize", "{}"), true),
        (request("nobody/knows", "{}"), true),
        (r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"x"}}"#.to_owned(), true),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#.to_owned(),
            false,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned(), false),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}"#.to_owned(), false),
        (request("subscriptions/listen", listen), false),
    ] {
        assert_eq!(takes_place(&call(&message)), takes, "{message}");
    }
}

proptest! {
    /// In any stretch of time no more passes than a minute's worth and what comes free in that time.
    #[test]
    fn no_stretch_of_time_holds_more_than_the_limit_says(
        limit in 1_u32..50,
        steps in prop::collection::vec((0_u64..5 * SECOND, 1_u32..4), 1..200),
    ) {
        let mut usage = Usage::default();
        let (mut now, mut passed) = (0, Vec::new());
        for (pause, messages) in steps {
            now += pause;
            for _ in 0..messages {
                if usage.count(per_minute(limit), &(), now).is_ok() {
                    passed.push(now);
                }
            }
        }
        for (first, &from) in passed.iter().enumerate() {
            for (sum, &at) in (1..).zip(passed.iter().skip(first)) {
                let free = (at - from) * u64::from(limit) / MINUTE;
                prop_assert!(sum <= u64::from(limit) + free, "{sum} from {from} to {at}");
            }
        }
    }
}
