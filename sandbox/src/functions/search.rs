//! Texts in texts: where they are, and others in their place. Case does not count.

use super::collation::{fold, fold_char};
use super::text::is_no_text;
use super::{
    Arguments, Function, Operands, Signature, is_long_text, like, longest, position_in, text_of,
};
use crate::convert::{cut_utf16, utf16_text};
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{Len, Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("CHARINDEX", (2, 3), position_types, charindex).comparing(),
    Function::new("PATINDEX", (2, 2), position_types, patindex).comparing(),
    Function::new("REPLACE", (3, 3), replace_types, replace).comparing(),
    Function::new("TRANSLATE", (3, 3), replace_types, translate).comparing(),
    Function::new("STUFF", (4, 4), stuff_types, stuff).taking_null(),
];

fn position_types(of: &Operands<'_>) -> Result<Signature> {
    of.refuse(is_no_text)?;
    let args = [text_of(of.first()), text_of(of.get(1)), Type::Int];
    Signature::new(args, position_in(of.get(1)))
}

/// From 1; 0 where it is not found.
fn charindex(a: &Arguments<'_>) -> Result<Value> {
    let from = (a.integer(2) - 1).max(0) as usize;
    if let Some(c) = a.text(1).chars().find(|c| c.len_utf16() > 1) {
        return Err(Error::unsupported(format!("a position behind '{c}'")));
    }
    let (needle, hay) = (fold(a.text(0)), fold(a.text(1)));
    let found = (from..hay.len()).find(|at| !needle.is_empty() && hay[*at..].starts_with(&needle));
    Ok(Value::Int(found.map_or(0, |at| at as i64 + 1)))
}

/// From 1; 0 where nothing matches.
fn patindex(a: &Arguments<'_>) -> Result<Value> {
    let (pattern, hay) = (a.text(0), a.text(1).chars().collect::<Vec<_>>());
    let inner = pattern.strip_prefix('%').unwrap_or(pattern);
    let anchored = inner.len() == pattern.len();
    for at in 0..=if anchored { 0 } else { hay.len() } {
        if like(&hay[at..].iter().collect::<String>(), inner, None, a.is_unicode())? {
            let before: usize = hay[..at].iter().map(|c| c.len_utf16()).sum();
            return Ok(Value::Int(before as i64 + 1));
        }
    }
    Ok(Value::Int(0))
}

/// Of texts that are all of one type.
fn replace_types(of: &Operands<'_>) -> Result<Signature> {
    refuse_mixed_lengths(of)?;
    let ty = of.common_text();
    Signature::new([ty; 3], ty)
}

/// A (max) behind a first argument that is none has no rule.
fn refuse_mixed_lengths(of: &Operands<'_>) -> Result<()> {
    of.refuse(is_no_text)?;
    let rest = of.types.iter().skip(1);
    if of.first().max_length() != -1 && rest.copied().any(is_long_text) {
        return Err(of.missing(format!("{} with (max)", of.first())));
    }
    Ok(())
}

fn replace(a: &Arguments<'_>) -> Result<Value> {
    let (hay, folded, needle): (Vec<char>, _, _) =
        (a.text(0).chars().collect(), fold(a.text(0)), fold(a.text(1)));
    let mut out = String::new();
    let mut at = 0;
    while at < hay.len() {
        if !needle.is_empty() && folded[at..].starts_with(&needle) {
            out.push_str(a.text(2));
            at += needle.len();
        } else {
            out.push(hay[at]);
            at += 1;
        }
    }
    match a.out {
        Type::NVarChar(Len::N(n)) | Type::VarChar(Len::N(n)) => {
            cut_utf16(&out, usize::from(n)).map(Value::Str)
        }
        _ => Ok(Value::Str(out)),
    }
}

fn translate(a: &Arguments<'_>) -> Result<Value> {
    let (from, to): (_, Vec<char>) = (fold(a.text(1)), a.text(2).chars().collect());
    if from.len() != to.len() {
        return Err(messages::translation_of_unequal_lengths());
    }
    let one = |c| from.iter().position(|f| fold_char(c) == *f).map_or(c, |at| to[at]);
    Ok(Value::Str(a.text(0).chars().map(one).collect()))
}

fn stuff_types(of: &Operands<'_>) -> Result<Signature> {
    refuse_mixed_lengths(of)?;
    let args = [text_of(of.first()), Type::Int, Type::Int, longest(of.get(3))];
    Signature::new(args, longest(of.first()))
}

fn stuff(a: &Arguments<'_>) -> Result<Value> {
    if a.values[3].is_null() && !a.values[0].is_null() {
        return Err(Error::unsupported("STUFF with a replacement that is NULL"));
    }
    let units = a.units(0);
    let (start, length) = (a.integer(1), a.integer(2));
    if a.values.iter().any(Value::is_null)
        || start < 1
        || length < 0
        || start as usize > units.len()
    {
        return Ok(Value::Null);
    }
    let first = (start - 1) as usize;
    let behind = (first + length as usize).min(units.len());
    let mut out = units[..first].to_vec();
    out.extend(a.units(3));
    out.extend_from_slice(&units[behind..]);
    utf16_text(&out).map(Value::Str)
}
