//! MCP: the tools, the transport, the program on standard input and output.

mod proxy;
mod stdio;
mod stress;
mod tools;
mod transport;
