//! GROUP BY with ROLLUP, CUBE and GROUPING SETS: what they stand for is a list of grouping sets.

use super::ast::Expr;
use super::cursor::Parser;
use super::keyword::Keyword;
use crate::error::{Error, Result};

/// Sets that one GROUP BY may have: each is a query of its own.
const MOST_SETS: usize = 64;

/// Expressions that are grouped by together.
type Set = Vec<Expr>;

impl Parser<'_> {
    /// All grouping expressions, and of more sets than one the indexes of each.
    pub(super) fn group_by(&mut self) -> Result<(Vec<Expr>, Vec<Vec<usize>>)> {
        if self.at(Keyword::All) {
            return Err(Error::unsupported("GROUP BY ALL"));
        }
        let mut items = self.comma_separated(Self::grouping_item)?;
        if self.eat_all(&[Keyword::With, Keyword::Rollup]) {
            items = vec![rollup(&self.only_one_each(items)?)];
        } else if self.eat_all(&[Keyword::With, Keyword::Cube]) {
            items = vec![cube(&self.only_one_each(items)?)?];
        }
        let mut all: Vec<Expr> = Vec::new();
        let mut indexes = Vec::new();
        for set in product(items)? {
            let mut of_set = Vec::new();
            for e in set {
                let known = all.iter().position(|known| *known == e);
                let at = known.unwrap_or(all.len());
                if known.is_none() {
                    all.push(e);
                }
                if !of_set.contains(&at) {
                    of_set.push(at);
                }
            }
            indexes.push(of_set);
        }
        if indexes.len() == 1 && !indexes[0].is_empty() {
            indexes.clear();
        }
        Ok((all, indexes))
    }

    /// Of the older form, which has plain expressions before it.
    fn only_one_each(&self, items: Vec<Vec<Set>>) -> Result<Vec<Set>> {
        let one = |mut sets: Vec<Set>| if sets.len() == 1 { sets.pop() } else { None };
        items.into_iter().map(one).collect::<Option<Vec<Set>>>().ok_or_else(|| self.unexpected())
    }

    /// The sets that one item stands for.
    fn grouping_item(&mut self) -> Result<Vec<Set>> {
        if self.eat_all(&[Keyword::Grouping, Keyword::Sets]) {
            let sets = self.parenthesized(|p| p.comma_separated(Self::grouping_item))?;
            return Ok(sets.concat());
        }
        match self.keyword() {
            Some(Keyword::Rollup) if self.symbol_at(1, "(") => {
                self.position += 1;
                let elements = self.parenthesized(|p| p.comma_separated(Self::grouping_set))?;
                Ok(rollup(&elements))
            }
            Some(Keyword::Cube) if self.symbol_at(1, "(") => {
                self.position += 1;
                let elements = self.parenthesized(|p| p.comma_separated(Self::grouping_set))?;
                cube(&elements)
            }
            _ => Ok(vec![self.grouping_set()?]),
        }
    }

    /// `a`, `(a, b)` or `()`.
    fn grouping_set(&mut self) -> Result<Set> {
        let mark = self.position;
        if self.eat_symbol("(") {
            if self.eat_symbol(")") {
                return Ok(Set::new());
            }
            let list = self.expressions()?;
            let ends = self.eat_symbol(")") && !self.continues_expression();
            if ends {
                return Ok(list);
            }
            // The parenthesis was one of an expression.
            self.position = mark;
        }
        Ok(vec![self.expr()?])
    }

    fn continues_expression(&self) -> bool {
        ["+", "-", "*", "/", "%", "&", "|", "^"].iter().any(|s| self.at_symbol(s))
            || self.at(Keyword::Collate)
    }
}

/// All elements, all but the last one, and so on down to none.
fn rollup(elements: &[Set]) -> Vec<Set> {
    (0..=elements.len()).rev().map(|n| elements[..n].concat()).collect()
}

/// Every choice of elements, the one of all of them first.
fn cube(elements: &[Set]) -> Result<Vec<Set>> {
    let choices = 1usize.checked_shl(elements.len() as u32).filter(|n| *n <= MOST_SETS);
    let choices =
        choices.ok_or_else(|| Error::unsupported(format!("CUBE of more than {MOST_SETS} sets")))?;
    let chosen = |choice: usize| {
        let elements = elements.iter().enumerate();
        elements.filter(|(at, _)| choice >> at & 1 == 1).flat_map(|(_, set)| set.clone()).collect()
    };
    Ok((0..choices).rev().map(chosen).collect())
}

/// Each set of one item with each of the others.
fn product(items: Vec<Vec<Set>>) -> Result<Vec<Set>> {
    let mut out = vec![Set::new()];
    for sets in items {
        if out.len() * sets.len() > MOST_SETS {
            return Err(Error::unsupported(format!("more than {MOST_SETS} grouping sets")));
        }
        out = out
            .iter()
            .flat_map(|left| sets.iter().map(move |right| [left.clone(), right.clone()].concat()))
            .collect();
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sets of a GROUP BY, with the names of their columns.
    fn sets(text: &str) -> Result<Vec<String>> {
        let mut parser = Parser::new(text)?;
        let (all, sets) = parser.group_by()?;
        parser.expect_end()?;
        let name = |e: &Expr| match e {
            Expr::Column(parts) => parts.join("."),
            _ => "?".into(),
        };
        if sets.is_empty() {
            return Ok(vec![all.iter().map(name).collect()]);
        }
        Ok(sets.iter().map(|set| set.iter().map(|at| name(&all[*at])).collect()).collect())
    }

    #[test]
    fn items_stand_for_sets() {
        let cases: [(&str, &[&str]); 13] = [
            ("a, b", &["ab"]),
            ("(a, b), c", &["abc"]),
            ("(a) + 1, (b)", &["?b"]),
            ("()", &[""]),
            ("ROLLUP (a, b)", &["ab", "a", ""]),
            ("ROLLUP ((a, b), c)", &["abc", "ab", ""]),
            ("CUBE (a, b)", &["ab", "b", "a", ""]),
            ("GROUPING SETS (a, (b, c), ())", &["a", "bc", ""]),
            ("GROUPING SETS (ROLLUP (a, b), c)", &["ab", "a", "", "c"]),
            ("a, ROLLUP (b)", &["ab", "a"]),
            ("ROLLUP (a), CUBE (b)", &["ab", "a", "b", ""]),
            ("a, b WITH ROLLUP", &["ab", "a", ""]),
            ("a, b WITH CUBE", &["ab", "b", "a", ""]),
        ];
        for (text, expected) in cases {
            let expected: Vec<String> = expected.iter().map(|s| (*s).to_owned()).collect();
            assert_eq!(sets(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_too_much_or_no_set() {
        for text in ["ALL a", "CUBE (a, b, c, d, e, f, g)", "CUBE (a, b, c, d), CUBE (e, f, g)"] {
            assert!(sets(text).is_err_and(|e| e.is_unsupported()), "{text}");
        }
        for text in ["ROLLUP (a", "GROUPING SETS a", "ROLLUP (a) WITH CUBE", ""] {
            assert!(sets(text).is_err_and(|e| !e.is_unsupported()), "{text}");
        }
    }
}
