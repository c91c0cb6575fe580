//! The guard, held against batches: our own corpora, those of others, a generator, and what must
//! hold for any text.

mod corpus;
mod generated;
mod generator;
mod microsoft;
mod outside;
mod properties;
mod readings;
