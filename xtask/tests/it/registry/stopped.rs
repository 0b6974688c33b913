//! The user asks a push to stop: it does, soon and tidily.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use test_support::Registry;

use super::relay::{Relay, Verdict};
use super::*;
use crate::incremental::files;
use crate::robust::send;

#[test]
fn interrupted_while_it_sends() {
    let Some(registry) = Registry::anonymous() else { return };
    for (number, signal) in ["INT", "TERM"].into_iter().enumerate() {
        // Requests stand still from the first upload on, until the signal is
        // sent.
        let (arrived, arrives) = mpsc::channel();
        let (stands, asked_after) =
            (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let (still, after) = (Arc::clone(&stands), Arc::clone(&asked_after));
        let relay = Relay::judging(&registry.address, move |_, line| {
            if !still.load(Ordering::Relaxed) {
                after.fetch_add(1, Ordering::Relaxed);
            } else if !line.starts_with("HEAD ") {
                let _ = arrived.send(());
                while still.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            Verdict::Pass
        });
        let checkout = checkout(&["one", "two", "three"]);
        let temporary = checkout.path().join("tmp");
        std::fs::create_dir_all(&temporary).unwrap();
        let organization = format!("run{number}");
        let args = ["--organization", &organization];
        let mut command = push_command(&checkout, &relay.address, &args);
        command.env("TMPDIR", &temporary).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        arrives.recv_timeout(Duration::from_secs(60)).unwrap();
        send(signal, child.id());
        stands.store(false, Ordering::Relaxed);
        let run = finish(child.wait_with_output().unwrap());
        assert_eq!((run.code, run.stdout.as_str()), (130, ""), "{signal}: {}", run.stderr);
        assert_eq!(run.stderr.lines().last(), Some("error: interrupted"), "{}", run.stderr);
        assert_eq!(files::names(&temporary), [""; 0], "{signal}");
        assert_eq!(files::unfinished(checkout.path()), [""; 0], "{signal}");
        let names = ["one", "two", "three"].map(|name| format!("{organization}/{name}:latest"));
        for name in &names {
            assert_eq!(digest_of(&registry.name(name)), None, "{signal}");
        }
        let after = asked_after.load(Ordering::Relaxed);
        assert!(after <= 16, "{after} more requests after the signal");

        succeed(&mut push_command(&checkout, &registry.address, &args));
        names.iter().for_each(|name| drop(whole(&registry.name(name))));
    }
}
