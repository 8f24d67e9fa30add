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

/// A table to filter, and what is known of it.
struct Filtered<'f, E: Thing> {
    case: &'f Case,
    rows: &'f Rows,
    known: &'f [E::Model],
    /// Whether all rows are known.
    is_complete: bool,
    repository: &'f Repository<E>,
}

/// A filter of a column, and the rows that it is to select.
struct Tested<M> {
    name: &'static str,
    at: usize,
    filter: Filter<M>,
    expected: Vec<Row>,
}

pub async fn filters<E: Thing>(
    case: &Case,
    rows: &Rows,
    known: &[E::Model],
    is_complete: bool,
    repository: &Repository<E>,
    rng: &mut Rng,
    found: &mut Findings<'_>,
) {
    let filtered: Filtered<'_, E> = Filtered { case, rows, known, is_complete, repository };
    let chosen = case.focus.iter().copied().chain([rng.usize(0..case.columns.len())]);
    for at in chosen.filter(|at| case.columns[*at].field.kind != Kind::Json) {
        for model in known.iter().take(3) {
            for test in filtered.tests(at, model) {
                filtered.selects(&test, found).await;
                filtered.counts(&test, found).await;
            }
        }
    }
}

impl<E: Thing> Filtered<'_, E> {
    /// Filters of a column by what a model has in it.
    fn tests(&self, at: usize, model: &E::Model) -> Vec<Tested<E::Model>> {
        let column = E::Column::iter().nth(at).expect("a column");
        let (kind, by, operand) = (self.case.columns[at].field.kind, field_of(column), model.get(column));
        let text = |model: &E::Model| row::<E>(model).swap_remove(at).filter(|value| value != "NaN");
        let Some(value) = text(model) else { return Vec::new() };
        let is_equal = |other: &E::Model| text(other).as_ref() == Some(&value);
        let is_less = |other: &E::Model| text(other).is_some_and(|other| compare(kind, &other, &value).is_lt());
        let test = |name, filter, selects: &dyn Fn(&E::Model) -> bool| {
            let expected = self.known.iter().filter(|model| selects(model)).map(row::<E>).collect();
            Tested { name, at, filter, expected }
        };
        let mut tests = vec![
            test("equals", by.equals(operand.clone()), &is_equal),
            test("is_in", by.is_in([operand.clone()]), &is_equal),
            test("less_than", by.less_than(operand.clone()), &is_less),
            test("at_most", by.at_most(operand), &|other| is_equal(other) || is_less(other)),
        ];
        if kind == Kind::Text {
            let prefix: String = decoded(&value).chars().take(1).collect();
            let begins = |other: &E::Model| text(other).is_some_and(|other| decoded(&other).starts_with(&prefix));
            tests.push(test("starts_with", by.starts_with(&prefix), &begins));
            for (name, filter, selects) in without_case::<E>(column, &decoded(&value)) {
                tests.push(test(name, filter, &|other| text(other).is_some_and(|other| selects(&decoded(&other)))));
            }
        }
        tests
    }

    fn may_refuse(&self, test: &Tested<E::Model>) -> bool {
        !self.case.columns[test.at].trust.compare || !self.is_complete
    }

    async fn selects(&self, test: &Tested<E::Model>, found: &mut Findings<'_>) {
        found.at(test.name);
        let models = match self.repository.query(&Cx::new(), &Query::from(test.filter.clone())).await {
            Ok(models) => models,
            Err(error) => return found.refusal(&error, self.may_refuse(test)),
        };
        let models: Vec<_> = models.iter().map(row::<E>).collect();
        let (expected, place) = (test.expected.len(), found.columns(&[test.at]));
        let missed = test.expected.iter().filter(|expected| !models.contains(expected)).count();
        let false_models = models.iter().filter(|row| !self.rows.iter().any(|line| holds(line, row))).count();
        let strange = models.iter().filter(|row| self.is_complete && !test.expected.contains(row)).count();
        if false_models > 0 {
            found.wrong("a model that is not stored", format!("{false_models} beside {expected}"));
        }
        if missed > 0 {
            found.wrong(format!("misses rows{place}"), format!("{missed} of {expected}"));
        }
        if strange > 0 {
            found.wrong(format!("selects rows that do not match{place}"), format!("{strange} beside {expected}"));
        }
    }

    async fn counts(&self, test: &Tested<E::Model>, found: &mut Findings<'_>) {
        found.at(format!("count of {}", test.name));
        match self.repository.count(&Cx::new(), &test.filter).await {
            Ok(count) if self.is_complete && count != test.expected.len() as u64 => {
                let place = found.columns(&[test.at]);
                found.wrong(format!("another number{place}"), format!("{count} instead of {}", test.expected.len()));
            }
            Ok(_) => {}
            Err(error) => found.refusal(&error, self.may_refuse(test)),
        }
    }
}

fn decoded(hex: &str) -> String {
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).filter_map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The name of a condition, the condition, and which texts fulfil it.
type TextCondition<M> = (&'static str, Filter<M>, Box<dyn Fn(&str) -> bool>);

/// The conditions that ignore case, and a pattern, of the halves of a text.
fn without_case<E: Thing>(column: E::Column, whole: &str) -> Vec<TextCondition<E::Model>> {
    let flip = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    let flipped: String = whole.chars().map(flip).collect();
    let half = flipped.char_indices().nth(flipped.chars().count() / 2).map_or(0, |(at, _)| at);
    let (start, end) = (flipped[..half].to_owned(), flipped[half..].to_owned());
    let by = || field_of(column);
    let pattern = TextPattern::starting(&start).ending(&end).ignore_ascii_case();
    let (equal, starts, ends) = (flipped.clone(), start.to_ascii_lowercase(), end.to_ascii_lowercase());
    let holds = ends.clone();
    vec![
        (
            "equals_ignore_ascii_case",
            by().equals_ignore_ascii_case(&flipped),
            Box::new(move |other: &str| other.eq_ignore_ascii_case(&equal)),
        ),
        (
            "contains_ignore_ascii_case",
            by().contains_ignore_ascii_case(&end),
            Box::new(move |other: &str| other.to_ascii_lowercase().contains(&holds)),
        ),
        (
            "starts_with_ignore_ascii_case",
            by().starts_with_ignore_ascii_case(&start),
            Box::new(move |other: &str| other.to_ascii_lowercase().starts_with(&starts)),
        ),
        (
            "ends_with_ignore_ascii_case",
            by().ends_with_ignore_ascii_case(&end),
            Box::new(move |other: &str| other.to_ascii_lowercase().ends_with(&ends)),
        ),
        ("matches_pattern", by().matches_pattern(pattern.clone()), Box::new(move |other: &str| pattern.matches(other))),
    ]
}
