//! What answers cost a model.

use crate::clients::{NODE, installed, run};
use crate::support::Lab;

/// Ten answers and the list of tools cost a model no more than docs/tokens.md says, in any form.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_as_committed() {
    let (plain, brief) = (Lab::new(&[]).await, Lab::new(&[("tools.text_block", "brief")]).await);
    let ((a, _a), (b, _b)) = (plain.serve().await, brief.serve().await);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/tokens.md");
    let (a, b) = (format!("http://{a}/mcp"), format!("http://{b}/mcp"));
    let mut args = vec![a.as_str(), b.as_str(), file];
    if std::env::var("TOKENS").is_ok_and(|v| v == "write") {
        args.push("--write");
    }
    run(installed(NODE), "tokens.mjs", &args).await;
}
