//! Small workflows, and what the runner makes of them.

use std::collections::BTreeMap;

use super::event::Event;
use super::runner::{Record, World, run};
use super::workflow::of_jobs;

/// Runs jobs in a world with a variable and a secret.
fn try_running(jobs: &str, event: &Event) -> Result<Record, String> {
    let dir = tempfile::tempdir().unwrap();
    let pair = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    std::fs::create_dir_all(dir.path().join("source")).unwrap();
    std::fs::write(dir.path().join("source/file"), "kept").unwrap();
    let world = World {
        dir: dir.path().join("run"),
        source: dir.path().join("source"),
        programs: dir.path().join("programs"),
        machine: vec![("MACHINE".into(), "m".into())],
        vars: pair("WHERE", "there"),
        secrets: pair("KEY", "hidden"),
        pretends: false,
    };
    run(&of_jobs(jobs), event, &world)
}

/// Runs jobs for a push to `main`; returns what each step printed.
fn printed(jobs: &str) -> Vec<String> {
    let record = try_running(jobs, &Event::push("main")).unwrap();
    let steps = record.steps().map(|(job, step)| match step.result {
        "success" => format!("{job}: {}", step.stdout),
        other => format!("{job}: {other} {}", step.stderr),
    });
    steps.collect()
}

const CHECKOUT: &str = "{uses: actions/checkout@8e8c483db84b4bee98b60c0593521ed34d9990e8, \
                        with: {persist-credentials: false}}";

#[test]
fn steps_hand_on_variables_outputs_and_paths() {
    let jobs = r#"
  a:
    runs-on: x
    env: {A: job, B: "${{ vars.WHERE }}"}
    outputs: {said: "${{ steps.one.outputs.x }}${{ steps.none.outputs.x }}"}
    steps:
      - id: one
        run: |
          echo "x=1" >> "$GITHUB_OUTPUT"
          echo "A=file" >> "$GITHUB_ENV"
          mkdir -p "$RUNNER_TEMP/bin" && echo "$RUNNER_TEMP/bin" >> "$GITHUB_PATH"
          printf '#!/bin/sh\necho mine\n' > "$RUNNER_TEMP/bin/mine" && chmod +x "$RUNNER_TEMP/bin/mine"
      - run: mine; printf %s "$A $B $C $MACHINE ${KEY-unset} ${{ secrets.KEY }} ${{ env.C }}"
        env: {C: "${{ steps.one.outputs.x }}${{ env.A }}"}
      - run: printf %s "$A ${C-unset} $GITHUB_REF $GITHUB_JOB $CI ${GITHUB_TOKEN-unset}"
      - run: pwd | sed 's,.*/run/,,'; ls
  b:
    runs-on: x
    needs: a
    steps:
      - run: printf %s "${{ needs.a.outputs.said }} ${{ needs.a.result }} ${A-unset}"
"#;
    let expected = [
        "a: ",
        "a: mine\nfile there 1file m unset hidden 1file",
        "a: file unset refs/heads/main a true unset",
        "a: a/work/bpfman/bpfman\n",
        "b: 1 success unset",
    ];
    assert_eq!(printed(jobs), expected);
}

#[test]
fn each_job_has_a_checkout_to_itself() {
    let jobs = format!(
        r#"
  a: {{runs-on: x, steps: [{CHECKOUT}, {{run: "cat file; echo spoilt > file; touch \"$HOME/x\""}}]}}
  b: {{runs-on: x, needs: a, steps: [{CHECKOUT}, {{run: "cat file; ls \"$HOME\""}}]}}
"#
    );
    assert_eq!(printed(&jobs), ["a: ", "a: kept", "b: ", "b: kept"]);
}

#[test]
fn shells_are_those_of_a_runner() {
    let jobs = r#"
  a:
    runs-on: x
    steps:
      - {run: "false | true; tr '\\0' ' ' < /proc/$$/cmdline"}
      - {run: "false | true; echo on", shell: bash}
  b: {runs-on: x, container: i, steps: [{run: "tr '\\0' ' ' < /proc/$$/cmdline; false; echo on"}]}
  c: {runs-on: x, steps: [{run: "false; echo on"}]}
  d: {runs-on: x, steps: [{run: "pwd", working-directory: /}]}
"#;
    let record = try_running(jobs, &Event::push("main")).unwrap();
    let steps = record.steps().map(|(_, step)| {
        let shell = step.stdout.split(" /").next().unwrap();
        (shell.to_owned(), step.result)
    });
    let expected = [
        ("bash -e", "success"),
        ("", "failure"),
        ("sh -e", "failure"),
        ("", "failure"),
        ("/\n", "success"),
    ];
    let expected = expected.map(|(shell, result)| (shell.to_owned(), result));
    assert_eq!(steps.collect::<Vec<_>>(), expected);
}

#[test]
fn what_failed_is_not_gone_on_with() {
    let jobs = r#"
  a:
    runs-on: x
    steps:
      - {run: exit 3, id: bad}
      - {run: echo no}
      - {run: "echo ${{ steps.bad.outcome }} ${{ job.status }}", if: failure()}
      - {run: echo yes, if: always()}
  b: {runs-on: x, needs: a, steps: [{run: echo no}]}
  c: {runs-on: x, needs: a, if: failure(), steps: [{run: "echo ${{ needs.a.result }}"}]}
  d: {runs-on: x, needs: b, if: always(), steps: [{run: echo d}]}
  e: {runs-on: x, needs: d, steps: [{run: echo no}]}
  f: {runs-on: x, if: github.ref != 'refs/heads/main', steps: [{run: echo no}]}
  g: {runs-on: x, needs: f, steps: [{run: echo no}]}
  h: {runs-on: x, needs: f, if: "!failure()", steps: [{run: echo h}]}
"#;
    let record = try_running(jobs, &Event::push("main")).unwrap();
    let results = record.steps().map(|(_, step)| step.stdout.as_str());
    assert_eq!(results.collect::<String>(), "failure failure\nyes\nfailure\nd\nh\n");
    let results: Vec<_> = record.jobs.values().map(|job| &job.result[..2]).collect();
    assert_eq!(results, ["fa", "sk", "su", "su", "sk", "sk", "sk", "su"]);
}

#[test]
fn a_fork_proposes_without_secrets() {
    let jobs =
        "  a: {runs-on: x, steps: [{run: 'echo \"${{ secrets.KEY }}.${{ vars.WHERE }}\"'}]}\n";
    let jobs = format!("{jobs}  b: {{runs-on: x, if: github.event_name == 'push', steps: []}}\n");
    let said = try_running(&jobs, &Event::pull_request(&["y"])).unwrap_err();
    assert!(said.contains("does not start it"), "{said}");
    for (event, results, printed) in [
        (Event::pull_request(&["y", "x/y"]), ["a: success", "b: skipped"], ".there\n"),
        (Event::own_pull_request(&["x/y"]), ["a: success", "b: skipped"], "hidden.there\n"),
        (Event::push("main"), ["a: success", "b: success"], "hidden.there\n"),
    ] {
        let record = try_running(&jobs, &event).unwrap();
        assert_eq!(record.results(), results);
        assert_eq!(record.steps().next().unwrap().1.stdout, printed);
    }
}

#[test]
fn wrong_workflows_are_errors() {
    let job = |step: &str| format!("  a: {{runs-on: x, steps: [{step}]}}\n");
    let cases = [
        (job("{run: a, if: secrets.KEY}"), "there is not here"),
        (job("{run: '${{ nobody.x }}'}"), "there is not here"),
        (job("{run: '${{ needs.x'}"), "is not closed"),
        (job("{uses: a/b@main}"), "is not pinned by a commit"),
        (job("{run: 'a', env: {A: '${{ matrix.x }}'}}"), "there is not here"),
        ("  a: {runs-on: x, if: env.A == '', steps: []}\n".into(), "there is not here"),
        (job(&CHECKOUT.replace("persist-credentials", "ref")), "unknown input `ref`"),
    ];
    for (jobs, expected) in cases {
        let said = try_running(&jobs, &Event::push("main")).unwrap_err();
        assert!(said.contains(expected), "{jobs}: {said}");
    }
}
