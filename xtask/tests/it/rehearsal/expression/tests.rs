//! Expressions and what GitHub makes of them.

use serde_json::{Value, json};

use super::function::HASH;
use super::*;

fn scope(status: Status) -> Scope {
    let contexts = [
        ("github", json!({"ref": "refs/heads/main", "event_name": "push", "event": {"n": 7}})),
        ("env", json!({"A": "a", "EMPTY": ""})),
        ("steps", json!({"meta": {"outputs": {"tag-names": "x\ny"}}})),
        ("vars", json!({})),
    ];
    Scope { contexts: contexts.into(), status: Some(status), files: true }
}

#[test]
fn values() {
    let long = "a".repeat(3);
    let cases = [
        ("1", json!(1.0)),
        ("-2.5", json!(-2.5)),
        ("0x1f", json!(31.0)),
        ("1e2", json!(100.0)),
        ("'it''s }} ok'", json!("it's }} ok")),
        ("''", json!("")),
        (" null ", Value::Null),
        ("true", json!(true)),
        ("github.ref", json!("refs/heads/main")),
        ("github['REF']", json!("refs/heads/main")),
        ("GitHub_x.a || 1", json!(1.0)),
        ("github.event.n", json!(7)),
        ("github.nothing.at.all", Value::Null),
        ("github.ref.deeper", Value::Null),
        ("steps.meta.outputs.tag-names", json!("x\ny")),
        ("steps[format('m{0}', 'eta')].outputs['tag-names']", json!("x\ny")),
        ("fromJSON('[1,2]')[1]", json!(2)),
        ("fromJSON('[1,2]')[2]", Value::Null),
        ("!true", json!(false)),
        ("!!'x'", json!(true)),
        ("!vars.X && 'unset' || ''", json!("unset")),
        ("vars.X || 'quay.io'", json!("quay.io")),
        ("env.A && 'b'", json!("b")),
        ("env.EMPTY && 'b'", json!("")),
        ("0 || '' || null || false", json!(false)),
        ("1 && 2 || 3", json!(2.0)),
        ("true || false && false", json!(true)),
        ("(true || false) && false", json!(false)),
        ("!false == true", json!(true)),
        ("'A' == 'a'", json!(true)),
        ("'a' != 'b'", json!(true)),
        ("'' == 0", json!(true)),
        ("null == ''", json!(true)),
        ("true == 1", json!(true)),
        ("true == 'true'", json!(false)),
        ("'1' == 1", json!(true)),
        ("'x' == 0", json!(false)),
        ("'x' != 0", json!(true)),
        ("'x' < 1 || 'x' >= 1", json!(false)),
        ("'abc' < 'ABD'", json!(true)),
        ("1 <= 1 && 2 > 1 && 2 >= 3", json!(false)),
        ("vars.X == ''", json!(true)),
        ("contains('Hello', 'ELL')", json!(true)),
        ("contains(fromJSON('[\"a\", 1]'), 'A')", json!(true)),
        ("contains(fromJSON('[\"a\", 1]'), 'b')", json!(false)),
        ("STARTSWITH('refs/x', 'REFS/')", json!(true)),
        ("endsWith('a.rs', '.rs') && endsWith('a.rs', 'c')", json!(false)),
        ("startsWith(vars.X, 'ghcr.io')", json!(false)),
        ("format('{0}/{1}{{}}{0}', 'a', 2)", json!("a/2{}a")),
        ("join(fromJSON('[1, \"b\"]'))", json!("1,b")),
        ("join(fromJSON('[1, \"b\"]'), '; ')", json!("1; b")),
        ("join('aaa', ';')", json!(long)),
        ("toJSON(fromJSON('{\"a\":1}'))", json!("{\n  \"a\": 1\n}")),
        ("hashFiles('**/Cargo.lock')", json!(HASH)),
        ("success() && !failure() && !cancelled() && always()", json!(true)),
    ];
    let mut scope = scope(Status::Success);
    scope.contexts.insert("GitHub_x", json!({}));
    for (source, expected) in cases {
        assert_eq!(evaluate(source, &scope), Ok(expected), "{source}");
    }
}

#[test]
fn what_is_not_known_is_refused() {
    let cases = [
        ("", "no value"),
        ("a b", "no operator"),
        ("github.", "no name"),
        ("github.*", "no name"),
        ("github.ref ==", "no value"),
        ("github.ref = 'a'", "no operator"),
        ("github.ref & 'a'", "no operator"),
        ("'a", "a text is not closed"),
        ("\"a\"", "no value"),
        ("(1", "no `)`"),
        ("github['ref'", "no `]`"),
        ("1x", "no number"),
        ("-", "no number"),
        ("secret.A", "there is not here"),
        ("true || secrets.A", "there is not here"),
        ("upper('a')", "no function `upper`"),
        ("contains('a')", "takes 2 to 2 arguments"),
        ("success(1)", "takes 0 to 0 arguments"),
        ("format('{1}', 'a')", "with 1 values"),
        ("format('}', 'a')", "with 1 values"),
        ("format('{x', 'a')", "with 1 values"),
        ("fromJSON('x')", "fromJSON"),
        ("github == github", "not compared"),
    ];
    for (source, expected) in cases {
        let said = evaluate(source, &scope(Status::Success)).unwrap_err();
        assert!(said.contains(expected), "{source}: {said}");
    }
    for (source, _) in cases {
        for end in 0..source.len() {
            let _ = evaluate(&source[..end], &scope(Status::Success));
        }
    }
    let deep = format!("{}1{}", "(".repeat(1000), ")".repeat(1000));
    assert!(evaluate(&deep, &scope(Status::Success)).unwrap_err().contains("too deep"));
    // In a place without them there is neither status nor file.
    let bare = Scope { status: None, files: false, ..scope(Status::Success) };
    for source in ["success()", "always()", "hashFiles('a')"] {
        assert!(evaluate(source, &bare).unwrap_err().contains("there is not here"), "{source}");
    }
}

#[test]
fn texts() {
    let cases = [
        ("plain", Ok("plain")),
        ("a ${{ env.A }} b${{env.A}}", Ok("a a ba")),
        ("${{ 1 }}${{ true }}${{ null }}", Ok("1true")),
        ("${{ '}}' }}", Ok("}}")),
        ("${{ github }}", Ok("Object")),
        ("${{ github", Err("is not closed")),
        ("${{ nobody.x }}", Err("there is not here")),
    ];
    for (source, expected) in cases {
        match (interpolate(source, &scope(Status::Success)), expected) {
            (Ok(text), Ok(expected)) => assert_eq!(text, expected, "{source}"),
            (Err(said), Err(expected)) => assert!(said.contains(expected), "{source}: {said}"),
            (got, _) => panic!("{source}: {got:?}"),
        }
    }
}

#[test]
fn conditions() {
    use Status::{Failure, Skipped, Success};
    let cases = [
        (None, [true, false, false]),
        (Some("github.event_name == 'push'"), [true, false, false]),
        (Some("github.event_name != 'push'"), [false, false, false]),
        (Some("${{ github.event_name == 'push' }}"), [true, false, false]),
        (Some("always()"), [true, true, true]),
        (Some("always() && env.A == 'b'"), [false, false, false]),
        (Some("failure()"), [false, true, false]),
        (Some("!cancelled()"), [true, true, true]),
        (Some("success() || failure()"), [true, true, false]),
        (Some("true"), [true, false, false]),
        (Some("''"), [false, false, false]),
    ];
    for (source, expected) in cases {
        let held = [Success, Failure, Skipped].map(|status| condition(source, &scope(status)));
        assert_eq!(held, expected.map(Ok), "{source:?}");
    }
    let said = condition(Some("${{ false }} && ${{ true }}"), &scope(Success)).unwrap_err();
    assert!(said.contains("expression"), "{said}");
    let said = condition(Some("x ${{ false }}"), &scope(Success)).unwrap_err();
    assert!(said.contains("only a part"), "{said}");
}
