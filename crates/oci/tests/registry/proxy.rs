//! A proxy before a server: it counts requests, and breaks them on purpose.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::wire::{Head, read_body};

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection ends before the body is read.
    ResetBeforeBody,
    /// It ends in the middle of the body; the server gets the first half.
    ResetInBody,
    /// It ends after the body; the server gets nothing.
    ResetAfterBody,
    /// The server does it, and nobody hears.
    LosesAnswer,
    CutsHead,
    CutsBody,
    /// The proxy answers with this status and `Retry-After`, the server gets
    /// nothing.
    Answers(u16, Option<&'static str>),
    WrongDigest,
    NoLocation,
    /// `Location` is relative to the request's URL. (The registry's own is
    /// absolute.)
    RelativeLocation,
    /// `Location` starts with a slash.
    RootedLocation,
    /// `Location` is on the other host.
    OtherLocation,
    /// The answer arrives a few bytes at a time.
    Trickles,
    /// 307 to the other host.
    Redirects,
}

use Fault::*;

impl Fault {
    pub(crate) const ALL: [Fault; 22] = [
        ResetBeforeBody,
        ResetInBody,
        ResetAfterBody,
        LosesAnswer,
        CutsHead,
        CutsBody,
        Answers(408, None),
        Answers(425, None),
        Answers(429, None),
        Answers(429, Some("0")),
        Answers(429, Some("Sun, 06 Nov 1994 08:49:37 GMT")),
        Answers(500, None),
        Answers(502, None),
        Answers(503, None),
        Answers(504, None),
        WrongDigest,
        NoLocation,
        RelativeLocation,
        RootedLocation,
        OtherLocation,
        Trickles,
        Redirects,
    ];

    /// Returns whether it can befall such a request.
    pub(crate) fn fits(self, request: &Head) -> bool {
        match self {
            ResetBeforeBody | ResetInBody => request.length() > 0,
            CutsBody => request.method() != "HEAD",
            WrongDigest => request.method() != "POST",
            NoLocation | RelativeLocation | RootedLocation | OtherLocation => {
                request.method() == "POST"
            }
            _ => true,
        }
    }

    /// Returns whether nothing is wrong, only unusual.
    pub(crate) fn is_harmless(self) -> bool {
        matches!(self, RelativeLocation | RootedLocation | OtherLocation | Trickles | Redirects)
    }
}

/// A request as the proxy saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) head: Head,
    pub(crate) fault: Option<Fault>,
    /// What the server answered, if it was asked.
    pub(crate) status: Option<u16>,
}

impl Seen {
    /// Method and target.
    pub(crate) fn line(&self) -> String {
        self.head.first.trim_end_matches(" HTTP/1.1").to_owned()
    }

    /// Returns whether the server's answer had this status, and the client
    /// was told.
    pub(crate) fn was_heard(&self, status: u16) -> bool {
        let is_lost = matches!(self.fault, Some(LosesAnswer | CutsHead | WrongDigest));
        self.status == Some(status) && !is_lost
    }

    /// The digest of the blob that it uploads.
    pub(crate) fn uploads(&self) -> Option<&str> {
        let is_upload = self.head.method() == "PUT" && self.head.path().contains("/uploads/");
        self.head.parameter("digest").filter(|_| is_upload)
    }
}

type Fate = dyn Fn(usize, &Head) -> Option<Fault> + Send + Sync;

/// How a proxy is to be.
pub(crate) struct Setup {
    /// Where it listens.
    pub(crate) ip: &'static str,
    pub(crate) server: String,
    /// What requests must show to it; the server does not ask.
    pub(crate) password: Option<&'static str>,
    /// The address of a proxy that is another host for the client.
    pub(crate) other: Option<String>,
    /// Decides for each request, by its number from 0.
    pub(crate) fate: Box<Fate>,
    /// Where requests are noted; proxies may share it.
    pub(crate) log: Arc<Mutex<Vec<Seen>>>,
}

impl Setup {
    /// One that passes everything on.
    pub(crate) fn before(server: &str) -> Setup {
        Setup {
            ip: "127.0.0.1",
            server: server.to_owned(),
            password: None,
            other: None,
            fate: Box::new(|_, _| None),
            log: Arc::default(),
        }
    }
}

/// The proxy; it accepts connections until it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: String,
    setup: Arc<Setup>,
    stopped: Arc<AtomicBool>,
    /// How many connections are open.
    n_open: Arc<AtomicUsize>,
}

impl Proxy {
    /// Starts one that passes everything on.
    pub(crate) fn before(server: &str) -> Proxy {
        Proxy::start(Setup::before(server))
    }

    pub(crate) fn start(setup: Setup) -> Proxy {
        let listener = TcpListener::bind((setup.ip, 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let proxy = Proxy {
            address,
            setup: Arc::new(setup),
            stopped: Arc::default(),
            n_open: Arc::default(),
        };
        let (setup, stopped) = (Arc::clone(&proxy.setup), Arc::clone(&proxy.stopped));
        let n_open = Arc::clone(&proxy.n_open);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (setup, n_open) = (Arc::clone(&setup), Arc::clone(&n_open));
                n_open.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    setup.relay(client);
                    n_open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        proxy
    }

    /// Waits until all that has been sent to it is with the server, once its
    /// client is gone.
    pub(crate) fn settle(&self) {
        let until = Instant::now() + Duration::from_secs(30);
        while self.n_open.load(Ordering::SeqCst) > 0 {
            assert!(Instant::now() < until, "connections stay open");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Returns the requests since the last call.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.setup.log.lock().unwrap())
    }

    /// Returns the methods and targets since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(&self.address);
    }
}

/// What the client sends, and where it gets its answer.
struct Line {
    from: BufReader<TcpStream>,
    to: TcpStream,
}

impl Setup {
    /// Relays one connection, request by request, until one breaks it.
    fn relay(&self, client: TcpStream) -> Option<()> {
        client.set_nodelay(true).ok()?;
        let mut line = Line { from: BufReader::new(client.try_clone().ok()?), to: client };
        let mut server = self.connect()?;
        while let Some(request) = Head::read(&mut line.from) {
            if self.turns_away(&request, &mut line)? {
                continue;
            }
            let number = {
                let mut log = self.log.lock().unwrap();
                log.push(Seen { head: request.clone(), fault: None, status: None });
                log.len() - 1
            };
            let fault = (self.fate)(number, &request);
            self.note(number, |seen| seen.fault = fault);
            if self.serve(number, fault, &request, &mut line, &mut server).is_none() {
                break;
            }
        }
        let _ = line.to.shutdown(Shutdown::Both);
        let _ = server.get_ref().shutdown(Shutdown::Both);
        None
    }

    fn connect(&self) -> Option<BufReader<TcpStream>> {
        let server = TcpStream::connect(&self.server).ok()?;
        server.set_nodelay(true).ok()?;
        Some(BufReader::new(server))
    }

    fn note(&self, number: usize, change: impl FnOnce(&mut Seen)) {
        // It may have been taken away meanwhile.
        self.log.lock().unwrap().get_mut(number).map(change);
    }

    fn turns_away(&self, request: &Head, line: &mut Line) -> Option<bool> {
        if self.password.is_none_or(|wanted| request.get("authorization") == Some(wanted)) {
            return Some(false);
        }
        copy(request.length(), &mut line.from, &mut io::sink())?;
        let mut answer = Head::new("HTTP/1.1 401 No");
        answer.set("www-authenticate", "Basic realm=x");
        answer.set("content-length", 0);
        line.to.write_all(&answer.bytes()).ok()?;
        Some(true)
    }

    /// Serves one request; `None` ends the connection.
    fn serve(
        &self,
        number: usize,
        fault: Option<Fault>,
        request: &Head,
        line: &mut Line,
        server: &mut BufReader<TcpStream>,
    ) -> Option<()> {
        let length = request.length();
        match fault {
            Some(ResetBeforeBody) => return None,
            Some(ResetInBody) => {
                server.get_mut().write_all(&request.bytes()).ok()?;
                copy(length / 2, &mut line.from, server.get_mut())?;
                return None;
            }
            Some(ResetAfterBody | Answers(..) | Redirects) => {
                copy(length, &mut line.from, &mut io::sink())?;
                let answer = self.own_answer(fault?, request)?;
                return line.to.write_all(&answer.bytes()).ok();
            }
            _ => {}
        }
        server.get_mut().write_all(&request.bytes()).ok()?;
        copy(length, &mut line.from, server.get_mut())?;
        let mut answer = Head::read(server)?;
        while answer.status() == 100 {
            answer = Head::read(server)?;
        }
        let body = read_body(server, &answer, request.method())?;
        self.note(number, |seen| seen.status = Some(answer.status()));
        if answer.get("transfer-encoding").is_some() {
            answer.remove("transfer-encoding");
            answer.set("content-length", body.len());
        }
        if answer.get("connection") == Some("close") {
            answer.remove("connection");
            *server = self.connect()?;
        }
        self.answer(fault, request, answer, body, &mut line.to)
    }

    /// Returns what the proxy says instead of the server.
    fn own_answer(&self, fault: Fault, request: &Head) -> Option<Head> {
        let mut answer = match fault {
            Answers(status, _) => Head::new(format!("HTTP/1.1 {status} No")),
            Redirects => Head::new("HTTP/1.1 307 There"),
            _ => return None,
        };
        answer.set("content-length", 0);
        match fault {
            Answers(_, Some(retry_after)) => answer.set("retry-after", retry_after),
            Redirects => answer.set("location", self.elsewhere(request.target())),
            _ => {}
        }
        Some(answer)
    }

    fn elsewhere(&self, target: &str) -> String {
        format!("http://{}{target}", self.other.as_ref().unwrap())
    }

    /// Hands the server's answer on, changed; `None` ends the connection.
    fn answer(
        &self,
        fault: Option<Fault>,
        request: &Head,
        mut answer: Head,
        mut body: Vec<u8>,
        to: &mut TcpStream,
    ) -> Option<()> {
        let rooted = answer.get("location").map(|location| match location.split_once("://") {
            Some((_, rest)) => rest[rest.find('/').unwrap()..].to_owned(),
            None => location.to_owned(),
        });
        match (fault, rooted) {
            (Some(LosesAnswer), _) => return None,
            (Some(CutsHead), _) => {
                let bytes = answer.bytes();
                to.write_all(&bytes[..bytes.len() / 2]).ok()?;
                return None;
            }
            (Some(CutsBody), _) => {
                body.resize(body.len().max(64), b' ');
                answer.set("content-length", body.len());
                to.write_all(&[answer.bytes(), body[..body.len() / 2].to_vec()].concat()).ok()?;
                return None;
            }
            (Some(WrongDigest), _) => answer.set("docker-content-digest", oci::Digest::of(b"x")),
            (Some(NoLocation), _) => answer.remove("location"),
            (Some(RelativeLocation), Some(rooted)) => {
                let relative = rooted.strip_prefix(request.path()).unwrap();
                answer.set("location", relative);
            }
            (Some(RootedLocation), Some(rooted)) => answer.set("location", rooted),
            (Some(OtherLocation), Some(rooted)) => {
                answer.set("location", self.elsewhere(&rooted));
            }
            _ => {}
        }
        let bytes = [answer.bytes(), body].concat();
        if fault != Some(Trickles) {
            return to.write_all(&bytes).ok();
        }
        for few in bytes.chunks(7) {
            to.write_all(few).ok()?;
            std::thread::sleep(Duration::from_millis(1));
        }
        Some(())
    }
}

/// Copies so many bytes; `None` if there are fewer.
fn copy(length: u64, from: &mut impl Read, to: &mut impl Write) -> Option<()> {
    let copied = io::copy(&mut from.take(length), to).ok()?;
    (copied == length).then_some(())
}
