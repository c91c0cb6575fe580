//! Microsoft's own parser of T-SQL (ScriptDom, of 2019, fetched by `make test`) beside the guard,
//! over the same texts: what it accepts is no Unknown, and no statement that it finds is milder to
//! us than its kind can be.

use std::process::Command;

use mssql_mcp_sql::lexer::{Token, tokens};
use mssql_mcp_sql::verdict::{Class, Verdict};

use crate::generator::Generator;
use crate::outside::{batches, corpora, exceptions, fingerprint, statements, text};
use crate::properties::Dice;

/// For each text, the kinds of its statements; none where the parser refuses it.
fn parsed(name: &str, texts: &[String]) -> Vec<Option<Vec<String>>> {
    let (from, to) = (
        std::env::temp_dir().join(format!("guard-{name}-{}.in", std::process::id())),
        std::env::temp_dir().join(format!("guard-{name}-{}.out", std::process::id())),
    );
    std::fs::write(&from, texts.join("\0")).expect("write");
    let program = corpora().join("microsoft/MicrosoftSqlToolsServiceLayer");
    let run = Command::new(&program)
        .args([&from, &to])
        .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
        .status()
        .unwrap_or_else(|e| {
            panic!("{}: {e}; tests/corpora/install.sh makes it", program.display())
        });
    assert!(run.success());
    let out = std::fs::read_to_string(&to).expect("read");
    let _ = (std::fs::remove_file(from), std::fs::remove_file(to));
    let lines: Vec<_> = out
        .lines()
        .map(|l| (!l.starts_with('!')).then(|| l.split(' ').map(str::to_owned).collect()))
        .collect();
    assert_eq!(lines.len(), texts.len());
    lines
}

/// What a text with a statement of this kind is at the least, whatever it is about.
fn least(kind: &str) -> Class {
    match kind {
        "1" | "0" => Class::Read,
        "EnableDisableTriggerStatement" => Class::Schema,
        "UseStatement" => Class::Never,
        "InsertStatement"
        | "UpdateStatement"
        | "DeleteStatement"
        | "MergeStatement"
        | "TruncateTableStatement"
        | "IntoTemporary"
        | "NestedChange" => Class::Session,
        "CreateTableStatement"
        | "DropTableStatement"
        | "CreateIndexStatement"
        | "AlterIndexStatement"
        | "DropIndexStatement"
        | "CreateColumnStoreIndexStatement"
        | "CreateStatisticsStatement"
        | "UpdateStatisticsStatement"
        | "DropStatisticsStatement"
        | "SetIdentityInsertStatement" => Class::Session,
        k if k.starts_with("AlterTable") => Class::Session,
        "Into" | "NextValue" | "UpdateTextStatement" | "WriteTextStatement" => Class::Write,
        "Remote" | "Impersonation" => Class::Refused,
        "BeginTransactionStatement"
        | "CommitTransactionStatement"
        | "RollbackTransactionStatement"
        | "SaveTransactionStatement" => Class::Never,
        "BeginDialogStatement"
        | "BeginConversationTimerStatement"
        | "EndConversationStatement"
        | "GetConversationGroupStatement"
        | "MoveConversationStatement"
        | "ReceiveStatement"
        | "SendStatement"
        | "WaitForStatement"
        | "BulkInsertStatement"
        | "InsertBulkStatement"
        | "ReadTextStatement"
        | "ExecuteAsStatement"
        | "RevertStatement"
        | "SetUserStatement"
        | "GrantStatement"
        | "DenyStatement"
        | "RevokeStatement"
        | "DbccStatement"
        | "ShutdownStatement"
        | "CheckpointStatement"
        | "ReconfigureStatement"
        | "OpenSymmetricKeyStatement"
        | "OpenMasterKeyStatement"
        | "CloseSymmetricKeyStatement"
        | "CloseMasterKeyStatement"
        | "AddSignatureStatement" => Class::Refused,
        k if k.starts_with("Backup") || k.starts_with("Restore") || k.starts_with("Kill") => {
            Class::Refused
        }
        k if k.contains("Login")
            || k.contains("Certificate")
            || k.contains("Credential")
            || k.contains("Endpoint")
            || k.contains("AvailabilityGroup") =>
        {
            Class::Refused
        }
        k if [
            "User",
            "Role",
            "Database",
            "Assembly",
            "MasterKey",
            "SymmetricKey",
            "AsymmetricKey",
            "Queue",
            "Contract",
            "Route",
            "MessageType",
            "EventSession",
            "ServerAudit",
            "ResourcePool",
            "WorkloadGroup",
        ]
        .iter()
        .any(|o| ["Create", "Alter", "Drop"].iter().any(|v| k.starts_with(&format!("{v}{o}")))) =>
        {
            Class::Refused
        }
        k if k.starts_with("Create") || k.starts_with("Alter") || k.starts_with("Drop") => {
            Class::Schema
        }
        _ => Class::Read,
    }
}

fn held(texts: &[String], kinds: &[Option<Vec<String>>]) -> usize {
    let mut milder = Vec::new();
    let mut valid = 0;
    for (sql, kinds) in texts.iter().zip(kinds) {
        let Some(kinds) = kinds else { continue };
        valid += 1;
        let mut least = kinds.iter().map(|k| least(k)).max().unwrap_or(Class::Read);
        // Transactions in the body of a module are stored, not run.
        let module = |k: &String| {
            ["ProcedureStatement", "FunctionStatement", "TriggerStatement"]
                .iter()
                .any(|m| k.ends_with(m))
        };
        if least == Class::Never && kinds.iter().any(module) {
            least = Class::Schema;
        }
        let found = Verdict::of(sql).class;
        if found < least {
            milder.push(format!(
                "{} instead of {} at the least ({}): {sql}",
                found.as_str(),
                least.as_str(),
                kinds.join(" ")
            ));
        }
    }
    assert!(
        milder.is_empty(),
        "{} of {valid}\n{}",
        milder.len(),
        milder.iter().take(10).cloned().collect::<Vec<_>>().join("\n\n")
    );
    valid
}

/// What Microsoft's parser accepts can be derived, but for what `outside.txt` explains.
#[test]
fn what_microsofts_parser_accepts_is_derived() {
    let texts: Vec<String> = batches().iter().map(|b| text(&b["text"]).to_owned()).collect();
    let kinds = parsed("outside", &texts);
    let explained = exceptions();
    let mut refused = Vec::new();
    for (sql, kinds) in texts.iter().zip(&kinds) {
        let known = explained.keys().any(|k| k.1 == fingerprint(sql));
        if kinds.is_some() && !known && Verdict::of(sql).class == Class::Unknown {
            refused.push(sql.clone());
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n\n"));
    let valid = held(&texts, &kinds);
    assert!(valid > 1500, "{valid}");
}

/// Texts that nobody would write: statements of others joined without `;`, tokens left out, put
/// twice or exchanged. Most are no T-SQL; of those that are, none is milder to us.
#[test]
fn mutants_that_microsofts_parser_accepts_are_not_milder() {
    let all = statements();
    let mut dice =
        Dice(std::env::var("GUARD_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(11));
    let mut texts = Vec::new();
    while texts.len() < 40_000 {
        let (a, b) = (&all[dice.roll(all.len())].text, &all[dice.roll(all.len())].text);
        // One batch for the parser is one for us.
        if a.len() + b.len() > 600 || a.to_ascii_uppercase().contains("GO\n") || b.contains('\0') {
            continue;
        }
        let joined = format!("{a}\n{b}");
        let Ok(list) = tokens(&joined) else { continue };
        texts.push(mutant(&list, &mut dice));
    }
    let kinds = parsed("mutants", &texts);
    let valid = held(&texts, &kinds);
    println!("{valid} of {} are T-SQL", texts.len());
    assert!(valid > 4_000, "{valid}");
}

fn mutant(list: &[Token<'_>], dice: &mut Dice) -> String {
    let mut words: Vec<&str> = list.iter().map(|t| t.text).collect();
    for _ in 0..dice.roll(4) {
        let (i, j) = (dice.roll(words.len()), dice.roll(words.len()));
        match dice.roll(3) {
            0 if words.len() > 2 => drop(words.remove(i)),
            1 => words.swap(i, j),
            _ => words.insert(i, words[j]),
        }
    }
    words.join(" ")
}

/// The generator's own classes are possible by what the parser finds.
#[test]
fn generated_batches_are_what_microsofts_parser_finds() {
    let mut generator = Generator::new(99);
    let (texts, classes): (Vec<_>, Vec<_>) =
        (0..10_000).map(|_| generator.batch()).map(|g| (g.text, g.class)).unzip();
    let kinds = parsed("generated", &texts);
    let valid = held(&texts, &kinds);
    // What is newer than the parser of 2019 it does not know.
    assert!(valid > 8_000, "{valid}");
    assert!(classes.contains(&"refused") && classes.contains(&"read"));
}
