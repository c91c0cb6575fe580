//! PERCENTILE_CONT and PERCENTILE_DISC over the rows of a partition.

use std::cmp::Ordering;

use rusqlite::functions::{Aggregate, Context, WindowAggregate};
use rusqlite::types::Value as Stored;

use super::collation::collate;

/// `percentile_cont(value, fraction, descending)` and `percentile_disc`, of which the first one
/// takes floats alone.
pub(super) struct Percentile {
    /// Between two values, instead of one of them.
    pub(super) continuous: bool,
}

/// The values of a partition that are not NULL.
#[derive(Default)]
pub(super) struct Values {
    values: Vec<Stored>,
    fraction: f64,
    descending: bool,
}

impl Values {
    fn add(&mut self, ctx: &Context<'_>) -> rusqlite::Result<()> {
        (self.fraction, self.descending) = (ctx.get(1)?, ctx.get(2)?);
        match ctx.get::<Stored>(0)? {
            Stored::Null => {}
            value => self.values.push(value),
        }
        Ok(())
    }

    fn sort(&mut self) {
        let descending = self.descending;
        self.values.sort_by(|a, b| if descending { order(b, a) } else { order(a, b) });
    }

    /// The first value whose CUME_DIST is not below the fraction.
    fn discrete(&mut self) -> Option<Stored> {
        self.sort();
        let count = self.values.len() as f64;
        let reaches = |at: &usize| (*at + 1) as f64 / count >= self.fraction;
        (0..self.values.len()).find(reaches).map(|at| self.values[at].clone())
    }

    /// The value at a place between the first one and the last one.
    fn continuous(&mut self) -> Option<Stored> {
        self.sort();
        let place = self.fraction * (self.values.len().checked_sub(1)? as f64);
        let float = |at: f64| match self.values.get(at as usize) {
            Some(Stored::Real(f)) => *f,
            Some(Stored::Integer(n)) => *n as f64,
            _ => 0.0,
        };
        let (below, above) = (float(place.floor()), float(place.ceil()));
        Some(Stored::Real(below + (place - place.floor()) * (above - below)))
    }
}

impl Percentile {
    fn of(&self, values: Option<&mut Values>) -> Option<Stored> {
        let values = values?;
        if self.continuous { values.continuous() } else { values.discrete() }
    }
}

/// Of two values of one type.
fn order(a: &Stored, b: &Stored) -> Ordering {
    match (a, b) {
        (Stored::Integer(a), Stored::Integer(b)) => a.cmp(b),
        (Stored::Real(a), Stored::Real(b)) => a.total_cmp(b),
        (Stored::Text(a), Stored::Text(b)) => collate(a, b),
        (Stored::Blob(a), Stored::Blob(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

impl Aggregate<Values, Option<Stored>> for Percentile {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Values> {
        Ok(Values::default())
    }

    fn step(&self, ctx: &mut Context<'_>, values: &mut Values) -> rusqlite::Result<()> {
        values.add(ctx)
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        mut values: Option<Values>,
    ) -> rusqlite::Result<Option<Stored>> {
        Ok(self.of(values.as_mut()))
    }
}

impl WindowAggregate<Values, Option<Stored>> for Percentile {
    fn value(&self, values: Option<&mut Values>) -> rusqlite::Result<Option<Stored>> {
        Ok(self.of(values))
    }

    /// A frame that loses rows is refused before.
    fn inverse(&self, _: &mut Context<'_>, _: &mut Values) -> rusqlite::Result<()> {
        Ok(())
    }
}
