//! One connection: its handshake, its requests, its end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::answer::Answer;
use crate::body::Outgoing;
use crate::patience::Patient;
use crate::problem::Problem;
use crate::store::Store;
use crate::{Event, Limits, api};

/// How large the head of a request may be, in bytes; also how much of a
/// response waits to be sent.
const HEAD_MAX: usize = 64 * 1024;

/// What all connections of a server have in common.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) limits: Limits,
    /// Where events go.
    pub(crate) events: mpsc::Sender<Event>,
    /// Whether no more requests are to be taken.
    pub(crate) closing: watch::Receiver<bool>,
}

impl Shared {
    /// Waits until no more requests are to be taken.
    async fn closed(&self) {
        // Without a server there is nobody to wait for, either.
        let _ = self.closing.clone().wait_for(|closing| *closing).await.is_ok();
    }
}

/// Serves a client until it has no more requests, or is no longer served.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, client: SocketAddr) {
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    let stream = Patient::new(stream, shared.limits.patience);
    let outcome = match &shared.tls {
        None => requests(&shared, stream, client).await,
        Some(tls) => match handshake(&shared, tls.accept(stream)).await {
            Ok(stream) => requests(&shared, stream, client).await,
            Err(reason) => Err(format!("the TLS handshake failed: {reason}")),
        },
    };
    if let Err(reason) = outcome {
        let _ = shared.events.send(Event::Failed { client, reason }).await;
    }
}

async fn handshake<S>(
    shared: &Shared,
    handshake: impl Future<Output = io::Result<S>>,
) -> Result<S, String> {
    tokio::select! {
        outcome = handshake => outcome.map_err(|error| error.to_string()),
        () = sleep(shared.limits.head) => Err("it took too long".to_owned()),
        () = shared.closed() => Err("the server stops".to_owned()),
    }
}

async fn requests<S>(shared: &Arc<Shared>, stream: S, client: SocketAddr) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| respond(Arc::clone(shared), request, client));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // It counts from one request to the next, too.
        .header_read_timeout(shared.limits.head)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = shared.closed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    match outcome {
        // A client that goes away or keeps silent is no event.
        Err(error) if error.is_parse() => Err(error.to_string()),
        _ => Ok(()),
    }
}

async fn respond(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    client: SocketAddr,
) -> Result<Response<Outgoing>, Infallible> {
    // A body is not read: nothing that is answered has one.
    let (request, _) = request.into_parts();
    let (method, target) = (request.method.to_string(), request.uri.to_string());
    let store = shared.store.clone();
    // Files are read where that may take its time.
    let answered = tokio::task::spawn_blocking(move || api::answer(&store, &request)).await;
    let answer = answered.unwrap_or_else(|panic| Answer::from(Problem::fault(panic)));
    let Answer { status, headers, content, fault } = answer;
    if let Some(reason) = fault {
        let _ = shared.events.send(Event::Unreadable { reason }).await;
    }
    let (status_code, length) = (status.as_u16(), content.length());
    let event = Event::Answered { client, method, target, status: status_code, length };
    let _ = shared.events.send(event).await;
    let mut response = Response::new(Outgoing::from(content));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}
