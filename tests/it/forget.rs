//! A purge is forgotten by every file, while the server runs.

mod mass;
mod merging;
mod remains;

/// The database file beside the server, as any other program would open it.
fn open(file: &std::path::Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(file).expect("opens");
    // What it writes must not leave more behind than what the program writes.
    connection.execute_batch("pragma secure_delete = on").expect("set");
    connection
}
