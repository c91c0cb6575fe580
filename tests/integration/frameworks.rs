//! What the models of frameworks are told of our tools: each has its own converter, and none of
//! them says what it leaves out.

use crate::clients::{NODE, installed, run};
use crate::support::binary;

/// Frameworks that read MCP, each by its own converter: what their models are told of our tools.
async fn through(program: &str, script: &str, which: &[&str], lines: usize) {
    let binary = binary();
    let mut args = which.to_vec();
    args.extend([binary.to_str().expect("path"), "demo", "--stdio", "--log-level", "error"]);
    args.extend(["--tools-search", "yes"]);
    let text = run(installed(program), script, &args).await;
    assert_eq!(text.matches(": ok").count(), lines, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn frameworks_of_python_tell_their_models_every_argument() {
    let which = ["langchain,pydantic_ai,openai_agents,google_genai"];
    through("py-frameworks/bin/python", "frameworks.py", &which, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frameworks_of_node_tell_their_models_every_argument() {
    through(NODE, "frameworks.mjs", &[], 2).await;
}

/// Those that bring a scientific stack along: `make clients-all` installs and asks them.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "half a gigabyte of packages"]
async fn heavy_frameworks_tell_their_models_every_argument() {
    let which = ["llama_index,smolagents,strands,autogen"];
    through("py-frameworks-2/bin/python", "frameworks.py", &which, 4).await;
    let which = ["google_adk,semantic_kernel"];
    through("py-frameworks-3/bin/python", "frameworks.py", &which, 2).await;
}
