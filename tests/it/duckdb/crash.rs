//! What is left when the process is killed.
