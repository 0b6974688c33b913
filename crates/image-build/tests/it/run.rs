//! RUN: what it comes to, and how the built-in builder goes on from what the
//! host did.

use std::collections::BTreeMap;
use std::path::PathBuf;

use image_build::{BuildRequest, Ran, Run, runs};

use crate::support::{World, platform, same};

/// Two programs that a stage for the machine that builds makes for another.
const PROGRAMS: &str = "ARG BUILDPLATFORM
FROM --platform=$BUILDPLATFORM nowhere.invalid/golang:1.24 AS agent-build
ARG TARGETOS
ARG TARGETARCH
ARG BUILD_VERSION
ENV GOFLAGS=-mod=vendor PATH=/go/bin:$PATH
RUN echo \"for ${TARGETARCH}, ${BUILD_VERSION}\"
WORKDIR /usr/src/x
COPY . .
RUN --mount=type=cache,target=/root/.cache go mod download && \\
    # the agent
    CGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} go build -mod vendor \\
      -ldflags \"-X v.version=${BUILD_VERSION} -X v.b=c\" -o agent ./cmd/agent/main.go
FROM scratch
COPY --from=agent-build /usr/src/x/agent .
COPY --from=agent-build /usr/src/x/config/a.yaml ./config/
ENTRYPOINT [\"/agent\"]
";

fn programs() -> World {
    World::new(PROGRAMS)
        .file("config/a.yaml", "a: 1")
        .file("../out/s390x", "for s390x")
        .mode("../out/s390x", 0o755)
}

/// Asks for what the host did: for a line, where a file is to be, and which
/// of the world it is.
fn ran(world: &World, request: &mut BuildRequest, done: &[(usize, &[(&str, &str)])]) {
    for platform in &request.platforms {
        for (line, files) in done {
            let file = |(path, file): &(&str, &str)| (PathBuf::from(path), world.path(file));
            let files = files.iter().map(file).collect();
            request.ran.push(Ran { line: *line, platform: platform.clone(), files, source: None });
        }
    }
}

/// Returns runs as text.
fn tell(runs: &[Run]) -> String {
    let command = |command: &image_build::Command| {
        let variables: Vec<String> =
            command.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("  [{}] {:?}\n", variables.join(" "), command.words)
    };
    let run = |run: &Run| {
        let commands: String = run.commands.iter().map(command).collect();
        let stage = run.stage.as_deref().unwrap_or("-");
        let directory = run.directory.as_deref().unwrap_or("?");
        let (line, platform, is_target) = (run.place.line, &run.platform, run.is_target);
        format!("{line} {stage} {platform} {directory} {is_target}\n{commands}")
    };
    runs.iter().map(run).collect()
}

#[test]
fn a_survey_tells_words_variables_and_directories() {
    let world = programs();
    let mut request = world.request();
    request.platforms = vec![platform("linux/s390x")];
    request.build_args = BTreeMap::from([("BUILD_VERSION".to_owned(), "1.2 (x)".to_owned())]);
    same(
        &tell(&runs(&request).unwrap()),
        r#"
        7 agent-build linux/s390x ? false
          [BUILD_VERSION=1.2 (x) GOFLAGS=-mod=vendor TARGETARCH=s390x TARGETOS=linux] ["echo", "for s390x, 1.2 (x)"]
        10 agent-build linux/s390x /usr/src/x false
          [BUILD_VERSION=1.2 (x) GOFLAGS=-mod=vendor TARGETARCH=s390x TARGETOS=linux] ["go", "mod", "download"]
          [BUILD_VERSION=1.2 (x) CGO_ENABLED=0 GOARCH=s390x GOFLAGS=-mod=vendor GOOS=linux TARGETARCH=s390x TARGETOS=linux] ["go", "build", "-mod", "vendor", "-ldflags", "-X v.version=1.2 (x) -X v.b=c", "-o", "agent", "./cmd/agent/main.go"]
        "#,
    );
}

#[test]
fn what_the_host_did_stands_for_a_run_and_no_base_is_got() {
    let world = programs();
    let mut request = world.request();
    request.platforms = vec![platform("linux/s390x")];
    ran(&world, &mut request, &[(7, &[]), (10, &[("/usr/src/x/agent", "../out/s390x")])]);
    same(
        &crate::support::show(&world.only(&request)),
        r#"
        linux/s390x 1970-01-01T00:00:00Z
        {"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Entrypoint":["/agent"],"WorkingDir":"/"}
        COPY --from=agent-build /usr/src/x/agent .
          f 0755 0:0 agent for s390x
        COPY --from=agent-build /usr/src/x/config/a.yaml ./config/
          d 0755 0:0 config/
          f 0644 0:0 config/a.yaml a: 1
        ENTRYPOINT ["/agent"]
        "#,
    );
}
