//! Sessions against a server that does what a script says, byte for byte.

mod answers;
mod cancel;
mod login;
mod peer;
#[cfg(feature = "ntlm")]
mod windows;
