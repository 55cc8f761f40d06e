//! Conditions end, whatever is sent.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use support::{ask, condition, with_input, worst};

#[test]
fn what_takes_long_ends_with_an_answer_or_with_the_budget() {
    let mut spent = 0;
    for (text, args) in worst::cases(1 << 18) {
        let condition = condition(text);
        let answer = with_input(&args, |input| condition.holds(input)).map_err(|error| error.to_string());
        if let Err(error) = &answer {
            spent += usize::from(error.contains("steps; send less"));
            let expected =
                ["steps; send less", "cannot be held exactly", "compares int with string", "is absent"];
            assert!(expected.iter().any(|part| error.contains(part)), "{text}: {error}");
        }
    }
    assert!(spent > 15, "most are over the budget: {spent}");
}

#[test]
fn all_conditions_of_a_call_share_one_budget_and_nothing_makes_up_for_it() {
    let args = format!(r#"{{"l":[{}1]}}"#, "1,".repeat(50_000));
    let long = condition("args.l.all(x, x == 1)");
    let made_up = condition("args.l.all(x, x == 1) || true");
    let absorbed = condition("args.l.all(x, x == 1) || !caller.anonymous");
    assert_eq!(ask("args.l.all(x, x == 1) || true", &args), Ok(true), "what is settled asks nothing");
    with_input(&args, |input| {
        let answered = (0..100).take_while(|_| long.holds(input) == Ok(true)).count();
        assert!((2..20).contains(&answered), "{answered} of them fit into one budget");
        assert!(absorbed.holds(input).unwrap_err().to_string().contains("steps"));
        assert!(made_up.holds(input).unwrap_err().to_string().contains("steps"));
    });
}
