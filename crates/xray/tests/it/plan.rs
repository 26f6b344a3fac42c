//! Reading test plans from strict doubles of both products.

use crate::double::plan::{PLAN, Plan};
use crate::double::{Double, Mood};
use crate::{PACE, xray};
use insta::assert_snapshot;
use shakedown_config::{Product, Xray};
use shakedown_core::Clock;
use shakedown_xray::{PlannedTest, XrayError, tests_of};
use std::time::Duration;

const PRODUCTS: [Product; 2] = [Product::Cloud, Product::DataCenter];

async fn read(double: &Double, product: Product, plan: &str) -> Result<Vec<PlannedTest>, XrayError> {
    tests_of(&xray(product, double.url()), plan, PACE, &Clock::system()).await
}

/// The error of reading a plan, with the address replaced, which differs from test to test.
async fn told(double: &Double, product: Product, plan: &str) -> String {
    read(double, product, plan).await.unwrap_err().to_string().replace(&double.url(), "<xray>")
}

#[tokio::test]
async fn a_plan_is_read_page_by_page() {
    for product in PRODUCTS {
        for (tests, pages) in [(1, 1), (50, 1), (51, 2), (120, 3)] {
            let double = Double::with_plan(product, vec![], Plan::of(tests)).await;
            let read = read(&double, product, PLAN).await.unwrap();
            assert_eq!(read.len(), tests);
            // Data Center does not say how many there are: its end is a page without tests.
            let last = usize::from(product == Product::DataCenter);
            assert_eq!(double.asked(), pages + last, "{tests} of {product:?}");
            let first = read.iter().find(|test| test.key == "PZ-1").unwrap();
            assert_eq!(first.summary.as_deref(), (product == Product::Cloud).then_some("Test 1"));
        }
    }
}

#[tokio::test]
async fn pages_that_are_smaller_than_asked_for_lose_nothing() {
    for product in PRODUCTS {
        let double = Double::with_plan(product, vec![], Plan { page: 20, ..Plan::of(70) }).await;
        assert_eq!(read(&double, product, PLAN).await.unwrap().len(), 70);
    }
}

#[tokio::test]
async fn what_is_no_whole_plan_is_an_error() {
    for product in PRODUCTS {
        let empty = Double::with_plan(product, vec![], Plan::of(0)).await;
        let error = told(&empty, product, PLAN).await;
        assert_eq!(error, "the test plan `PZ-14024` has no tests: add them in Jira, or name another plan");
        assert!(matches!(read(&empty, product, "key = 1").await, Err(XrayError::Settings(_))));
        assert_eq!(empty.asked(), 1, "what is no key is not sent");
        let page = Double::with_plan(product, vec![Mood::NotJson], Plan::of(3)).await;
        let error = told(&page, product, PLAN).await;
        assert_eq!(error, "the test plan `PZ-14024` is answered with no JSON: (a page for browsers)");
        let other = Double::with_plan(product, vec![Mood::NoKey], Plan::of(3)).await;
        let error = told(&other, product, PLAN).await;
        assert_eq!(error, "the test plan `PZ-14024` is answered with something else than its tests: {}");
    }
    let cloud = Double::with_plan(Product::Cloud, vec![], Plan { said: 60, ..Plan::of(55) }).await;
    assert_snapshot!(told(&cloud, Product::Cloud, PLAN).await, @"the test plan `PZ-14024` has 60 tests, of which only 55 were answered");
    assert_snapshot!(told(&cloud, Product::Cloud, "PZ-7").await, @"the test plan `PZ-7` is not there, is no test plan, or may not be seen with these credentials");
    let here = Double::with_plan(Product::DataCenter, vec![], Plan::of(3)).await;
    assert_snapshot!(told(&here, Product::DataCenter, "PZ-7").await, @r#"the test plan `PZ-7` is refused with 400 Bad Request: {"error":"Test Plan with key PZ-7 not found"}"#);
}

#[tokio::test]
async fn reading_is_patient_within_bounds() {
    for product in PRODUCTS {
        let moods = vec![Mood::Busy("0"), Mood::GatewayTimeout];
        let double = Double::with_plan(product, moods, Plan::of(3)).await;
        assert_eq!(read(&double, product, PLAN).await.unwrap().len(), 3);
        let double = Double::with_plan(product, vec![Mood::Busy("86400")], Plan::of(3)).await;
        assert!(matches!(read(&double, product, PLAN).await, Err(XrayError::Away(_))));
        let double = Double::with_plan(product, vec![Mood::Silent; 3], Plan::of(3)).await;
        let hasty = Xray { timeout: Duration::from_millis(200), ..xray(product, double.url()) };
        let error = tests_of(&hasty, PLAN, PACE, &Clock::system()).await.unwrap_err();
        assert!(matches!(error, XrayError::Away(_)), "{error}");
    }
}
