//! How long the functions of tests are.

use std::path::Path;

use super::{texts, texts_in};

/// The most lines of a function, from its first to its closing brace.
const MOST: usize = 40;

/// The name of the function that begins on a line, if one does.
fn name_of(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let is_before = |word: &str| word == "async" || word == "const" || word.starts_with("pub");
    let name = after.split(['(', '<']).next()?;
    before.split_whitespace().all(is_before).then_some(name)
}

/// The length of the function that begins on the first line. Returns `None` if it has no body, or a body on one line.
fn length(lines: &[&str]) -> Option<usize> {
    let signature_end = lines.iter().position(|line| line.ends_with(['{', ';', '}']))?;
    if !lines[signature_end].ends_with('{') {
        return None;
    }
    // What rustfmt has formatted ends where a brace has the same indentation.
    let indentation = lines[0].len() - lines[0].trim_start().len();
    let end = format!("{}}}", " ".repeat(indentation));
    let last =
        lines.iter().position(|line| *line == end).unwrap_or_else(|| panic!("no line ends the function `{}`", lines[0].trim()));
    Some(last + 1)
}

/// The functions of a text, with their lengths.
fn functions(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<_> = text.lines().collect();
    let function = |at: usize| Some((name_of(lines[at])?, length(&lines[at..])?));
    (0..lines.len()).filter_map(function).collect()
}

/// The text of each module of unit tests.
fn unit_tests() -> Vec<(String, String)> {
    let texts = texts();
    let mut tests = Vec::new();
    for (name, text) in &texts {
        let folder = name.trim_end_matches(".rs").trim_end_matches("mod");
        for part in text.split("#[cfg(test)]\nmod ").skip(1) {
            if let Some((module, _)) = part.split_once(';').filter(|(module, _)| !module.contains(' ')) {
                let file = Path::new(folder).join(format!("{module}.rs"));
                tests.extend(texts.iter().filter(|(name, _)| Path::new(name) == file).cloned());
            } else {
                tests.push((name.clone(), part.to_owned()));
            }
        }
    }
    tests
}

/// Every file of tests, of the suite and of unit tests.
fn tests() -> Vec<(String, String)> {
    let named = |folder: &str, (name, text): (String, String)| (format!("{folder}/{name}"), text);
    let suite = texts().into_iter().filter(|(name, _)| name.starts_with("testing/"));
    let in_src = suite.chain(unit_tests()).map(|file| named("src", file));
    texts_in("tests").into_iter().map(|file| named("tests", file)).chain(in_src).collect()
}

#[test]
fn no_function_of_a_test_has_more_than_40_lines() {
    let tests = tests();
    let all: Vec<_> =
        tests.iter().flat_map(|(file, text)| functions(text).into_iter().map(move |function| (file, function))).collect();
    assert!(all.len() > 1_500, "{} functions were found", all.len());
    let long = all.iter().filter(|(_, (_, lines))| *lines > MOST);
    let long: Vec<_> = long.map(|(file, (name, lines))| format!("{file}: {name} has {lines} lines")).collect();
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

/// A function inside another one, or in a macro, is one by itself, and what has no body is none.
#[test]
fn functions_are_counted_to_their_closing_brace() {
    let text = "fn a() {\n    fn b(\n        c: u8,\n    ) {\n        if c == 0 {\n        }\n    }\n}\n\
                trait T {\n    fn d(\n        &self,\n    );\n    async fn e() {}\n}\n\
                macro_rules! m {\n    () => {\n        pub(crate) async fn $f<T>() {\n            x();\n        }\n    };\n}\n";
    assert_eq!(functions(text), [("a", 8), ("b", 6), ("$f", 3)]);
}
