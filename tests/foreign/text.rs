//! Conditions on parts of text, and without case, in columns of any collation and type.

use larder::{Cx, Filter, Query, SqlText, Store, TextPattern, field};

use crate::support::entities::label;

const TEXTS: [&str; 20] = [
    "Ann",
    "ANN ",
    "ann",
    "Énn",
    "énn",
    "a%b",
    "A_b",
    "a\\b",
    "K",
    "\u{212a}",
    "k",
    "Straße",
    "STRASSE",
    "Zebra",
    "zebra ",
    "İx",
    "ix",
    "@",
    "[",
    "GET /a/B 200",
];

/// A condition on text, as a filter and as Rust's functions have it.
type Condition = (Filter<label::Model>, String, Vec<bool>);

fn conditions(given: &str, texts: &[String]) -> Vec<Condition> {
    let text = || field(label::COLUMN.text);
    let lower = str::to_ascii_lowercase;
    let condition = |name: &str, filter, test: &dyn Fn(&str) -> bool| -> Condition {
        (filter, format!("{name} {given:?}"), texts.iter().map(|text| test(text)).collect())
    };
    let pattern = |pattern: TextPattern| {
        condition(&format!("{pattern:?}"), text().matches_pattern(pattern.clone()), &|text| pattern.matches(text))
    };
    vec![
        condition("has", text().contains(given), &|text| text.contains(given)),
        condition("ends", text().ends_with(given), &|text| text.ends_with(given)),
        condition("equals", text().equals_ignore_ascii_case(given), &|text| text.eq_ignore_ascii_case(given)),
        condition("contains", text().contains_ignore_ascii_case(given), &|text| lower(text).contains(&lower(given))),
        condition("starts", text().starts_with_ignore_ascii_case(given), &|text| lower(text).starts_with(&lower(given))),
        condition("ends", text().ends_with_ignore_ascii_case(given), &|text| lower(text).ends_with(&lower(given))),
        pattern(TextPattern::starting(given).ending("n")),
        pattern(TextPattern::starting("a").then(given).ending("b")),
        pattern(TextPattern::containing("A").then(given).ignore_ascii_case()),
    ]
}

/// Every other text of a table `label`, among many more, is found by its bytes.
async fn are_found_in_long_lists(store: &Store, texts: &[String], case: &str) {
    let labels = store.repository::<label::Entity>();
    for length in [100, 1_500] {
        let given: Vec<String> = texts.iter().step_by(2).filter(|text| !text.contains('\0')).cloned().collect();
        let others = (0..length).map(|nth| format!("Ann {nth}"));
        let filter = field(label::COLUMN.text).is_in(given.iter().cloned().chain(others));
        for (is_negated, filter) in [(false, filter.clone()), (true, !filter)] {
            let expected = texts.iter().filter(|text| given.contains(text) != is_negated).count() as u64;
            assert_eq!(labels.count(&Cx::new(), &filter).await.unwrap(), expected, "{case}: {length} {is_negated}");
        }
    }
}

/// The texts of a table `label`, whose names are numbers, fulfil what they are to fulfil.
async fn are_tested_alike(store: &Store, texts: &[String], case: &str) {
    are_found_in_long_lists(store, texts, case).await;
    let (cx, labels) = (Cx::new(), store.repository::<label::Entity>());
    let all = TEXTS.into_iter().chain(["n", "N", "ANN", "ß", "/A/b", "b", "ab"]).flat_map(|given| conditions(given, texts));
    for (filter, name, fulfilled) in all {
        for (is_negated, filter) in [(false, filter.clone()), (true, !filter)] {
            let expected = fulfilled.iter().enumerate().filter(|(_, is_fulfilled)| **is_fulfilled != is_negated);
            let mut expected: Vec<_> = expected.map(|(nth, _)| nth.to_string()).collect();
            expected.sort();
            let found = labels.query(&cx, &Query::from(filter)).await.unwrap_or_else(|error| panic!("{case} {name}: {error:?}"));
            let found: Vec<_> = found.into_iter().map(|label| label.name).collect();
            assert_eq!(found, expected, "{case}: {name}");
        }
    }
}

fn insert(texts: &[String]) -> String {
    let row = |(nth, text): (usize, &String)| format!("('{nth}', '{text}')");
    format!("INSERT INTO label VALUES {};\n", texts.iter().enumerate().map(row).collect::<Vec<_>>().join(", "))
}

fn owned() -> Vec<String> {
    TEXTS.iter().map(|text| (*text).to_owned()).collect()
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_tests_text_alike_in_every_column() {
    for column in ["TEXT", "TEXT COLLATE NOCASE", "VARCHAR(3) COLLATE RTRIM", "", "STRING", "BLOB"] {
        let create = format!("CREATE TABLE label (name TEXT PRIMARY KEY, text {column});\n");
        // What ends at a NUL to some functions goes on to others.
        let (after, count) = (["Ann\0b", "\0", "a\0bn", "get /A\0/b"].map(str::to_owned), TEXTS.len());
        let hidden = (0..).zip(&after).map(|(nth, text)| {
            let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
            format!("INSERT INTO label VALUES ('{}', CAST(x'{hex}' AS TEXT));\n", nth + count)
        });
        let sql = create + &insert(&owned()) + &hidden.collect::<String>();
        for place in crate::sqlite::places(&sql).await {
            are_tested_alike(&place.store, &[owned().as_slice(), &after].concat(), &format!("{} {column}", place.name)).await;
        }
    }
}

#[cfg(feature = "duckdb-linked")]
#[tokio::test]
async fn duckdb_tests_text_alike_in_every_column() {
    let values: Vec<_> = TEXTS.iter().map(|text| format!("'{text}'")).collect();
    let mood = format!("ENUM ({})", values.join(", "));
    for (column, collation) in [
        ("VARCHAR", ""),
        ("VARCHAR", "nocase"),
        ("VARCHAR COLLATE NOCASE", ""),
        ("VARCHAR COLLATE NOACCENT.NOCASE", ""),
        ("VARCHAR COLLATE NFC", ""),
        (mood.as_str(), ""),
    ] {
        let store = larder::open("duckdb::memory:?threads=1&lock_configuration=false").await.unwrap();
        let create = format!("CREATE TABLE label (name VARCHAR PRIMARY KEY, text {column})");
        for sql in [create, insert(&owned()), format!("SET GLOBAL default_collation = '{collation}'")] {
            store.sql().unwrap().execute(&Cx::new(), &SqlText::new(sql)).await.unwrap();
        }
        are_tested_alike(&store, &owned(), &format!("{column} {collation}")).await;
    }
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_tests_text_alike_in_every_column() {
    use crate::{
        postgres::{psql, stores},
        support::postgres::TestDatabase,
    };
    if crate::postgres::is_skipped() {
        return;
    }
    let filled = || TEXTS.iter().map(|text| format!("{text:<12}")).collect::<Vec<_>>();
    for (english, column) in [
        (true, "text"),
        (false, "text"),
        (false, "citext"),
        (false, "text COLLATE folded"),
        (false, "text COLLATE turkish"),
        (false, "text COLLATE \"C\""),
        (false, "varchar(20)"),
        (true, "char(12)"),
        (false, "word"),
    ] {
        let database = &if english { TestDatabase::in_english().await } else { TestDatabase::empty().await };
        psql(
            database,
            &format!(
                "CREATE EXTENSION citext; CREATE DOMAIN word AS citext;
                 CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
                 CREATE COLLATION turkish (provider = icu, locale = 'tr');
                 CREATE TABLE label (name text PRIMARY KEY, text {column}); {}",
                insert(&owned())
            ),
        );
        let texts = if column == "char(12)" { filled() } else { owned() };
        for store in stores(database).await {
            are_tested_alike(&store, &texts, &format!("{column} in {english}")).await;
            store.close().await;
        }
    }
}
