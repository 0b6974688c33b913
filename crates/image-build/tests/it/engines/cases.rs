//! What is built with every engine.

use super::Engine;
use super::Engine::{BuildKit, ClassicDocker, Podman};
use crate::support::World;

/// A Containerfile, and who carries it out in another way.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) containerfile: &'static str,
    pub(crate) arguments: &'static [(&'static str, &'static str)],
    /// Those that differ, on purpose or by a quirk of theirs; why stands beside
    /// the case.
    pub(crate) but_not: &'static [Engine],
}

const fn case(name: &'static str, containerfile: &'static str) -> Case {
    Case { name, containerfile, arguments: &[], but_not: &[] }
}

/// The context of all cases.
pub(crate) fn world(containerfile: &str) -> World {
    World::new(containerfile)
        .file("prog.bpf.o", "object")
        .file("a.txt", "A")
        .file("b.txt", "B")
        .file("dir/x", "X")
        .mode("dir/x", 0o600)
        .file("dir/sub/y.txt", "Y")
        .mode("dir/sub", 0o700)
        .mode("dir", 0o755)
        .directory("empty")
        .link("dir/link", "x")
        .link("dir/out", "/etc/passwd")
        .link("to-dir", "dir")
        .link("to-file", "dir/link")
        .file("root/usr/lib/old", "O")
        .file("root/etc/passwd", "root:x:0:0::/:\nbpf:x:66:67::/:\n")
        .file("root/etc/group", "root:x:0:\nbpf:x:77:\n")
        .link("root/lib", "usr/lib")
        .file("suid", "S")
        .mode("suid", 0o4755)
        .file("ignored/secret.key", "S")
        .file("ignored/kept.md", "K")
        .file(".dockerignore", "# not for images\n**/*.key\nignored\n!ignored/*.md\n")
        .mode("ignored", 0o755)
        .mode("root", 0o755)
}

/// What becomes of files.
pub(crate) const FILES: &[Case] = &[
    case("a file to the root", "FROM scratch\nCOPY prog.bpf.o /\n"),
    case("a file under another name", "FROM scratch\nCOPY a.txt /b/c\n"),
    case("a file into a directory", "FROM scratch\nCOPY a.txt /b/c/\n"),
    case("several files", "FROM scratch\nCOPY a.txt b.txt dir/x /d/\n"),
    case("wildcards", "FROM scratch\nCOPY [ab].txt p*.o /d/\nCOPY dir/su?/* /e/\n"),
    case("a directory's content", "FROM scratch\nCOPY dir /d\nCOPY dir/sub/ /s/\nCOPY empty /e\n"),
    // There is a set-user-ID bit in it.
    Case {
        name: "the whole context",
        containerfile: "FROM scratch\nCOPY --chmod=755 . /src\n",
        arguments: &[],
        but_not: &[ClassicDocker],
    },
    case("links as sources", "FROM scratch\nCOPY to-file /f\nCOPY to-dir /d\nCOPY to-dir/sub /e\n"),
    case("links in the image", "FROM scratch\nCOPY root /\nCOPY a.txt /lib/\nCOPY dir /lib/d\n"),
    case("over what is there", "FROM scratch\nCOPY dir /d\nCOPY a.txt /d/x\nCOPY b.txt /d/link2\n"),
    case("--chmod", "FROM scratch\nCOPY --chmod=640 a.txt /\nCOPY --chmod=0711 b.txt /b\n"),
    case("--chown by numbers", "FROM scratch\nCOPY --chown=5:6 dir /d\nCOPY --chown=7 a.txt /x/\n"),
    case(
        "--chown by names",
        "FROM scratch\nCOPY root /\nCOPY --chown=bpf a.txt /\nCOPY --chown=bpf:bpf b.txt /\nCOPY --chown=0:bpf dir/x /\n",
    ),
    case(
        "another stage",
        "FROM scratch AS one\nCOPY --chown=5 dir /d\nFROM scratch\nCOPY --from=one /d /e\nCOPY --from=0 d/x d/sub/y.txt /f/\n",
    ),
    case(
        "a stage on a stage",
        "FROM scratch AS one\nWORKDIR /w\nENV A=1\nUSER 5\nCMD [\"c\"]\nFROM one\nCOPY a.txt $A\nENTRYPOINT [\"e\"]\n",
    ),
    case(
        "a stage by the platform",
        "ARG TARGETOS\nARG TARGETARCH\nFROM scratch AS linuxamd64\nCOPY a.txt /\nFROM scratch AS linuxs390x\nCOPY b.txt /\nFROM ${TARGETOS}${TARGETARCH}\nLABEL a=b\n",
    ),
    case(
        "working directories",
        "FROM scratch\nWORKDIR /a\nWORKDIR b/../c\nCOPY a.txt .\nCOPY b.txt d/\n",
    ),
    // Old BuildKits change nobody's set-user-ID bit.
    Case {
        name: "set-user-ID by --chmod",
        containerfile: "FROM scratch\nCOPY --chmod=4755 a.txt /\n",
        arguments: &[],
        but_not: &[ClassicDocker],
    },
    // Such a bit in a context is an accident of the host.
    Case {
        name: "set-user-ID in the context",
        containerfile: "FROM scratch\nCOPY suid /\n",
        arguments: &[],
        but_not: &[BuildKit, ClassicDocker],
    },
    // A directory that nobody can enter helps nobody.
    Case {
        name: "the directories above a --chmod",
        containerfile: "FROM scratch\nCOPY --chmod=640 a.txt /d/\n",
        arguments: &[],
        but_not: &[BuildKit],
    },
    case("the directory of a user", "FROM scratch\nUSER 5:6\nWORKDIR /w/x\n"),
    case("dots on the way", "FROM scratch\nCOPY dir/../a.txt b.txt /x/../y/\n"),
    case("links that match", "FROM scratch\nCOPY to* /t/\nCOPY dir/[lsx]* /u/\n"),
    case("through a link", "FROM scratch\nCOPY root/lib /t\nCOPY root/lib/old /u/\n"),
    case(
        "what matches in another stage",
        "FROM scratch AS one\nCOPY . /\nFROM scratch\nCOPY --from=one /*.txt /dir/[lsx]* /d/\n",
    ),
];

/// What becomes of settings.
pub(crate) const SETTINGS: &[Case] = &[
    Case {
        name: "arguments",
        containerfile: "ARG A=1\nFROM scratch\nARG A\nARG B=2 C=${A}3\nARG D\nENV E=$A-$B-$C-$D-${X:-x}-${B:+y} F=\"a $A\" G='$A'\nLABEL e=${E}\nCOPY ${D} /$B/\n",
        arguments: &[("D", "a.txt"), ("B", "given")],
        but_not: &[],
    },
    case(
        "the platform's arguments",
        "FROM scratch\nARG TARGETPLATFORM TARGETOS TARGETARCH\nLABEL p=$TARGETPLATFORM o=$TARGETOS a=$TARGETARCH\n",
    ),
    case(
        "labels",
        "FROM scratch\nLABEL a=1 \"b.c\"=\"x y\" \\\n # no\n d='e\"f' g=h\\ i\nLABEL a=2\nLABEL old form of it\n",
    ),
    case(
        "the environment",
        "FROM scratch\nENV A=1 B=\"2 3\"\nENV A=$A$B C=${A}\nENV D e f\nENV PATH=/x:$PATH\n",
    ),
    // To podman only a backslash is an escape there.
    Case {
        name: "another escape",
        containerfile: "# escape=`\nFROM scratch\nLABEL a=b` c `\n # no\n\n d=C:\\x\nENV A=`$x\n",
        arguments: &[],
        but_not: &[Podman],
    },
    case(
        "words of all kinds",
        "FROM scratch\nENV A=1\nENV A=2 B=$A\nLABEL x=$A y='$A' z=\"\\$A\" w=\\$A\nWORKDIR $A\nUSER $A:$B\nVOLUME $A\nSTOPSIGNAL $A\nEXPOSE $A\n",
    ),
    case(
        "no entrypoint any more",
        "FROM scratch AS one\nENTRYPOINT [\"x\"]\nCMD [\"y\"]\nFROM one\nENTRYPOINT []\nCOPY a.txt /\n",
    ),
    case(
        "settings of the base",
        "FROM scratch AS one\nHEALTHCHECK CMD [\"x\"]\nEXPOSE 80\nVOLUME /v\nUSER u\nLABEL a=1\nFROM one\nHEALTHCHECK NONE\nEXPOSE 81\nLABEL b=2\n",
    ),
    case("commands", "FROM scratch\nENTRYPOINT [\"/a\", \"b c\"]\nCMD d \"e\" $F\n"),
    // An OCI config has no shell, so that podman does without.
    Case {
        name: "a shell of its own",
        containerfile: "FROM scratch\nSHELL [\"/bin/x\", \"-y\"]\nENTRYPOINT a b\nCMD [\"c\"]\n",
        arguments: &[],
        but_not: &[Podman],
    },
    case(
        "ports, volumes, signal, user",
        "FROM scratch\nARG P=80\nEXPOSE $P 53/udp\nVOLUME /a /b\nVOLUME [\"/c d\"]\nSTOPSIGNAL SIGUSR1\nUSER 65532:65532\n",
    ),
    case(
        "a check of health",
        "FROM scratch\nHEALTHCHECK --interval=1m30s --timeout=5s --retries=2 CMD curl x\n",
    ),
];
