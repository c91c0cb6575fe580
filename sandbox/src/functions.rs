//! The shims: everything that SQLite would do differently from SQL Server runs here, on typed
//! values.
//!
//! The binder interns a [`Invocation`] and writes `f(id, args…)`; SQLite calls back with the id. A stored
//! expression (a computed column, a check) keeps its ids, which live as long as the sandbox.
//!
//! A function of T-SQL is a row of one of the tables `FUNCTIONS` below: its name, how many
//! arguments it takes, what they are converted to and what comes out, and the computation.

mod collation;
mod compose;
mod date;
mod extreme;
mod for_json;
mod format;
mod json;
mod math;
mod name;
mod operators;
mod pattern;
mod percentile;
mod random;
mod search;
mod shims;
mod sqlite;
mod test;
#[cfg(test)]
mod tests;
mod text;

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) use self::date::DateFunction;
pub(crate) use self::extreme::{GREATEST, LEAST};
pub(crate) use self::for_json::{JsonProperty, JsonWriter};
pub(crate) use self::json::{CHUNKS, OPEN_JSON};
pub(crate) use self::pattern::like;
pub(crate) use self::random::{Random, give_random};
pub(crate) use self::sqlite::{lite_error, register};
use crate::calendar::Part;
use crate::convert::{assign, convert};
use crate::error::{Error, Result, UNSUPPORTED};
use crate::messages;
use crate::syntax::ast::BinaryOp;
use crate::types::{Len, Type, Value};

pub(crate) use self::shims::{
    AGGREGATE_LENGTH, AVERAGE, BITS, FETCH, FIT, FROM_BITS, GUID_ORDER, INSTANT, LIKE, NEGATE, NOT,
    OFFSET, PERCENT, SINGLE_ROW, SPLIT, TOP,
};

/// A function of T-SQL.
pub(crate) struct Function {
    pub(crate) shim: Shim,
    /// The fewest and the most arguments.
    arity: (usize, usize),
    signature: fn(&Operands<'_>) -> Result<Signature>,
    /// It looks for texts in texts, ignoring case, as it would not under another collation.
    pub(crate) compares: bool,
}

/// A computation, which SQLite calls back for.
pub(crate) struct Shim {
    pub(crate) name: &'static str,
    /// Whether it is asked when an argument is NULL; the result is NULL otherwise.
    takes_null: bool,
    eval: fn(&Arguments<'_>) -> Result<Value>,
}

/// What the arguments of a function are converted to, and what comes out.
#[derive(Debug, PartialEq)]
pub(crate) struct Signature {
    pub(crate) args: Vec<Type>,
    pub(crate) out: Type,
}

/// The arguments of a function as they are bound: their types, and the values of constants.
pub(crate) struct Operands<'a> {
    name: &'static str,
    types: &'a [Type],
    constants: &'a [Option<Value>],
}

/// The arguments of a shim as they are computed with.
pub(crate) struct Arguments<'a> {
    values: &'a [Value],
    types: &'a [Type],
    out: Type,
}

const TABLES: [&[Function]; 9] = [
    text::FUNCTIONS,
    search::FUNCTIONS,
    compose::FUNCTIONS,
    math::FUNCTIONS,
    date::FUNCTIONS,
    format::FUNCTIONS,
    test::FUNCTIONS,
    json::FUNCTIONS,
    name::FUNCTIONS,
];

/// Functions of SQL Server that the sandbox has not, though catalog functions are looked for too.
const MISSING: [&str; 8] = [
    "FORMATMESSAGE",
    "SOUNDEX",
    "DIFFERENCE",
    "PARSE",
    "TRY_PARSE",
    "CHECKSUM",
    "HASHBYTES",
    "COMPRESS",
];

/// The scalar function of a name in upper case.
pub(crate) fn find(name: &str) -> Result<Option<&'static Function>> {
    if MISSING.contains(&name) {
        return Err(Error::unsupported(format!("the function {name}")));
    }
    Ok(TABLES.iter().flat_map(|t| t.iter()).find(|f| f.shim.name == name))
}

// === impl Function ===

impl Function {
    /// Whose result is NULL for a NULL.
    const fn new(
        name: &'static str,
        arity: (usize, usize),
        signature: fn(&Operands<'_>) -> Result<Signature>,
        eval: fn(&Arguments<'_>) -> Result<Value>,
    ) -> Self {
        Self { shim: Shim { name, takes_null: false, eval }, arity, signature, compares: false }
    }

    const fn taking_null(mut self) -> Self {
        self.shim.takes_null = true;
        self
    }

    const fn comparing(mut self) -> Self {
        self.compares = true;
        self
    }

    /// For arguments of these types, of which some are constants.
    pub(crate) fn signature(
        &self,
        types: &[Type],
        constants: &[Option<Value>],
    ) -> Result<Signature> {
        check_arity(self.shim.name, self.arity, types.len())?;
        let operands = Operands { name: self.shim.name, types, constants };
        let mut signature = (self.signature)(&operands)?;
        signature.args.truncate(types.len());
        Ok(signature)
    }
}

/// 174 or 189 for a number of arguments outside the bounds.
pub(crate) fn check_arity(name: &str, (low, high): (usize, usize), given: usize) -> Result<()> {
    match given {
        n if (low..=high).contains(&n) => Ok(()),
        _ if low == high => Err(messages::wrong_number_of_arguments(name, low)),
        _ => Err(messages::number_of_arguments_out_of_range(name, low, high)),
    }
}

// === impl Shim ===

impl Shim {
    const fn new(name: &'static str, eval: fn(&Arguments<'_>) -> Result<Value>) -> Self {
        Self { name, takes_null: false, eval }
    }
}

impl fmt::Debug for Shim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Shim {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Shim {}

impl Hash for Shim {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

// === impl Operands ===

impl Operands<'_> {
    /// NULL where there is none.
    fn get(&self, at: usize) -> Type {
        self.types.get(at).copied().unwrap_or(Type::Null)
    }

    fn first(&self) -> Type {
        self.get(0)
    }

    /// The value of an argument that is a constant integer.
    fn integer(&self, at: usize) -> Option<i64> {
        match self.constants.get(at) {
            Some(Some(Value::Int(n))) => Some(*n),
            _ => None,
        }
    }

    fn missing(&self, what: impl fmt::Display) -> Error {
        Error::unsupported(format!("{} of {what}", self.name))
    }

    /// Refuses arguments of types for which the page of the function has no rule.
    fn refuse(&self, refused: impl Fn(Type) -> bool) -> Result<()> {
        match self.types.iter().find(|t| refused(**t)) {
            Some(ty) => Err(self.missing(ty)),
            None => Ok(()),
        }
    }

    /// The one text type that all arguments are converted to.
    fn common_text(&self) -> Type {
        let wide = self.types.iter().any(|t| t.is_unicode());
        match (wide, self.types.iter().any(|t| is_long_text(*t))) {
            (true, true) => Type::NVarChar(Len::Max),
            (true, false) => Type::NVarChar(Len::N(4000)),
            (false, true) => Type::VarChar(Len::Max),
            (false, false) => Type::VarChar(Len::N(8000)),
        }
    }
}

impl Signature {
    fn new(args: impl Into<Vec<Type>>, out: Type) -> Result<Self> {
        Ok(Self { args: args.into(), out })
    }
}

fn is_long_text(ty: Type) -> bool {
    matches!(ty, Type::VarChar(Len::Max) | Type::NVarChar(Len::Max))
}

/// The text type that a value of another type becomes in a text function.
fn text_of(ty: Type) -> Type {
    match ty {
        Type::NVarChar(_) | Type::VarChar(_) => ty,
        Type::NChar(n) => Type::NVarChar(Len::N(n)),
        Type::Char(n) => Type::VarChar(Len::N(n)),
        Type::Null => Type::VarChar(Len::N(1)),
        _ => Type::VarChar(Len::N(8000)),
    }
}

/// The same, as long as it can be without being a (max).
fn longest(ty: Type) -> Type {
    match text_of(ty) {
        Type::NVarChar(Len::N(_)) => Type::NVarChar(Len::N(4000)),
        Type::VarChar(Len::N(_)) => Type::VarChar(Len::N(8000)),
        ty => ty,
    }
}

/// Positions and lengths in a (max) are bigint.
fn position_in(ty: Type) -> Type {
    if ty.max_length() == -1 { Type::BigInt } else { Type::Int }
}

// === impl Arguments ===

impl Arguments<'_> {
    /// Empty for what is no text.
    fn text(&self, at: usize) -> &str {
        match self.values.get(at) {
            Some(Value::Str(text)) => text,
            _ => "",
        }
    }

    /// The text as units of UTF-16, in which SQL Server counts positions and lengths.
    fn units(&self, at: usize) -> Vec<u16> {
        self.text(at).encode_utf16().collect()
    }

    /// 0 for what is no integer.
    fn integer(&self, at: usize) -> i64 {
        match self.values.get(at) {
            Some(Value::Int(n)) => *n,
            _ => 0,
        }
    }

    fn float(&self, at: usize) -> f64 {
        match self.values.get(at) {
            Some(Value::Float(f)) => *f,
            Some(Value::Int(n)) => *n as f64,
            _ => 0.0,
        }
    }

    fn is_unicode(&self) -> bool {
        self.types.iter().any(|t| t.is_unicode())
    }
}

// === impl Invocation ===

/// A shim with its types fixed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Invocation {
    /// CAST, CONVERT, implicit conversion.
    Cast {
        from: Type,
        to: Type,
        /// Of CONVERT; `NO_STYLE` where none is given.
        style: i64,
        /// TRY_: a failure is NULL.
        attempt: bool,
    },
    /// Conversion on assignment to a column.
    Assign { from: Type, to: Type },
    /// An operator on two values that were brought to types it knows.
    Arithmetic { op: BinaryOp, a: Type, b: Type, out: Type },
    /// A function, over the types that its arguments were converted to.
    Function { shim: &'static Shim, args: Vec<Type>, out: Type },
    /// A function of a date and a part of dates.
    Date { function: DateFunction, part: Part, args: Vec<Type>, out: Type },
    /// Fails when a recursive CTE goes deeper than this.
    Depth(u32),
    /// What the aggregate `for_json` makes of its rows.
    ForJson(JsonWriter),
}

impl Invocation {
    /// Of the argument at a place.
    fn argument_type(&self, at: usize) -> Type {
        match self {
            Self::Cast { from, .. } | Self::Assign { from, .. } => *from,
            Self::Arithmetic { a, b, .. } => [*a, *b][at.min(1)],
            Self::Function { args, .. } | Self::Date { args, .. } => {
                args.get(at).copied().unwrap_or(Type::Int)
            }
            Self::Depth(_) | Self::ForJson(_) => Type::Int,
        }
    }

    pub(crate) fn eval(&self, mut values: Vec<Value>) -> Result<Value> {
        match self {
            Self::Cast { from, to, style, attempt } => {
                match convert(values.pop().unwrap_or(Value::Null), *from, *to, *style) {
                    Err(e) if *attempt && !matches!(e.number, UNSUPPORTED | 529) => Ok(Value::Null),
                    converted => converted,
                }
            }
            Self::Assign { from, to } => assign(values.pop().unwrap_or(Value::Null), *from, *to),
            Self::Depth(max) => match values.pop() {
                Some(Value::Int(depth)) if *max > 0 && depth > i64::from(*max) => {
                    Err(messages::recursion_exhausted(*max))
                }
                depth => Ok(depth.unwrap_or(Value::Null)),
            },
            Self::ForJson(_) => Err(Error::internal("an aggregate as a function")),
            Self::Arithmetic { op, a, b, out } => {
                let (Some(right), Some(left)) = (values.pop(), values.pop()) else {
                    return Ok(Value::Null);
                };
                operators::arithmetic(*op, (left, *a), (right, *b), *out)
            }
            Self::Function { shim, args, out } => {
                if !shim.takes_null && values.iter().any(Value::is_null) {
                    return Ok(Value::Null);
                }
                (shim.eval)(&Arguments { values: &values, types: args, out: *out })
            }
            Self::Date { function, part, args, out } => {
                function.eval(*part, &Arguments { values: &values, types: args, out: *out })
            }
        }
    }
}

// === impl Calls ===

/// The interned calls of one sandbox.
#[derive(Debug, Default)]
pub(crate) struct Calls(RwLock<Interned>);

#[derive(Debug, Default)]
struct Interned {
    by_id: Vec<Arc<Invocation>>,
    ids: HashMap<Arc<Invocation>, usize>,
}

impl Calls {
    /// The id of a call.
    pub(crate) fn intern(&self, call: Invocation) -> usize {
        let mut interned = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = interned.ids.get(&call) {
            return *id;
        }
        let call = Arc::new(call);
        let id = interned.by_id.len();
        interned.by_id.push(call.clone());
        interned.ids.insert(call, id);
        id
    }

    /// The call of an id.
    pub(crate) fn get(&self, id: usize) -> Option<Arc<Invocation>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_id.get(id).cloned()
    }
}
