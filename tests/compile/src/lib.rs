//! What larder's types refuse to compile is in `programs/fail`, what they take in `programs/pass.rs`.
