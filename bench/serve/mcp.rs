//! The Model Context Protocol against the REST API, and by itself on pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{request, send_all};
use crate::corpus::Corpus;
use crate::server::{Place, Server};
use crate::table::{Line, Target, median, millis};
use crate::{Bench, Options, Result};

/// Connections at once.
const CONNECTIONS: usize = 16;

fn search(id: usize, query: &str) -> String {
    let params = json!({"name": "search_memories", "arguments": {"query": query, "limit": 10}});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string()
}

/// A request to the MCP endpoint, which needs two more headers.
fn call(token: &str, host: &str, message: &str) -> Vec<u8> {
    let plain = String::from_utf8(request(token, "POST", "/api/mcp/mcp", message)).unwrap_or_default();
    let accept = format!("Host: {host}\r\nAccept: application/json, text/event-stream\r\n");
    plain.replacen("Host: localhost\r\n", &accept, 1).into_bytes()
}

/// The rate of `tools/call search_memories` against that of the same search over REST.
pub fn over_http(bench: &mut Bench) -> Result<()> {
    let Options { runs, requests: count, full, .. } = bench.options;
    let stock = bench.stock()?;
    let place = stock.place.copy()?;
    let server = Server::start(&place, Some(&stock.token), None)?;
    server.wait_for_index("GET", "/api/memory?query=house", "")?;
    let (token, host) = (&server.token, server.address.to_string());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut times = None;
    for seed in 1..=u64::try_from(runs)? {
        let queries: Vec<String> = (0..count).scan(Corpus::new(seed), |corpus, _| Some(corpus.query())).collect();
        let rest = |query: &String| {
            request(token, "GET", &format!("/api/v2/memory?includeIds=true&count=10&query={query}"), "")
        };
        let rest: Vec<_> = queries.iter().map(rest).collect();
        let plain = |query: &String| query.replace("%20", " ").replace('+', " ");
        let mcp: Vec<_> =
            queries.iter().enumerate().map(|(id, query)| call(token, &host, &search(id, &plain(query)))).collect();
        theirs.push(send_all(server.address, CONNECTIONS, &rest)?.per_second());
        let taken = send_all(server.address, CONNECTIONS, &mcp)?;
        ours.push(taken.per_second());
        times = Some(taken);
    }
    server.stop()?;
    let times = times.ok_or("nothing was measured")?;
    let (ours, theirs) = (median(ours), median(theirs));
    Line {
        measure: &format!(
            "MCP searches against REST searches, {CONNECTIONS} connections, {full} memories (p50 {:.1}, p99 {:.1} ms)",
            millis(times.percentile(50)),
            millis(times.percentile(99))
        ),
        value: format!("{ours:.0}/s"),
        baseline: format!("{theirs:.0}/s"),
        ratio: Some(ours / theirs),
        target: Target::RatioAtLeast(0.7),
        samples: format!("{runs} × {count}"),
    }
    .print();
    Ok(())
}

/// `commonplace mcp`, speaking on its pipes.
struct Pipes {
    child: Child,
    output: BufReader<ChildStdout>,
    begun: Instant,
}

impl Pipes {
    fn start(place: &Place) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_commonplace"));
        place.name_in(&mut command);
        let begun = Instant::now();
        let mut child = command.arg("mcp").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut pipes = Self { child, output, begun };
        let client = json!({"name": "bench", "version": "1"});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        pipes.ask(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}).to_string())?;
        pipes.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string())?;
        Ok(pipes)
    }

    fn write(&mut self, line: &str) -> Result<()> {
        let input = self.child.stdin.as_mut().ok_or("no input")?;
        Ok(input.write_all(format!("{line}\n").as_bytes())?)
    }

    fn ask(&mut self, line: &str) -> Result<Duration> {
        let begun = Instant::now();
        self.write(line)?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        if !answer.contains("\"result\"") || answer.contains("\"isError\":true") {
            return Err(format!("the program answered {answer}").into());
        }
        Ok(begun.elapsed())
    }

    fn end(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        self.child.wait()?;
        Ok(())
    }
}

/// How long until the first call is answered, and how long each takes then.
pub fn on_pipes(bench: &mut Bench) -> Result<()> {
    let Options { runs, full, requests: count, .. } = bench.options;
    let stock = bench.stock()?;
    let place = stock.place.copy()?;
    let mut corpus = Corpus::new(500);
    let mut query = || corpus.query().replace("%20", " ").replace('+', " ");
    let mut times = Vec::new();
    for _ in 0..4 * runs {
        let mut pipes = Pipes::start(&place)?;
        pipes.ask(&search(1, &query()))?;
        times.push(millis(pipes.begun.elapsed()));
        pipes.end()?;
    }
    let (samples, time) = (times.len().to_string(), median(times));
    Line {
        measure: &format!("start of 'commonplace mcp' to the first search answered, {full} memories"),
        value: format!("{time:.0} ms"),
        baseline: "–".to_owned(),
        ratio: None,
        target: Target::ValueAtMost(time, 200.0, "ms"),
        samples,
    }
    .print();
    let mut pipes = Pipes::start(&place)?;
    let mut each = Vec::new();
    for id in 0..count {
        each.push(millis(pipes.ask(&search(id, &query()))?));
    }
    pipes.end()?;
    each.sort_by(f64::total_cmp);
    let at = |percent: usize| each[(each.len() * percent / 100).min(each.len() - 1)];
    Line {
        measure: &format!("a search on pipes, one after another, {full} memories: p50 (p99)"),
        value: format!("{:.1} ({:.1}) ms", at(50), at(99)),
        baseline: "–".to_owned(),
        ratio: None,
        target: Target::None,
        samples: count.to_string(),
    }
    .print();
    Ok(())
}
