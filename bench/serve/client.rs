//! As little of an HTTP client as will do, because it shares the processors
//! with the server: requests are written beforehand, sent in one call, and of
//! an answer only the status and the length are read.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::Result;

/// Writes a request.
pub fn request(token: &str, method: &str, path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A connection that is kept alive.
pub struct Client {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::new() })
    }

    /// Sends a request; the body of its answer, which must be of status 200.
    pub fn send(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.write_all(request)?;
        self.answer.clear();
        let mut chunk = [0; 8192];
        let (mut body, mut end) = (0, usize::MAX);
        while self.answer.len() < end {
            let length = self.stream.read(&mut chunk)?;
            if length == 0 {
                return Err("the server closed the connection".into());
            }
            self.answer.extend_from_slice(&chunk[..length]);
            if end == usize::MAX
                && let Some(head) = self.answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")
            {
                body = head + 4;
                end = body + content_length(&self.answer[..head])?;
            }
        }
        if self.answer.get(9..12) != Some(b"200") {
            return Err(format!("the server answered {}", String::from_utf8_lossy(&self.answer)).into());
        }
        Ok(&self.answer[body..])
    }

    /// Whether the last answer has this header, given in small letters.
    pub fn was_given(&self, header: &str) -> bool {
        let end = self.answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(0);
        let head = String::from_utf8_lossy(&self.answer[..end]).to_lowercase();
        head.lines().any(|line| line.strip_prefix(header).is_some_and(|rest| rest.starts_with(':')))
    }
}

fn content_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head)?;
    let line = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim())
    });
    Ok(line.ok_or("the answer has no Content-Length")?.parse()?)
}

/// How long requests took: all of them together, and each, shortest first.
pub struct Times {
    pub total: Duration,
    each: Vec<Duration>,
}

impl Times {
    pub fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.each.len()).unwrap_or(u32::MAX)) / self.total.as_secs_f64()
    }

    pub fn percentile(&self, percent: usize) -> Duration {
        self.each[(self.each.len() * percent / 100).min(self.each.len() - 1)]
    }
}

/// Sends requests over `clients` connections, each the next one when its last is answered.
pub fn send_all(address: SocketAddr, clients: usize, requests: &[Vec<u8>]) -> Result<Times> {
    let next = AtomicUsize::new(0);
    let connected = Barrier::new(clients + 1);
    let work = || -> Result<Vec<Duration>> {
        let client = Client::connect(address);
        connected.wait();
        let mut client = client?;
        let mut times = Vec::new();
        while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
            let begun = Instant::now();
            client.send(request)?;
            times.push(begun.elapsed());
        }
        Ok(times)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(work)).collect();
        connected.wait();
        let begun = Instant::now();
        let mut each = Vec::with_capacity(requests.len());
        for thread in threads {
            each.extend(thread.join().map_err(|_| "a client panicked")??);
        }
        let total = begun.elapsed();
        each.sort_unstable();
        Ok(Times { total, each })
    })
}
