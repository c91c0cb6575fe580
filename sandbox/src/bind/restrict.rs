//! What the WHERE of a query wants of the system views in its FROM: where a database has many
//! objects, a view of a few of them is made without the others.

use super::Binder;
use crate::catalog::many::{Wanted, has_many};
use crate::syntax::ast::{CompareOp, Expr, JoinKind, Select, Table};
use crate::types::Value;

/// Columns by which a view can be made of few objects.
const COLUMNS: [&str; 5] = ["object_id", "parent_object_id", "major_id", "name", "table_name"];

/// A source and one of its columns, in lower case.
type Place = (String, String);

impl Binder<'_> {
    /// For each source, by its alias, a column and the values that alone can pass. This narrows
    /// what is read and decides nothing: the WHERE stays as it is.
    pub(super) fn restrictions_of(&mut self, select: &Select) -> Vec<(String, Wanted)> {
        let Some(filter) = &select.filter else { return Vec::new() };
        let mut sources = Vec::new();
        select.from.iter().for_each(|t| aliases(t, &mut sources));
        let many = sources.iter().any(|(_, database)| {
            let position = match database {
                None => Some(self.database),
                Some(name) => self.env.database(name).ok().flatten(),
            };
            position.is_some_and(|p| has_many(self.env.catalog(p)))
        });
        if !many {
            return Vec::new();
        }
        let mut conditions = vec![filter];
        let mut equal: Vec<(Place, Place)> = Vec::new();
        let mut on = Vec::new();
        select.from.iter().for_each(|t| join_conditions(t, &mut conditions, &mut on));
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(condition) = conditions.get(at).copied() {
            at += 1;
            match condition {
                Expr::And(all) => conditions.extend(all),
                Expr::Compare(CompareOp::Equal, a, b) => {
                    match (place(a, &sources), place(b, &sources)) {
                        (Some(a), Some(b)) => equal.push((a, b)),
                        (Some(place), None) => self.want(place, &[b], &mut found),
                        (None, Some(place)) => self.want(place, &[a], &mut found),
                        (None, None) => {}
                    }
                }
                Expr::In { value, list, negated: false } => {
                    if let Some(place) = place(value, &sources) {
                        self.want(place, &list.iter().collect::<Vec<_>>(), &mut found);
                    }
                }
                _ => {}
            }
        }
        // What an outer join asks for narrows one side by the other, and by no constant.
        equal.extend(on.iter().flat_map(|e| equalities(e, &sources)));
        for _ in 0..equal.len() {
            for (a, b) in &equal {
                for (from, to) in [(a, b), (b, a)] {
                    let values = found
                        .iter()
                        .find(|(s, w): &&(String, Wanted)| *s == from.0 && w.0 == from.1);
                    let known = found.iter().any(|(s, w)| *s == to.0 && w.0 == to.1);
                    if let Some((_, (_, values))) = values
                        && !known
                    {
                        found.push((to.0.clone(), (to.1.clone(), values.clone())));
                    }
                }
            }
        }
        found
    }

    /// What is wanted of a source of the FROM that is being bound.
    pub(super) fn wanted_of(&self, alias: &str) -> Vec<Wanted> {
        let all = self.restrictions.last().into_iter().flatten();
        all.filter(|(a, _)| a.eq_ignore_ascii_case(alias)).map(|(_, w)| w.clone()).collect()
    }

    /// Values, if all of them are known before the query runs.
    fn want(&mut self, place: Place, values: &[&Expr], found: &mut Vec<(String, Wanted)>) {
        let mark = (self.binds.len(), self.variables.len());
        let known: Option<Vec<Value>> = values
            .iter()
            .map(|e| is_known(e).then(|| self.expr(e).ok()?.constant).flatten())
            .collect();
        // They are bound again in their place.
        self.binds.truncate(mark.0);
        self.variables.truncate(mark.1);
        if let Some(values) = known {
            found.push((place.0, (place.1, values)));
        }
    }
}

/// Whether an expression has a value whatever the rows are.
fn is_known(e: &Expr) -> bool {
    match e {
        Expr::Integer(_) | Expr::Text(_) | Expr::UnicodeText(_) | Expr::Variable(_) => true,
        Expr::Call(call) => call.name == "OBJECT_ID" && call.args.iter().all(is_known),
        _ => false,
    }
}

/// The aliases of the named sources, each with the database of its name.
fn aliases<'t>(table: &'t Table, out: &mut Vec<(&'t str, Option<&'t str>)>) {
    match table {
        Table::Named { name, alias } => {
            let last = name.0.last().map_or("", String::as_str);
            out.push((alias.as_deref().unwrap_or(last), name.database()));
        }
        Table::Join { left, right, .. } => {
            aliases(left, out);
            aliases(right, out);
        }
        // A column without a source may be one of these.
        _ => out.push(("", None)),
    }
}

/// The conditions of inner joins, which are as good as those of WHERE, and of the others.
fn join_conditions<'t>(table: &'t Table, inner: &mut Vec<&'t Expr>, others: &mut Vec<&'t Expr>) {
    let Table::Join { kind, left, right, on } = table else { return };
    let (mut below, mut outer) = (Vec::new(), Vec::new());
    join_conditions(left, &mut below, &mut outer);
    join_conditions(right, &mut below, &mut outer);
    others.extend(outer);
    match kind {
        JoinKind::Inner | JoinKind::Cross => {
            inner.extend(below);
            inner.extend(on);
        }
        // Within an outer join an inner one decides only what is joined.
        _ => {
            others.extend(below);
            others.extend(on);
        }
    }
}

/// The equalities of columns in a condition.
fn equalities(e: &Expr, sources: &[(&str, Option<&str>)]) -> Vec<(Place, Place)> {
    match e {
        Expr::And(all) => all.iter().flat_map(|e| equalities(e, sources)).collect(),
        Expr::Compare(CompareOp::Equal, a, b) => {
            place(a, sources).zip(place(b, sources)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn place(e: &Expr, sources: &[(&str, Option<&str>)]) -> Option<Place> {
    let Expr::Column(parts) = e else { return None };
    let (column, prefix) = parts.split_last()?;
    let column = column.to_ascii_lowercase();
    if !COLUMNS.contains(&column.as_str()) {
        return None;
    }
    let alias = match (prefix, sources) {
        ([alias], _) => alias.as_str(),
        ([], [(only, _)]) => only,
        _ => return None,
    };
    let mut named = sources.iter().filter(|(a, _)| a.eq_ignore_ascii_case(alias));
    named.next()?;
    Some((alias.to_ascii_lowercase(), column))
}
