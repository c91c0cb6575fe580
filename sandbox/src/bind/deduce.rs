//! The types of parameters that nobody declared ("sp_describe_undeclared_parameters", "Parameter
//! Selection Algorithm"). While a statement is described, such a parameter is bound as a NULL that
//! remembers which it is; wherever it meets a type, what follows for it is written down.

use std::cell::RefCell;

use super::types::common;
use super::{Binder, Typed, typed};
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{Len, Type};

/// What is found out about undeclared parameters.
#[derive(Default)]
pub(crate) struct Deductions {
    found: RefCell<Vec<Deduced>>,
    failure: RefCell<Option<Error>>,
}

/// What a parameter is to be.
#[derive(Debug, Clone)]
pub(crate) struct Deduced {
    /// With its `@`.
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// It gets a value, and gives none.
    pub(crate) output: bool,
    /// The parameter of a procedure or a function that it is passed to.
    pub(crate) formal: Option<String>,
}

/// An expression with an undeclared parameter in it.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    name: String,
    /// The types that it met on its way out, innermost first.
    met: Vec<Type>,
}

/// Where such an expression stands.
#[derive(Clone, Copy)]
pub(super) enum Meets {
    /// In an assignment, a comparison for equality, an argument or a conversion.
    Exactly(Type),
    /// In a comparison of order.
    About(Type),
}

impl Deductions {
    pub(crate) fn of(&self, name: &str) -> Option<Deduced> {
        let found = self.found.borrow();
        found.iter().find(|d| d.name.eq_ignore_ascii_case(name)).cloned()
    }

    /// Why there is no type for some of them, if that is so.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.failure.borrow().clone()
    }

    pub(crate) fn record(&self, deduced: Deduced) {
        if self.of(&deduced.name).is_none() {
            self.found.borrow_mut().push(deduced);
        }
    }

    fn fail(&self, e: Error) {
        self.failure.borrow_mut().get_or_insert(e);
    }
}

impl Binder<'_> {
    /// A parameter that is not declared, where that is allowed.
    pub(super) fn undeclared(&self, name: &str) -> Result<Typed> {
        if self.env.deductions().is_none() {
            return Err(messages::undeclared_variable(name));
        }
        let pending = Pending { name: name.to_owned(), met: Vec::new() };
        Ok(Typed { pending: Some(Box::new(pending)), ..typed("NULL", Type::Null) })
    }

    /// What follows for a parameter in `e` from where `e` stands.
    pub(super) fn settle(&self, e: &Typed, meets: Meets, formal: Option<&str>) {
        let (Some(pending), Some(deductions)) = (&e.pending, self.env.deductions()) else { return };
        let (Meets::Exactly(other) | Meets::About(other)) = meets;
        if other == Type::Null {
            return;
        }
        let ty = match meets {
            Meets::Exactly(ty) if pending.met.is_empty() => Some(ty),
            Meets::Exactly(ty) => best(&pending.met, Some(ty)),
            Meets::About(ty) if pending.met.is_empty() => best(&[ty], None),
            Meets::About(ty) => best(&pending.met, Some(ty)),
        };
        match ty {
            Some(ty) => deductions.record(Deduced {
                name: pending.name.clone(),
                ty,
                output: false,
                formal: formal.map(str::to_owned),
            }),
            None => deductions.fail(messages::parameter_without_type(&pending.name)),
        }
    }

    /// Two that meet each other: one of them tells the other, or neither knows.
    pub(super) fn settle_pair(&self, a: &Typed, b: &Typed, meets: fn(Type) -> Meets) {
        match (&a.pending, &b.pending) {
            (Some(x), Some(y)) => {
                if let Some(deductions) = self.env.deductions() {
                    deductions.fail(messages::two_parameters_without_types(&x.name, &y.name));
                }
            }
            (Some(_), None) => self.settle(a, meets(b.ty), None),
            (None, Some(_)) => self.settle(b, meets(a.ty), None),
            (None, None) => {}
        }
    }

    /// What an operator makes of two, if one of them is not known yet.
    pub(super) fn pending_of(&self, a: &Typed, b: &Typed) -> Option<Box<Pending>> {
        let (pending, other) = match (&a.pending, &b.pending) {
            (Some(_), Some(_)) => {
                self.settle_pair(a, b, Meets::Exactly);
                return None;
            }
            (Some(pending), None) => (pending, b.ty),
            (None, Some(pending)) => (pending, a.ty),
            (None, None) => return None,
        };
        let mut pending = pending.clone();
        pending.met.push(other);
        Some(pending)
    }

    /// An expression that meets nothing more: the operands decide.
    pub(super) fn settle_alone(&self, e: &Typed) {
        let (Some(pending), Some(deductions)) = (&e.pending, self.env.deductions()) else { return };
        let found = if pending.met.is_empty() { None } else { best(&pending.met, None) };
        match found {
            Some(ty) => deductions.record(Deduced {
                name: pending.name.clone(),
                ty,
                output: false,
                formal: None,
            }),
            None => deductions.fail(messages::parameter_without_type(&pending.name)),
        }
    }
}

/// The types that come into question, by their precedence, greatest first; of two alike the
/// shorter one comes first.
const CANDIDATES: [Type; 24] = [
    Type::Xml,
    Type::DateTimeOffset(7),
    Type::DateTime2(7),
    Type::DateTime,
    Type::SmallDateTime,
    Type::Date,
    Type::Time(7),
    Type::Float,
    Type::Real,
    Type::Decimal(38, 19),
    Type::Money,
    Type::SmallMoney,
    Type::BigInt,
    Type::Int,
    Type::SmallInt,
    Type::TinyInt,
    Type::Bit,
    Type::Guid,
    Type::NVarChar(Len::N(4000)),
    Type::NVarChar(Len::Max),
    Type::VarChar(Len::N(8000)),
    Type::VarChar(Len::Max),
    Type::VarBinary(Len::N(8000)),
    Type::VarBinary(Len::Max),
];

/// The candidate of the least conversions among the types that it meets and the one that is wanted.
fn best(met: &[Type], wanted: Option<Type>) -> Option<Type> {
    let cost = |candidate: Type| {
        let mut total = 0;
        let mut now = candidate;
        for other in met {
            let both = common(now, *other);
            total += conversion(now, both) + conversion(*other, both);
            now = both;
        }
        total + wanted.map_or(0, |w| conversion(now, w))
    };
    CANDIDATES.into_iter().min_by_key(|c| cost(*c))
}

/// How bad a conversion is.
fn conversion(from: Type, to: Type) -> u32 {
    if from == to {
        return 0;
    }
    let name = |t: Type| t.name_and_id().0;
    let pair = [name(from), name(to)];
    let alike = [["char", "varchar"], ["nchar", "nvarchar"], ["binary", "varbinary"]];
    if pair[0] == pair[1] {
        1
    } else if alike.iter().any(|a| pair.iter().all(|p| a.contains(p))) {
        2
    } else if from == Type::Null || to == Type::Null {
        3
    } else {
        100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_page() {
        let about = |ty| best(&[ty], None);
        assert_eq!(best(&[Type::Int], Some(Type::Int)), Some(Type::Int));
        assert_eq!(best(&[Type::SmallInt], Some(Type::Int)), Some(Type::Int));
        assert_eq!(about(Type::VarChar(Len::N(30))), Some(Type::VarChar(Len::N(8000))));
        assert_eq!(about(Type::Char(30)), Some(Type::VarChar(Len::N(8000))));
        assert_eq!(about(Type::NVarChar(Len::Max)), Some(Type::NVarChar(Len::Max)));
        assert_eq!(about(Type::Decimal(10, 2)), Some(Type::Decimal(38, 19)));
        assert_eq!(about(Type::DateTime2(3)), Some(Type::DateTime2(7)));
        assert_eq!(about(Type::Int), Some(Type::Int));
    }
}
