//! A session with Microsoft SQL Server on the wire.
//!
//! The driver `tiberius` logs in, over a stream that is lent to it; TLS below and everything after
//! the login is here, written from [MS-TDS]: requests, answers row by row from wire bytes into a
//! [`Sink`], every message and count as the server said it, and Attention.
//!
//! [MS-TDS]: https://learn.microsoft.com/openspecs/windows_protocols/ms-tds

mod answer;
mod column;
mod connect;
mod cursor;
mod decode;
mod dial;
mod error;
mod event;
mod forms;
#[doc(hidden)]
pub mod fuzzing;
mod login;
mod packet;
mod prelogin;
mod reader;
mod request;
mod rpc;
mod session;
mod sink;
mod tls;
mod token;
mod types;
mod windows;
mod wire;

pub use tiberius::{AuthMethod, Config as LoginConfig};

pub use self::answer::{Answer, Cancelled, Patience};
pub use self::column::{Column, Label};
pub use self::connect::Target;
pub use self::decode::Bounds;
pub use self::error::{Error, Stage};
pub use self::event::{
    Command, Done, Environment, Event, LoginAck, Message, Origin, ReturnValue, Scope,
};
pub use self::forms::{TypeForm, forms};
pub use self::request::Trace;
pub use self::rpc::{Param, ParamType, ParamValue, Rpc};
pub use self::session::{Agreed, Progress, Session, TlsSeen, Way};
pub use self::sink::{Csv, Discard, End, Json, Kind, Note, Sink, Value};
pub use self::tls::{Encrypt, Tls, TlsProblem, Trust};
pub use self::types::{Collation, Encoding, Type, TypeInfo};
pub use self::windows::{Spn, WindowsLogin, service_principal_name};
