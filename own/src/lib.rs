//! Tools of one's own, as text: `[[tool]]` in a TOML file is a statement or a procedure with named
//! and typed parameters, and becomes a tool of the server.
//!
//! Nothing here knows a server or a database. [`parse`] reads a file and says all that is wrong with
//! it; [`input_schema`] is what clients are told; [`bind`] makes of a call's arguments and a
//! caller's claims the values that are bound, each as the text that SQL Server converts to its type,
//! and never as a part of the statement. With the feature `import`, `import` reads what was written for
//! other servers.

mod bind;
mod check;
mod decimal;
#[cfg(feature = "import")]
mod import;
mod moment;
mod read;
mod scan;
mod schema;
mod tool;
mod types;
mod value;

pub use bind::{Bound, bind};
#[cfg(feature = "import")]
pub use import::{Imported, Line, LineKind, import};
pub use read::{Rules, parse};
pub use schema::{definition, input_schema};
pub use tool::{Access, Annotations, OwnTool, Parameter, Runs};
pub use types::SqlType;
