//! Files of tools, what is wrong with them, and what clients are told.

use std::time::{Duration, Instant};

use mssql_mcp_own::{Access, OwnTool, Rules, Runs, definition, input_schema, parse};
use serde_json::{Value, json};

const OPEN_ORDERS: &str = r#"
[[tool]]
name = "open_orders"
title = "Open orders of a customer"
description = "Orders that are not shipped yet, newest first."
database = "Sales"
statement = "SELECT * FROM dbo.Orders WHERE CustomerId = @customer AND (@since IS NULL OR PlacedAt >= @since) AND Region = @Region"
max_rows = 200
timeout = "20s"
scopes = ["sales:read"]
principals = ["sales-*", "ann"]
annotations = { idempotent = true }

[[tool.parameter]]
name = "customer"
type = "int"
description = "Number of the customer"
min = 1

[[tool.parameter]]
name = "since"
type = "date"
required = false

[[tool.parameter]]
name = "region"
type = "nvarchar(20)"
from_claim = "region"
"#;

fn errors(text: &str) -> Vec<String> {
    parse(text, "t.toml", &Rules::default()).1
}

fn one(text: &str) -> OwnTool {
    let (mut tools, errors) = parse(text, "t.toml", &Rules::default());
    assert_eq!(errors, Vec::<String>::new());
    tools.remove(0)
}

/// A tool with one parameter.
fn with(parameter: &str) -> String {
    format!(
        "[[tool]]\nname = \"t\"\ndescription = \"A tool that is there to be tried\"\nstatement = \"SELECT @x\"\n\
         [[tool.parameter]]\nname = \"x\"\n{parameter}\n"
    )
}

#[test]
fn a_tool_is_read() {
    let tool = one(OPEN_ORDERS);
    assert_eq!((tool.access, tool.max_rows), (Access::ReadOnly, Some(200)));
    assert_eq!(tool.timeout, Some(Duration::from_secs(20)));
    assert!(matches!(&tool.runs, Runs::Statement(s) if s.starts_with("SELECT")));
    assert!(tool.is_for("sales-berlin") && tool.is_for("ann") && !tool.is_for("anna"));
    assert!(tool.parameters[0].required && !tool.parameters[1].required);
    assert_eq!(
        definition(&tool),
        json!({
            "name": "open_orders",
            "title": "Open orders of a customer",
            "description": "Orders that are not shipped yet, newest first.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "customer": {
                        "type": "integer", "minimum": 1, "maximum": 2_147_483_647,
                        "description": "Number of the customer"
                    },
                    "since": { "type": "string", "format": "date" }
                },
                "required": ["customer"],
                "additionalProperties": false
            }
        })
    );
    // What a hash of the definition is made of has everything.
    let whole = serde_json::to_value(&tool).expect("JSON");
    assert_eq!(whole["parameters"][2]["from_claim"], "region");
    assert_eq!(whole["annotations"]["idempotent"], true);
}

#[test]
fn a_procedure_is_read() {
    let tool = one(
        "[[tool]]\nname = \"p\"\ndescription = \"Closes the books of a month\"\nprocedure = \"dbo.CloseMonth\"\naccess = \"read-write\"\n[[tool.parameter]]\nname = \"Month\"\ntype = \"date\"\n",
    );
    assert_eq!(tool.runs, Runs::Procedure("dbo.CloseMonth".to_owned()));
    assert_eq!(tool.access, Access::ReadWrite);
}

#[test]
fn what_is_wrong_is_named_with_its_tool_and_key() {
    let text = r#"
[[tool]]
name = "Bad"
description = "short"
colour = "red"
statement = "SELECT 1"
procedure = "dbo.p"
access = "admin"
max_rows = 0
timeout = "soon"
scopes = ["a b"]
principals = ["a*b"]
annotations = { readOnly = true }

[[tool]]
name = "fine"
description = "This one is as it should be"
statement = "SELECT 1"

[[tool]]
name = "fine"
description = "This one comes second, and is not"
statement = "SELECT 2"

[[tool]]
name = "list_tables"
description = "The name is a built-in tool's"
statement = "SELECT 3"

[[tool]]
name = "strays"
description = "Neither side knows the other's names"
statement = "SELECT @here, '@text', @@ROWCOUNT"
[[tool.parameter]]
name = "there"
type = "int"
[[tool.parameter]]
name = "There"
type = "int"
[[tool.parameter]]
name = "claimed"
type = "varchar"
from_claim = "c"
required = true
"#;
    let (tools, errors) =
        parse(text, "t.toml", &Rules { taken: &["list_tables"], ..Rules::default() });
    assert_eq!(tools.len(), 1);
    let expected = [
        "t.toml: [[tool]] number 1: name: must be a small letter, and then up to 63 small letters, digits and _",
        "t.toml: [[tool]] number 1: description: must be 20 to 600 characters, for models to choose by; it has 5",
        "t.toml: [[tool]] number 1: statement and procedure are one too many; keep one",
        "t.toml: [[tool]] number 1: access: must be read-only, read-write or full",
        "t.toml: [[tool]] number 1: max_rows: must be a whole number from 1 to 10000000",
        "t.toml: [[tool]] number 1: timeout: must be a number with ms, s, m or h, from 100ms to 24h, such as \"20s\"",
        "t.toml: [[tool]] number 1: scopes: must be a list of OAuth scopes, each without blanks, such as [\"sales:read\"]",
        "t.toml: [[tool]] number 1: principals: must be names, whole or up to a * at the end, such as [\"sales-*\"]",
        "t.toml: [[tool]] number 1: annotations: readOnly: is unknown; there are idempotent",
        "t.toml: [[tool]] number 1: colour: is unknown; there are name, title, description, database, statement, procedure, access, max_rows, timeout, scopes, principals, annotations, parameter",
        "t.toml: tool fine: name: another tool has this name; choose one of its own",
        "t.toml: tool list_tables: name: another tool has this name; choose one of its own",
        "t.toml: tool strays: parameter There: name: another parameter has this name; T-SQL minds no case",
        "t.toml: tool strays: parameter claimed: type: varchar takes a length: varchar(100), at most varchar(8000), or varchar(max)",
        "t.toml: tool strays: parameter claimed: from_claim: the value is the sign-in's; take default, required and allowed out",
        "t.toml: tool strays: parameter there: the statement has no @there; use it there, or take the parameter out",
        "t.toml: tool strays: statement: @here is no parameter; add [[tool.parameter]] with name = \"here\"",
    ];
    assert_eq!(errors, expected);
}

#[test]
fn files_that_are_no_files_of_tools() {
    assert_eq!(errors(""), Vec::<String>::new());
    assert_eq!(errors("[server]\nport = 1\n"), Vec::<String>::new());
    assert!(errors("[[tools]]\nname = \"x\"\n")[0].starts_with("t.toml: tools: write [[tool]]"));
    assert!(errors("tool = 1")[0].starts_with("t.toml: tool: write [[tool]]"));
    assert!(errors("tool = [1]")[0].contains("number 1: is no table"));
    let broken = errors("a = 1\n[[tool]]\npassword = \"hunter2");
    assert!(broken[0].starts_with("t.toml: line 3: "), "{broken:?}");
    assert!(!broken[0].contains("hunter2"), "{broken:?}");
}

#[test]
fn parameters_are_checked_against_themselves() {
    for (parameter, error) in [
        ("type = \"int\"\ndefault = \"a\"", "default: must be a whole number"),
        (
            "type = \"int\"\ndefault = 1\nrequired = true",
            "default: a parameter with a default is not required",
        ),
        ("type = \"int\"\nmin = 2\nmax = 1", "min: is more than max"),
        ("type = \"decimal(5,2)\"\nmin = \"10.00\"\nmax = 9.5", "min: is more than max"),
        ("type = \"int\"\nmin = 2\ndefault = 1", "default: must be at least 2"),
        (
            "type = \"date\"\nmin = 2024-01-01\ndefault = 2023-12-31",
            "default: must be at least 2024-01-01",
        ),
        ("type = \"int\"\nallowed = [1, \"x\"]", "allowed: value number 2: must be a whole number"),
        ("type = \"int\"\nallowed = []", "allowed: must be a list of at least one value"),
        (
            "type = \"varchar(3)\"\nallowed = [\"abcd\"]",
            "allowed: value number 1: must have at most 3 characters",
        ),
        (
            "type = \"varchar(3)\"\nallowed = [\"a\"]\ndefault = \"b\"",
            "default: must be one of \"a\"",
        ),
        ("type = \"varchar(3)\"\nmin = 1", "min: is for numbers, dates and times"),
        ("type = \"int\"\npattern = \"a\"", "pattern: is for char"),
        ("type = \"varchar(9)\"\npattern = \"(\"", "pattern: it is no regular expression"),
        ("type = \"varchar(9)\"\npattern = \"a)|(b\"", "pattern: it is no regular expression"),
        (
            "type = \"varchar(9)\"\npattern = \"(a{9999}){9999}\"",
            "pattern: it is no regular expression",
        ),
        (
            "type = \"varchar(9)\"\nsecret = true\ndefault = \"a\"",
            "default: every client would be told",
        ),
        ("type = \"geography\"", "type: this is none of"),
        ("typ = \"int\"", "typ: is unknown; there are name, type"),
        (
            "type = \"int\"\ndescription = \"a\\u200Bb\"",
            "description: must be at most 300 characters, and none",
        ),
    ] {
        let errors = errors(&with(parameter));
        assert!(
            errors.iter().any(|e| e.starts_with(&format!("t.toml: tool t: parameter x: {error}"))),
            "{parameter}: {errors:?}"
        );
    }
}

#[test]
fn every_type_has_a_schema_that_many_clients_digest() {
    let schema = |parameter: &str| -> Value {
        input_schema(&one(&with(parameter)))["properties"]["x"].clone()
    };
    for (parameter, expected) in [
        ("type = \"tinyint\"", json!({"type": "integer", "minimum": 0, "maximum": 255})),
        ("type = \"bigint\"", json!({"type": ["integer", "string"], "pattern": "^-?[0-9]{1,19}$"})),
        (
            "type = \"bigint\"\nmin = 1\nmax = 10",
            json!({"type": "integer", "minimum": 1, "maximum": 10}),
        ),
        ("type = \"bit\"", json!({"type": "boolean"})),
        ("type = \"decimal(10,2)\"\nmin = 0.5", json!({"type": "number", "minimum": 0.5})),
        (
            "type = \"decimal(38,4)\"",
            json!({"type": ["number", "string"], "pattern": "^-?[0-9]{1,34}(\\.[0-9]{1,4})?$"}),
        ),
        ("type = \"float\"", json!({"type": "number"})),
        (
            "type = \"nvarchar(20)\"\nallowed = [\"a\", \"b\"]",
            json!({"type": "string", "maxLength": 20, "enum": ["a", "b"]}),
        ),
        (
            "type = \"varchar(max)\"\npattern = \"[a-z]+\"",
            json!({"type": "string", "pattern": "^(?:[a-z]+)$"}),
        ),
        (
            "type = \"date\"\ndefault = 2024-01-31",
            json!({"type": "string", "format": "date", "default": "2024-01-31"}),
        ),
        ("type = \"datetimeoffset\"", json!({"type": "string", "format": "date-time"})),
        ("type = \"uniqueidentifier\"", json!({"type": "string", "format": "uuid"})),
        (
            "type = \"varbinary(max)\"",
            json!({"type": "string", "contentEncoding": "base64", "description": "base64"}),
        ),
        (
            "type = \"list of int\"\nmax = 9",
            json!({"type": "array", "maxItems": 1000, "items": {"type": "integer", "minimum": -2_147_483_648_i64, "maximum": 9}}),
        ),
    ] {
        assert_eq!(schema(parameter), expected, "{parameter}");
    }
    assert_eq!(
        schema("type = \"time\"\ndescription = \"When.\"")["description"],
        "When (such as 14:30:00)"
    );
}

#[test]
fn large_definitions_and_long_statements_are_refused() {
    let values: Vec<String> = (0..400).map(|n| format!("\"value {n}\"")).collect();
    let large = with(&format!("type = \"varchar(20)\"\nallowed = [{}]", values.join(", ")));
    assert!(
        errors(&large)[0].contains("its definition, as clients get it, has"),
        "{:?}",
        errors(&large)
    );
    let long = with("type = \"int\"")
        .replace("SELECT @x", &format!("SELECT @x -- {}", "x".repeat(70_000)));
    assert!(errors(&long)[0].contains("statement: has 700"), "{:?}", errors(&long));
}

#[test]
fn ten_thousand_tools_are_read_at_once() {
    let many: String =
        (0..10_000).map(|n| OPEN_ORDERS.replace("open_orders", &format!("tool_{n}"))).collect();
    let started = Instant::now();
    let (tools, errors) = parse(&many, "t.toml", &Rules::default());
    assert_eq!((tools.len(), errors.len()), (50, 1));
    assert!(errors[0].contains("10000 tools, and at most 50 are taken"), "{errors:?}");
    let (tools, errors) = parse(&many, "t.toml", &Rules { most: 10_000, ..Rules::default() });
    assert_eq!((tools.len(), errors.len()), (10_000, 0));
    // A debug build on a busy machine.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    println!("{:?}", started.elapsed());
}
