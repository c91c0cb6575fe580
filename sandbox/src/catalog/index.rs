//! Where the objects of a catalog are, by name and by id. A database may have tens of thousands.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::Object;

/// Made when it is first asked for; whoever changes the objects begins a new one.
#[derive(Debug, Clone, Default)]
pub(super) struct Index(OnceLock<Arc<Places>>);

#[derive(Debug, Default)]
struct Places {
    /// By schema and name, in lower case.
    names: HashMap<String, usize>,
    ids: HashMap<i64, usize>,
}

/// No name has this character: schema and name meet in it.
const BETWEEN: char = '\u{1}';

fn key(schema: &str, name: &str) -> String {
    let mut key = format!("{schema}{BETWEEN}{name}");
    key.make_ascii_lowercase();
    key
}

impl Index {
    fn places(&self, objects: &[Arc<Object>]) -> &Places {
        self.0.get_or_init(|| {
            let mut places = Places::default();
            // The first of a name is the one that is found.
            for (position, o) in objects.iter().enumerate() {
                places.names.entry(key(&o.schema, &o.name)).or_insert(position);
                places.ids.entry(o.id).or_insert(position);
            }
            Arc::new(places)
        })
    }

    pub(super) fn by_name(
        &self,
        objects: &[Arc<Object>],
        schema: &str,
        name: &str,
    ) -> Option<usize> {
        self.places(objects).names.get(&key(schema, name)).copied()
    }

    pub(super) fn by_id(&self, objects: &[Arc<Object>], id: i64) -> Option<usize> {
        self.places(objects).ids.get(&id).copied()
    }
}
