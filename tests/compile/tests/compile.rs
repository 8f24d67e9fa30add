//! Each program of `fail` is refused for the reason beside it, and the one that passes differs from them by the mistakes alone.

#[test]
fn a_wrong_column_or_value_does_not_compile() {
    let programs = trybuild::TestCases::new();
    programs.pass("programs/pass.rs");
    programs.compile_fail("programs/fail/*.rs");
}
