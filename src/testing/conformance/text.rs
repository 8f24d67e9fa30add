use larder::{Cx, ErrorKind, Filter, TextPattern, field, field_of};

use crate::testing::{
    Fixture, Harness, Items,
    entities::item::{self, COLUMN, Status},
    item,
};

async fn which(items: &Items, filter: Filter<item::Model>) -> Vec<i32> {
    items.query(&Cx::new(), &filter.into()).await.unwrap().iter().map(|item| item.id).collect()
}

/// Items 1, 2 and so on with these texts, and one after them without any.
async fn texts(harness: &'static dyn Harness, texts: &[&str]) -> (Fixture, Items) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    let with = |(id, text): (i32, &&str)| item::Model { name: text.to_string(), nick: Some(text.to_string()), ..item(id) };
    let models: Vec<_> = (1..).zip(texts).map(with).collect();
    items.create_batch(&Cx::new(), &models).await.unwrap();
    items.create(&Cx::new(), &item(1_000)).await.unwrap();
    (fixture, items)
}

/// The texts that fulfil a test, by their ids.
fn with(texts: &[&str], test: impl Fn(&str) -> bool) -> Vec<i32> {
    (1..).zip(texts).filter(|(_, text)| test(text)).map(|(id, _)| id).collect()
}

/// A filter on each of two columns, one of which may be null, selects the texts that fulfil a test, and its opposite the others.
async fn selects(items: &Items, texts: &[&str], filters: [Filter<item::Model>; 2], test: impl Fn(&str) -> bool) {
    let expected = with(texts, &test);
    for filter in filters {
        let is_one = |id: &i32| *id < 1_000;
        let found = which(items, filter.clone()).await;
        assert_eq!(found.into_iter().filter(is_one).collect::<Vec<_>>(), expected, "{filter:?}");
        let others = which(items, !filter.clone()).await;
        assert_eq!(others.into_iter().filter(is_one).collect::<Vec<_>>(), with(texts, |text| !test(text)), "{filter:?}");
    }
}

const LETTERS: [&str; 22] =
    ["", "a", "A", "ab", "AB", "aB", "b", "@", "@b", "[", "_", "`", "{", "z", "Z", "é", "É", "ß", "ẞ", "İ", "K", "🦀"];

/// The conditions that ignore case take A to Z for a to z, and no other letter for another: not `É` for `é`, `İ` for `i`, or the
/// sign of the kelvin for `k`.
pub async fn ignores_the_case_of_ascii_letters_alone(harness: &'static dyn Harness) {
    let of_letters: Vec<String> = LETTERS.iter().flat_map(|one| LETTERS.map(|other| format!("{one}{other}"))).collect();
    let texts_of_letters: Vec<&str> = of_letters.iter().map(String::as_str).collect();
    let (_fixture, items) = texts(harness, &texts_of_letters).await;
    let (name, nick, all) = (|| field(COLUMN.name), || field(COLUMN.nick), &texts_of_letters);
    let lower = str::to_ascii_lowercase;
    for given in LETTERS.into_iter().chain(["aé", "Aé", "k", "i", "@A", "z{"]) {
        let equal = [name().equals_ignore_ascii_case(given), nick().equals_ignore_ascii_case(given)];
        selects(&items, all, equal, |text| text.eq_ignore_ascii_case(given)).await;
        let contained = [name().contains_ignore_ascii_case(given), nick().contains_ignore_ascii_case(given)];
        selects(&items, all, contained, |text| lower(text).contains(&lower(given))).await;
        let started = [name().starts_with_ignore_ascii_case(given), nick().starts_with_ignore_ascii_case(given)];
        selects(&items, all, started, |text| lower(text).starts_with(&lower(given))).await;
        let ended = [name().ends_with_ignore_ascii_case(given), nick().ends_with_ignore_ascii_case(given)];
        selects(&items, all, ended, |text| lower(text).ends_with(&lower(given))).await;
        let ended = [name().ends_with(given), nick().ends_with(given)];
        selects(&items, all, ended, |text| text.ends_with(given)).await;
    }
}

/// A null fulfils no condition on text, nor does any text one that is null; an enum is text, a number is not, and is refused.
pub async fn tests_text_alone(harness: &'static dyn Harness) {
    let (_fixture, items) = texts(harness, &["a"]).await;
    let cx = Cx::new();
    items.create(&cx, &item::Model { status: Some(Status::Done), ..item(2) }).await.unwrap();
    let anything = || TextPattern::containing("").ending("");
    assert_eq!(which(&items, field(COLUMN.nick).matches_pattern(anything())).await, [1]);
    assert_eq!(which(&items, field(COLUMN.nick).ends_with("")).await, [1]);
    assert_eq!(which(&items, !field(COLUMN.nick).starts_with_ignore_ascii_case("A")).await, [2, 1_000]);
    let status = || field_of(item::Column::Status);
    let end = |text: &str| text[text.len() - 2..].to_owned();
    let stored = sea_orm::ActiveEnum::to_value(&Status::Done).to_string();
    assert_eq!(which(&items, status().ends_with(end(&stored))).await, [2]);
    assert_eq!(which(&items, status().equals_ignore_ascii_case(stored.to_ascii_uppercase())).await, [2]);
    for refused in [
        field_of(item::Column::Small).ends_with("1"),
        field_of(item::Column::Json).matches_pattern(anything()),
        field_of(item::Column::Token).equals_ignore_ascii_case("a"),
        field(COLUMN.name).ends_with("\0"),
        field(COLUMN.name).equals_ignore_ascii_case("\0"),
        field(COLUMN.name).matches_pattern(TextPattern::starting("a").then("\0").ending("b")),
        field(COLUMN.name).matches_pattern((0..50).fold(TextPattern::starting("a"), |pattern, _| pattern.then("b"))),
    ] {
        assert_eq!(items.count(&cx, &refused).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{refused:?}");
    }
}

/// A pattern is its literals in their order, with gaps between: no character in them is a wildcard, and they do not overlap.
pub async fn matches_literals_in_their_order(harness: &'static dyn Harness) {
    let long = "ab".repeat(1_000);
    let all = [
        "", "a", "b", "ab", "ba", "aab", "abc", "abbc", "a%b", "a_b", "axb", "a\\b", "a*b", "a[b", "a?b", "%", "_", "A%B", "ÄbÖ",
        "äbö", "a\nb", "bab", "b ab ab", "aé🦀b", &long,
    ];
    let (_fixture, items) = texts(harness, &all).await;
    let literals = ["a", "ab", "bc", "%", "_", "\\", "*", "[b", "", "Ä", &long[1..]];
    let mut patterns = Vec::new();
    for one in literals {
        for other in literals {
            patterns.push(TextPattern::starting(one).ending(other));
            patterns.push(TextPattern::containing(one).then(other));
            patterns.push(TextPattern::starting(one).then(other).ending("b"));
            patterns.push(TextPattern::starting("a").then(one).then(other).ignore_ascii_case());
        }
    }
    let name = |pattern: &TextPattern| field(COLUMN.name).matches_pattern(pattern.clone());
    for pattern in &patterns {
        let nick = field(COLUMN.nick).matches_pattern(pattern.clone());
        selects(&items, &all, [name(pattern), nick], |text| pattern.matches(text)).await;
    }
    let many = (0..48).fold(TextPattern::starting("a"), |pattern, nth| pattern.then(if nth % 2 == 0 { "b" } else { "a" }));
    let most = (0..450).fold(name(&many.clone().ending("b")), |filter, _| filter.and(field(COLUMN.small).at_least(0)));
    assert_eq!(which(&items, most).await, [all.len() as i32]);
    assert_eq!(which(&items, name(&many.then("c").ignore_ascii_case())).await, [0_i32; 0]);
}
