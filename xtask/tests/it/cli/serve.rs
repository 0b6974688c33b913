//! `serve-images`: what it says, what it serves, and how it ends.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Checkout, Run, finish};

/// A running command, ended when dropped.
struct Serving<'a> {
    checkout: &'a Checkout,
    child: Child,
}

impl<'a> Serving<'a> {
    /// Starts the command on a port of its own, and waits until it says that
    /// it serves.
    fn start(checkout: &'a Checkout, args: &[&str]) -> Serving<'a> {
        let mut command = checkout.command(&["serve-images", "--listen", "127.0.0.1:0"]);
        let file = |name: &str| File::create(checkout.path().join(name)).unwrap();
        command.args(args).stdout(file("stdout")).stderr(file("stderr"));
        let mut serving = Serving { checkout, child: command.spawn().unwrap() };
        let started = Instant::now();
        while !serving.stderr().contains(" Serving ") {
            assert!(serving.child.try_wait().unwrap().is_none(), "{}", serving.stderr());
            assert!(started.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(5));
        }
        serving
    }

    fn stdout(&self) -> String {
        self.checkout.read("stdout")
    }

    fn stderr(&self) -> String {
        self.checkout.read("stderr")
    }

    /// Returns the address that it listens on.
    fn address(&self) -> String {
        let stderr = self.stderr();
        let (_, rest) = stderr.split_once("http://").unwrap();
        rest.split(';').next().unwrap().to_owned()
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends a signal, and returns how it ends.
    fn end(mut self, signal: &str) -> Run {
        let pid = self.child.id().to_string();
        let kill = Command::new("/bin/sh").args(["-c", "kill -$0 $1", signal, &pid]).status();
        assert!(kill.unwrap().success());
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        Run { code, stdout: self.stdout(), stderr: self.stderr() }
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a checkout with two images built.
fn built() -> Checkout {
    let checkout = Checkout::warm();
    let run = checkout.build_images(&["xdp_pass", "tc_pass"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    checkout
}

#[test]
fn it_says_where_what_is_served_until_it_is_stopped() {
    let checkout = built();
    for signal in ["INT", "TERM"] {
        let serving = Serving::start(&checkout, &[]);
        let address = serving.address();
        assert!(serving.get("/v2/bpfman-bytecode/xdp_pass/tags/list").starts_with("HTTP/1.1 200 "));
        let run = serving.end(signal);
        let stdout = format!(
            "http://{address}\n\
             {address}/bpfman-bytecode/tc_pass:latest\n\
             {address}/bpfman-bytecode/xdp_pass:latest\n"
        );
        let stderr = format!(
            "   Serving 2 images of `target/images` at http://{address}; Ctrl-C ends it\n   \
             Stopped serving `target/images`\n"
        );
        assert_eq!((run.code, run.stdout, run.stderr), (130, stdout, stderr), "{signal}");
        assert!(TcpStream::connect(address).is_err());
    }
}

#[test]
fn the_document_says_the_same() {
    let checkout = built();
    let serving = Serving::start(&checkout, &["--format", "json", "--dir", "target/images"]);
    let document: Value = serde_json::from_str(&serving.stdout()).unwrap();
    let address = serving.address();
    let built = checkout.build_images(&["--format", "json", "tc_pass", "xdp_pass"]);
    let built: Value = serde_json::from_str(&built.stdout).unwrap();
    let digest = |name: &str| {
        let images = built["images"].as_array().unwrap();
        let of_name = |image: &&Value| image["image"] == format!("bpfman-bytecode/{name}");
        images.iter().find(of_name).unwrap()["digest"].clone()
    };
    let image = |name: &str| {
        let reference = format!("{address}/bpfman-bytecode/{name}:latest");
        json!({"reference": reference, "digest": digest(name)})
    };
    let images = [image("tc_pass"), image("xdp_pass")];
    let url = format!("http://{address}");
    assert_eq!(document, json!({"schema": 1, "url": url, "images": images}));
}

#[test]
fn what_is_built_meanwhile_is_served() {
    let checkout = built();
    let serving = Serving::start(&checkout, &["-v"]);
    let target = "/v2/bpfman-bytecode/tracepoint/manifests/latest";
    assert!(serving.get(target).starts_with("HTTP/1.1 404 "));
    let run = checkout.build_images(&["tracepoint"]);
    let digest = run.stdout.trim().split_once('@').unwrap().1.to_owned();
    assert!(serving.get(target).contains(&format!("docker-content-digest: {digest}\r\n")));
    // With `-v` each request is a line.
    let run = serving.end("INT");
    let lines =
        run.stderr.lines().filter_map(|line| line.strip_prefix("127.0.0.1:")?.split_once(' '));
    let lines: Vec<_> = lines.map(|(_, line)| line.rsplit_once(' ').unwrap().0).collect();
    assert_eq!(lines, [format!("GET {target} 404"), format!("GET {target} 200")]);
}

#[test]
fn a_broken_layout_is_said_and_the_others_are_served() {
    let checkout = built();
    checkout.write("target/images/quay.io/o/broken/oci-layout", "{}");
    checkout.write("target/images/quay.io/o/broken/index.json", "{");
    let serving = Serving::start(&checkout, &[]);
    assert!(serving.get("/v2/o/broken/tags/list").starts_with("HTTP/1.1 500 "));
    let run = serving.end("INT");
    assert_eq!(run.stdout.lines().count(), 3);
    let root = checkout.path().canonicalize().unwrap();
    let place = root.join("target/images/quay.io/o/broken").display().to_string();
    let warning = format!("warning: `{place}` is not a usable OCI image layout: ");
    assert!(run.stderr.starts_with(&warning), "{}", run.stderr);
    assert_eq!(run.stderr.matches("warning: ").count(), 1, "{}", run.stderr);
}

#[test]
fn quietly_it_says_results_alone() {
    let checkout = built();
    let mut command = checkout.command(&["serve-images", "-q", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 17];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"http://127.0.0.1:");
    let pid = child.id().to_string();
    Command::new("/bin/sh").args(["-c", "kill -INT $0", &pid]).status().unwrap();
    let run = finish(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stdout.lines().count(), run.stderr.as_str()), (130, 3, ""));
}

#[test]
fn what_cannot_be_served_is_refused() {
    let empty = Checkout::cold();
    let checkout = built();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    checkout.write("text", "text\n");
    std::fs::create_dir(checkout.path().join("none")).unwrap();
    let layout = "target/images/quay.io/bpfman-bytecode/xdp_pass";
    let root = checkout.path().display().to_string();
    let makes = "\nhint: `cargo xtask build-images` makes them\n";
    let absent = "No such file or directory (os error 2)";
    let cases: [(&Checkout, &[&str], i32, String); 8] = [
        (&empty, &[], 4, format!("error: `target/images` holds no images\n{makes}")),
        (&checkout, &["--dir", "none"], 4, format!("error: `none` holds no images\n{makes}")),
        (
            &checkout,
            &["--dir", "nowhere"],
            1,
            format!("error: failed to open `{root}/nowhere`\n  Caused by: {absent}\n"),
        ),
        (
            &checkout,
            &["--dir", layout],
            2,
            format!(
                "error: `{layout}` is one layout, not a tree of them\n\n\
                 hint: name the directory in which it is registry/organization/name\n"
            ),
        ),
        (
            &checkout,
            &["--listen", &port],
            1,
            format!(
                "error: failed to listen on {port}\n  \
                 Caused by: Address already in use (os error 98)\n\n\
                 hint: another program has this port; port 0 takes one that is free\n"
            ),
        ),
        // An address of the documentation's, which this machine does not have.
        (
            &checkout,
            &["--listen", "192.0.2.1:5000"],
            1,
            "warning: whoever reaches 192.0.2.1:5000 can pull these images, and without TLS \
             (`--tls-cert`) others can read and change them on the way\n\
             error: failed to listen on 192.0.2.1:5000\n  \
             Caused by: Cannot assign requested address (os error 99)\n\n\
             hint: this machine does not have that address; 0.0.0.0 means all that it has\n"
                .into(),
        ),
        (
            &checkout,
            &["--tls-cert", "text", "--tls-key", "text"],
            1,
            "error: `text` cannot be used for TLS: it has no certificate in PEM form\n".into(),
        ),
        (
            &checkout,
            &["--tls-cert", "nowhere", "--tls-key", "text"],
            1,
            format!("error: failed to read `nowhere`\n  Caused by: {absent}\n"),
        ),
    ];
    for (checkout, args, code, stderr) in cases {
        let run = checkout.run(&[&["serve-images"], args].concat());
        let expected = (code, "", stderr.as_str());
        assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), expected, "{args:?}");
    }
    // Words that are no addresses, and halves of pairs: clap says so.
    let cases: [(&[&str], &str); 3] = [
        (&["--listen", "5000"], "it is not an address such as 127.0.0.1:5000 or [::1]:5000"),
        (&["--tls-cert", "text"], "--tls-key <FILE>"),
        (&["--tls-key", "text"], "--tls-cert <FILE>"),
    ];
    for (args, said) in cases {
        let run = checkout.run(&[&["serve-images"], args].concat());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}");
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
}
