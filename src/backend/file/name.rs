//! Names of files and folders: one for each id and each table, of characters that every file system keeps apart.
//!
//! A name consists of `a` to `z`, `0` to `9`, `_` and `-`; every other byte is `%` and two hexadecimal digits. So names that
//! differ do so without regard to case and to Unicode's forms. The parts of a composite id are joined by `,`.

use std::fmt::Write as _;

use sea_orm::Value;
use sha2::{Digest as _, Sha256};

use super::text;
use crate::{table::TableName, value::Key};

/// The longest name that is written out. File systems have 255 bytes, of which an extension takes some.
const LONGEST: usize = 180;

/// How much of a longer name is written, before its hash.
const BEGINNING: usize = 100;

/// What Windows takes for devices, whatever the extension.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2", "lpt3",
    "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// The name of the file of a model, without its extension.
pub(super) fn of_model(id: &Key) -> String {
    let parts: Vec<_> = id.values().iter().map(|value| encode(&text_of_id(value))).collect();
    fit(parts.join(","))
}

/// The name of a table's folder, or of its file without the extension. The name of a schema stands before it.
pub(in crate::backend) fn of_table(table: &TableName) -> String {
    let name = encode(&table.name);
    fit(table.schema.as_ref().map_or_else(|| name.clone(), |schema| format!("{}.{name}", encode(schema))))
}

/// Ids that are equal have one text.
fn text_of_id(value: &Value) -> String {
    match value {
        Value::Decimal(Some(number)) => number.normalize().to_string(),
        // Base64 tells upper case from lower.
        Value::Bytes(Some(bytes)) => bytes.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }),
        value => text::of(value),
    }
}

fn encode(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            // A name that begins with it looks like an option.
            b'-' if at == 0 => name.push_str("%2d"),
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            byte => drop(write!(name, "%{byte:02x}")),
        }
    }
    // No other name ends so.
    if name.is_empty() { "%".to_owned() } else { name }
}

/// The name, or one in its place that every file system takes.
fn fit(name: String) -> String {
    if let Some(first) = name.bytes().next().filter(|_| DEVICES.contains(&name.as_str())) {
        return format!("%{first:02x}{}", name.get(1..).unwrap_or_default());
    }
    match name.get(..BEGINNING) {
        Some(beginning) if name.len() > LONGEST => {
            let hash = Sha256::digest(&name);
            hash.iter().fold(format!("{beginning}~"), |mut name, byte| {
                let _ = write!(name, "{byte:02x}");
                name
            })
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> String {
        of_model(&Key(vec![text.into()]))
    }

    /// The texts of the id that a name is of. Returns `None` for a name with a hash.
    fn decode(name: &str) -> Option<Vec<String>> {
        let part = |part: &str| {
            let (mut bytes, mut rest) = (Vec::new(), part.bytes());
            while let Some(byte) = rest.next().filter(|_| part != "%") {
                bytes.push(match byte {
                    b'%' => u8::from_str_radix(&String::from_utf8(vec![rest.next()?, rest.next()?]).ok()?, 16).ok()?,
                    byte => byte,
                });
            }
            String::from_utf8(bytes).ok()
        };
        if name.contains('~') { None } else { name.split(',').map(part).collect() }
    }

    fn is_plain(name: &str) -> bool {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-%,~".contains(c);
        (1..=LONGEST).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with('-') && !DEVICES.contains(&name)
    }

    /// Texts that mean something else, or the same, as names on some file system.
    const STRANGE: [&str; 33] = [
        "",
        ".",
        "..",
        "../x",
        "/etc/x",
        "a/b",
        "a\\b",
        "\0",
        "CON",
        "con",
        "Nul",
        "com1",
        "x.",
        "x ",
        " x",
        "😀",
        "é",
        "e\u{301}",
        "A",
        "a",
        "%2e%2e",
        "a\nb",
        "-",
        "-x",
        "x.tmp",
        "x.json.br",
        "index",
        "a,b",
        "~",
        "%",
        "%41",
        ".hidden",
        "lock",
    ];

    #[test]
    fn what_is_no_name_elsewhere_becomes_one() {
        let long = "x".repeat(300);
        let texts = STRANGE.into_iter().chain([long.as_str(), &long[1..]]);
        let mut names = BTreeMap::new();
        for text in texts {
            let name = of(text);
            assert!(is_plain(&name), "{text:?}: {name}");
            assert_eq!(names.insert(name.to_lowercase(), text), None, "{text:?}");
            assert!(name.contains('~') || decode(&name).as_deref() == Some(&[text.to_owned()]), "{text:?}: {name}");
        }
        assert_eq!([of("log_7-b"), of("Ann"), of("")], ["log_7-b", "%41nn", "%"]);
    }

    #[test]
    fn schemas_and_tables_are_kept_apart() {
        let table = |schema: Option<&str>, name: &str| of_table(&TableName { schema: schema.map(Into::into), name: name.into() });
        assert_eq!([table(None, "note"), table(Some("a"), "b")], ["note", "a.b"]);
        assert_ne!(table(Some("a.b"), "c"), table(Some("a"), "b.c"));
        assert_ne!(table(None, "a.b"), table(Some("a"), "b"));
        assert_ne!(table(None, "Note"), table(None, "note"));
    }

    #[test]
    fn equal_numbers_have_one_name() {
        let of = |text: &str| of_model(&Key(vec![text.parse::<sea_orm::prelude::Decimal>().unwrap_or_default().into()]));
        assert_eq!((of("1.10"), of("1.1")), (of("1.1"), "1%2e1".to_owned()));
        assert_eq!(of_model(&Key(vec![vec![0_u8, 255].into(), (-7_i64).into()])), "00ff,%2d7");
    }

    fn any_id() -> impl Strategy<Value = Vec<String>> {
        let part = prop_oneof!["\\PC{0,8}", "[aA.%/,~ -]{0,4}", "(con|NUL|x{170,200})", any::<String>()];
        prop::collection::vec(part, 1..3)
    }

    proptest! {
        /// Whatever the id, its name is one, and leads back to it unless it is hashed.
        #[test]
        fn a_name_leads_back_to_its_id(id in any_id()) {
            let name = of_model(&Key(id.iter().map(|part| part.as_str().into()).collect()));
            prop_assert!(is_plain(&name), "{}", name);
            prop_assert!(name.contains('~') || decode(&name).as_ref() == Some(&id), "{}", name);
        }

        /// Two ids have one name only if they are one, also where case is of no matter.
        #[test]
        fn two_ids_have_two_names(one in any_id(), other in any_id()) {
            let name = |id: &[String]| of_model(&Key(id.iter().map(|part| part.as_str().into()).collect()));
            prop_assert_eq!(name(&one).to_uppercase() == name(&other).to_uppercase(), one == other);
        }
    }
}
