//! What larder selects and counts by the values of a column, against the rows that have them.

use fastrand::Rng;
use larder::{Cx, Filter, Query, TextPattern, field_of};
use sea_orm::{Iterable, ModelTrait};

use crate::{
    case::Case,
    cell::{Rows, holds},
    findings::Findings,
    pages::compare,
    reads::Repository,
    thing::{Kind, Row, Thing, row},
};

/// What a filter is called, the filter, and the models that it is to select.
type Expected<'a, M> = (&'static str, Filter<M>, Vec<&'a M>);

pub async fn filters<E: Thing>(
    case: &Case,
    rows: &Rows,
    known: &[E::Model],
    is_complete: bool,
    repository: &Repository<E>,
    rng: &mut Rng,
    found: &mut Findings<'_>,
) {
    let columns: Vec<_> = E::Column::iter().enumerate().collect();
    let chosen = case.focus.iter().copied().chain([rng.usize(0..columns.len())]);
    for at in chosen {
        let (column, declared) = (columns[at].1, &case.columns[at]);
        let kind = declared.field.kind;
        if kind == Kind::Json {
            continue;
        }
        let text = |model: &E::Model| row::<E>(model).swap_remove(at);
        for model in known.iter().take(3) {
            let Some(value) = text(model) else { continue };
            if value == "NaN" {
                continue;
            }
            let operand = model.get(column);
            let by = field_of(column);
            let is_equal = |other: &E::Model| text(other).as_deref() == Some(&value);
            let is_less =
                |other: &E::Model| text(other).is_some_and(|other| other != "NaN" && compare(kind, &other, &value).is_lt());
            let mut tests: Vec<Expected<'_, E::Model>> = vec![
                ("equals", by.equals(operand.clone()), known.iter().filter(|model| is_equal(model)).collect()),
                ("is_in", by.is_in([operand.clone()]), known.iter().filter(|model| is_equal(model)).collect()),
                ("less_than", by.less_than(operand.clone()), known.iter().filter(|model| is_less(model)).collect()),
                ("at_most", by.at_most(operand), known.iter().filter(|model| is_equal(model) || is_less(model)).collect()),
            ];
            if kind == Kind::Text {
                let prefix: String = decoded(&value).chars().take(1).collect();
                let begins =
                    known.iter().filter(|model| text(model).is_some_and(|other| decoded(&other).starts_with(&prefix))).collect();
                tests.push(("starts_with", by.starts_with(prefix), begins));
                tests.extend(without_case::<E>(column, &decoded(&value), known, |model| text(model).map(|hex| decoded(&hex))));
            }
            for (name, filter, expected) in tests {
                let test = Tested { name, filter, expected: expected.into_iter().map(row::<E>).collect() };
                one_filter::<E>(case, rows, at, test, is_complete, repository, found).await;
            }
        }
    }
}

/// The conditions that ignore case, and a pattern, of half of a text.
fn without_case<'a, E: Thing>(
    column: E::Column,
    whole: &str,
    known: &'a [E::Model],
    text: impl Fn(&E::Model) -> Option<String>,
) -> Vec<Expected<'a, E::Model>> {
    let flipped: String =
        whole.chars().map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect();
    let half = flipped.char_indices().nth(flipped.chars().count() / 2).map_or(0, |(at, _)| at);
    let (start, end) = flipped.split_at(half);
    let lower = str::to_ascii_lowercase;
    let by = || field_of(column);
    let with = |test: &dyn Fn(&str) -> bool| known.iter().filter(|model| text(model).is_some_and(|other| test(&other))).collect();
    let pattern = TextPattern::starting(start).ending(end).ignore_ascii_case();
    let (ends, starts) =
        (with(&|other| lower(other).ends_with(&lower(end))), with(&|other| lower(other).starts_with(&lower(start))));
    vec![
        (
            "equals_ignore_ascii_case",
            by().equals_ignore_ascii_case(&flipped),
            with(&|other| other.eq_ignore_ascii_case(&flipped)),
        ),
        ("contains_ignore_ascii_case", by().contains_ignore_ascii_case(end), with(&|other| lower(other).contains(&lower(end)))),
        ("starts_with_ignore_ascii_case", by().starts_with_ignore_ascii_case(start), starts),
        ("ends_with_ignore_ascii_case", by().ends_with_ignore_ascii_case(end), ends),
        ("matches_pattern", by().matches_pattern(pattern.clone()), with(&|other| pattern.matches(other))),
    ]
}

struct Tested<M> {
    name: &'static str,
    filter: Filter<M>,
    expected: Vec<Row>,
}

async fn one_filter<E: Thing>(
    case: &Case,
    rows: &Rows,
    at: usize,
    test: Tested<E::Model>,
    is_complete: bool,
    repository: &Repository<E>,
    found: &mut Findings<'_>,
) {
    let cx = Cx::new();
    let may_refuse = !case.columns[at].trust.compare || !is_complete;
    found.at(test.name);
    match repository.query(&cx, &Query::from(test.filter.clone())).await {
        Ok(models) => {
            let models: Vec<_> = models.iter().map(row::<E>).collect();
            let missed = test.expected.iter().filter(|expected| !models.contains(expected)).count();
            let false_models = models.iter().filter(|row| !rows.iter().any(|line| holds(line, row))).count();
            let strange = models.iter().filter(|row| is_complete && !test.expected.contains(row)).count();
            if false_models > 0 {
                found.wrong("a model that is not stored", format!("{false_models} beside {}", test.expected.len()));
            }
            if missed > 0 {
                found.wrong(format!("misses rows{}", found.columns(&[at])), format!("{missed} of {}", test.expected.len()));
            }
            if strange > 0 {
                found.wrong(
                    format!("selects rows that do not match{}", found.columns(&[at])),
                    format!("{strange} beside {}", test.expected.len()),
                );
            }
        }
        Err(error) => found.refusal(&error, may_refuse),
    }
    found.at(format!("count of {}", test.name));
    match repository.count(&cx, &test.filter).await {
        Ok(count) if is_complete && count != test.expected.len() as u64 => {
            found.wrong(format!("another number{}", found.columns(&[at])), format!("{count} instead of {}", test.expected.len()));
        }
        Ok(_) => {}
        Err(error) => found.refusal(&error, may_refuse),
    }
}

fn decoded(hex: &str) -> String {
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).filter_map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
