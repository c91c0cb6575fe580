//! Prompts (MCP, "Prompts"): what people ask of a database again and again. Each is one of the
//! skills, with what it is to be used on.

use mssql_mcp_transports::{Content, Reply};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::protocol::cached;
use crate::resources::member;
use crate::skills::Skill;
use crate::tools::Stop;

/// A prompt.
#[derive(Debug)]
pub(crate) struct Prompt {
    /// That of its skill, too.
    pub(crate) name: &'static str,
    title: &'static str,
    pub(crate) arguments: &'static [Argument],
    /// What is to be done, in parts; each argument's place is its name in braces.
    task: &'static [&'static str],
}

/// An argument of a prompt, a text.
#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) name: &'static str,
    description: &'static str,
    required: bool,
}

const fn argument(name: &'static str, description: &'static str, required: bool) -> Argument {
    Argument { name, description, required }
}

const TABLE: Argument = argument("table", "table or view, with its schema", true);

pub(crate) const PROMPTS: &[Prompt] = &[
    Prompt {
        name: "compare-periods",
        title: "Compare two periods",
        arguments: &[
            TABLE,
            argument("measure", "what is compared, such as the sum of a column", false),
            argument("column", "the column with the date", false),
            argument("first", "such as 2026-09", true),
            argument("second", "such as 2026-10", true),
        ],
        task: &[
            "Compare {first} with {second} in {table}.",
            "Measure: {measure}.",
            "The date is in {column}.",
        ],
    },
    Prompt {
        name: "explain-query",
        title: "Explain a query, or speed it up",
        arguments: &[
            argument("query", "the T-SQL text", true),
            argument("goal", "explain or speed up", false),
        ],
        task: &["Look at this query.", "What is wanted: {goal}.", "```sql\n{query}\n```"],
    },
    Prompt {
        name: "explore-database",
        title: "Get to know the database",
        arguments: &[
            argument("schema", "only this schema", false),
            argument("topic", "what it is looked at for", false),
        ],
        task: &["Get to know this database.", "Only the schema {schema}.", "It is about {topic}."],
    },
    Prompt {
        name: "find-value",
        title: "Find where a value is",
        arguments: &[
            argument("value", "what is looked for", true),
            argument("schema", "only in this schema", false),
        ],
        task: &["Find where this value is kept: {value}", "Only the schema {schema}."],
    },
    Prompt {
        name: "profile-table",
        title: "Profile a table",
        arguments: &[TABLE, argument("column", "mostly this column", false)],
        task: &["Profile {table}.", "Mostly its column {column}."],
    },
    Prompt {
        name: "write-query",
        title: "Answer a question by a query",
        arguments: &[
            argument("question", "in plain words", true),
            argument("table", "where it probably is", false),
        ],
        task: &["Answer this question by a query: {question}", "It is probably in {table}."],
    },
];

impl Prompt {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        PROMPTS.iter().find(|p| p.name == name)
    }

    fn skill(&self) -> (&'static str, &'static str) {
        Skill::named(self.name).map_or(("", ""), |s| (s.description(), s.body()))
    }

    fn entry(&self) -> Value {
        let arguments = self.arguments.iter().map(
            |a| json!({ "name": a.name, "description": a.description, "required": a.required }),
        );
        json!({
            "name": self.name,
            "title": self.title,
            "description": self.skill().0,
            "arguments": arguments.collect::<Vec<_>>(),
        })
    }

    /// The task, with what was given; a part is left out where something of it was not.
    fn filled(&self, given: &Map<String, Value>) -> String {
        let parts: Vec<String> = self.task.iter().filter_map(|part| filled(part, given)).collect();
        parts.join("\n")
    }
}

/// A part of a task with its places filled. What was given is not looked into: it may have braces of
/// its own.
fn filled(part: &str, given: &Map<String, Value>) -> Option<String> {
    let mut out = String::new();
    let mut rest = part;
    while let Some((before, name, behind)) = rest.split_once('{').and_then(|(before, place)| {
        place.split_once('}').map(|(name, behind)| (before, name, behind))
    }) {
        out += before;
        out += given.get(name).and_then(Value::as_str).filter(|v| !v.is_empty())?;
        rest = behind;
    }
    Some(out + rest)
}

/// `prompts/list`.
pub(crate) fn list() -> Map<String, Value> {
    let all: Vec<Value> = PROMPTS.iter().map(Prompt::entry).collect();
    cached(Map::from_iter([("prompts".to_owned(), all.into())]))
}

/// `prompts/get`.
pub(crate) fn get(name: Option<&str>, params: Option<&RawValue>) -> Result<Reply, Stop> {
    let invalid = |message: String| Stop::Invalid(message);
    let name = name.ok_or_else(|| invalid("params.name must be a string".into()))?;
    let names = || PROMPTS.iter().map(|p| p.name).collect::<Vec<_>>().join(", ");
    let prompt = Prompt::named(name)
        .ok_or_else(|| invalid(format!("Unknown prompt: {name}; there are {}", names())))?;
    let given = match member(params, "arguments") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(given)) => given,
        Some(_) => return Err(invalid("params.arguments must be an object".into())),
    };
    for (key, value) in &given {
        if !prompt.arguments.iter().any(|a| a.name == key) {
            let known = prompt.arguments.iter().map(|a| a.name).collect::<Vec<_>>().join(", ");
            return Err(invalid(format!("{name} has no argument {key}; it has {known}")));
        }
        if !value.is_string() {
            return Err(invalid(format!("the argument {key} of {name} must be a string")));
        }
    }
    let missing = |a: &&Argument| {
        a.required && given.get(a.name).and_then(Value::as_str).is_none_or(str::is_empty)
    };
    if let Some(argument) = prompt.arguments.iter().find(missing) {
        return Err(invalid(format!("{name} needs the argument {}", argument.name)));
    }
    let (description, body) = prompt.skill();
    let text = format!("{}\n\n{body}", prompt.filled(&given));
    let message = json!({ "role": "user", "content": Content::text(text) });
    Ok(Reply::Json(Map::from_iter([
        ("description".to_owned(), description.into()),
        ("messages".to_owned(), json!([message])),
    ])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn got(name: &str, arguments: Value) -> Result<String, String> {
        let params = json!({ "name": name, "arguments": arguments });
        let params = serde_json::value::to_raw_value(&params).expect("JSON");
        match get(Some(name), Some(&params)) {
            Ok(Reply::Json(map)) => Ok(map["messages"][0]["content"]["text"].to_string()),
            Err(Stop::Invalid(message)) => Err(message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_prompt_has_its_skill_and_says_all_of_its_arguments() {
        for prompt in PROMPTS {
            assert!(Skill::named(prompt.name).is_some(), "{}", prompt.name);
            let all =
                prompt.arguments.iter().map(|a| (a.name.to_owned(), a.name.to_uppercase().into()));
            let filled = prompt.filled(&all.collect());
            for argument in prompt.arguments {
                assert!(filled.contains(&argument.name.to_uppercase()), "{filled}");
            }
            assert!(!filled.contains('{'), "{filled}");
            let needed = prompt.arguments.iter().filter(|a| a.required);
            let needed = needed.map(|a| (a.name.to_owned(), Value::from("x"))).collect();
            assert!(!prompt.filled(&needed).contains('{'), "what is not given is left out");
        }
        assert_eq!(list()["prompts"].as_array().map(Vec::len), Some(PROMPTS.len()));
    }

    #[test]
    fn what_is_wrong_with_arguments_is_named() {
        let profile = |arguments| got("profile-table", arguments);
        assert!(
            profile(json!({ "table": "sales.Orders" })).is_ok_and(|t| t.contains("sales.Orders"))
        );
        assert!(
            profile(json!({ "table": "{column}", "column": "x" }))
                .is_ok_and(|t| t.contains("{column}"))
        );
        for (arguments, said) in [
            (json!({}), "needs the argument table"),
            (json!({ "table": "" }), "needs the argument table"),
            (json!({ "table": 1 }), "must be a string"),
            (json!({ "tabel": "x" }), "no argument tabel"),
            (json!([]), "must be an object"),
        ] {
            let message = profile(arguments).expect_err("refused");
            assert!(message.contains(said), "{message}");
        }
        assert!(got("no", json!({})).is_err_and(|m| m.contains("there are compare-periods")));
    }
}
