//! A batch that changes data, on its way: tried out, asked about, applied; and what its caller
//! hears when nobody saw the end.

use std::time::{Duration, Instant};

use mssql_mcp_session::Cancelled;
use mssql_mcp_sql::verdict::{Class, Verdict};
use mssql_mcp_transports::{Continuation, ToolReply};

use super::answer::rowsets;
use super::confirm::{Confirm, Consent, Shown, Ticket, digest_of, question_id};
use super::execute_sql::{Args, failed_with_names, failure};
use super::preview::{self, Effect, Table, changed_rows, effect, question};
use super::{Call, Refusal, Stop, cascade};
use crate::code::Code;
use crate::config::settings::access::ConfirmWrites;
use crate::database::run::{Applied, Batch, BatchAnswer, Failure, Mode};
use crate::database::wrapper::{Param, ParamValue};
use crate::database::{Database, DbError, Limits};
use crate::principal::Principal;
use crate::secret::hashed;

/// A batch that changes data, on its way.
pub(super) struct Change<'a> {
    pub(crate) confirm: &'a Confirm,
    pub(crate) call: &'a Call,
    pub(crate) args: &'a Args,
    pub(crate) verdict: &'a Verdict,
    pub(crate) batch: Batch<'a>,
    pub(crate) secrets: &'a [String],
    pub(crate) limits: Limits,
}

impl Change<'_> {
    fn db(&self) -> &Database {
        &self.call.database
    }

    /// Runs it and rolls it back.
    pub(crate) async fn dry_run(&self) -> Result<ToolReply, Stop> {
        if let Err(why) = self.previewable().await? {
            return Err(Refusal::no_preview(&why).into());
        }
        let run = self.db().run(self.batch, Mode::Preview, &self.limits);
        let a = match run.await {
            Ok(a) => a,
            Err(f) => return Err(self.explained(&f).await),
        };
        self.call.facts.set_dry_run();
        Ok(self.changed(a, true))
    }

    /// Asks first, where that is configured and can be done.
    pub(crate) async fn consented(&self) -> Result<ToolReply, Stop> {
        let confirm = self.confirm;
        let can_ask = self.call.context.can_ask;
        match confirm.when() {
            ConfirmWrites::Never => return self.apply().await,
            ConfirmWrites::WhenPossible if !can_ask => return self.apply().await,
            ConfirmWrites::Always if !can_ask => {
                return Err(Refusal::nobody_can_be_asked().into());
            }
            ConfirmWrites::Always | ConfirmWrites::WhenPossible => {}
        }
        let principal =
            Principal::of(&self.call.context.extensions).map(Principal::key).unwrap_or_default();
        // A yes for one database is none for another.
        let digest = digest_of(&(&self.call.source.name, self.args));
        let mut now = None;
        if let Some(c) = self.call.context.extensions.get::<Continuation>() {
            let consent = confirm.redeem(c, &principal, &digest)?;
            if let Some(state) = &c.state {
                self.call.facts.set_answers(question_id(state));
            }
            match consent {
                Consent::Decided(reply, outcome) => {
                    self.call.facts.set_outcome(outcome);
                    return Ok(reply);
                }
                // Without counts, what the person was shown is looked up again.
                Consent::Yes(ticket, Shown { counts: None, shown }) => match self.preview().await {
                    Ok((effect, _)) if self.shown(&effect) == shown => {
                        return self.settle(ticket, self.apply().await);
                    }
                    Ok(found) => {
                        ticket.superseded();
                        now = Some(found);
                    }
                    Err(stop) => return self.settle(ticket, Err(stop)),
                },
                Consent::Yes(ticket, Shown { counts: Some(counts), .. }) => {
                    let run = self.db().run_if(self.batch, &counts, &self.limits);
                    match run.await {
                        Ok(Applied::Committed(a)) => {
                            return self.settle(ticket, Ok(self.changed(a, false)));
                        }
                        // The data changed while the person thought: ask again,
                        // with the new numbers.
                        Ok(Applied::Differs(_)) => ticket.superseded(),
                        Err(f) => return self.settle(ticket, Err(self.failed(&f))),
                    }
                }
                Consent::Again => {}
            }
        }
        let (effect, tried) = match now {
            Some(found) => found,
            None => self.preview().await?,
        };
        if let Some(mut a) = tried.filter(|_| effect.is_nothing()) {
            let again = self.call.context.extensions.get::<Continuation>().is_some();
            let what = if again {
                "By now no row would change"
            } else {
                "No row would change, so nobody was asked"
            };
            a.messages.push(format!("{what}, and nothing was changed."));
            return Ok(self.changed(a, false));
        }
        let message = self.question(&effect);
        let shown = Shown { counts: effect.counts(), shown: self.shown(&effect) };
        let asked = confirm.ask(&principal, digest, shown, &message);
        if let Stop::Ask { state, .. } = &asked {
            self.call.facts.set_asked(question_id(state));
        }
        Err(asked)
    }

    fn question(&self, effect: &Effect) -> String {
        let shown = |p: &Param| match self.secrets.contains(&p.name.to_lowercase()) {
            true => Param { value: ParamValue::Text("not shown".into()), ..p.clone() },
            false => p.clone(),
        };
        let params: Vec<Param> = self.batch.params.iter().map(shown).collect();
        let question = question(&self.args.query, &params, self.verdict, effect);
        match self.call.sources.several() {
            true => format!("In {}: {question}", self.call.source.name),
            false => question,
        }
    }

    /// The hash of what a person is shown, and of how many rows the tables have.
    fn shown(&self, effect: &Effect) -> String {
        let rows = match effect {
            Effect::Tried { tables, .. } => tables.iter().map(|t| t.rows).collect(),
            Effect::Unknown(_) => Vec::new(),
        };
        hashed(&format!("{}\n{rows:?}", self.question(effect)))
    }

    /// A retry hears the same.
    fn settle(&self, ticket: Ticket, result: Result<ToolReply, Stop>) -> Result<ToolReply, Stop> {
        match &result {
            Ok(reply) => ticket.settle(reply, Code::Ok),
            Err(Stop::Refused(r)) => {
                let told = r.as_ref().clone().of(self.call.told());
                ticket.settle(&told.into_reply(), r.code);
            }
            // Its drop says that nobody knows.
            Err(_) => drop(ticket),
        }
        result
    }

    async fn apply(&self) -> Result<ToolReply, Stop> {
        let run = self.db().run(self.batch, Mode::Change, &self.limits);
        match run.await {
            Ok(a) => Ok(self.changed(a, false)),
            Err(f) if !f.ended && matches!(f.error, DbError::Sql(_)) => {
                Err(self.explained(&f).await)
            }
            Err(f) => Err(self.failed(&f)),
        }
    }

    /// The reply, and what the record says of it.
    fn changed(&self, mut a: BatchAnswer, dry_run: bool) -> ToolReply {
        let rows = changed_rows(&self.args.query, self.verdict, &a.rows_affected);
        // A procedure's counts are its own; where the text hides them, a 0 would be a lie.
        let rows = rows.or_else(|| {
            (self.verdict.class > Class::Write)
                .then(|| a.rows_affected.iter().sum())
                .filter(|n| *n > 0)
        });
        if rows.is_none() && a.rows_affected.iter().all(|n| *n == 0) {
            a.rows_affected.clear();
        }
        self.call.facts.set_changed(rows, a.committed);
        self.note(&mut a);
        rowsets(self.call, a, self.args.format, Some(dry_run), false)
    }

    /// What was taken otherwise than it was asked for.
    pub(crate) fn note(&self, a: &mut BatchAnswer) {
        let most = self.call.limits.bounds.max_rows;
        if let Some(n) = self.args.max_rows.filter(|n| *n > most) {
            a.messages.push(format!(
                "max_rows {n} was taken as {most}, the most that limits.max_rows allows here"
            ));
        }
    }

    /// A change that failed: an error of SQL Server rolled it back; a broken connection tells
    /// nothing.
    fn failed(&self, f: &Failure) -> Stop {
        if f.ended {
            return failure(f, self.db(), &self.args.query).ended_by_itself().into();
        }
        // Of a procedure or dynamic SQL nobody knows what it had committed by itself.
        let may_commit = self.verdict.class > Class::Write;
        let harmless = f.stopped == Cancelled::Unsent || (f.uncommitted && !may_commit);
        match &f.error {
            DbError::Lost(m) if !harmless => {
                Refusal::unknown_outcome(&format!("The connection to SQL Server broke: {m}."))
                    .into()
            }
            DbError::Driver(m) if !harmless => {
                Refusal::unknown_outcome(&format!("SQL Server's answer could not be read: {m}."))
                    .into()
            }
            DbError::Timeout => failure(f, self.db(), &self.args.query)
                .change_cancelled(f.stopped, may_commit)
                .into(),
            _ => failure(f, self.db(), &self.args.query).into(),
        }
    }

    /// Why it cannot be tried out first, if it cannot.
    async fn previewable(
        &self,
    ) -> Result<Result<(Vec<Table>, Vec<cascade::Cascade>), String>, Stop> {
        if self.verdict.class > Class::Write {
            let what = if self.verdict.class == Class::Schema {
                "a change of the schema"
            } else {
                "a procedure or dynamic SQL"
            };
            return Ok(Err(format!("it has {what}, which a rollback may not undo")));
        }
        let tables = match preview::tables(self.db(), self.verdict, &self.limits).await? {
            Ok(tables) => tables,
            Err(why) => return Ok(Err(why)),
        };
        let cascades =
            cascade::cascades(self.db(), &tables, &self.args.query, &self.limits).await?;
        Ok(cascades.map(|c| (tables, c)))
    }

    /// What it would change, counted in a transaction that is rolled back at once: no lock is held
    /// while a person thinks. With what it gave.
    async fn preview(&self) -> Result<(Effect, Option<BatchAnswer>), Stop> {
        let (tables, mut cascades) = match self.previewable().await? {
            Ok(t) => t,
            Err(why) => return Ok((Effect::Unknown(why), None)),
        };
        let patience: Duration = self.confirm.preview_timeout();
        let deadline = Instant::now() + patience;
        let limits = Limits {
            deadline: Some(self.limits.deadline.map_or(deadline, |d| d.min(deadline))),
            ..self.limits.clone()
        };
        let run = self.db().run(self.batch, Mode::Preview, &limits);
        match run.await {
            Ok(a) => {
                cascade::count(self.db(), self.batch, &mut cascades, &limits).await;
                let effect = effect(
                    &self.args.query,
                    self.verdict,
                    a.rows_affected.clone(),
                    tables,
                    cascades,
                );
                Ok((effect, Some(a)))
            }
            Err(Failure { error: DbError::Timeout, .. }) => Ok((
                Effect::Unknown(format!(
                    "its preview took longer than {} s",
                    patience.as_secs_f32()
                )),
                None,
            )),
            // It would fail: the model hears why, and nobody is bothered.
            Err(f) => Err(self.explained(&f).await),
        }
    }

    async fn explained(&self, f: &Failure) -> Stop {
        failed_with_names(f, self.db(), &self.args.query, &self.limits).await.into()
    }
}
