//! PRINT and informational messages. The driver decodes them and only logs them, so a `tracing`
//! layer filtered to that one target hands their text to the call that runs on this task. The same
//! way brings the errors behind the first one.

use std::cell::RefCell;
use std::fmt::Debug;

use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter, Layer};

/// Where the driver's log of tokens goes.
const TARGET: &str = "tiberius::tds::stream::token";
/// More than this is dropped; a batch that prints in a loop must not fill memory.
const MAX_MESSAGES: usize = 100;
const MAX_LENGTH: usize = 4000;

/// What a call was told beside its results.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Notices {
    /// PRINT, RAISERROR below 11, and notices of the server.
    pub(crate) messages: Vec<String>,
    /// Errors: number and text, in order.
    pub(crate) errors: Vec<(u64, String)>,
}

tokio::task_local! {
    static SAID: RefCell<Notices>;
}

/// Runs a future and collects what it is told.
pub(crate) async fn listen<F: Future>(f: F) -> (F::Output, Notices) {
    SAID.scope(RefCell::default(), async {
        let out = f.await;
        (out, SAID.with(RefCell::take))
    })
    .await
}

/// The layer; goes with [`OnlyTokens`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capture;

/// Lets only the driver's token events through, for [`Capture`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnlyTokens;

impl<S> Filter<S> for OnlyTokens {
    fn enabled(&self, m: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        m.target() == TARGET && *m.level() <= Level::DEBUG
    }

    /// Settled once per callsite, so that no other event of the process costs anything.
    fn callsite_enabled(&self, m: &'static Metadata<'static>) -> Interest {
        if m.target() == TARGET && *m.level() <= Level::DEBUG {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(tracing::level_filters::LevelFilter::DEBUG)
    }
}

impl<S: Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let _ = SAID.try_with(|said| {
            let mut v = Text::default();
            event.record(&mut v);
            let mut said = said.borrow_mut();
            match *event.metadata().level() {
                Level::ERROR if said.errors.len() < MAX_MESSAGES => {
                    said.errors.push((v.code, v.message))
                }
                // The driver logs changes of the environment at this level too; their texts are its
                // own, not the server's.
                Level::DEBUG
                    if said.messages.len() < MAX_MESSAGES && !is_environment(&v.message) =>
                {
                    said.messages.push(v.message)
                }
                _ => {}
            }
        });
    }
}

fn is_environment(text: &str) -> bool {
    [
        "Database change from",
        "Packet size change from",
        "SQL collation changed",
        "Begin transaction",
        "Commit transaction",
        "Rollback transaction",
        "Defect transaction",
        "Server requested routing",
        "FeatureExtAck with",
        "Reset connection",
        "Ignored env change",
    ]
    .iter()
    .any(|p| text.to_ascii_lowercase().starts_with(&p.to_ascii_lowercase()))
}

#[derive(Default)]
struct Text {
    message: String,
    code: u64,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}").chars().take(MAX_LENGTH).collect();
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "code" {
            self.code = value;
        }
    }
}
