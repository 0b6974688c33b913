//! This workspace's own client pulls what is served.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use oci::registry::{Client, Settings};
use oci::{Artifact, Blob, Layer, Platform};

use crate::support::{Running, image, index, sample, write};

fn client() -> Client {
    Client::new(Settings::default())
}

/// The bytes of every blob of an artifact, by digest.
fn contents(artifact: &Artifact) -> BTreeMap<String, Vec<u8>> {
    let read = |blob: &Blob| (blob.digest().to_string(), blob.read(u64::MAX).unwrap());
    artifact.blobs().map(read).collect()
}

#[test]
fn everything_arrives_as_it_lies() {
    let (_dir, tree, one) = sample();
    let (two, plain) = (index("two"), Artifact::Image(image("linux/arm64", "plain")));
    write(&tree, &["localhost:5000/two:latest"], &two);
    write(&tree, &["quay.io/a/plain:v1"], &plain);
    let server = Running::start(&tree);
    let of_one = one.digest();
    let cases = [
        ("a/one:v1".to_owned(), &one),
        ("quay.io/a/one:v2".to_owned(), &one),
        (format!("a/one@{of_one}"), &one),
        ("two".to_owned(), &two),
        ("localhost_5000/two:latest".to_owned(), &two),
        ("a/plain:v1".to_owned(), &plain),
    ];
    for (name, artifact) in &cases {
        let reference = server.name(name).parse().unwrap();
        let pulled = client().pull(&reference, None).unwrap();
        assert_eq!(contents(&pulled), contents(artifact), "{name}");
        let resolved = client().resolve(&reference).unwrap().unwrap();
        assert_eq!(&resolved, artifact.descriptor(), "{name}");
    }
    for image in one.images() {
        let reference = server.name("a/one:v1").parse().unwrap();
        let platform: Platform = image.platform();
        let pulled = client().pull(&reference, Some(&platform)).unwrap();
        assert_eq!(contents(&pulled), contents(&Artifact::Image(image.clone())));
    }
    for absent in ["a/one:none", "a/none:v1"] {
        let reference = server.name(absent).parse().unwrap();
        assert_eq!(client().resolve(&reference).unwrap(), None);
    }
}

/// Starts a proxy that passes everything on, but breaks off the first long
/// answers, each after so many bytes.
fn cutting_proxy(server: &Running, cuts: &'static [usize]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, server) = (listener.local_addr().unwrap(), server.address);
    let n_cut = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let upstream = TcpStream::connect(server).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            let n_cut = Arc::clone(&n_cut);
            std::thread::spawn(move || {
                let limit = cuts.get(n_cut.load(Ordering::Relaxed)).copied();
                let sent = pass_on(&upstream, &client, limit.unwrap_or(usize::MAX));
                n_cut.fetch_add(usize::from(Some(sent) == limit), Ordering::Relaxed);
                let _ = client.shutdown(Shutdown::Both);
                let _ = upstream.shutdown(Shutdown::Both);
            });
        }
    });
    address.to_string()
}

/// Copies so many bytes at most; returns how many there were.
fn pass_on(from: &TcpStream, mut to: &TcpStream, limit: usize) -> usize {
    let copied = std::io::copy(&mut from.take(limit as u64), &mut to);
    copied.map_or(0, |copied| copied as usize)
}

#[test]
fn a_broken_download_is_taken_up_where_it_broke() {
    let (_dir, tree, _) = sample();
    let text: String = (0..60_000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_string()).collect();
    let image = image("linux/amd64", &text);
    let layer: &Layer = &image.layers()[0];
    assert!(layer.blob().size() > 200_000);
    write(&tree, &["quay.io/a/long:v1"], &Artifact::Image(image.clone()));
    let mut server = Running::start(&tree);
    let proxy = cutting_proxy(&server, &[50_000, 30_000, 100_000]);
    let reference = format!("{proxy}/a/long:v1").parse().unwrap();
    let pulled = client().pull(&reference, None).unwrap();
    assert_eq!(contents(&pulled), contents(&Artifact::Image(image.clone())));
    server.stop();
    let of_layer = format!("/blobs/{} ", layer.blob().digest());
    let events = server.events();
    let statuses: Vec<_> = events
        .iter()
        .filter(|event| event.contains(&of_layer))
        .map(|event| event.split(' ').nth(2).unwrap())
        .collect();
    assert_eq!(statuses, ["200", "206", "206", "206"]);
}
