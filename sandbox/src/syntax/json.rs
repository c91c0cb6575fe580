//! FOR JSON behind a query, and OPENJSON as a table source.

use super::ast::{ForJson, JsonColumn, OpenJson, Table};
use super::cursor::Parser;
use super::keyword::Keyword;
use super::lexer::TokenKind;
use crate::error::{Error, Result};
use crate::messages;

impl Parser<'_> {
    /// `FOR JSON PATH, ROOT('r')`, if that is next.
    pub(super) fn for_json(&mut self) -> Result<Option<ForJson>> {
        if !self.at(Keyword::For) {
            return Ok(None);
        }
        if !self.eat_all(&[Keyword::For, Keyword::Json]) {
            return Err(Error::unsupported("FOR XML and FOR BROWSE"));
        }
        let mut json = ForJson { auto: self.eat(Keyword::Auto), ..ForJson::default() };
        if !json.auto {
            self.expect(Keyword::Path)?;
        }
        while self.eat_symbol(",") {
            if self.eat(Keyword::Root) {
                let name = if self.at_symbol("(") {
                    self.parenthesized(Self::text)?
                } else {
                    "root".into()
                };
                json.root = Some(name);
            } else if self.eat(Keyword::IncludeNullValues) {
                json.include_nulls = true;
            } else {
                self.expect(Keyword::WithoutArrayWrapper)?;
                json.no_wrapper = true;
            }
        }
        if json.root.is_some() && json.no_wrapper {
            return Err(messages::root_without_wrapper());
        }
        Ok(Some(json))
    }

    fn text(&mut self) -> Result<String> {
        let (TokenKind::Text(text) | TokenKind::UnicodeText(text)) = self.peek() else {
            return Err(self.unexpected());
        };
        let text = text.clone();
        self.position += 1;
        Ok(text)
    }

    /// The arguments, the schema and the alias of OPENJSON, behind its name.
    pub(super) fn open_json(&mut self) -> Result<Table> {
        let args = self.parenthesized(Self::expressions)?;
        let schema = if self.at(Keyword::With) && self.symbol_at(1, "(") {
            self.position += 1;
            Some(self.parenthesized(|p| p.comma_separated(Self::json_column))?)
        } else {
            None
        };
        let alias = self.source_alias()?;
        let named = alias.is_some() && self.at_symbol("(");
        let columns = if named { self.name_list()? } else { Vec::new() };
        let alias = alias.unwrap_or_else(|| "OPENJSON".into());
        Ok(Table::OpenJson(Box::new(OpenJson { args, schema, alias, columns })))
    }

    /// `name int '$.path' AS JSON`
    fn json_column(&mut self) -> Result<JsonColumn> {
        let name = self.identifier()?;
        let ty = self.data_type()?;
        let path = match self.peek() {
            TokenKind::Text(_) | TokenKind::UnicodeText(_) => Some(self.text()?),
            _ => None,
        };
        let as_json = self.eat_all(&[Keyword::As, Keyword::Json]);
        Ok(JsonColumn { name, ty, path, as_json })
    }
}
