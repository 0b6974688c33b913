//! The server: a port, the connections to it, and their end.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use oci::layout::Tree;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::connection::{self, Shared};
use crate::store::Store;
use crate::{Certificate, Error, Event};

/// What to serve, and where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The tree. It need not be there yet.
    pub tree: Tree,
    /// The address; port 0 takes one that is free.
    pub listen: SocketAddr,
    /// With what to speak TLS; without it, HTTP in the clear.
    pub tls: Option<Certificate>,
    /// How much clients may ask of the server.
    pub limits: Limits,
}

/// How much clients may ask of a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many are connected at once; others wait.
    pub connections: usize,
    /// How long a request's head may take, from the end of the one before,
    /// and how long a TLS handshake.
    pub head: Duration,
    /// How long nothing may move on a connection while it is used.
    pub patience: Duration,
    /// How long what is being sent may take when the server is to stop.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 256,
            head: Duration::from_secs(30),
            patience: Duration::from_secs(60),
            farewell: Duration::from_secs(10),
        }
    }
}

/// A server that has its port, and serves once it is run.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    tree: Tree,
    limits: Limits,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("tree", &self.tree).field("address", &self.address).finish()
    }
}

/// How often is asked whether to stop.
const TICK: Duration = Duration::from_millis(50);

/// How many threads move bytes; files are read on others.
const WORKERS: usize = 2;

/// How many events may wait to be told.
const EVENTS_MAX: usize = 256;

impl Server {
    /// Takes the port; clients can connect from now on, and wait.
    ///
    /// # Errors
    ///
    /// Fails if the address cannot be listened on, or the certificate or its
    /// key cannot be read or used.
    pub fn bind(settings: Settings) -> Result<Server, Error> {
        let Settings { tree, listen, tls, limits } = settings;
        let tls = tls.map(|files| files.acceptor()).transpose()?;
        let refused = |source| Error::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Server { listener, address, tls, tree, limits })
    }

    /// Returns the address, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` says so, which is asked several times a second;
    /// then lets what is being sent be sent, for a while. Events are told on
    /// the calling thread.
    ///
    /// # Errors
    ///
    /// Fails if the threads cannot be started.
    pub fn run(self, stop: &dyn Fn() -> bool, tell: &dyn Fn(&Event)) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .max_blocking_threads(self.limits.connections.max(1))
            .thread_name("registry")
            .enable_io()
            .enable_time()
            .build()
            .map_err(Error::Start)?;
        let outcome = runtime.block_on(self.serve(stop, tell));
        // What still reads a file is not waited for.
        runtime.shutdown_background();
        outcome
    }

    async fn serve(self, stop: &dyn Fn() -> bool, tell: &dyn Fn(&Event)) -> Result<(), Error> {
        let listener = tokio::net::TcpListener::from_std(self.listener).map_err(Error::Start)?;
        let (events, mut happened) = mpsc::channel(EVENTS_MAX);
        let (close, closing) = watch::channel(false);
        let (store, limits) = (Store::new(self.tree), self.limits);
        let shared = Arc::new(Shared { store, tls: self.tls, limits, events, closing });
        let slots = Arc::new(Semaphore::new(limits.connections));
        let mut connections = JoinSet::new();
        let mut tick = interval(TICK);
        loop {
            tokio::select! {
                _ = tick.tick() => if stop() { break },
                Some(event) = happened.recv() => tell(&event),
                (stream, client, slot) = accept(&listener, &slots) => {
                    let shared = Arc::clone(&shared);
                    connections.spawn(async move {
                        connection::serve(shared, stream, client).await;
                        drop(slot);
                    });
                }
                Some(_) = connections.join_next() => {}
            }
        }
        drop(listener);
        drop(shared);
        close.send_replace(true);
        let farewell = async {
            loop {
                tokio::select! {
                    Some(event) = happened.recv() => tell(&event),
                    ended = connections.join_next() => if ended.is_none() { break },
                }
            }
        };
        // Whoever takes longer is cut off.
        let _ = timeout(limits.farewell, farewell).await;
        while let Ok(event) = happened.try_recv() {
            tell(&event);
        }
        Ok(())
    }
}

/// Waits for a client, and for a free place for it.
async fn accept(
    listener: &tokio::net::TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // It fails only when closed, which it never is.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, client)) => return (stream, client, slot),
            // The client is gone already, or no more files can be opened
            // now: the next try may do better.
            Err(_) => sleep(TICK).await,
        }
    }
}
