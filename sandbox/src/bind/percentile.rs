//! PERCENTILE_CONT and PERCENTILE_DISC, which are window functions with an order of their own.

use super::expr::is_constant;
use super::{Binder, Typed, typed};
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax::ast::{Call, Expr};
use crate::types::Type;

impl Binder<'_> {
    pub(super) fn percentile(&mut self, call: &Call) -> Result<Typed> {
        let name = call.name.as_str();
        let Some(over) = call.over.as_deref() else {
            return Err(Error { state: 3, ..messages::window_function_without_over(name) });
        };
        let item = match call.within_group.as_slice() {
            [] => return Err(messages::no_within_group(name)),
            [item] => item,
            _ => return Err(messages::order_within_group_of_several(name)),
        };
        if !over.order.is_empty() {
            return Err(messages::ordered_window(name));
        }
        if over.frame.is_some() {
            return Err(messages::framed_window(name));
        }
        let [argument] = call.args.as_slice() else {
            return Err(Error::unsupported(format!("{name} of other than one number")));
        };
        if call.distinct || call.star || is_constant(&item.expr) {
            return Err(Error::unsupported(format!("{name} of DISTINCT, * or a constant")));
        }
        let fraction = fraction(argument)
            .ok_or_else(|| Error::unsupported(format!("{name} of no literal from 0.0 to 1.0")))?;
        let value = self.expr(&item.expr)?;
        let is_continuous = name == "PERCENTILE_CONT";
        let is_known = match value.ty {
            ty if is_continuous => ty.is_number(),
            ty => !matches!(ty, Type::Null | Type::Bool | Type::Guid | Type::DateTimeOffset(_)),
        };
        if !is_known || matches!(value.ty, Type::Xml | Type::Variant) || value.sensitive {
            return Err(Error::unsupported(format!("{name} of {}", value.ty)));
        }
        let value = if is_continuous { self.coerce(value, Type::Float) } else { value };
        let window = self.over(name, over)?;
        let descending = i32::from(item.descending);
        let function = name.to_ascii_lowercase();
        let sql = format!("{function}({},{fraction:e},{descending}){window}", value.sql);
        Ok(typed(sql, value.ty))
    }
}

/// A numeric literal from 0 to 1.
fn fraction(e: &Expr) -> Option<f64> {
    let (Expr::Integer(n) | Expr::Decimal(n) | Expr::Float(n)) = e else { return None };
    n.parse().ok().filter(|f| (0.0..=1.0).contains(f))
}
