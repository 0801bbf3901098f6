//! `commonplace mcp` in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::harness::{Engine, Place, Program, command, on_both_engines};

on_both_engines!(
    alone_it_makes_its_data,
    beside_a_server_each_sees_what_the_other_writes,
    it_ends_when_its_input_does,
    it_outlives_what_it_can_not_read,
    another_persons_memories_are_a_flag_away_for_the_operator_alone,
);

/// The program, speaking on its pipes.
pub struct Pipes {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    next: i64,
}

impl Pipes {
    pub fn start(place: &Place, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let arguments: Vec<&str> = ["mcp"].iter().chain(arguments).copied().collect();
        let mut command = command(place, &arguments);
        command.envs(environment.iter().copied());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut stdio = Self { child, input, output, next: 0 };
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "pipes", "version": "1"}});
        let agreed = stdio.ask("initialize", &params);
        assert_eq!(agreed["result"]["protocolVersion"], json!("2025-11-25"), "{agreed}");
        stdio.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());
        stdio
    }

    pub fn write(&mut self, line: &str) {
        let input = self.input.as_mut().expect("open");
        writeln!(input, "{line}").expect("written");
        input.flush().expect("flushed");
    }

    pub fn read(&mut self) -> Value {
        let mut line = String::new();
        assert!(self.output.read_line(&mut line).expect("readable") > 0, "the program closed its output");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"))
    }

    pub fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.next += 1;
        self.write(&json!({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params}).to_string());
        let answer = self.read();
        assert_eq!(answer["id"], json!(self.next), "{answer}");
        answer
    }

    /// The structure that a tool answers.
    pub fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let answer = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        assert_eq!(answer["result"]["isError"], json!(false), "{answer}");
        answer["result"]["structuredContent"].clone()
    }

    /// The texts that a search finds.
    pub fn search(&mut self, query: &str) -> Vec<String> {
        let found = self.call("search_memories", &json!({"query": query, "limit": 20}));
        let memories = found["memories"].as_array().expect("a list").iter();
        memories.map(|memory| memory["text"].as_str().expect("a text").to_owned()).collect()
    }

    /// Closes the input; the exit code.
    pub fn end(mut self) -> Option<i32> {
        drop(self.input.take());
        self.child.wait().expect("ends").code()
    }
}

async fn alone_it_makes_its_data(engine: Engine) {
    let place = Place::new(engine).await;
    let mut first = Pipes::start(&place, &[], &[]);
    let id = first.call("store_memory", &json!({"text": "stored without a server"}))["memoryId"].clone();
    assert_eq!(first.search("server"), ["stored without a server"]);
    assert_eq!(first.call("delete_memories", &json!({"memoryIds": [id]}))["deleted"], json!(1));
    assert_eq!(first.call("restore_memories", &json!({"memoryIds": [id]}))["restored"], json!(1));
    assert_eq!(first.end(), Some(0));
    let mut second = Pipes::start(&place, &[], &[]);
    assert_eq!(second.search("server"), ["stored without a server"]);
    assert_eq!(second.end(), Some(0));
}

async fn beside_a_server_each_sees_what_the_other_writes(engine: Engine) {
    let place = Place::new(engine).await;
    let server = Program::serve(&place, &[]);
    let (mut one, mut two) = (Pipes::start(&place, &[], &[]), Pipes::start(&place, &[], &[]));
    let ann = server.user();
    for round in 0..10 {
        let id = ann.remember(&format!("zebra {round} from the server")).await;
        assert_eq!(one.search("zebra").len(), 1, "round {round}");
        assert_eq!(two.search("zebra").len(), 1, "round {round}");
        assert_eq!(one.call("delete_memories", &json!({"memoryIds": [id]}))["deleted"], json!(1));
        assert_eq!(two.search("zebra"), Vec::<String>::new());
        let found = ann.get("/api/memory?query=zebra").await.ok();
        assert_eq!(found, json!([]));
        two.call("store_memory", &json!({"text": format!("yak {round} from pipes")}));
        assert_eq!(one.search("yak").len(), (round + 1).min(20));
    }
    let stored = ann.get("/api/v2/memory?all=true&includeIds=true&storedBy=pipes").await.ok();
    assert_eq!(stored["memories"].as_array().map(Vec::len), Some(10));
    assert_eq!((one.end(), two.end()), (Some(0), Some(0)));
}

async fn it_ends_when_its_input_does(engine: Engine) {
    let place = Place::new(engine).await;
    let silent = command(&place, &["mcp"]).stdin(Stdio::null()).output().expect("runs");
    assert_eq!(silent.status.code(), Some(0), "{silent:?}");
    assert_eq!(silent.stdout, b"");
    let mut half = Pipes::start(&place, &[], &[]);
    let input = half.input.as_mut().expect("open");
    write!(input, "{{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"tools/").expect("written");
    assert_eq!(half.end(), Some(0));
}

async fn it_outlives_what_it_can_not_read(engine: Engine) {
    let place = Place::new(engine).await;
    let mut stdio = Pipes::start(&place, &[], &[("COMMONPLACE_MAX_BODY_BYTES", "4096")]);
    let unknown = stdio.ask("tools/call", &json!({"name": "nope", "arguments": {}}));
    assert_eq!(unknown["error"]["code"], json!(-32602));
    let wrong = stdio.ask("tools/call", &json!({"name": "store_memory", "arguments": {"text": 5}}));
    assert_eq!(wrong["result"]["isError"], json!(true));
    for line in ["no JSON at all", "{\"jsonrpc\":\"2.0\"", "", "[]"] {
        stdio.write(line);
    }
    stdio.write(&"x".repeat(10_000));
    stdio.next += 1;
    let id = stdio.next;
    stdio.write(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"}).to_string());
    // What is no message may be answered with an error, and must not be taken for one.
    let mut answer = stdio.read();
    while answer["id"] != json!(id) {
        assert!(answer["error"]["code"].is_i64(), "{answer}");
        answer = stdio.read();
    }
    assert_eq!(answer["result"]["tools"].as_array().map(Vec::len), Some(13));
    assert_eq!(stdio.end(), Some(0));
}

async fn another_persons_memories_are_a_flag_away_for_the_operator_alone(engine: Engine) {
    let place = Place::new(engine).await;
    Pipes::start(&place, &[], &[]).call("store_memory", &json!({"text": "the owner's"}));
    assert_eq!(crate::harness::run(&place, &["user", "add", "bob"]).0, 0);
    let mut bob = Pipes::start(&place, &["--user", "bob"], &[]);
    assert_eq!(bob.search("owner"), Vec::<String>::new());
    let unknown = command(&place, &["mcp", "--user", "nobody"]).stdin(Stdio::null()).output().expect("runs");
    assert_eq!(unknown.status.code(), Some(4));
}
