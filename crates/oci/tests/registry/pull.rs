//! Pulls from a server that breaks off, lies, or sends elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use oci::layout::{Tree, WriteOptions};
use oci::registry::{Client, Settings};
use oci::{Artifact, Digest, Named};

use crate::scripted::{Answer, Request, Server, answer, reset};
use crate::support::*;

/// What a registry has: bytes by digest, and one tag.
#[derive(Clone)]
struct Stock {
    blobs: BTreeMap<String, Vec<u8>>,
    top: String,
}

impl Stock {
    fn of(artifact: &Artifact) -> Stock {
        Stock { blobs: contents(artifact), top: artifact.digest().to_string() }
    }

    fn get(&self, request: &Request) -> Answer {
        let name = request.target.rsplit('/').next().unwrap();
        let name = if name == "v1" { &self.top } else { name };
        let Some(bytes) = self.blobs.get(name) else { return answer(404) };
        match request.header("range").map(|range| &range["bytes=".len()..range.len() - 1]) {
            Some(start) => {
                let start: usize = start.parse().unwrap();
                let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
                answer(206).header("content-range", range).body(&bytes[start..])
            }
            None => answer(200).header("docker-content-digest", name).body(bytes),
        }
    }
}

/// An image with a layer too long to arrive at once, and the layer's digest.
fn long() -> (Artifact, Stock, String) {
    let text: String = (0..40_000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_string()).collect();
    let image = image("linux/amd64", &text);
    let layer = image.layers()[0].blob().digest().to_string();
    let artifact = Artifact::Image(image);
    let stock = Stock::of(&artifact);
    (artifact, stock, layer)
}

fn pull(server: &Server) -> Result<Artifact, oci::registry::Error> {
    let pulled = client().pull(&reference(&server.name("org/image:v1")), None)?;
    for blob in pulled.blobs() {
        blob.for_each_chunk(&mut |_| Ok(()))?;
    }
    Ok(pulled)
}

#[test]
fn a_broken_download_goes_on_where_it_broke() {
    let (artifact, stock, layer) = long();
    let length = stock.blobs[&layer].len();
    for honours_ranges in [true, false] {
        let (stock, wanted) = (stock.clone(), layer.clone());
        let server = Server::start(move |before, request| {
            if !request.target.ends_with(&wanted) {
                return stock.get(request);
            }
            let whole = || answer(200).body(&stock.blobs[&wanted]);
            let full = if honours_ranges { stock.get(request) } else { whole() };
            match before {
                0 => whole().cut(length / 2),
                1 => reset(),
                2 => answer(503),
                3 => full.cut(if honours_ranges { 10 } else { length - 10 }),
                _ => full,
            }
        });
        assert_eq!(pull(&server).unwrap().digest(), artifact.digest());
        let requests = server.requests();
        let ranges: Vec<_> =
            requests.iter().filter_map(|request| request.header("range")).collect();
        assert!(ranges.len() >= 3, "{ranges:?}");
    }
}

/// A document has an end in sight; a layer may be long, and the line slow.
#[test]
fn a_download_may_take_longer_than_a_document() {
    let (artifact, stock, layer) = long();
    let server = Server::start(move |_, request| match request.target.ends_with(&layer) {
        true => stock.get(request).slowly(Duration::from_secs(2)),
        false => stock.get(request),
    });
    let patience = Duration::from_secs(1);
    let client = Client::new(Settings { patience, ..settings() });
    assert_arrived(&client, &server.name("org/image:v1"), &artifact);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_download_that_breaks_at_its_very_end_is_whole() {
    let (artifact, stock, layer) = long();
    let body = stock.blobs[&layer].clone();
    let chunk = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat();
    let server = Server::start(move |_, request| {
        if !request.target.ends_with(&layer) {
            return stock.get(request);
        }
        // The chunk of length 0 that ends all never comes.
        let first = answer(200).header("transfer-encoding", "chunked").body(&chunk);
        match request.header("range") {
            None => first.cut(chunk.len()),
            Some(_) => answer(416),
        }
    });
    assert_arrived(&client(), &server.name("org/image:v1"), &artifact);
}

#[test]
fn a_download_that_stays_broken_ends() {
    let (_, stock, layer) = long();
    let server = Server::start(move |_, request| match request.target.ends_with(&layer) {
        true => answer(200).body(&stock.blobs[&layer]).cut(0),
        false => stock.get(request),
    });
    let error = pull(&server).unwrap_err().to_string();
    assert!(error.ends_with("failed: the connection was closed early"), "{error}");
}

#[test]
fn other_bytes_are_refused() {
    let (_, stock, layer) = long();
    let mut other = stock.blobs[&layer].clone();
    other[1000] ^= 1;
    let longer = [stock.blobs[&layer].clone(), vec![0]].concat();
    let reason = format!("its bytes are those of `{}`", Digest::of(&other));
    let too_long = format!("it is longer than {} bytes", longer.len() - 1);
    for (bytes, reason) in [(other, reason), (longer, too_long)] {
        let (stock, layer) = (stock.clone(), layer.clone());
        let name = layer.clone();
        let server = Server::start(move |_, request| match request.target.ends_with(&layer) {
            true => answer(200).body(&bytes),
            false => stock.get(request),
        });
        let error = pull(&server).unwrap_err().to_string();
        let url = format!("http://{}/v2/org/image/blobs/{name}", server.address);
        assert_eq!(error, format!("`{url}` is not `{name}`: {reason}"));
    }
}

#[test]
fn manifests_are_verified_and_not_too_large() {
    let stock = Stock::of(&index("text"));
    let cases: [(&str, Answer); 4] = [
        (
            "` is not `sha256:",
            answer(200).header("docker-content-digest", Digest::of(b"x")).body("{}"),
        ),
        ("is larger than 4194304 bytes", answer(200).body(vec![b' '; (4 << 20) + 1])),
        ("is not a valid image manifest", answer(200).body("[]")),
        ("there is no such image", answer(404)),
    ];
    for (reason, wrong) in cases {
        let server = Server::start(move |_, _| wrong.clone());
        let error = pull(&server).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    // A child that is not what the index says.
    let top = stock.top.clone();
    let server = Server::start(move |_, request| match request.target.ends_with("/v1") {
        true => answer(200).body(&stock.blobs[&top]),
        false => answer(200).body("{}"),
    });
    let error = pull(&server).unwrap_err().to_string();
    assert!(error.contains(&format!("its bytes are those of `{}`", Digest::of(b"{}"))), "{error}");
}

#[test]
fn a_blob_store_does_not_see_the_token() {
    let (artifact, stock, _) = long();
    let theirs = stock.clone();
    let store = Server::on("127.0.0.2", move |_, request| {
        // `/store/sha256:…?signature=…`
        let target = request.target.split('?').next().unwrap().to_owned();
        theirs.get(&Request { target, ..request.clone() })
    });
    let to = store.address.clone();
    let server = Server::start(move |_, request| {
        if request.header("authorization").is_none() {
            return answer(401).header("www-authenticate", "Basic realm=x");
        }
        match request.target.split_once("/blobs/") {
            Some((_, digest)) => {
                answer(307).header("location", format!("http://{to}/store/{digest}?signature=s"))
            }
            None => stock.get(request),
        }
    });
    let client = client_with(password(&server.address, "robot", "hunter2"));
    assert_arrived(&client, &server.name("org/image:v1"), &artifact);
    let requests = store.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn what_platforms_share_is_downloaded_once() {
    let artifact = index("text");
    let stock = Stock::of(&artifact);
    let server = Server::start(move |_, request| stock.get(request));
    pull(&server).unwrap();
    let mut layers = server.lines();
    layers.retain(|line| line.contains("/blobs/"));
    assert_eq!(layers.len(), 3 + 2, "{layers:#?}");
}

#[test]
fn redirects_end() {
    let server = Server::start(|_, _| answer(302).header("location", "/again"));
    let error = pull(&server).unwrap_err().to_string();
    assert!(error.ends_with("was answered, but with one redirect too many"), "{error}");
    let server = Server::start(|_, _| answer(302));
    let error = pull(&server).unwrap_err().to_string();
    assert!(error.ends_with("was answered, but without a `Location`"), "{error}");
}

#[test]
fn files_that_are_there_are_used() {
    let (_, stock, layer) = long();
    let server = Server::start(move |_, request| stock.get(request));
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path());
    let name = reference(&server.name("org/image:v1"));
    let write = || {
        let artifact = client().pull(&name, None).unwrap();
        let named = Named { references: vec![name.clone()], artifact };
        tree.write(&[named], WriteOptions { durable: false }).unwrap().remove(0).unwrap()
    };
    let count = || server.lines().iter().filter(|line| line.ends_with(&layer)).count();
    assert_eq!(write().files_written, 3 + 2);
    assert_eq!((write().files_written, count()), (0, 1));
    // Unless they are other than they are named.
    let path = oci::layout::blob_path(&tree.directory(&name), layer.parse().unwrap());
    host::fs::write_atomic(&path, b"damaged").unwrap();
    assert_eq!((write().files_written, count()), (1, 2));
    assert_eq!(Digest::of(&host::fs::read(&path).unwrap()).to_string(), layer);
}
