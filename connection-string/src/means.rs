//! What the keywords of a string set, one file for what is decided together.

mod encryption;
mod entra;
mod login;
mod place;
mod session;

use crate::given::Given;
use crate::keywords::Means;

/// All settings of a string, in the order of their table.
pub(crate) fn settings(given: &mut Given) {
    given.ignore(Means::OdbcConnect, "it counts in a URL alone");
    place::set(given);
    login::set(given);
    encryption::set(given);
    session::set(given);
}
