//! Windows accounts against the sandbox, with a KDC of the test.
