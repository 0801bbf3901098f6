//! A stub of a server of the `OpenAI` form, on a real socket, good or bad.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use axum::serve::ListenerExt;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::oneshot;

/// One request as the stub saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

/// What the stub does with a request.
pub enum Reply {
    /// Answers with this status, header and body.
    Answer(u16, Option<(&'static str, String)>, String),
    /// Never answers.
    Never,
    /// Begins to answer and never goes on.
    Stall,
    /// Begins to answer and hangs up.
    HangUp,
    /// Sends without end.
    Endless,
    /// Answers with this body once it is let go.
    Held(oneshot::Receiver<()>, String),
}

type Behaviour = Box<dyn FnMut(&Seen) -> Reply + Send>;

struct Inner {
    behaviour: Mutex<Behaviour>,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    /// How many requests are being answered, and the most that were at once.
    at_once: Mutex<(usize, usize)>,
}

/// A server whose behaviour can be switched.
pub struct Stub {
    pub address: String,
    inner: Arc<Inner>,
    task: tokio::task::JoinHandle<()>,
}

impl Stub {
    pub async fn start(behaviour: impl FnMut(&Seen) -> Reply + Send + 'static) -> Self {
        let inner = Arc::new(Inner {
            behaviour: Mutex::new(Box::new(behaviour)),
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            at_once: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let counted = Arc::clone(&inner);
        let listener = listener.tap_io(move |_| {
            counted.connections.fetch_add(1, Ordering::Relaxed);
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("served") });
        Self { address, inner, task }
    }

    /// Where its API begins.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub fn behave(&self, behaviour: impl FnMut(&Seen) -> Reply + Send + 'static) {
        *self.inner.behaviour.lock().expect("no panic before") = Box::new(behaviour);
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().expect("no panic before").clone()
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.inner.seen.lock().expect("no panic before").len()
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.inner.connections.load(Ordering::Relaxed)
    }

    /// The most requests that were being answered at once.
    pub fn most_at_once(&self) -> usize {
        self.inner.at_once.lock().expect("no panic before").1
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(inner): State<Arc<Inner>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let body = serde_json::from_slice(&body).expect("a JSON request");
    let seen = Seen { path: uri.path().to_owned(), headers, body };
    {
        let mut at_once = inner.at_once.lock().expect("no panic before");
        at_once.0 += 1;
        at_once.1 = at_once.1.max(at_once.0);
    }
    let reply = inner.behaviour.lock().expect("no panic before")(&seen);
    inner.seen.lock().expect("no panic before").push(seen);
    let response = respond(reply).await;
    inner.at_once.lock().expect("no panic before").0 -= 1;
    response
}

async fn respond(reply: Reply) -> Response<Body> {
    let begun = || futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{\"data\": ["))]);
    match reply {
        Reply::Answer(status, header, body) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            if let Some((name, value)) = header {
                response.headers_mut().insert(name, value.parse().expect("a header"));
            }
            response
        }
        Reply::Never => std::future::pending().await,
        Reply::Stall => Response::new(Body::from_stream(begun().chain(futures_util::stream::pending()))),
        Reply::HangUp => {
            let broken = futures_util::stream::iter([Err(std::io::Error::other("hung up"))]);
            Response::new(Body::from_stream(begun().chain(broken)))
        }
        Reply::Endless => {
            let part = Bytes::from(vec![b' '; 1 << 20]);
            Response::new(Body::from_stream(futures_util::stream::repeat_with(move || {
                Ok::<_, std::io::Error>(part.clone())
            })))
        }
        Reply::Held(go, body) => {
            go.await.expect("let go");
            Response::new(Body::from(body))
        }
    }
}
