//! Skills (extension `io.modelcontextprotocol/skills`, SEP-2640): short guides for a model, which
//! are resources too. One is about T-SQL, and each prompt has the one that it gives.

use std::sync::Arc;

use aws_lc_rs::digest;
use serde_json::{Map, Value, json};

use crate::resources::Fixed;

/// One skill: a folder with one file.
#[derive(Debug)]
pub(crate) struct Skill {
    pub(crate) name: &'static str,
    text: &'static str,
}

macro_rules! skills {
    ($($name:literal),*) => {
        &[$(Skill { name: $name, text: include_str!(concat!("skills/", $name, "/SKILL.md")) }),*]
    };
}

pub(crate) const SKILLS: &[Skill] = skills![
    "compare-periods",
    "explain-query",
    "explore-database",
    "find-value",
    "profile-table",
    "t-sql-guide",
    "write-query"
];

/// Files of the one directory that each skill is.
const FILE: &str = "SKILL.md";

impl Skill {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        SKILLS.iter().find(|s| s.name == name)
    }

    fn folder(&self) -> String {
        format!("skill://{}", self.name)
    }

    fn uri(&self) -> String {
        format!("{}/{FILE}", self.folder())
    }

    /// What stands between the two lines of dashes, and what stands behind.
    fn parts(&self) -> (&'static str, &'static str) {
        let rest = self.text.strip_prefix("---\n").unwrap_or(self.text);
        rest.split_once("\n---\n").unwrap_or(("", rest))
    }

    /// The guide.
    pub(crate) fn body(&self) -> &'static str {
        self.parts().1.trim()
    }

    pub(crate) fn description(&self) -> &'static str {
        let mut lines = self.parts().0.lines();
        lines.find_map(|l| l.strip_prefix("description: ")).unwrap_or_default()
    }

    fn entry(&self) -> Value {
        let digest = digest::digest(&digest::SHA256, self.text.as_bytes());
        let hex: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        json!({
            "uri": self.uri(),
            "frontmatter": { "name": self.name, "description": self.description() },
            "resources": [{
                "uri": self.uri(),
                "digest": format!("sha256:{hex}"),
                "size": self.text.len(),
            }],
        })
    }

    fn file(&self) -> Fixed {
        Fixed {
            uri: self.uri(),
            name: self.name.to_owned(),
            description: self.description().to_owned(),
            mime_type: "text/markdown",
            text: Arc::from(self.text),
            meta: None,
            for_views: false,
        }
    }
}

/// As resources.
pub(crate) fn files() -> Vec<Fixed> {
    SKILLS.iter().map(Skill::file).collect()
}

/// `skills/list`.
pub(crate) fn list() -> Map<String, Value> {
    let all: Vec<Value> = SKILLS.iter().map(Skill::entry).collect();
    Map::from_iter([("skills".to_owned(), all.into())])
}

/// `skills/get`; none where a URI names no skill.
pub(crate) fn get(uri: &str) -> Option<Map<String, Value>> {
    let skill = SKILLS.iter().find(|s| s.uri() == uri)?;
    Some(Map::from_iter([("skill".to_owned(), skill.entry())]))
}

/// `resources/directory/read`; none where a URI names no directory.
pub(crate) fn directory(uri: &str) -> Option<Map<String, Value>> {
    let skill = SKILLS.iter().find(|s| s.folder() == uri)?;
    let file = json!({ "uri": skill.uri(), "name": FILE, "mimeType": "text/markdown" });
    Some(Map::from_iter([("resources".to_owned(), json!([file]))]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skill_is_called_what_its_file_says() {
        for skill in SKILLS {
            let (front, body) = skill.parts();
            let lines: Vec<&str> = front.lines().collect();
            assert_eq!(lines.len(), 2, "{front}");
            assert_eq!(lines[0], format!("name: {}", skill.name));
            // YAML: nothing in it needs quotes.
            assert!(!skill.description().contains(": ") && !skill.description().contains('#'));
            assert!((40..=1024).contains(&skill.description().len()), "{}", skill.name);
            assert!(body.trim().starts_with("# "), "{body}");
            assert!(skill.text.len() < 4000, "{} is short", skill.name);
        }
    }

    #[test]
    fn an_entry_is_its_file() {
        for skill in SKILLS {
            let entry = get(&skill.uri()).expect("there")["skill"].clone();
            assert_eq!(entry["resources"][0]["size"], skill.text.len());
            assert_eq!(skill.file().text.len(), skill.text.len());
            assert_eq!(
                directory(&skill.folder()).expect("a directory")["resources"][0]["uri"],
                skill.uri()
            );
            assert_eq!(directory(&skill.uri()), None);
        }
        assert_eq!(get("skill://t-sql-guide"), None);
        assert_eq!(list()["skills"].as_array().map(Vec::len), Some(SKILLS.len()));
    }
}
