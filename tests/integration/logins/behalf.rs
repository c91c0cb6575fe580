//! On behalf of whoever calls: each person has connections of their own, and nobody has one of
//! anybody else.
