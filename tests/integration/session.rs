//! What people meet whose SQL Server answers exactly, at length, awkwardly or not at all: a test
//! for each fault that a session could hide, round, buffer or pass on to the next caller.

mod cancels;
mod counts;
mod cuts;
mod decoders;
mod differential;
mod leftovers;
mod nulls;
mod said;
mod stopped;
mod tls;
mod tokens;
mod values;

use std::net::SocketAddr;

use mssql_mcp_sandbox::{DATABASE, PASSWORD, USER};
use mssql_mcp_session::{AuthMethod, Json, LoginConfig, Session, Target, Tls};
use serde_json::{Value, json};

use crate::support::stateless;

/// What execute_sql answers, an error too: `structuredContent`, or the JSON of its text.
async fn execute(address: SocketAddr, arguments: Value) -> Value {
    let call = json!({ "name": "execute_sql", "arguments": arguments });
    let result = stateless(address, "tools/call", call).await.json()["result"].clone();
    let text = result["content"][0]["text"].as_str().unwrap_or_default().to_owned();
    match result.get("structuredContent") {
        Some(content) => content.clone(),
        None => serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {result}")),
    }
}

async fn query(address: SocketAddr, query: &str) -> Value {
    execute(address, json!({ "query": query })).await
}

/// A session of its own with a sandbox, or with what stands in front of it.
fn target(port: u16, tls: Tls) -> Target {
    let mut login = LoginConfig::new();
    login.authentication(AuthMethod::sql_server(USER, PASSWORD));
    login.database(DATABASE);
    Target::new("127.0.0.1", port, tls, login)
}

/// The rows of a batch as JSON, without brackets around them.
async fn rows(session: &mut Session, text: &str) -> Result<String, mssql_mcp_session::Error> {
    let mut json = Json::new();
    let mut answer = session.batch(text).await?;
    while answer.next(&mut json).await?.is_some() {}
    Ok(String::from_utf8(json.out().to_vec()).expect("UTF-8"))
}

/// Numbers that look random and are the same each time (Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}
