//! What is written is read again, and what is not is refused.

use proptest::prelude::*;
use sea_orm::{Iterable as _, Value, entity::prelude::*};
use serde_json::json;

use super::{
    deep_stack::on_deep_stack,
    document::{Document, Unknown},
    json, yaml,
};
use crate::{
    error::{ErrorKind, Result},
    table::Table,
    testing::entities::item,
    value::portable,
};

fn table() -> Table {
    Table::of::<item::Entity>()
}

fn no_unknown() -> Unknown {
    Unknown::default()
}

/// A row of a table with a column of every kind.
fn row(text: &str, number: f64, json: serde_json::Value) -> Vec<Value> {
    let model = item::Model {
        name: text.to_owned(),
        nick: Some(text.to_owned()),
        status: Some(item::Status::Done),
        large: Some(i64::MIN),
        real: Some(number),
        #[expect(clippy::cast_possible_truncation, reason = "the nearest number of the type")]
        single: Some(number as f32),
        flag: Some(true),
        bytes: Some(text.as_bytes().to_vec()),
        token: Some(Uuid::from_u128(u128::MAX - 7)),
        day: chrono::NaiveDate::from_ymd_opt(1, 1, 1),
        hour: chrono::NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999),
        local: chrono::DateTime::from_timestamp_micros(-1).map(|time| time.naive_utc()),
        due: chrono::DateTime::from_timestamp_micros(253_402_300_799_999_999).map(|time| time.fixed_offset()),
        json: Some(json),
        ..crate::testing::item(7)
    };
    let values = item::Column::iter().map(|column| portable(sea_orm::ModelTrait::get(&model, column)));
    values.collect::<Result<_>>().unwrap_or_default()
}

fn nulls() -> Vec<Value> {
    let model = crate::testing::item(i32::MIN);
    item::Column::iter().map(|column| sea_orm::ModelTrait::get(&model, column)).collect()
}

/// Writes a row in every form, reads it, and writes what was read.
fn comes_back(row: &[Value], unknown: &Unknown) -> Result<()> {
    let (table, expected) = (table(), Document { row: row.to_vec(), unknown: unknown.clone() });
    let text = yaml::write(&table, row, unknown)?;
    let read = yaml::read(&table, &text)?;
    assert_eq!((&read, yaml::write(&table, &read.row, &read.unknown)?), (&expected, text.clone()), "{text}");
    assert!(text.starts_with("format_version: 1\nid: ") && text.ends_with("\n...\n"), "{text}");
    if unknown.is_empty() {
        let text = json::write(&table, row, unknown)?;
        let read = json::read(&table, &text)?;
        assert_eq!((&read, json::write(&table, &read.row, &read.unknown)?), (&expected, text.clone()), "{text}");
        let line = json::write_line(&table, row, unknown)?;
        assert!(matches!(json::read_line(&table, &line)?, json::Line::Model(read) if read == expected), "{line}");
        assert_eq!(line.lines().count(), 1);
    }
    Ok(())
}

fn nested(depth: usize) -> serde_json::Value {
    (0..depth).fold(json!(1), |json, nth| if nth % 2 == 0 { json!([json]) } else { json!({ "a": json }) })
}

#[test]
fn values_at_their_limits_come_back() -> Result<()> {
    on_deep_stack(check_limits)?
}

/// Texts without blanks that are something else in YAML, or have to be written with care. They are between blanks.
const PLAIN: &str = "~ null no NO yes on true 1 1e3 0x1F 0o17 1_000 0755 2026-01-01 12:30 .inf - #x ' \" \u{85} \u{2028} \
    \u{feff}x \t \u{1} \u{7f} \\ ... --- << = %a @a `a !x &a *a ? | > [ { é😀 \u{fffe} $json";

/// Texts with blanks and lines. They are between signs of paragraphs.
const SPACED: &str = "§ §- a§a: b§a #b§a\nb§a\nb\n\n§\n§  a\n b\n§a\r\nb§\n...\n§x §format_version: 2\n...\n";

fn check_limits() -> Result<()> {
    let texts = PLAIN.split(' ').chain(SPACED.split('§'));
    for text in texts.chain([&*"long ".repeat(60), &*"x".repeat(5000), &*"word\nline ".repeat(300)]) {
        comes_back(&row(text, 0.1, json!({ text: [text, { "a": text }] })), &no_unknown())?;
    }
    let numbers =
        [f64::MAX, f64::MIN_POSITIVE, 5e-324, f64::INFINITY, f64::NEG_INFINITY, 1e16, 16_777_217.0, 0.1_f32.into(), 0.0];
    for number in numbers {
        comes_back(&row("", number, json!([1, 1.0, -0.5, u64::MAX, i64::MIN, 1e300, 5e-324])), &no_unknown())?;
    }
    for document in [json!(null), json!({ "$json": null }), json!({ "$json": { "$json": 1 } }), json!([]), json!({}), nested(127)]
    {
        comes_back(&row("", 0.1, document), &no_unknown())?;
    }
    comes_back(&nulls(), &no_unknown())
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let text = || prop_oneof!["\\PC{0,12}", "[-~ny:#.0-9e+'\"\\n\\t ]{0,8}"];
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        text().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let field = (text(), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Into::into),
            prop::collection::vec(field, 0..4).prop_map(|fields| fields.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn any_text() -> impl Strategy<Value = String> {
    let text = prop_oneof![any::<String>(), "[-~ny:#.0-9e+'\"|>&*!%@`{}\\[\\],?\\n\\r\\t ]{0,24}", "( |\\n|a|:|-){0,16}"];
    text.prop_map(|text| text.replace('\0', ""))
}

fn any_file() -> impl Strategy<Value = String> {
    let begin = prop_oneof![Just("format_version: 1\nid: 7\nname: x\nsmall: 1\nat: 2026-01-01T00:00:00Z\n"), Just("")];
    let rest = "(\\PC|\n|: |- |&a |\\*a |<<|[\"'|>]){0,60}(\n...\n)?";
    (begin, rest).prop_map(|(begin, rest)| format!("{begin}{rest}"))
}

proptest! {
    /// Whatever a row holds comes back, and is written in the same way again.
    #[test]
    fn any_row_comes_back(text in any_text(), number in any::<f64>(), json in any_json()) {
        let row = row(&text, number, json);
        if !row.is_empty() {
            prop_assert!(comes_back(&row, &no_unknown()).is_ok());
        }
    }

    /// Whatever stands in a file, nothing panics; and what is read can be written and read again.
    #[test]
    fn any_file_is_read_or_refused(text in any_file()) {
        if let Ok(document) = yaml::read(&table(), &text) {
            prop_assert!(comes_back(&document.row, &document.unknown).is_ok());
        }
        drop(json::read(&table(), &text));
    }

    /// The same for a file that was written here, and then changed somewhere.
    #[test]
    fn a_changed_file_is_read_or_refused(at in any::<prop::sample::Index>(), with in "\\PC|[\n:&*!|{\\[ ]", text in any_text()) {
        let row = row(&text, 0.5, json!([text]));
        let written = [yaml::write(&table(), &row, &no_unknown()), json::write(&table(), &row, &no_unknown())];
        for mut changed in written.into_iter().flatten() {
            let at = at.index(changed.len());
            if changed.is_char_boundary(at) {
                changed.insert_str(at, &with);
            }
            drop((yaml::read(&table(), &changed), json::read(&table(), &changed)));
        }
    }
}

/// Wherever a file is cut, it is damaged: never another model, and never none.
#[test]
fn a_cut_file_is_known_as_one() -> Result<()> {
    for row in [row("a\nb\n", 0.5, json!({ "a": [1, "x"] })), nulls()] {
        let (yaml, json) = (yaml::write(&table(), &row, &no_unknown())?, json::write(&table(), &row, &no_unknown())?);
        for (text, read) in [(yaml, yaml::read as fn(&Table, &str) -> Result<Document>), (json, json::read)] {
            for end in (0..text.trim_end().len()).filter(|end| text.is_char_boundary(*end)) {
                let kind = read(&table(), text.get(..end).unwrap_or_default()).map_err(|error| error.kind());
                assert_eq!(kind.err(), Some(ErrorKind::Corrupt), "{end} of {text}");
            }
            let without_newline = read(&table(), text.trim_end())?;
            assert_eq!(without_newline.row, row);
            assert_eq!(read(&table(), &format!("{text}x: 1\n")).map_err(|error| error.kind()).err(), Some(ErrorKind::Corrupt));
        }
    }
    Ok(())
}

/// Files that try to take more memory or stack than their size.
#[test]
fn bombs_are_refused() -> Result<()> {
    on_deep_stack(check_bombs)
}

fn check_bombs() {
    let laughs = (1..12).map(|nth| format!("a{nth}: &a{nth} [{}]\n", vec![format!("*a{}", nth - 1); 10].join(", ")));
    let laughs = format!("a0: &a0 lol\n{}", laughs.collect::<String>());
    let merges = (1..20).map(|nth| format!("m{nth}: &m{nth} {{<<: [{}]}}\n", vec![format!("*m{}", nth - 1); 9].join(", ")));
    let merges = format!("m0: &m0 {{x: 1}}\n{}", merges.collect::<String>());
    let fields = [
        laughs,
        merges,
        format!("deep: {}\n", "[".repeat(100_000)),
        format!("deep: {}{}\n", "[".repeat(1_000), "]".repeat(1_000)),
        format!("deep:\n{}", (0..1_000).map(|depth| format!("{}a:\n", " ".repeat(depth + 1))).collect::<String>()),
        "self: &a [*a]\n".to_owned(),
        "x: *unknown\n".to_owned(),
        "id: 8\n".to_owned(),
        "x: 1\nx: 2\n".to_owned(),
        "...\n---\nid: 8\n".to_owned(),
        "\tx: 1\n".to_owned(),
        "x: \"\n".to_owned(),
    ];
    for field in fields {
        let text = format!("format_version: 1\nid: 7\nname: n\nsmall: 1\nat: 2026-01-01T00:00:00Z\n{field}...\n");
        let read = yaml::read(&table(), &text).map_err(|error| error.kind());
        assert_eq!(read.err(), Some(ErrorKind::Corrupt), "{:.60}", field);
    }
    let deep = format!("{{\"format_version\": 1, \"id\": 7, \"json\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(json::read(&table(), &deep).map_err(|error| error.kind()).err(), Some(ErrorKind::Corrupt));
}

/// What people write by hand is taken for what its column is.
#[test]
fn a_column_decides_what_text_is() -> Result<()> {
    let text = "\u{feff}# by hand\r\nformat_version: 1\r\nid: 7 # seven\r\nname: NO\r\nnick: 1e3\r\nsmall: 0x10\r\n\
        real: 1\r\nday: 2026-01-02\r\nat: 2026-01-01 00:00:00+01:00\r\njson: {a: 1.10, b: no, c: 0755, d: [x, ~]}\r\n...\r\n";
    let read = yaml::read(&table(), text)?.row;
    let value = |name: &str| table().position(name).ok().and_then(|position| read.get(position).cloned());
    assert_eq!((value("name"), value("nick"), value("small")), (Some("NO".into()), Some("1e3".into()), Some(16.into())));
    assert_eq!(value("real"), Some(1.0.into()));
    assert_eq!(value("json"), Some(json!({ "a": 1.1, "b": "no", "c": "0755", "d": ["x", null] }).into()));
    assert_eq!(value("flag"), Some(Value::Bool(None)));
    for (field, kind) in [
        ("format_version: 2\nwhatever: [", ErrorKind::Corrupt),
        ("format_version: 2\nwhatever: {}", ErrorKind::Unsupported),
        ("format_version: 0", ErrorKind::Corrupt),
        ("format_version: one", ErrorKind::Corrupt),
        ("id: 7", ErrorKind::Corrupt),
        ("format_version: 1\nid: 7", ErrorKind::Corrupt),
        ("format_version: 1\nid: 9999999999", ErrorKind::Corrupt),
        ("format_version: 1\nid: 7\nname: ~\nsmall: 1\nat: 2026-01-01T00:00:00Z", ErrorKind::Corrupt),
        ("format_version: 1\nid: 7\nname: n\nsmall: 1\nat: 2026-01-01T00:00:00Z\nreal: .nan", ErrorKind::Corrupt),
        ("- 1", ErrorKind::Corrupt),
        ("", ErrorKind::Corrupt),
    ] {
        let error = yaml::read(&table(), &format!("{field}\n...\n")).map(drop).map_err(|error| error.kind());
        assert_eq!(error, Err(kind), "{field}");
    }
    Ok(())
}

/// Fields that the table does not have stay as they stand there, with their comments.
#[test]
fn unknown_fields_come_back_as_they_are() -> Result<()> {
    let known = "format_version: 1\nid: 7\nname: n\nsmall: 1\nat: 2026-01-01T00:00:00Z\n";
    let unknown = "owner: Ann # asked for it\n\nlimits:\n  # per day\n  - 1180591620717411303424\n  - !size 010\n";
    let text = known.replace("name: n\n", &format!("{unknown}name: n\n")) + "...\n";
    let read = yaml::read(&table(), &text)?;
    assert_eq!(read.unknown.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["owner", "limits"]);
    let written = yaml::write(&table(), &read.row, &read.unknown)?;
    assert!(written.ends_with(&format!("json: null\n{unknown}...\n")), "{written}");
    comes_back(&read.row, &read.unknown)?;
    // Behind new fields they would mean something else.
    for refers in ["real: &n 1.0\nother: *n\n", "{x: 1, id: 7}\n"] {
        let refused = yaml::read(&table(), &format!("{known}{refers}...\n")).map_err(|error| error.kind());
        assert_eq!(refused.err(), Some(ErrorKind::Corrupt), "{refers}");
    }
    let text = "{\"format_version\": 1, \"id\": 7, \"x\": {\"a\" : 1.10}, \"name\": \"n\", \"small\": 1, \
        \"at\": \"2026-01-01T00:00:00Z\", \"y\": 1180591620717411303424}";
    let read = json::read(&table(), text)?;
    let written = json::write(&table(), &read.row, &read.unknown)?;
    assert!(written.ends_with("\"json\": null,\n  \"x\": {\"a\" : 1.10},\n  \"y\": 1180591620717411303424\n}\n"), "{written}");
    assert_eq!(json::read(&table(), &written)?, read);
    assert!(json::read(&table(), "{\"format_version\": 1, \"id\": 7, \"id\": 8}").is_err());
    Ok(())
}
