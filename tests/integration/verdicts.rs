//! The guard as the command line shows it.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

const HARMLESS: &str = include_str!("../../sql/tests/corpus/harmless.sql");
const HOSTILE: &str = include_str!("../../sql/tests/corpus/hostile.sql");

#[test]
fn classify_prints_one_line_per_batch() {
    let run = |script: &str, more: &[&str]| -> Vec<Value> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mssql-mcp"))
            .arg("classify")
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("spawn");
        child.stdin.take().expect("stdin").write_all(script.as_bytes()).expect("write");
        let out = child.wait_with_output().expect("output");
        // 3 where something would be refused.
        assert!(matches!(out.status.code(), Some(0 | 3)), "{out:?}");
        String::from_utf8(out.stdout)
            .expect("UTF-8")
            .lines()
            .map(|l| serde_json::from_str(l).expect("JSON"))
            .collect()
    };
    let lines = run(HOSTILE, &["-"]);
    assert_eq!(lines.len(), HOSTILE.split("\nGO\n").filter(|b| !b.trim().is_empty()).count());
    assert!(
        lines
            .iter()
            .all(|l| l["allowed"] == false && l["reason"].as_str().is_some_and(|r| !r.is_empty()))
    );
    assert!(run(HARMLESS, &[]).iter().all(|l| l["allowed"] == true));

    let lines =
        run("SELECT 1\nGO\n\nSELECT 2;\n  DELETE t WHERE a = 1\ngo 2\nWAITFOR DELAY '0:0:1'", &[]);
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1]["batch"], 2);
    assert_eq!(lines[1]["code"], "access_denied");
    assert_eq!(
        (&lines[1]["line"], &lines[1]["column"]),
        (&5.into(), &3.into()),
        "lines are the script's"
    );
    let classes: Vec<_> = lines[1]["statements"]
        .as_array()
        .expect("statements")
        .iter()
        .map(|s| &s["class"])
        .collect();
    assert_eq!(classes, ["read", "write"]);
    assert_eq!(lines[2]["code"], "forbidden_sql");

    let allowed = |access: &str| run("DELETE t", &["--access", access])[0]["allowed"].clone();
    assert_eq!((allowed("read-only"), allowed("read-write")), (false.into(), true.into()));
    assert_eq!(run("WAITFOR DELAY '0:0:1'", &["--allow", "waitfor"])[0]["allowed"], true);
    assert_eq!(
        run("EXEC xp_cmdshell 'dir'", &["--allow", "xp_cmdshell"])[0]["allowed"],
        false,
        "it counts as execute"
    );
    assert_eq!(
        run("EXEC xp_cmdshell 'dir'", &["--allow", "xp_cmdshell", "--access", "full"])[0]["allowed"],
        true
    );
    let both = "INSERT t SELECT * FROM OPENROWSET(BULK 'x', SINGLE_BLOB) AS b";
    assert_eq!(
        run(both, &["--allow", "OPENROWSET", "--access", "full"])[0]["allowed"],
        false,
        "BULK is another thing"
    );
    assert_eq!(
        run(both, &["--allow", "OPENROWSET", "--allow", "BULK", "--access", "full"])[0]["allowed"],
        true
    );
    assert_eq!(
        run("INSERT t SELECT a FROM fn_dblog(1, 2)", &["--allow", "fn_dblog"])[0]["allowed"],
        false
    );

    let used = |more: &[&str]| run("USE Sales; SELECT 1", more)[0]["allowed"].clone();
    assert_eq!(
        (used(&[]), used(&["--database", "sales"])),
        (false.into(), false.into()),
        "names may differ in case alone"
    );
    assert_eq!(
        (used(&["--database", "Sales"]), used(&["--database", "[Sales]"])),
        (true.into(), false.into())
    );
    let roles = run("SELECT Id send FROM t", &["--roles"])[0]["roles"].clone();
    let expected = [
        ["SELECT", "verb"],
        ["Id", "name"],
        ["send", "alias"],
        ["FROM", "keyword"],
        ["t", "table"],
    ];
    assert_eq!(roles, serde_json::json!(expected));
}

#[test]
fn utf_16_scripts_are_read() {
    for unit in [u16::to_le_bytes, u16::to_be_bytes] {
        let bytes: Vec<u8> = "\u{feff}SELECT N'日本'\r\nGO -- next\r\nDROP TABLE t"
            .encode_utf16()
            .flat_map(unit)
            .collect();
        let path = std::env::temp_dir().join(format!("classify-{}.sql", std::process::id()));
        std::fs::write(&path, bytes).expect("write");
        let out = Command::new(env!("CARGO_BIN_EXE_mssql-mcp"))
            .arg("classify")
            .arg(&path)
            .output()
            .expect("run");
        let _ = std::fs::remove_file(&path);
        let text = String::from_utf8(out.stdout).expect("UTF-8");
        assert!(
            text.lines().count() == 2 && text.starts_with("{\"batch\":1,\"allowed\":true"),
            "{text}"
        );
    }
}

#[test]
fn the_table_of_statements_is_what_the_guard_says() {
    let page = std::fs::read_to_string("docs/statements.md").expect("docs/statements.md");
    let now = mssql_mcp_sql::statements::markdown();
    assert_eq!(page, now, "run `cargo run -- classify --statements > docs/statements.md`");
    assert!(page.lines().count() > 400 && !page.contains("| unknown |"));
}
