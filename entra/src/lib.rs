//! Access tokens of Microsoft Entra ID for SQL Server: the sources that they come from, which of
//! them is configured, and how long a token is used before the next one is asked for.
//!
//! Nothing here knows a server or a database, and nothing opens a connection by itself: requests go
//! through an [`Exchange`]. A [`Credential`] is made without asking anybody; its first token is
//! fetched when the first login needs it. A token counts at a login alone: a session that is open
//! stays so when its token expires.

mod assertion;
mod cloud;
mod credential;
mod device;
mod failure;
mod files;
mod identity;
mod options;
mod retry;
mod source;
mod store;
mod token;

pub use self::cloud::Cloud;
pub use self::credential::Credential;
pub use self::device::{DeviceCode, SignIn};
pub use self::failure::Failure;
pub use self::identity::TokenIdentity;
pub use self::options::{EntraOptions, Surroundings};
pub use self::retry::Exchange;
pub use self::source::SourceKind;
pub use self::token::AccessToken;
