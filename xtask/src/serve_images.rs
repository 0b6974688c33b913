//! `serve-images`: a tree of layouts as a registry, until interrupted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use oci::Layout;
use oci::layout::{Tree, tag_of};
use registry_server::{Certificate, Event, Limits, Server, Settings, catalog};
use serde::Serialize;
use ui::{Failure, Failures, Format};

use crate::context::Context;
use crate::inspect_images::{no_images, place};

/// Where to listen unless the user says otherwise.
const DEFAULT_LISTEN: &str = "127.0.0.1:5000";

/// The port where only an address is given.
const DEFAULT_PORT: u16 = 5000;

/// Serve what was built as a read-only registry
///
/// Serves a tree of layouts, as `build-images` writes it: podman, skopeo,
/// docker, containerd and bpfman pull from it. Prints the registry's
/// URL and then a line for each image, its reference there. What is built
/// meanwhile is served at once.
///
/// An image is organization/name, or registry/organization/name where several
/// registries of the tree have that organization and name.
///
/// It serves until it is interrupted (Ctrl-C, SIGTERM), gives pulls that are
/// under way 10 seconds to end, and exits with 130.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask serve-images
  cargo xtask serve-images --dir /srv/images --listen 127.0.0.1:0
  cargo xtask serve-images --listen 0.0.0.0 --tls-cert a.pem --tls-key a.key")]
pub(crate) struct Args {
    /// The tree of layouts; target/images of the checkout unless given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// The address to listen on, IP:PORT; port 0 takes one that is free, and
    /// only 127.0.0.1 and ::1 keep other machines out
    #[arg(long, value_name = "ADDRESS", default_value = DEFAULT_LISTEN, value_parser = address)]
    listen: SocketAddr,

    /// The certificate to show, in PEM form, with those of its issuers
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = "TLS")]
    tls_cert: Option<PathBuf>,

    /// The certificate's private key, in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = "TLS")]
    tls_key: Option<PathBuf>,
}

/// The command's JSON.
#[derive(Serialize)]
struct Report {
    schema: u32,
    url: String,
    images: Vec<Image>,
}

/// One name that can be pulled.
#[derive(Serialize)]
struct Image {
    reference: String,
    digest: String,
}

pub(crate) fn run(args: Args, cx: &Context<'_>) -> Result<(), Failures> {
    let dir = place(args.dir.as_deref(), cx)?;
    let tree = Tree::new(&dir);
    let images = images(&tree, cx)?;
    if images.is_empty() {
        return Err(nothing_to_serve(&dir, cx).into());
    }
    if !args.listen.ip().is_loopback() {
        warn(&args, cx);
    }
    let tls = args.tls_cert.clone().zip(args.tls_key.clone());
    let scheme = if tls.is_some() { "https" } else { "http" };
    let server = Server::bind(Settings {
        tree,
        listen: args.listen,
        tls: tls.map(|(certificate, key)| Certificate { certificate, key }),
        limits: Limits::default(),
    });
    let server = server.map_err(|error| {
        let hint = error.hint();
        hint.into_iter().fold(Failure::from(error), Failure::hint)
    })?;
    let report = report(server.address(), scheme, images);
    match cx.ui.format() {
        Format::Json => cx.ui.json(&report)?,
        Format::Human => {
            cx.ui.result(&report.url)?;
            report.images.iter().try_for_each(|image| cx.ui.result(&image.reference))?;
        }
    }
    let count = ui::count(report.images.len(), "image");
    let what = format!("{count} of `{}` at {}; Ctrl-C ends it", cx.shown(&dir), report.url);
    cx.ui.step("Serving", what);
    server.run(&host::interrupted, &|event| tell(event, cx)).map_err(Failure::from)?;
    cx.ui.step("Stopped", format_args!("serving `{}`", cx.shown(&dir)));
    Ok(())
}

/// A layout alone has no names that clients could say.
fn nothing_to_serve(dir: &Path, cx: &Context<'_>) -> Failure {
    if !dir.join("oci-layout").is_file() {
        return no_images(dir, cx);
    }
    let message = format!("`{}` is one layout, not a tree of them", cx.shown(dir));
    Failure::usage(message).hint("name the directory in which it is registry/organization/name")
}

/// Reads an address; `localhost` is one, and the port may be left out.
fn address(word: &str) -> Result<SocketAddr, String> {
    let (host, port) = match word.rsplit_once(':') {
        Some(("localhost", port)) => (Some(Ipv4Addr::LOCALHOST.into()), port.parse().ok()),
        _ if word == "localhost" => (Some(Ipv4Addr::LOCALHOST.into()), Some(DEFAULT_PORT)),
        _ => (word.parse().ok(), Some(DEFAULT_PORT)),
    };
    let of_parts = host.zip(port).map(|(host, port)| SocketAddr::new(host, port));
    let address = word.parse().ok().or(of_parts);
    address.ok_or_else(|| "it is not an address such as 127.0.0.1:5000 or [::1]:5000".to_owned())
}

/// Returns what the tree holds: names as clients say them, tags, digests.
fn images(tree: &Tree, cx: &Context<'_>) -> Result<Vec<(String, oci::Digest)>, Failure> {
    let unread = |path: &Path, error: oci::Error| {
        Failure::from(error).context(format!("failed to read `{}`", cx.shown(path)))
    };
    let repositories = catalog(tree).map_err(|error| unread(tree.root(), error))?;
    let mut images = Vec::new();
    for (name, path) in repositories {
        match Layout::open(&path) {
            Ok(layout) => images.extend(layout.index().manifests.iter().filter_map(|entry| {
                tag_of(entry).map(|tag| (format!("{name}:{tag}"), entry.digest))
            })),
            // The others are as good as before.
            Err(error) => cx.ui.warn(error),
        }
    }
    Ok(images)
}

/// An address that others reach was typed on purpose; what follows from it
/// may not have been meant.
fn warn(args: &Args, cx: &Context<'_>) {
    let listen = args.listen;
    let who = format!("whoever reaches {listen} can pull these images");
    match args.tls_cert {
        Some(_) => cx.ui.warn(who),
        None => cx.ui.warn(format_args!(
            "{who}, and without TLS (`--tls-cert`) others can read and change them on the way"
        )),
    }
}

fn report(address: SocketAddr, scheme: &str, images: Vec<(String, oci::Digest)>) -> Report {
    // Of the addresses that mean all of this machine's, one that can be asked.
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let registry = SocketAddr::new(ip, address.port());
    let image = |(name, digest): (String, oci::Digest)| Image {
        reference: format!("{registry}/{name}"),
        digest: digest.to_string(),
    };
    let url = format!("{scheme}://{registry}");
    Report { schema: 1, url, images: images.into_iter().map(image).collect() }
}

fn tell(event: &Event, cx: &Context<'_>) {
    match event {
        Event::Unreadable { .. } => cx.ui.warn(event),
        event => cx.ui.detail(event),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood() {
        let cases = [
            ("127.0.0.1:80", Some("127.0.0.1:80")),
            ("127.0.0.1", Some("127.0.0.1:5000")),
            ("[::1]:0", Some("[::1]:0")),
            ("::", Some("[::]:5000")),
            ("localhost", Some("127.0.0.1:5000")),
            ("localhost:7", Some("127.0.0.1:7")),
            ("localhost:", None),
            ("localhost:99999", None),
            ("127.0.0.1:99999", None),
            ("5000", None),
            ("host.example:5000", None),
            ("", None),
        ];
        for (word, expected) in cases {
            let expected = expected.map(|address: &str| address.parse().unwrap());
            assert_eq!(address(word).ok(), expected, "{word}");
        }
    }

    #[test]
    fn the_url_can_be_asked() {
        let cases = [
            ("0.0.0.0:1", "http://127.0.0.1:1"),
            ("[::]:1", "http://[::1]:1"),
            ("10.0.0.1:1", "http://10.0.0.1:1"),
        ];
        for (address, url) in cases {
            assert_eq!(report(address.parse().unwrap(), "http", Vec::new()).url, url);
        }
    }
}
