//! The first reading: derives a batch from the grammar, so that every token has a role. What cannot
//! be derived fails at the token that cannot stand where it stands.

use crate::grammar::{END, GRAMMAR, Node, NodeId, Type};
use crate::lexer::{Token, TokenKind};

macro_rules! named {
    ($(#[$doc:meta])* $vis:vis enum $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $vis enum $name { $(#[doc = concat!("`", $text, "`:")] $(#[$vdoc])* $variant,)* }

        impl $name {
            /// With their names in the grammar.
            pub(crate) const ALL: &[(&'static str, Self)] = &[$(($text, Self::$variant),)*];

            /// By its name in the grammar.
            pub(crate) fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().find(|a| a.0 == name).map(|a| a.1)
            }
        }
    };
}

named! {
    /// What a token is in the derivation of its batch.
    pub enum Role {
        Unread = "unread",
        /// Punctuation, a literal or a variable.
        Plain = "plain",
        /// A word of the grammar that has no say in what the statement does.
        Keyword = "keyword",
        /// What the statement does.
        Verb = "verb",
        /// A part of the statement that some verb opens too: SET of UPDATE, ADD of ALTER TABLE.
        Clause = "clause",
        /// Before a target that the derivation knows.
        Into = "into",
        /// What a MERGE, a foreign key or an ALTER TABLE does.
        Action = "action",
        /// A join or query hint.
        Hint = "hint",
        /// An option of a statement.
        Option = "option",
        /// The kind of object that a statement is about.
        Object = "object",
        /// What a trigger waits for.
        Event = "event",
        Permission = "permission",
        /// A function that is called.
        Function = "function",
        /// A method of a type, or its property.
        Method = "method",
        /// A procedure that is called.
        Procedure = "procedure",
        /// A table, view, synonym or sequence.
        Table = "table",
        Type = "type",
        /// A name that the statement gives: an alias, a CTE.
        Alias = "alias",
        Label = "label",
        /// A column, or another name that is only named.
        Name = "name",
        /// A word of a transaction in the body of a module, which does not run now.
        Stored = "stored",
        /// Inside parentheses where the grammar does not look: no statement can begin there.
        Nested = "nested",
        /// Where the grammar does not look.
        Opaque = "opaque",
    }
}

named! {
    /// What the reader looks for in a derivation.
    pub(crate) enum Span {
        Stmt = "stmt",
        Read = "read",
        Query = "query",
        Session = "session",
        Never = "never",
        Refused = "refused",
        Schema = "schema",
        Other = "other",
        Rename = "rename",
        With = "with",
        Cte = "cte",
        CteName = "ctename",
        Insert = "insert",
        Update = "update",
        Delete = "delete",
        Merge = "merge",
        Truncate = "truncate",
        Textual = "textual",
        Target = "target",
        Into = "into",
        Source = "source",
        Derived = "derived",
        ChangeSource = "change_source",
        Object = "object",
        Owner = "owner",
        Variable = "variable",
        Alias = "alias",
        Call = "call",
        Callee = "callee",
        Type = "type",
        Next = "next",
        Cursor = "cursor",
        CursorUpdate = "cursor_update",
        Set = "set",
        Options = "options",
        Value = "value",
        IdentityInsert = "identity_insert",
        Raise = "raise",
        Execute = "execute",
        Bare = "bare",
        Procedure = "procedure",
        Argument = "argument",
        Dynamic = "dynamic",
        Text = "text",
        Impersonate = "impersonate",
        At = "at",
        Caller = "caller",
        Table = "table",
        Index = "index",
        Body = "body",
        Server = "server",
        Use = "use",
    }
}

impl Role {
    /// Its name in the grammar.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|a| a.1 == self).map_or("", |a| a.0)
    }
}

/// A part of the text that the grammar marks, in tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marked {
    pub(crate) span: Span,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The mark around it.
    pub(crate) parent: Option<usize>,
}

/// A batch as the grammar has it.
#[derive(Debug)]
pub(crate) struct Derivation {
    /// One for each token.
    pub(crate) roles: Vec<Role>,
    /// In the order of their beginnings.
    pub(crate) marks: Vec<Marked>,
    /// The token that cannot stand where it stands; the number of tokens if the
    /// text ends too early.
    pub(crate) failed: Option<usize>,
}

/// What is still to be done, last first. On the heap, because a text may nest as deep
/// as it is long.
enum Step {
    Do(NodeId),
    Close(u32),
}

pub(crate) fn derive(tokens: &[Token<'_>]) -> Derivation {
    let g = &*GRAMMAR;
    let mut types: Vec<Type> = Vec::with_capacity(tokens.len() + 1);
    types.extend(tokens.iter().map(|t| g.type_of(t)));
    types.push(END);
    let mut out = Derivation {
        roles: vec![Role::Unread; tokens.len()],
        marks: Vec::with_capacity(16 + tokens.len() / 8),
        failed: None,
    };
    let mut around = None;
    let mut at = 0;
    let mut steps = Vec::with_capacity(64);
    steps.push(Step::Do(g.start));
    'steps: while let Some(step) = steps.pop() {
        let mut node = match step {
            Step::Do(n) => n,
            Step::Close(m) => {
                let m = m as usize;
                out.close(m, at, tokens);
                around = out.marks[m].parent;
                continue;
            }
        };
        // Down to a token; what comes behind it is left for later.
        loop {
            match &g.nodes[node as usize] {
                Node::One(t, role) if *t == types[at] => out.take(&mut at, *role),
                Node::Token(set, role) if set.has(types[at]) => out.take(&mut at, *role),
                Node::Sequence(items) => {
                    if let Some((first, rest)) = items.split_first() {
                        steps.extend(rest.iter().rev().map(|i| Step::Do(*i)));
                        node = *first;
                        continue;
                    }
                }
                Node::Rule(body) => {
                    node = *body;
                    continue;
                }
                Node::Mark(span, body) => {
                    let m = out.open(*span, at, around);
                    around = Some(m);
                    steps.push(Step::Close(m as u32));
                    node = *body;
                    continue;
                }
                Node::Choice { alternatives, by_type, optional, repeats } => {
                    let chosen = by_type[usize::from(types[at])];
                    if let Some(a) = g.alternative(alternatives, chosen, &types, at) {
                        if *repeats {
                            steps.push(Step::Do(node));
                        }
                        node = *a;
                        continue;
                    }
                    if !*optional && !alternatives.iter().any(|a| g.may_be_empty(*a, &types, at)) {
                        out.failed = Some(at);
                    }
                }
                Node::Peek(..) if g.holds(node, &types, at) => {}
                Node::One(..) | Node::Token(..) | Node::Peek(..) => out.failed = Some(at),
            }
            if out.failed.is_some() {
                break 'steps;
            }
            break;
        }
    }
    // What was open when it failed ends there.
    for step in steps.into_iter().rev() {
        if let Step::Close(m) = step {
            out.close(m as usize, at, tokens);
        }
    }
    out
}

impl Derivation {
    /// The token at a place has this role; there is nothing behind the end.
    fn take(&mut self, at: &mut usize, role: Role) {
        if let Some(r) = self.roles.get_mut(*at) {
            *r = role;
            *at += 1;
        }
    }

    fn open(&mut self, span: Span, at: usize, parent: Option<usize>) -> usize {
        // A parenthesis makes the name before it a function's.
        if matches!(span, Span::Call | Span::Callee)
            && let Some(before) = at.checked_sub(1).and_then(|b| self.roles.get_mut(b))
            && matches!(before, Role::Name | Role::Table)
        {
            *before = Role::Function;
        }
        self.marks.push(Marked { span, start: at, end: at, parent });
        self.marks.len() - 1
    }

    fn close(&mut self, m: usize, at: usize, tokens: &[Token<'_>]) {
        self.marks[m].end = at;
        let role = match self.marks[m].span {
            Span::Object | Span::Target | Span::Owner => Role::Table,
            Span::Procedure => Role::Procedure,
            Span::Type => Role::Type,
            Span::CteName => Role::Alias,
            _ => return,
        };
        let start = self.marks[m].start;
        for (r, t) in self.roles[start..at].iter_mut().zip(&tokens[start..at]) {
            if *r == Role::Name && matches!(t.kind, TokenKind::Word | TokenKind::Quoted) {
                *r = role;
            }
        }
    }
}
