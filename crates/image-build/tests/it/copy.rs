//! COPY and WORKDIR: what is where afterwards.

use crate::support::{World, same, show};

/// A context with a bit of everything.
fn world(lines: &str) -> World {
    World::new(&format!("FROM scratch\n{lines}\n"))
        .file("a.o", "A")
        .file("b.o", "B")
        .file("c.txt", "C")
        .file("dir/x", "X")
        .mode("dir/x", 0o600)
        .file("dir/sub/y.o", "Y")
        .mode("dir/sub", 0o700)
        .mode("dir", 0o750)
        .directory("empty")
        .link("dir/link", "x")
        .link("dir/out", "/etc/passwd")
        .link("to-dir", "dir")
        .link("to-file", "dir/link")
        .link("outside", "../../../../a.o")
        .mode("a.o", 0o4755)
}

/// Returns the layers alone, each under its instruction.
fn layers(lines: &str) -> String {
    let text = world(lines).show();
    text.lines().skip(2).map(|line| format!("{line}\n")).collect()
}

#[test]
fn files_go_where_the_destination_says() {
    let cases = [
        ("COPY c.txt /", "f 0644 0:0 c.txt C"),
        ("COPY c.txt /d", "f 0644 0:0 d C"),
        ("COPY c.txt d", "f 0644 0:0 d C"),
        ("COPY ./x/../c.txt .", "f 0644 0:0 c.txt C"),
        ("COPY /c.txt ./", "f 0644 0:0 c.txt C"),
        ("COPY ../../c.txt /", "f 0644 0:0 c.txt C"),
        ("COPY c.txt /d/", "d 0755 0:0 d/\nf 0644 0:0 d/c.txt C"),
        ("COPY c.txt /d/.", "d 0755 0:0 d/\nf 0644 0:0 d/c.txt C"),
        ("COPY c.txt /d/e/f", "d 0755 0:0 d/\nd 0755 0:0 d/e/\nf 0644 0:0 d/e/f C"),
        ("COPY c.txt /d/../../e", "f 0644 0:0 e C"),
        ("COPY [\"c.txt\", \"/a b\"]", "f 0644 0:0 a b C"),
        // Set-user-ID is the host's business.
        ("COPY a.o /", "f 0755 0:0 a.o A"),
        ("COPY a.o c.txt /", "f 0755 0:0 a.o A\nf 0644 0:0 c.txt C"),
        ("COPY *.o /", "f 0755 0:0 a.o A\nf 0644 0:0 b.o B"),
        (
            "COPY [ab].? c* /d/",
            "d 0755 0:0 d/\nf 0755 0:0 d/a.o A\nf 0644 0:0 d/b.o B\nf 0644 0:0 d/c.txt C",
        ),
        ("COPY c* /d", "f 0644 0:0 d C"),
        ("COPY */*/*.o /", "f 0644 0:0 y.o Y"),
        // The name is the link's, the bytes are those it leads to.
        ("COPY to-file /", "f 0600 0:0 to-file X"),
        ("COPY to-dir/x /", "f 0600 0:0 x X"),
        ("COPY outside /", "f 0755 0:0 outside A"),
        ("COPY dir/lin* /", "f 0600 0:0 link X"),
        ("COPY --chmod=640 a.o /d/", "d 0755 0:0 d/\nf 0640 0:0 d/a.o A"),
        ("COPY --chmod=7755 c.txt /", "f 7755 0:0 c.txt C"),
        ("COPY --chown=55 c.txt /d/", "d 0755 55:55 d/\nf 0644 55:55 d/c.txt C"),
        ("COPY --chown=5:6 c.txt /", "f 0644 5:6 c.txt C"),
    ];
    for (line, expected) in cases {
        let expected = expected.replace('\n', "\n  ");
        same(&layers(line), &format!("{line}\n  {expected}"));
    }
}

#[test]
fn of_a_directory_the_content_goes() {
    let content = "
      l 0777 0:0 d/link -> x
      l 0777 0:0 d/out -> /etc/passwd
      d 0700 0:0 d/sub/
      f 0644 0:0 d/sub/y.o Y
      f 0600 0:0 d/x X";
    for line in ["COPY dir /d", "COPY dir/ /d", "COPY dir /d/", "COPY to-dir /d", "COPY di? /d"] {
        same(&layers(line), &format!("    {line}\n      d 0755 0:0 d/{content}"));
    }
    let at_root = content.replace(" d/", " ");
    same(&layers("COPY dir /"), &format!("    COPY dir /{at_root}"));
    same(&layers("COPY dir/. ."), &format!("    COPY dir/. .{at_root}"));
    // Nothing is in it, or it is there already: no layer.
    same(&layers("COPY empty /"), "COPY empty /");
    same(&layers("COPY empty /e\nCOPY empty /e"), "COPY empty /e\n  d 0755 0:0 e/\nCOPY empty /e");
    // What is made for the content has the mode 0755, what is copied its own,
    // and `--chmod` sets all that is copied but links.
    let changed = content.replace("0700", "0604").replace("0644", "0604").replace("0600", "0604");
    let line = "COPY --chmod=604 --chown=1:2 dir /d";
    let expected = format!("    {line}\n      d 0755 0:0 d/{changed}").replace("0:0", "1:2");
    same(&layers(line), &expected);
}

#[test]
fn the_whole_context_can_be_copied() {
    same(
        &layers("COPY . /src"),
        "
        COPY . /src
          d 0755 0:0 src/
          f 0755 0:0 src/a.o A
          f 0644 0:0 src/b.o B
          f 0644 0:0 src/c.txt C
          d 0750 0:0 src/dir/
          l 0777 0:0 src/dir/link -> x
          l 0777 0:0 src/dir/out -> /etc/passwd
          d 0700 0:0 src/dir/sub/
          f 0644 0:0 src/dir/sub/y.o Y
          f 0600 0:0 src/dir/x X
          d 0755 0:0 src/empty/
          l 0777 0:0 src/outside -> ../../../../a.o
          l 0777 0:0 src/to-dir -> dir
          l 0777 0:0 src/to-file -> dir/link
        ",
    );
}

#[test]
fn what_is_there_decides() {
    same(
        &layers(
            "COPY c.txt /d/\nCOPY a.o /d\nCOPY a.o b.o /d\nCOPY --chmod=700 dir/sub /d\nCOPY c.txt /d/a.o",
        ),
        "
        COPY c.txt /d/
          d 0755 0:0 d/
          f 0644 0:0 d/c.txt C
        COPY a.o /d
          f 0755 0:0 d/a.o A
        COPY a.o b.o /d
          f 0755 0:0 d/a.o A
          f 0644 0:0 d/b.o B
        COPY --chmod=700 dir/sub /d
          f 0700 0:0 d/y.o Y
        COPY c.txt /d/a.o
          f 0644 0:0 d/a.o C
        ",
    );
    // A directory below the one that is copied brings its mode along.
    same(
        &layers("COPY --chmod=711 dir/sub /d/sub/\nCOPY dir /d"),
        "
        COPY --chmod=711 dir/sub /d/sub/
          d 0755 0:0 d/
          d 0755 0:0 d/sub/
          f 0711 0:0 d/sub/y.o Y
        COPY dir /d
          l 0777 0:0 d/link -> x
          l 0777 0:0 d/out -> /etc/passwd
          d 0700 0:0 d/sub/
          f 0644 0:0 d/sub/y.o Y
          f 0600 0:0 d/x X
        ",
    );
}

#[test]
fn links_in_the_image_are_followed_within_it() {
    let world = World::new(
        "FROM scratch\nCOPY root /\nCOPY f /lib/\nCOPY f /lib/g\nCOPY f /abs/h\nCOPY f /up\nCOPY f /file\nCOPY f /usr/lib/named\n",
    )
    .file("f", "F")
    .file("root/usr/lib/old", "O")
    .link("root/lib", "usr/lib")
    .link("root/abs", "/usr")
    .link("root/up", "../../../usr")
    .link("root/file", "lib/old")
    .link("root/usr/lib/named", "old");
    let text = world.show();
    let layers: String = text
        .lines()
        .skip_while(|line| !line.starts_with("COPY f"))
        .map(|line| format!("{line}\n"))
        .collect();
    same(
        &layers,
        "
        COPY f /lib/
          f 0644 0:0 usr/lib/f F
        COPY f /lib/g
          f 0644 0:0 usr/lib/g F
        COPY f /abs/h
          f 0644 0:0 usr/h F
        COPY f /up
          f 0644 0:0 usr/f F
        COPY f /file
          f 0644 0:0 usr/lib/old F
        COPY f /usr/lib/named
          f 0644 0:0 usr/lib/old F
        ",
    );
}

/// As a layer of its own, made without a look at what is below.
#[test]
fn a_linked_copy_does_not_see_what_is_there() {
    let world = World::new(
        "FROM scratch AS all\nCOPY root /\nCOPY --link f /lib/\nCOPY --link --chown=5 d /usr/lib\nCOPY --link=false f /lib/g\nCOPY --link --chmod=600 f /lib/h\nFROM scratch\nCOPY --from=all / /\n",
    )
    .file("f", "F")
    .file("d/x", "X")
    .file("root/usr/lib/old", "O")
    .mode("root/usr", 0o700)
    .mode("root/usr/lib", 0o700)
    .link("root/lib", "usr/lib");
    let mut request = world.request();
    request.target = Some("all".to_owned());
    let text = show(&world.only(&request));
    let copies = text.lines().skip_while(|line| !line.starts_with("COPY --link"));
    same(
        &copies.map(|line| format!("{line}\n")).collect::<String>(),
        "
        COPY --link f /lib/
          d 0755 0:0 lib/
          f 0644 0:0 lib/f F
        COPY --link --chown=5 d /usr/lib
          d 0755 5:5 usr/
          d 0755 5:5 usr/lib/
          f 0644 5:5 usr/lib/x X
        COPY --link=false f /lib/g
          f 0644 0:0 lib/g F
        COPY --link --chmod=600 f /lib/h
          f 0600 0:0 lib/h F
        ",
    );
    // What later steps see is what the layers make together.
    let text = world.show();
    same(
        &text.lines().skip(2).map(|line| format!("{line}\n")).collect::<String>(),
        "
        COPY --from=all / /
          d 0755 0:0 lib/
          f 0644 0:0 lib/f F
          f 0644 0:0 lib/g F
          f 0600 0:0 lib/h F
          d 0755 5:5 usr/
          d 0755 5:5 usr/lib/
          f 0644 0:0 usr/lib/old O
          f 0644 5:5 usr/lib/x X
        ",
    );
}

#[test]
fn the_working_directory_is_made_and_counts() {
    same(
        &world("WORKDIR /w\nWORKDIR x/../y\nCOPY c.txt .\nCOPY c.txt d\nCOPY c.txt e/\nWORKDIR /w\nUSER 5\nWORKDIR u").show(),
        r#"
        linux/amd64 1970-01-01T00:00:00Z
        {"User":"5","Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"WorkingDir":"/w/u"}
        WORKDIR /w
          d 0755 0:0 w/
        WORKDIR x/../y
          d 0755 0:0 w/y/
        COPY c.txt .
          f 0644 0:0 w/y/c.txt C
        COPY c.txt d
          f 0644 0:0 w/y/d C
        COPY c.txt e/
          d 0755 0:0 w/y/e/
          f 0644 0:0 w/y/e/c.txt C
        WORKDIR /w
        USER 5
        WORKDIR u
          d 0755 5:5 w/u/
        "#,
    );
}

#[test]
fn words_are_expanded() {
    same(
        &layers(
            "ARG N=c\nENV D=/d\nCOPY ${N}.txt ${D:-/x}/$N\nARG M=640\nCOPY --chmod=$M --chown=${U:-7} c.txt /",
        ),
        "
        ARG N=c
        ENV D=/d
        COPY ${N}.txt ${D:-/x}/$N
          d 0755 0:0 d/
          f 0644 0:0 d/c C
        ARG M=640
        COPY --chmod=$M --chown=${U:-7} c.txt /
          f 0640 7:7 c.txt C
        ",
    );
}

#[test]
fn ignored_files_are_not_there() {
    let world = world("COPY . /").file(".dockerignore", "*\n!dir/sub\n!*.txt\n");
    let text = world.show();
    let layer: Vec<_> = text.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(
        layer,
        [
            "  f 0644 0:0 c.txt C",
            "  d 0750 0:0 dir/",
            "  d 0700 0:0 dir/sub/",
            "  f 0644 0:0 dir/sub/y.o Y"
        ]
    );
    // The Containerfile's own comes first.
    let world = world.file("../Containerfile.dockerignore", "**\n!b.o\n");
    assert!(world.show().ends_with("COPY . /\n  f 0644 0:0 b.o B\n"));
    let world =
        World::new("FROM scratch\nCOPY a.o /\n").file("a.o", "").file(".dockerignore", "*.o");
    same(
        &world.fail(),
        "
        `Containerfile`, line 2: `COPY a.o /` failed for linux/amd64
          there is no `a.o` in the build context
        ",
    );
}
