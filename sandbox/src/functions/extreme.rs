//! GREATEST and LEAST, over values of one type.

use std::cmp::Ordering;

use super::collation::collate;
use super::{Arguments, Shim};
use crate::error::{Error, Result};
use crate::types::Value;

/// The greatest value that is not NULL.
pub(crate) static GREATEST: Shim =
    Shim { name: "GREATEST", takes_null: true, eval: |a| extreme(a, Ordering::Greater) };
/// The least value that is not NULL.
pub(crate) static LEAST: Shim =
    Shim { name: "LEAST", takes_null: true, eval: |a| extreme(a, Ordering::Less) };

/// NULL where all are.
fn extreme(a: &Arguments<'_>, wanted: Ordering) -> Result<Value> {
    let mut found: Option<&Value> = None;
    for value in a.values.iter().filter(|v| !v.is_null()) {
        let Some(best) = found else {
            found = Some(value);
            continue;
        };
        match order(value, best) {
            Ordering::Equal if value != best => {
                return Err(Error::unsupported(
                    "GREATEST and LEAST of values that are alike and not the same",
                ));
            }
            ordering if ordering == wanted => found = Some(value),
            _ => {}
        }
    }
    Ok(found.cloned().unwrap_or(Value::Null))
}

/// Of two values of one type.
fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Dec(a), Value::Dec(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
        (Value::Str(a), Value::Str(b)) => collate(a, b),
        (Value::Bin(a), Value::Bin(b)) => a.cmp(b),
        (Value::Offset(a, _), Value::Offset(b, _)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}
