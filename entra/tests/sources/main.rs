//! Each source as a token is asked of it, request by request, and as it fails.

mod applications;
mod auto;
mod lab;
mod machines;
mod people;
mod programs;
mod renewal;
