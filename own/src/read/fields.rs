//! The keys of a table, taken one by one: whatever is left is unknown, and what is wrong is said
//! with its key and without its value.

/// A table that is read.
pub(super) struct Fields {
    table: toml::Table,
    /// Every key that was asked for.
    known: Vec<&'static str>,
    pub(super) errors: Vec<String>,
}

impl Fields {
    pub(super) fn new(table: toml::Table) -> Self {
        Self { table, known: Vec::new(), errors: Vec::new() }
    }

    /// `key: must be …`
    pub(super) fn wrong(&mut self, key: &str, must_be: &str) {
        self.errors.push(format!("{key}: must be {must_be}"));
    }

    pub(super) fn any(&mut self, key: &'static str) -> Option<toml::Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn read<T>(
        &mut self,
        key: &'static str,
        must_be: &str,
        read: impl FnOnce(toml::Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.any(key)?;
        let read = read(value);
        if read.is_none() {
            self.wrong(key, must_be);
        }
        read
    }

    /// A text that says something.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        self.read(key, "a text in quotes, and not empty", |v| match v {
            toml::Value::String(s) if !s.trim().is_empty() => Some(s),
            _ => None,
        })
    }

    /// A text that must be there.
    pub(super) fn needed(&mut self, key: &'static str, example: &str) -> Option<String> {
        if !self.table.contains_key(key) {
            self.errors.push(format!("{key} is missing, such as {key} = \"{example}\""));
        }
        self.text(key)
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.read(key, "true or false", |v| v.as_bool())
    }

    pub(super) fn whole(&mut self, key: &'static str, least: i64, most: i64) -> Option<i64> {
        self.read(key, &format!("a whole number from {least} to {most}"), |v| {
            v.as_integer().filter(|n| (least..=most).contains(n))
        })
    }

    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.read(key, "a list of texts in quotes", |v| match v {
            toml::Value::Array(all) => {
                all.into_iter().map(|v| v.as_str().map(str::to_owned)).collect()
            }
            _ => None,
        })
    }

    pub(super) fn table(&mut self, key: &'static str) -> Option<toml::Table> {
        self.read(key, "a table, such as { idempotent = true }", |v| match v {
            toml::Value::Table(t) => Some(t),
            _ => None,
        })
    }

    /// All that is wrong, unknown keys too.
    pub(super) fn finish(mut self) -> Vec<String> {
        let known = self.known.join(", ");
        for key in self.table.keys() {
            let shown: String = key.chars().filter(|c| !c.is_control()).take(60).collect();
            self.errors.push(format!("{shown}: is unknown; there are {known}"));
        }
        self.errors
    }
}
