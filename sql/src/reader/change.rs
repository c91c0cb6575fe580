//! Which object a change reaches. Its target may be an alias or the name of a common table
//! expression that is declared far behind or before, and the guard does not know the collation:
//! names are taken for the same loosely where that makes the verdict stricter, and by their bytes
//! where it makes it milder.
//!
//! Source: "FROM clause", "WITH common_table_expression", and the pages of UPDATE,
//! DELETE, INSERT and MERGE.

use super::{Reader, names};
use crate::derive::{Marked, Span};
use crate::fold;
use crate::lexer::TokenKind;
use crate::verdict::{Class, Target};

/// So many names are compared; a statement with more is judged by its verb.
const MOST: usize = 500;

/// The way from a name to the tables that it stands for.
#[derive(Default)]
pub(super) struct Trail {
    seen: Vec<usize>,
    depth: usize,
}

impl Reader<'_> {
    /// INSERT, UPDATE, DELETE, MERGE and TRUNCATE.
    pub(super) fn change(&mut self, m: usize) {
        let span = self.derived.marks[m].span;
        let Some(target) = self.children(m, Span::Target).next() else {
            return self.raise(Class::Write);
        };
        let (class, named) = match span {
            Span::Update | Span::Delete => self.reach_of_target(m, target),
            _ => (self.worse_of_ctes(target, self.reach_of_name(target)), Some(target)),
        };
        self.raise(class);
        self.linked(target);
        if class != Class::Session {
            let verb = self.t[self.derived.marks[m].start].text.to_ascii_uppercase();
            let head = format!("{verb} {}", self.text_of(target));
            let name = named.map(|n| self.text_of(n)).unwrap_or_default();
            // What a common table expression stands for is no table's name.
            let cte = self.single(target).is_some_and(|n| {
                self.ctes(target)
                    .take(MOST)
                    .any(|c| self.cte_name(c).is_some_and(|c| fold::may_be_equal(&c, &n)))
            });
            let told = named.is_some() && name.len() < 400 && !cte;
            let d = self.current();
            d.head = Some(super::short(&head, 120));
            // A change inside a change (OUTPUT as a table) is a second one of the same statement.
            d.several |= !told || d.target.is_some();
            d.target.get_or_insert(Target { name });
        }
    }

    /// SELECT … INTO makes a table; OUTPUT … INTO names one.
    pub(super) fn into(&mut self, m: usize) {
        let Some(target) = self.children(m, Span::Target).next() else {
            return self.raise(Class::Write);
        };
        let class = self.reach_of_name(target);
        self.raise(class);
        self.linked(target);
        self.current().several |= class != Class::Session;
    }

    pub(super) fn identity_insert(&mut self, m: usize) {
        self.keeps_state = true;
        let class =
            self.children(m, Span::Target).next().map_or(Class::Write, |t| self.reach_of_name(t));
        self.raise(class);
    }

    /// An object where a query names one: four parts are on a linked server, unless the last is the
    /// method of a column.
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
    pub(super) fn linked(&mut self, m: usize) -> bool {
        let Marked { start, end, .. } = self.derived.marks[m];
        let path = &self.t[start..end];
        // `...t` leaves the server out.
        let linked = path.iter().filter(|t| t.text == ".").count() >= 3 && path[0].text != ".";
        if linked {
            self.refuse(start, "linked server", Class::Execute);
        }
        linked
    }

    /// What a name reaches by itself.
    pub(super) fn reach_of_name(&self, m: usize) -> Class {
        let Marked { start, end, .. } = self.derived.marks[m];
        let path = &self.t[start..end];
        let variable =
            matches!(path, [v] if v.kind == TokenKind::Variable && !v.text.starts_with("@@"));
        if variable || names::is_temporary(path) { Class::Session } else { Class::Write }
    }

    /// The name of one part at a mark; an alias or a common table expression can have no other. A
    /// variable's name may be an alias in quotes.
    fn single(&self, m: usize) -> Option<String> {
        let Marked { start, end, .. } = self.derived.marks[m];
        match &self.t[start..end] {
            [t] if matches!(t.kind, TokenKind::Word | TokenKind::Quoted | TokenKind::Variable) => {
                Some(names::unquoted(t))
            }
            _ => None,
        }
    }

    /// What UPDATE or DELETE reaches, and the mark of the name that says so; none where the
    /// collation decides whether an alias is meant.
    fn reach_of_target(&self, change: usize, target: usize) -> (Class, Option<usize>) {
        let base = self.reach_of_name(target);
        let Some(name) = self.single(target) else { return (base, Some(target)) };
        let Some(sources) = self.sources(change) else { return (Class::Write, None) };
        let surely = |s: &&usize| {
            self.children(**s, Span::Alias)
                .any(|a| self.single(a).as_deref() == Some(name.as_str()))
        };
        let sure = sources.iter().find(surely).copied();
        // A collation may take other letters for one than ours are: any alias like a temporary
        // table's may be meant by one.
        let temporary = sure.is_none() && fold::may_be_temporary(&name);
        let meant = |s: &usize| {
            let aliases = self.aliases(*s);
            let own = if aliases.is_empty() { self.last_part(*s) } else { None };
            own.is_some_and(|o| fold::may_be_equal(&o, &name))
                || aliases
                    .iter()
                    .any(|a| fold::may_be_equal(a, &name) || temporary && fold::may_be_temporary(a))
        };
        let loose: Vec<usize> = sources.into_iter().filter(meant).collect();
        let worst =
            |reach: Class, s: &usize| reach.max(self.reach_of_source(*s, &mut Trail::default()));
        let reach = loose.iter().fold(Class::Session, worst);
        // An alias comes before a common table expression, and that before a table.
        let own = if sure.is_some() { Class::Session } else { base };
        let by_cte = self.worse_of_ctes(target, own);
        let shown = match sure {
            Some(s) => self.children(s, Span::Object).next(),
            None => loose.iter().all(|s| self.aliases(*s).is_empty()).then_some(target),
        };
        (reach.max(by_cte), shown)
    }

    fn aliases(&self, source: usize) -> Vec<String> {
        self.children(source, Span::Alias).filter_map(|a| self.single(a)).collect()
    }

    /// The sources of a FROM, those of joins in parentheses too; none if there are
    /// too many to compare.
    fn sources(&self, of: usize) -> Option<Vec<usize>> {
        let mut out = Vec::new();
        let mut open: Vec<usize> = self.children(of, Span::Source).take(MOST + 1).collect();
        while let Some(s) = open.pop() {
            let joined = self.children(s, Span::Derived).next();
            let inner: Vec<usize> = joined
                .into_iter()
                .flat_map(|d| self.children(d, Span::Source).take(MOST + 1).collect::<Vec<_>>())
                .collect();
            match inner.is_empty() {
                true => out.push(s),
                false => open.extend(inner),
            }
            if out.len() + open.len() > MOST {
                return None;
            }
        }
        Some(out)
    }

    /// A table's own name, by which a source is known that has no alias.
    fn last_part(&self, source: usize) -> Option<String> {
        let object = self.children(source, Span::Object).next()?;
        let Marked { start, end, .. } = self.derived.marks[object];
        (start < end).then(|| names::unquoted(&self.t[end - 1]))
    }

    /// A class, raised by what the common table expressions of that name reach; or theirs, where
    /// the name is surely one of them.
    pub(super) fn worse_of_ctes(&self, target: usize, base: Class) -> Class {
        let Some(name) = self.single(target) else { return base };
        self.reach_by_ctes(target, &name, base, &mut Trail::default())
    }

    fn reach_by_ctes(&self, at: usize, name: &str, base: Class, trail: &mut Trail) -> Class {
        let all: Vec<usize> = self.ctes(at).take(MOST + 1).collect();
        if all.len() > MOST {
            return Class::Write;
        }
        let own = |c: &usize| self.at_top(*c) && self.cte_name(*c).as_deref() == Some(name);
        let sure = all.iter().any(own);
        let temporary = !sure && fold::may_be_temporary(name);
        let meant = |c: &usize| {
            self.cte_name(*c).is_some_and(|n| {
                fold::may_be_equal(&n, name) || temporary && fold::may_be_temporary(&n)
            })
        };
        let from = if sure { Class::Session } else { base };
        all.into_iter().filter(meant).fold(from, |reach, c| reach.max(self.reach_of_cte(c, trail)))
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
        with.is_some_and(|w| {
            w.span == Span::With && w.parent.is_some_and(|p| marks[p].span == Span::Stmt)
        })
    }

    fn cte_name(&self, cte: usize) -> Option<String> {
        self.children(cte, Span::CteName).next().and_then(|n| self.single(n))
    }

    fn reach_of_source(&self, source: usize, trail: &mut Trail) -> Class {
        if let Some(v) = self.children(source, Span::Variable).next() {
            // The nodes of a variable's XML are nobody's to change, but they are
            // not the variable either.
            let Marked { start, end, .. } = self.derived.marks[source];
            let method = (start..end).any(|i| self.t[i].text == ".");
            return if method { Class::Write } else { self.reach_of_name(v) };
        }
        if let Some(d) = self.children(source, Span::Derived).next() {
            return self.reach_of_body(d, trail);
        }
        let Some(object) = self.children(source, Span::Object).next() else { return Class::Write };
        let base = self.reach_of_name(object);
        // What a function returns is nobody's to change; `#t (TABLOCK)` is a table
        // with an old hint.
        if base != Class::Session && self.children(source, Span::Callee).next().is_some() {
            return Class::Write;
        }
        let Some(name) = self.single(object) else { return base };
        self.reach_by_ctes(object, &name, base, trail)
    }

    fn reach_of_cte(&self, cte: usize, trail: &mut Trail) -> Class {
        // One that leads to itself adds nothing.
        if trail.seen.contains(&cte) {
            return Class::Session;
        }
        trail.seen.push(cte);
        self.reach_of_body(cte, trail)
    }

    /// What can be changed through a query: the tables that it reads from, and not
    /// those of its conditions.
    pub(super) fn reach_of_body(&self, body: usize, trail: &mut Trail) -> Class {
        let marks = &self.derived.marks;
        let queries: Vec<usize> = self.children(body, Span::Query).take(MOST + 1).collect();
        // A long way is not followed to its end.
        if trail.depth > 50
            || queries.len() > MOST
            || self.inside(body).any(|i| marks[i].span == Span::ChangeSource)
        {
            return Class::Write;
        }
        trail.depth += 1;
        // A query without a table has nothing that could be changed, and is nobody's target; rows
        // of VALUES are harmless beside others.
        let mut reach = Class::Session;
        let mut some = queries.is_empty();
        for from in std::iter::once(body).chain(queries) {
            let Some(sources) = self.sources(from) else { return Class::Write };
            some |= !sources.is_empty();
            reach = sources
                .into_iter()
                .fold(reach, |reach, s| reach.max(self.reach_of_source(s, trail)));
        }
        trail.depth -= 1;
        if some { reach } else { Class::Write }
    }
}
