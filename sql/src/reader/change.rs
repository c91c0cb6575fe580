//! Which object a change reaches. Its target may be an alias or the name of a common table expression that is declared far behind or
//! before, and the guard does not know the collation: names are taken for the same loosely where that makes the verdict stricter, and by
//! their bytes where it makes it milder.
//!
//! Source: "FROM clause", "WITH common_table_expression", and the pages of UPDATE, DELETE, INSERT and MERGE.

use super::{Reader, names};
use crate::derive::{Marked, Span};
use crate::lexer::Kind;
use crate::verdict::{Class, Target};

/// So many names are compared; a statement with more is judged by its verb.
const MOST: usize = 500;

impl Reader<'_> {
    /// INSERT, UPDATE, DELETE, MERGE and TRUNCATE.
    pub(super) fn change(&mut self, m: usize) {
        let span = self.derived.marks[m].span;
        let Some(target) = self.children(m, Span::Target).next() else { return self.raise(Class::Write) };
        let (class, named) = match span {
            Span::Update | Span::Delete => self.reach_of_target(m, target),
            Span::Truncate => (self.reach_of_name(target), target),
            _ => (self.worse_of_ctes(target, self.reach_of_name(target)), target),
        };
        self.raise(class);
        self.linked(target);
        if class != Class::Session {
            let verb = self.t[self.derived.marks[m].start].text.to_ascii_uppercase();
            let head = format!("{verb} {}", self.text_of(target));
            let name = self.text_of(named);
            let name_ok = name.len() < 400 && self.derived.marks[named].span != Span::Variable;
            let d = self.current();
            d.head = Some(super::short(&head, 120));
            if name_ok {
                d.target.get_or_insert(Target { name });
            }
        }
    }

    /// SELECT … INTO and OUTPUT … INTO.
    pub(super) fn into(&mut self, m: usize) {
        let Some(target) = self.children(m, Span::Target).next() else { return self.raise(Class::Write) };
        let class = self.worse_of_ctes(target, self.reach_of_name(target));
        self.raise(class);
        self.linked(target);
    }

    pub(super) fn identity_insert(&mut self, m: usize) {
        self.keeps_state = true;
        let class = self.children(m, Span::Target).next().map_or(Class::Write, |t| self.reach_of_name(t));
        self.raise(class);
    }

    /// An object where a query names one: four parts are on a linked server, unless the last is the method of a column.
    pub(super) fn object(&mut self, m: usize) {
        let Marked { start, end, parent, .. } = self.derived.marks[m];
        let called = self.is(end, "(");
        let nodes = called && self.t[end - 1].text.eq_ignore_ascii_case("nodes");
        if !nodes {
            self.linked(m);
        }
        if called && parent.is_some() {
            self.described_by_function(start, end);
        }
    }

    /// A name of four parts is on another server.
    pub(super) fn linked(&mut self, m: usize) {
        let Marked { start, end, .. } = self.derived.marks[m];
        let path = &self.t[start..end];
        // `...t` leaves the server out.
        if path.iter().filter(|t| t.text == ".").count() >= 3 && path[0].text != "." {
            self.refuse(start, "linked server", Class::Execute);
        }
    }

    /// What a name reaches by itself.
    pub(super) fn reach_of_name(&self, m: usize) -> Class {
        let Marked { start, end, .. } = self.derived.marks[m];
        let path = &self.t[start..end];
        let variable = matches!(path, [v] if v.kind == Kind::Variable && !v.text.starts_with("@@"));
        if variable || names::is_temporary(path) { Class::Session } else { Class::Write }
    }

    /// The name of one part at a mark; an alias or a common table expression can have no other.
    fn single(&self, m: usize) -> Option<String> {
        let Marked { start, end, .. } = self.derived.marks[m];
        match &self.t[start..end] {
            [t] if matches!(t.kind, Kind::Word | Kind::Quoted) => Some(names::unquoted(t)),
            _ => None,
        }
    }

    /// What UPDATE or DELETE reaches, and the mark of the name that says so.
    fn reach_of_target(&self, change: usize, target: usize) -> (Class, usize) {
        let base = self.reach_of_name(target);
        let Some(name) = self.single(target) else { return (base, target) };
        let sources: Vec<usize> = self.children(change, Span::Source).take(MOST + 1).collect();
        if sources.len() > MOST {
            return (Class::Write, target);
        }
        // The sources that the name may stand for, by an alias or by a table's own name.
        let exposed = |s: &usize| -> Vec<String> {
            let aliases: Vec<String> = self.children(*s, Span::Alias).filter_map(|a| self.single(a)).collect();
            if aliases.is_empty() { self.last_part(*s).into_iter().collect() } else { aliases }
        };
        let loose: Vec<usize> =
            sources.iter().filter(|s| exposed(s).iter().any(|e| names::may_be_equal(e, &name))).copied().collect();
        let surely =
            |s: &&usize| self.children(**s, Span::Alias).any(|a| self.single(a).as_deref() == Some(name.as_str()));
        let sure = loose.iter().find(surely);
        let mut reach = if sure.is_some() { Class::Session } else { base };
        for s in &loose {
            reach = reach.max(self.reach_of_source(*s, &mut Vec::new()));
        }
        let named = sure.and_then(|s| self.children(*s, Span::Object).next()).unwrap_or(target);
        if sure.is_some() {
            // A common table expression of the same name may be meant as well.
            for c in self.ctes(target).filter(|c| self.cte_named(*c, &name)) {
                reach = reach.max(self.reach_of_cte(c, &mut Vec::new()));
            }
            return (reach, named);
        }
        (self.worse_of_ctes(target, reach), named)
    }

    /// A table's own name, by which a source without an alias is known.
    fn last_part(&self, source: usize) -> Option<String> {
        let object = self.children(source, Span::Object).next()?;
        let Marked { start, end, .. } = self.derived.marks[object];
        (start < end).then(|| names::unquoted(&self.t[end - 1]))
    }

    /// A class, raised by what the common table expressions of that name reach; or theirs, where the name is surely one of them.
    fn worse_of_ctes(&self, target: usize, base: Class) -> Class {
        let Some(name) = self.single(target) else { return base };
        let all: Vec<usize> = self.ctes(target).take(MOST + 1).collect();
        if all.len() > MOST {
            return Class::Write;
        }
        let loose: Vec<usize> = all.into_iter().filter(|c| self.cte_named(*c, &name)).collect();
        let sure = loose.iter().any(|c| self.at_top(*c) && self.cte_name(*c).as_deref() == Some(name.as_str()));
        let from = if sure { Class::Session } else { base };
        loose.into_iter().fold(from, |reach, c| reach.max(self.reach_of_cte(c, &mut Vec::new())))
    }

    /// The common table expressions of the statement around a mark.
    fn ctes(&self, m: usize) -> impl Iterator<Item = usize> + '_ {
        let marks = &self.derived.marks;
        let stmt = (0..=m).rev().find(|i| marks[*i].span == Span::Stmt).unwrap_or(0);
        let with = marks.get(stmt + 1).is_some_and(|w| w.span == Span::With);
        // Only a statement that begins with WITH has any that a change can name.
        let to = if with { m } else { stmt };
        (stmt..to).filter(|i| marks[*i].span == Span::Cte)
    }

    fn at_top(&self, cte: usize) -> bool {
        let marks = &self.derived.marks;
        let with = marks[cte].parent.map(|w| marks[w]);
        with.is_some_and(|w| w.span == Span::With && w.parent.is_some_and(|p| marks[p].span == Span::Stmt))
    }

    fn cte_name(&self, cte: usize) -> Option<String> {
        self.children(cte, Span::CteName).next().and_then(|n| self.single(n))
    }

    fn cte_named(&self, cte: usize, name: &str) -> bool {
        self.cte_name(cte).is_some_and(|n| names::may_be_equal(&n, name))
    }

    fn reach_of_source(&self, source: usize, seen: &mut Vec<usize>) -> Class {
        // What a function returns is nobody's to change.
        if self.children(source, Span::Callee).next().is_some() {
            return Class::Write;
        }
        if let Some(v) = self.children(source, Span::Variable).next() {
            return self.reach_of_name(v);
        }
        if let Some(d) = self.children(source, Span::Derived).next() {
            return self.reach_of_body(d, seen);
        }
        let Some(object) = self.children(source, Span::Object).next() else { return Class::Write };
        let base = self.reach_of_name(object);
        let Some(name) = self.single(object) else { return base };
        let ctes: Vec<usize> = self.ctes(object).take(MOST + 1).filter(|c| self.cte_named(*c, &name)).collect();
        let sure = ctes.iter().any(|c| self.at_top(*c) && self.cte_name(*c).as_deref() == Some(name.as_str()));
        let from = if sure { Class::Session } else { base };
        ctes.into_iter().fold(from, |reach, c| reach.max(self.reach_of_cte(c, seen)))
    }

    fn reach_of_cte(&self, cte: usize, seen: &mut Vec<usize>) -> Class {
        // One that leads to itself adds nothing; a long chain is not followed.
        if seen.contains(&cte) {
            return Class::Session;
        }
        if seen.len() > 50 {
            return Class::Write;
        }
        seen.push(cte);
        self.reach_of_body(cte, seen)
    }

    /// What can be changed through a query: the tables that it reads from, and not those of its conditions.
    fn reach_of_body(&self, body: usize, seen: &mut Vec<usize>) -> Class {
        let marks = &self.derived.marks;
        let mut sources: Vec<usize> = self.children(body, Span::Source).collect();
        for q in self.children(body, Span::Query) {
            sources.extend(self.children(q, Span::Source));
        }
        if sources.is_empty() || self.inside(body).any(|i| marks[i].span == Span::ChangeSource) {
            return Class::Write;
        }
        sources.into_iter().fold(Class::Session, |reach, s| reach.max(self.reach_of_source(s, seen)))
    }
}
