//! JSON as it was sent.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// JSON whose numbers keep their digits, and whose objects keep their order.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// JSON `null`, which is no text.
    Null,
    /// `true` or `false`, as sent.
    Bool(bool),
    /// As it was written.
    Number(String),
    /// A text, its escapes resolved.
    Text(String),
    /// An array in its order.
    List(Vec<Node>),
    /// An object in the order of its members.
    Object(Vec<(String, Node)>),
}

static NULL: Node = Node::Null;

// === impl Node ===

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(d)?;
        Node::read(raw.get()).map_err(serde::de::Error::custom)
    }
}

struct Pairs(Vec<(String, Node)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut all = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    all.push(pair);
                }
                Ok(Pairs(all))
            }
        }
        d.deserialize_map(InOrder)
    }
}

impl Node {
    /// Reads JSON; an error is serde_json's.
    pub fn read(text: &str) -> serde_json::Result<Self> {
        Ok(match text.trim_start().as_bytes().first() {
            Some(b'"') => Node::Text(serde_json::from_str(text)?),
            Some(b'[') => Node::List(serde_json::from_str(text)?),
            Some(b'{') => Node::Object(serde_json::from_str::<Pairs>(text)?.0),
            Some(b't' | b'f') => Node::Bool(serde_json::from_str(text)?),
            Some(b'n') => Node::Null,
            _ => Node::Number(text.trim().to_owned()),
        })
    }

    /// A member; null where there is none.
    pub(crate) fn get(&self, name: &str) -> &Node {
        self.pairs().iter().find(|(k, _)| k == name).map_or(&NULL, |(_, v)| v)
    }

    /// The members of an object.
    pub(crate) fn pairs(&self) -> &[(String, Node)] {
        if let Node::Object(all) = self { all } else { &[] }
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> &[Node] {
        if let Node::List(all) = self { all } else { &[] }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Node::Text(t) = self { Some(t) } else { None }
    }

    pub(super) fn is_true(&self) -> bool {
        *self == Node::Bool(true)
    }

    pub(super) fn number(&self) -> Option<u64> {
        if let Node::Number(n) = self { n.parse().ok() } else { None }
    }
}
