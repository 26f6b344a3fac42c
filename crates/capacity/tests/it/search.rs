//! Systems with a known limit: does the search find it, and say how they break?

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use shakedown_capacity::search::{Ceiling, Limit, Search, SearchPlan, Step, Try};

fn plan(most: u32) -> SearchPlan {
    SearchPlan {
        from: 5,
        growth: 2.0,
        most,
        ceiling: Ceiling::Policy,
        resolution: 0.0,
        repeats: 3,
        tries: 60,
        success: 0.95,
        latency_ms: Some(1000.0),
    }
}

/// A try of `n` of which `succeeded` succeed and the others are refused, each in a millisecond.
fn seen(n: u32, succeeded: u32) -> Try {
    let refused = u64::from(n - succeeded);
    Try {
        attempts: n.into(),
        succeeded: succeeded.into(),
        failures: (refused > 0).then(|| ("status-503".to_owned(), refused)).into_iter().collect(),
        mean_ms: Some(1.0),
        p95_ms: Some(2.0),
        per_second: Some(f64::from(succeeded)),
        in_flight: n,
        generator: None,
    }
}

fn run(plan: SearchPlan, mut target: impl FnMut(Step) -> Try) -> Search {
    let mut search = Search::new(plan).unwrap();
    while let Some(step) = search.next() {
        let seen = target(step);
        search.observe(step, seen);
    }
    search
}

/// A system with so many slots: it refuses what goes beyond.
fn slots(slots: u32) -> impl FnMut(Step) -> Try {
    move |step| seen(step.n, step.n.min(slots))
}

#[test]
fn a_sharp_limit_is_found_exactly_wherever_it_lies() {
    for limit in [1, 4, 5, 6, 17, 40, 99, 150, 199] {
        // 95 % of 157 are 150 and a bit: the most whose successes are still enough.
        let sustained = (1..=200).filter(|n| f64::from(limit.min(*n)) >= 0.95 * f64::from(*n)).max().unwrap();
        let answer = run(plan(200), slots(limit)).answer().unwrap();
        assert_eq!(answer.highest, sustained, "{limit} slots");
        assert!((answer.lower..=answer.upper).contains(&sustained), "{answer:?}");
        if sustained < 200 {
            let breaking = answer.breaking.unwrap();
            assert_eq!((breaking.at, answer.limited), (sustained + 1, Limit::Target));
            assert_eq!(breaking.failures[0].0, "status-503");
            assert!((breaking.failures[0].1 + breaking.success - 1.0).abs() < 1e-9);
        }
    }
}

#[test]
fn the_order_is_steps_up_then_bisection_then_repeats_at_the_border() {
    let search = run(plan(200), slots(40));
    let steps: Vec<(u32, u32)> =
        search.answer().unwrap().tries.iter().map(|tried| (tried.step.n, tried.step.repeat)).collect();
    let tried: Vec<u32> = steps.iter().map(|(n, _)| *n).collect();
    assert_eq!(tried, [5, 10, 20, 40, 80, 60, 50, 45, 42, 43, 42, 43, 42, 43]);
    assert_eq!(
        steps.iter().filter(|(n, _)| *n == 42).map(|(_, repeat)| *repeat).collect::<Vec<_>>(),
        [0, 1, 2]
    );
}

#[test]
fn the_policy_ends_it_and_says_so() {
    let answer = run(plan(100), slots(1000)).answer().unwrap();
    assert_eq!((answer.highest, answer.limited.clone(), answer.breaking), (100, Limit::Policy, None));
    assert!(answer.tries.iter().all(|tried| tried.step.n <= 100));
    let asked = SearchPlan { ceiling: Ceiling::Asked, ..plan(100) };
    assert_eq!(run(asked, slots(1000)).answer().unwrap().limited, Limit::Asked);
}

#[test]
fn a_system_that_bears_nothing_has_no_highest_number() {
    let answer = run(plan(200), slots(0)).answer().unwrap();
    assert_eq!((answer.highest, answer.breaking.unwrap().at), (0, 1));
}

#[test]
fn slowness_breaks_it_too() {
    let answer =
        run(plan(200), |step| Try { mean_ms: Some(f64::from(step.n) * 20.0), ..seen(step.n, step.n) });
    let answer = answer.answer().unwrap();
    assert_eq!(answer.highest, 50);
    let breaking = answer.breaking.unwrap();
    assert_eq!(breaking.too_slow_ms, Some(1020.0));
    assert!(breaking.failures.is_empty() && breaking.success > 0.999);
}

#[test]
fn noise_is_repeated_and_the_interval_holds_the_truth() {
    let mut held = 0;
    for seed in 0..60 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        // 80 are sustained; one try in twelve breaks below it, and one in twelve holds above.
        let target = move |step: Step| {
            let misled = random.random_range(0..12) == 0;
            seen(step.n, if (step.n <= 80) == misled { step.n / 2 } else { step.n })
        };
        let search = run(SearchPlan { resolution: 0.05, tries: 40, ..plan(200) }, target);
        let answer = search.answer().unwrap();
        assert!(search.tried() <= 40);
        held += u32::from((answer.lower..=answer.upper).contains(&80));
    }
    assert!(held >= 54, "the interval held the truth in {held} of 60 searches");
}

#[test]
fn a_blurred_limit_has_a_wider_interval_than_a_sharp_one() {
    let width = |search: Search| {
        let answer = search.answer().unwrap();
        answer.upper - answer.lower
    };
    let mut random = Xoshiro256PlusPlus::seed_from_u64(4);
    // From 60 to 100 it fails more and more often.
    let blurred = move |step: Step| {
        let breaks = f64::from(step.n) > random.random_range(60.0..100.0);
        seen(step.n, if breaks { 0 } else { step.n })
    };
    assert!(width(run(plan(200), blurred)) > width(run(plan(200), slots(80))));
}

#[test]
fn a_generator_that_cannot_keep_up_blames_nobody_else() {
    let answer = run(plan(200), |step| Try {
        generator: (step.n > 30).then(|| "no more descriptors".to_owned()),
        ..seen(step.n, step.n.min(20))
    });
    // 40 was never judged: what the generator could not do says nothing of the target.
    let answer = answer.answer().unwrap();
    assert_eq!(answer.limited, Limit::Generator("no more descriptors".to_owned()));
    assert_eq!((answer.highest, answer.breaking), (20, None));
}

#[test]
fn what_was_told_before_need_not_be_tried_again() {
    let whole = run(plan(200), slots(150));
    let mut resumed = Search::new(plan(200)).unwrap();
    for tried in whole.answer().unwrap().tries.iter().take(4) {
        resumed.observe(tried.step, tried.seen.clone());
    }
    assert_eq!(resumed.next().map(|step| step.n), Some(whole.answer().unwrap().tries[4].step.n));
}

#[test]
fn it_can_be_stopped_and_does_not_start_badly() {
    let mut search = Search::new(plan(200)).unwrap();
    assert_eq!(search.answer(), None);
    let step = search.next().unwrap();
    search.observe(step, seen(step.n, step.n));
    search.stop("the time is up");
    assert_eq!(search.next(), None);
    assert_eq!(search.answer().unwrap().limited, Limit::Stopped("the time is up".to_owned()));
    for wrong in [SearchPlan { from: 0, ..plan(9) }, SearchPlan { growth: 1.0, ..plan(9) }, plan(4)] {
        assert!(Search::new(wrong).is_err());
    }
}
