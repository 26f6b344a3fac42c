//! The selection language.

use crate::fixture::REGISTRY;
use insta::assert_snapshot;
use proptest::prelude::*;
use shakedown_config::Selection;
use shakedown_core::CheckSpec;
use std::collections::BTreeMap;

fn select(text: &str) -> Selection {
    Selection::parse(text, &REGISTRY, &BTreeMap::new()).unwrap_or_else(|error| panic!("{error}"))
}

fn error(text: &str) -> String {
    Selection::parse(text, &REGISTRY, &BTreeMap::new()).unwrap_err().to_string()
}

fn selects(selection: &Selection, spec: &CheckSpec) -> bool {
    selection.selects(spec, spec.severity)
}

fn ids(selection: &Selection) -> Vec<&'static str> {
    REGISTRY.checks().iter().filter(|spec| selects(selection, spec)).map(|spec| spec.id).collect()
}

#[test]
fn every_predicate() {
    for (text, expected) in [
        ("plugin(mongo)", &["mongo.connect", "mongo.indexes.required", "mongo.recordings.stale"][..]),
        ("tag(smoke)", &["focus-api.ack", "mongo.connect", "mongo.indexes.required"]),
        ("id(mongo.indexes.*)", &["mongo.indexes.required"]),
        ("id(*.ack)", &["focus-api.ack"]),
        ("key(PZ-13686)", &["mongo.indexes.required"]),
        ("effect(load)", &["focus-api.latency"]),
        ("severity(>=high)", &["focus-api.latency", "mongo.connect"]),
        ("severity(> high)", &["mongo.connect"]),
        ("severity(= low)", &["mongo.recordings.stale"]),
        ("severity(low)", &["mongo.recordings.stale"]),
        ("severity(<=low)", &["mongo.recordings.stale"]),
        ("severity(<medium)", &["mongo.recordings.stale"]),
        (
            "tag(smoke) & plugin(mongo) | effect(create)",
            &["focus-api.configure", "mongo.connect", "mongo.indexes.required"],
        ),
        ("tag(smoke) & (plugin(mongo) | effect(create))", &["mongo.connect", "mongo.indexes.required"]),
        ("!plugin(mongo)&!tag(api)", &["focus-api.latency"]),
        ("!(plugin(mongo)|tag(api))", &["focus-api.latency"]),
        (" ! all ( ) ", &[]),
    ] {
        assert_eq!(ids(&select(text)), expected, "{text}");
    }
}

#[test]
fn severity_is_the_one_that_is_asked_about() {
    let spec = REGISTRY.check("mongo.connect").unwrap();
    assert!(!select("severity(>=high)").selects(spec, shakedown_core::Severity::Low));
}

#[test]
fn canonical_form() {
    for (text, expected) in [
        ("tag( smoke )&( ( plugin(mongo) ) )", "tag(smoke) & plugin(mongo)"),
        ("(tag(smoke)|tag(api))|tag(latency)", "tag(smoke) | tag(api) | tag(latency)"),
        ("!(tag(smoke)&tag(api))|!!all()", "!(tag(smoke) & tag(api)) | !!all()"),
        ("severity( high )", "severity(=high)"),
    ] {
        assert_eq!(select(text).to_string(), expected);
        assert_eq!(select(expected), select(text));
    }
}

#[test]
fn a_caret_stands_under_the_error() {
    assert_snapshot!(error("tag(smok) & !plugin(mongoo)"), @r##"
    unknown tag `smok`
     |
     | tag(smok) & !plugin(mongoo)
     |     ^^^^
     |
     = help: did you mean `smoke`?

    unknown plugin `mongoo`
     |
     | tag(smok) & !plugin(mongoo)
     |                     ^^^^^^
     |
     = help: did you mean `mongo`?
    "##);
}

/// Each is wrong in its own way.
const WRONG: &str = "
    smoke
    tag
    all
    mongo.connect
    mongo
    nonsense
    tag(smoke
    tag(smoke & all()
    (all()
    all())
    tag(smoke) and tag(api)
    tag(smoke) tag(api)
    not tag(smoke)
    tag(smoke) && all()
    tag(smoke) ||
    tag(smoke) |
    tags(smoke)
    label(smoke)
    tag()
    all(x)
    id(mongo.conect)
    id(mngo.*)
    key(PZ-13687)
    effect(laod)
    severity(>=hgih)
    severity(=>high)
    severity(>=)
    suite(nightly)
    é
    tag(é)
    & all()
";

#[test]
fn says_what_would_be_right() {
    let brief = |text: &str| {
        let error = Selection::parse(text, &REGISTRY, &BTreeMap::new()).unwrap_err();
        let problem = &error.problems[0];
        format!(
            "{text}\n  {:?} {} ({})",
            &text[problem.span.clone()],
            problem.message,
            problem.help.as_deref().unwrap_or("-")
        )
    };
    let texts = WRONG.lines().map(str::trim).filter(|text| !text.is_empty());
    assert_snapshot!(texts.map(brief).collect::<Vec<_>>().join("\n"), @r##"
    smoke
      "smoke" `smoke` is not a predicate (did you mean `tag(smoke)`?)
    tag
      "tag" `tag` is not a predicate (write `tag(…)`)
    all
      "all" `all` is not a predicate (write `all()`)
    mongo.connect
      "mongo.connect" `mongo.connect` is not a predicate (did you mean `id(mongo.connect)`?)
    mongo
      "mongo" `mongo` is not a predicate (did you mean `plugin(mongo)`?)
    nonsense
      "nonsense" `nonsense` is not a predicate (for example `tag(smoke)`)
    tag(smoke
      "(" `(` is never closed (write `tag(smoke)`)
    tag(smoke & all()
      "(" `(` is never closed (write `tag(smoke)`)
    (all()
      "(" `(` is never closed (-)
    all())
      ")" `)` closes nothing (-)
    tag(smoke) and tag(api)
      "and" expected `&`, `|` or the end (`and` is written `&`)
    tag(smoke) tag(api)
      "tag" expected `&`, `|` or the end (join two with `&` (both) or `|` (either))
    not tag(smoke)
      "not" expected a predicate such as `tag(smoke)` (`not` is written `!`)
    tag(smoke) && all()
      "&" expected a predicate after `&` (one is enough)
    tag(smoke) ||
      "|" expected a predicate after `|` (one is enough)
    tag(smoke) |
      "" expected a predicate such as `tag(smoke)`, or `!`, or `(` (for example `tag(smoke) & !plugin(mongo)`)
    tags(smoke)
      "tags" unknown predicate `tags` (did you mean `tag`?)
    label(smoke)
      "label" unknown predicate `label` (there are `plugin`, `tag`, `id`, `key`, `effect`, `severity`, `suite`, `all`)
    tag()
      "tag(" `tag` needs an argument (-)
    all(x)
      "x" `all` takes no argument (-)
    id(mongo.conect)
      "mongo.conect" unknown check `mongo.conect` (did you mean `mongo.connect`?)
    id(mngo.*)
      "mngo.*" no check's id is like `mngo.*` (-)
    key(PZ-13687)
      "PZ-13687" unknown key `PZ-13687` (did you mean `PZ-13686`?)
    effect(laod)
      "laod" unknown effect `laod` (did you mean `load`?)
    severity(>=hgih)
      "hgih" unknown severity `hgih` (did you mean `high`?)
    severity(=>high)
      "=>high" `=>high` is not a comparison (one of <, <=, =, >= and >, then one of `low`, `medium`, `high`, `critical`)
    severity(>=)
      ">=" `>=` is not a comparison (one of <, <=, =, >= and >, then one of `low`, `medium`, `high`, `critical`)
    suite(nightly)
      "nightly" unknown suite `nightly` (there is none)
    é
      "é" expected a predicate such as `tag(smoke)`, or `!`, or `(` (for example `tag(smoke) & !plugin(mongo)`)
    tag(é)
      "é" unknown tag `é` (there are `api`, `data-quality`, `latency`, `smoke`)
    & all()
      "&" expected a predicate such as `tag(smoke)`, or `!`, or `(` (for example `tag(smoke) & !plugin(mongo)`)
    "##);
}

#[test]
fn an_empty_selection_is_refused() {
    assert!(
        error("").starts_with("the selection is empty") && error(" ").starts_with("the selection is empty")
    );
}

#[test]
fn nesting_is_bounded() {
    let deep = |depth: usize| format!("{}all(){}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(ids(&select(&deep(60))).len(), 6);
    assert!(error(&deep(100_000)).contains("nested more than 64 deep"));
    assert!(error(&"!".repeat(100_000)).contains("nested more than 64 deep"));
    let wide = vec!["all()"; 50_000].join(" & ");
    assert_eq!(ids(&select(&wide)).len(), 6);
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("all()".to_owned()),
        "(plugin\\((mongo|focus-api)\\))|(tag\\((smoke|api|data-quality|latency)\\))|(effect\\((read|create|load)\\))",
        "severity\\((=|<|<=|>|>=)(low|medium|high|critical)\\)",
        Just("id(mongo.*)".to_owned()),
        Just("key(PZ-13686)".to_owned()),
    ];
    leaf.prop_recursive(5, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| format!("!({inner})")),
            inner.clone().prop_map(|inner| format!("( {inner} )")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|members| members.join("&")),
            prop::collection::vec(inner, 2..4).prop_map(|members| members.join(" | ")),
        ]
    })
}

proptest! {
    #[test]
    fn what_it_displays_is_itself(text in expression()) {
        let selection = select(&text);
        let shown = selection.to_string();
        prop_assert_eq!(&select(&shown), &selection, "{}", shown);
        prop_assert_eq!(ids(&select(&shown)), ids(&selection));
    }

    #[test]
    fn de_morgan(a in expression(), b in expression()) {
        prop_assert_eq!(ids(&select(&format!("!(({a}) & ({b}))"))), ids(&select(&format!("!({a}) | !({b})"))));
        prop_assert_eq!(ids(&select(&format!("!(({a}) | ({b}))"))), ids(&select(&format!("!({a}) & !({b})"))));
    }

    #[test]
    fn and_binds_closer_than_or(a in expression(), b in expression(), c in expression()) {
        let (a, b, c) = (format!("({a})"), format!("({b})"), format!("({c})"));
        prop_assert_eq!(select(&format!("{a} | {b} & {c}")), select(&format!("{a} | ({b} & {c})")));
    }

    #[test]
    fn all_is_neutral_and_absorbing(a in expression()) {
        let expected = ids(&select(&a));
        prop_assert_eq!(ids(&select(&format!("({a}) & all()"))), &expected[..]);
        prop_assert_eq!(ids(&select(&format!("({a}) | !all()"))), &expected[..]);
        prop_assert_eq!(ids(&select(&format!("({a}) | all()"))), ids(&Selection::all()));
        prop_assert_eq!(ids(&select(&format!("!!({a})"))), expected);
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_place(text in prop_oneof![".{0,40}", "[a-z()&|!*=<> ]{0,40}"]) {
        if let Err(error) = Selection::parse(&text, &REGISTRY, &BTreeMap::new()) {
            prop_assert!(!error.problems.is_empty());
            for problem in &error.problems {
                prop_assert!(text.get(problem.span.clone()).is_some(), "{:?}", problem);
            }
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
