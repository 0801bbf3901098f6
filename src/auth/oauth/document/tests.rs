//! Documents against a real TLS server on this machine.

use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tokio_rustls::TlsAcceptor;

use super::*;

const NOW: Micros = Micros(1_800_000_000_000_000);
/// For answers that must come, on however slow a machine.
const PATIENCE: Duration = Duration::from_mins(1);
const JSON: &str = "200 OK\r\nContent-Type: application/json";
const GOOD: &str = r#"{"client_id":"{address}","client_name":"Notes","redirect_uris":["http://127.0.0.1/cb"]}"#;

/// What follows the head of an answer.
#[derive(Clone)]
enum Body {
    /// This text, in which `{address}` stands for the address that was asked for.
    Text(String),
    /// A good document with so many bytes in all.
    Padded(usize),
    /// Spaces without end, in pieces.
    Endless,
    /// The start of a body, and then silence.
    Stalled,
}

struct Server {
    port: u16,
    tls: ClientConfig,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

impl Server {
    async fn start(head: &str, body: Body) -> Self {
        Self::start_gathering(head, body, 1).await
    }

    /// Holds answers back until so many are asked for at once.
    async fn start_gathering(head: &str, body: Body, at_once: usize) -> Self {
        let head = head.to_owned();
        let (server, client) = tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Seen::default());
        let barrier = Arc::new(Barrier::new(at_once));
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let shared = seen.clone();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.expect("a connection");
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (acceptor, seen, barrier) = (acceptor.clone(), shared.clone(), barrier.clone());
                let (head, body) = (head.clone(), body.clone());
                tokio::spawn(async move {
                    // A client that is done, or does not like the certificate, just goes.
                    if let Ok(stream) = acceptor.accept(socket).await {
                        let _ = answer(stream, port, &head, body, &seen, &barrier).await;
                    }
                });
            }
        });
        Self { port, tls: client, seen }
    }

    fn address(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    fn documents(&self, timeout: Duration) -> Documents {
        Documents::new(self.tls.clone(), Reach::Anywhere, timeout).expect("a client")
    }

    fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }
}

async fn answer(
    mut stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>,
    port: u16,
    head: &str,
    body: Body,
    seen: &Seen,
    barrier: &Barrier,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let open = seen.open.fetch_add(1, Ordering::SeqCst) + 1;
    seen.most_open.fetch_max(open, Ordering::SeqCst);
    barrier.wait().await;
    seen.open.fetch_sub(1, Ordering::SeqCst);

    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let filled = |text: &str| text.replace("{address}", &format!("https://localhost:{port}{path}"));
    let text = match body {
        Body::Text(text) => filled(&text),
        Body::Padded(length) => format!("{:length$}", filled(GOOD)),
        Body::Endless => {
            stream.write_all(format!("HTTP/1.1 {head}\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes()).await?;
            let piece = format!("400\r\n{}\r\n", " ".repeat(1024));
            loop {
                stream.write_all(piece.as_bytes()).await?;
                stream.flush().await?;
            }
        }
        Body::Stalled => {
            stream.write_all(format!("HTTP/1.1 {head}\r\nContent-Length: 99\r\n\r\n{{").as_bytes()).await?;
            stream.flush().await?;
            return std::future::pending().await;
        }
    };
    let length = text.len();
    stream.write_all(format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{text}").as_bytes()).await?;
    stream.shutdown().await
}

fn good() -> Body {
    Body::Text(GOOD.to_owned())
}

/// A server's and a client's side of TLS by a certificate made for this test.
fn tls() -> (ServerConfig, ClientConfig) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names");
    let certificate = params.self_signed(&key).expect("a certificate").der().clone();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a root");
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let server = server.with_no_client_auth().with_single_cert(vec![certificate], key).expect("a certificate");
    (server, trusting(roots))
}

fn trusting(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    config.with_root_certificates(roots).with_no_client_auth()
}

/// What one fetch from such a server comes to.
async fn fetched(head: &str, body: Body) -> Result<Arc<ClientDocument>, Refusal> {
    let server = Server::start(head, body).await;
    server.documents(PATIENCE).get(&server.address("/client.json"), NOW).await
}

#[tokio::test]
async fn a_good_document_is_read() {
    let server = Server::start(JSON, good()).await;
    let address = server.address("/client.json?v=1");
    let document = server.documents(PATIENCE).get(&address, NOW).await.expect("a document");
    let redirect_uris = vec!["http://127.0.0.1/cb".to_owned()];
    assert_eq!(*document, ClientDocument { client_id: address, name: Some("Notes".into()), redirect_uris });
}

#[tokio::test]
async fn only_json_of_the_right_client_with_status_200_is_read() {
    for (head, body, refusal) in [
        (JSON, r#"{"client_id":"{address}/","redirect_uris":["https://a/"]}"#, Refusal::OtherClient),
        (JSON, "<html>", Refusal::Malformed),
        (JSON, "\u{feff}{}", Refusal::Malformed),
        ("200 OK\r\nContent-Type: text/html", GOOD, Refusal::ContentType),
        ("200 OK\r\nContent-Type: application/jsonp", GOOD, Refusal::ContentType),
        ("200 OK", GOOD, Refusal::ContentType),
        ("201 Created\r\nContent-Type: application/json", GOOD, Refusal::Status(201)),
        ("404 Not Found\r\nContent-Type: application/json", GOOD, Refusal::Status(404)),
    ] {
        assert_eq!(fetched(head, Body::Text(body.to_owned())).await, Err(refusal), "{head} {body}");
    }
    for head in [
        "200 OK\r\nContent-Type: Application/JSON; charset=utf-8",
        "200 OK\r\nContent-Type: application/client-metadata+json",
    ] {
        assert!(fetched(head, good()).await.is_ok(), "{head}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let head = format!("{status} Found\r\nLocation: /other\r\nContent-Type: application/json");
        let server = Server::start(&head, good()).await;
        let answer = server.documents(PATIENCE).get(&server.address("/client.json"), NOW).await;
        assert_eq!((answer, server.requests()), (Err(Refusal::Status(status)), 1));
    }
}

#[tokio::test]
async fn reading_stops_at_the_limit_of_size() {
    assert_eq!(fetched(JSON, Body::Endless).await, Err(Refusal::TooLarge));
    assert_eq!(fetched(JSON, Body::Padded(MAX_BYTES + 1)).await, Err(Refusal::TooLarge));
    assert!(fetched(JSON, Body::Padded(MAX_BYTES)).await.is_ok());
}

#[tokio::test]
async fn a_body_that_does_not_end_in_time_is_given_up() {
    let server = Server::start(JSON, Body::Stalled).await;
    let answer = server.documents(Duration::from_millis(300)).get(&server.address("/client.json"), NOW).await;
    assert_eq!(answer, Err(Refusal::TimedOut));
}

#[tokio::test]
async fn this_machine_is_not_even_connected_to() {
    let server = Server::start(JSON, good()).await;
    let documents = Documents::new(server.tls.clone(), Reach::Public, PATIENCE).expect("a client");
    for host in ["localhost", "localhost.", "127.0.0.1", "[::1]", "[::ffff:7f00:1]"] {
        let address = format!("https://{host}:{}/client.json", server.port);
        assert_eq!(documents.get(&address, NOW).await, Err(Refusal::Unreachable), "{address}");
    }
    assert_eq!(server.seen.connections.load(Ordering::SeqCst), 0);
    let reachable = server.documents(PATIENCE).get(&server.address("/client.json"), NOW).await;
    assert!(reachable.is_ok(), "the same server is read where tests may go");
}

#[tokio::test]
async fn a_server_without_a_trusted_certificate_is_not_asked() {
    let server = Server::start(JSON, good()).await;
    let documents = Documents::new(trusting(RootCertStore::empty()), Reach::Anywhere, PATIENCE).expect("a client");
    assert_eq!(documents.get(&server.address("/client.json"), NOW).await, Err(Refusal::Unreachable));
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn a_document_is_kept_for_ten_minutes() {
    let server = Server::start(JSON, good()).await;
    let documents = server.documents(PATIENCE);
    let address = server.address("/client.json");
    for (seconds, requests) in [(0, 1), (1, 1), (599, 1), (600, 2), (601, 2)] {
        let answer = documents.clone().get(&address, Micros(NOW.0 + seconds * 1_000_000)).await;
        assert!(answer.is_ok_and(|document| document.client_id == address));
        assert_eq!(server.requests(), requests, "after {seconds} s");
    }
}

#[tokio::test]
async fn an_address_that_failed_is_left_alone_for_half_a_minute() {
    let server = Server::start("500 Oh\r\nContent-Type: application/json", good()).await;
    let documents = server.documents(PATIENCE);
    for (seconds, refusal, requests) in [
        (0, Refusal::Status(500), 1),
        (1, Refusal::FailedLately, 1),
        (29, Refusal::FailedLately, 1),
        (30, Refusal::Status(500), 2),
    ] {
        let answer = documents.get(&server.address("/client.json"), Micros(NOW.0 + seconds * 1_000_000)).await;
        assert_eq!((answer, server.requests()), (Err(refusal), requests), "after {seconds} s");
    }
    assert_eq!(documents.get(&server.address("/other"), NOW).await, Err(Refusal::Status(500)), "another address");
}

#[tokio::test]
async fn only_so_many_documents_are_fetched_at_once() {
    let server = Server::start_gathering(JSON, good(), FETCHES_AT_ONCE).await;
    let documents = server.documents(PATIENCE);
    let get = |path: String| {
        let (documents, address) = (documents.clone(), server.address(&path));
        tokio::spawn(async move { documents.get(&address, NOW).await })
    };
    let different: Vec<_> = (0..2 * FETCHES_AT_ONCE).map(|number| get(format!("/{number}"))).collect();
    for answer in different {
        assert!(answer.await.expect("no panic").is_ok());
    }
    assert_eq!(server.seen.most_open.load(Ordering::SeqCst), FETCHES_AT_ONCE);
    assert_eq!(server.requests(), 2 * FETCHES_AT_ONCE);

    let same: Vec<_> = (0..2 * FETCHES_AT_ONCE).map(|_| get("/same".to_owned())).collect();
    for answer in same {
        assert!(answer.await.expect("no panic").is_ok());
    }
    assert_eq!(server.requests(), 3 * FETCHES_AT_ONCE, "those who waited find what the others fetched");
}

#[tokio::test]
async fn whoever_finds_no_place_in_time_is_told_to_try_again() {
    let server = Server::start(JSON, good()).await;
    let documents = server.documents(Duration::from_millis(50));
    let places = u32::try_from(FETCHES_AT_ONCE).expect("few");
    let all = documents.shared.places.acquire_many(places).await.expect("places");
    assert_eq!(documents.get(&server.address("/client.json"), NOW).await, Err(Refusal::Busy));
    drop(all);
    assert_eq!(server.requests(), 0);
    let later = documents.lately(&server.address("/client.json"), NOW);
    assert_eq!(later, None, "being busy is no failure of the address");
}

const ID: &str = "https://example.com/client.json";

fn read_with(members: &str) -> Result<ClientDocument, Refusal> {
    let text = format!(r#"{{"client_id":"{ID}","redirect_uris":["https://example.com/cb"]{members}}}"#);
    read(ID, text.as_bytes())
}

#[test]
fn members_that_do_not_matter_are_passed_over() {
    let members =
        r#","client_uri":"https://example.com","token_endpoint_auth_method":"none","logo_uri":7,"x":{"y":[]}"#;
    let document = read_with(members).expect("a document");
    assert_eq!(document.name, None);
}

#[test]
fn a_client_with_a_secret_or_a_key_is_refused() {
    for members in [
        r#","client_secret":"x""#,
        r#","client_secret_expires_at":0"#,
        r#","token_endpoint_auth_method":"client_secret_basic""#,
        r#","token_endpoint_auth_method":"private_key_jwt""#,
        r#","token_endpoint_auth_method":"""#,
    ] {
        assert_eq!(read_with(members), Err(Refusal::Authentication), "{members}");
    }
}

#[test]
fn a_document_that_says_a_thing_twice_or_not_at_all_is_refused() {
    assert_eq!(read_with(r#","client_id":"https://example.com/client.json""#), Err(Refusal::Malformed));
    assert_eq!(read_with(r#","redirect_uris":["https://example.com/cb"]"#), Err(Refusal::Malformed));
    assert_eq!(read_with(r#","client_name":7"#), Err(Refusal::Malformed));
    for text in ["", "null", "[]", "{}", r#"{"client_id":"https://example.com/client.json"}"#] {
        assert_eq!(read(ID, text.as_bytes()), Err(Refusal::Malformed), "{text}");
    }
    let mut bytes = format!(r#"{{"client_id":"{ID}","redirect_uris":["https://a/"],"x":"?"}}"#).into_bytes();
    assert!(read(ID, &bytes).is_ok());
    let mark = bytes.iter().position(|&byte| byte == b'?').expect("the mark");
    bytes[mark] = 0xff;
    assert_eq!(read(ID, &bytes), Err(Refusal::Malformed), "not UTF-8");
}

#[test]
fn between_one_and_twenty_good_redirect_uris_are_taken() {
    let with = |count: usize, uri: &str| {
        let text = serde_json::json!({ "client_id": ID, "redirect_uris": vec![uri; count] }).to_string();
        read(ID, text.as_bytes()).map(|document| document.redirect_uris.len())
    };
    assert_eq!(with(0, "https://a/"), Err(Refusal::RedirectUris));
    assert_eq!(with(20, "https://a/"), Ok(20));
    assert_eq!(with(21, "https://a/"), Err(Refusal::RedirectUris));
    assert!(matches!(with(1, "http://a/"), Err(Refusal::RedirectUri(_))));
}

#[test]
fn a_name_can_not_disguise_itself() {
    let named = |name: &str| {
        let text = serde_json::json!({ "client_id": ID, "client_name": name, "redirect_uris": ["https://a/"] });
        read(ID, text.to_string().as_bytes()).map(|document| document.name)
    };
    let disguised = " No\u{202e}tes\u{0}\n \u{2066}App\u{200b}\u{feff}\u{2028} ";
    assert_eq!(named(disguised), Ok(Some("Notes App".to_owned())));
    assert_eq!(named("\u{200f}\u{202c} "), Ok(None));
    assert_eq!(named("メモ帳"), Ok(Some("メモ帳".to_owned())));
    assert_eq!(named(&"é".repeat(200)).map(|name| name.map(|name| name.chars().count())), Ok(Some(200)));
    assert_eq!(named(&"é".repeat(201)), Err(Refusal::Name));
}

#[test]
fn a_home_page_must_be_a_web_address() {
    for uri in [
        "javascript:alert(1)",
        "https://me:pw@example.com/",
        "example.com",
        "data:text/html,x",
        " https://example.com",
        "https://example.com/\u{202e}moc",
    ] {
        assert_eq!(read_with(&format!(r#","client_uri":"{uri}""#)), Err(Refusal::Uri), "{uri}");
    }
}
