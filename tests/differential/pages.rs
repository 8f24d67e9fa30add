//! That pages cover every row once, in the order asked for, in both directions, and end.

use std::cmp::Ordering;

use fastrand::Rng;
use larder::{Cursor, Cx, Error, PageRequest, Query, ReaderExt, field_of};
use sea_orm::Iterable;

use crate::{
    case::Case,
    cell::{Rows, is_readable},
    findings::Findings,
    reads::{Repository, same_rows},
    thing::{Kind, Thing, row},
};

pub async fn pages<E: Thing>(
    case: &Case,
    rows: &Rows,
    is_all_read: bool,
    repository: &Repository<E>,
    rng: &mut Rng,
    found: &mut Findings<'_>,
) {
    let columns: Vec<_> = E::Column::iter().collect();
    let mut orders: Vec<_> = case.focus.iter().map(|at| Some((*at, rng.bool()))).collect();
    orders.push(None);
    orders.push(Some((rng.usize(0..columns.len()), rng.bool())));
    for order in orders {
        let query = match order {
            Some((at, _)) if case.columns[at].field.kind == Kind::Json => continue,
            Some((at, true)) => Query::new().order_by_desc(field_of(columns[at])),
            Some((at, false)) => Query::new().order_by(field_of(columns[at])),
            None => Query::new(),
        };
        let size = [1, 2, 3, 100][rng.usize(0..4)];
        let place = order.map_or(String::new(), |(at, descending)| {
            format!("{}{}", if descending { " descending" } else { "" }, found.columns(&[at]))
        });
        let paged: Paged<'_, E> = Paged { case, rows, is_all_read, repository, query, order, size, place };
        paged.both_ways(found).await;
    }
}

/// A query to be read by pages.
struct Paged<'p, E: Thing> {
    case: &'p Case,
    rows: &'p Rows,
    is_all_read: bool,
    repository: &'p Repository<E>,
    query: Query<E::Model>,
    /// The position of a column, and whether the order is descending.
    order: Option<(usize, bool)>,
    size: u32,
    /// The order in words, for what is wrong with it.
    place: String,
}

impl<E: Thing> Paged<'_, E> {
    async fn both_ways(&self, found: &mut Findings<'_>) {
        found.at(format!("page{}", if self.order.is_some() { " by a column" } else { "" }));
        let Some((models, last)) = self.forward(found).await else { return };
        if !self.is_all_read {
            let read = format!("{} models of {} rows", models.len(), self.rows.len());
            return found.wrong("pages to their end where `all` fails", read);
        }
        same_rows::<E>(self.rows, &models, found);
        self.are_in_order(&models, found);
        if let Some(last) = last {
            found.at(format!("{} backward", found.operation));
            self.backward(&models, last, found).await;
        }
    }

    /// The most pages that there can be.
    fn most(&self) -> usize {
        self.rows.len() / self.size as usize + 2
    }

    /// Takes an error of a page, after these models.
    fn refusal(&self, error: &Error, models: &[E::Model], found: &mut Findings<'_>) {
        let (case, rows) = (self.case, self.rows);
        let is_nan = |model: &E::Model| self.order.is_some_and(|(at, _)| row::<E>(model)[at].as_deref() == Some("NaN"));
        let may_refuse = !self.is_all_read
            || rows.iter().any(|line| !is_readable(&case.fields(), line))
            || self.order.is_some_and(|(at, _)| !case.columns[at].trust.compare)
            || case.ids().any(|id| !id.trust.compare);
        found.refusal(error, may_refuse || models.iter().any(is_nan));
    }

    /// All models, and the place of the last page. Returns `None` if something is wrong or refused.
    async fn forward(&self, found: &mut Findings<'_>) -> Option<(Vec<E::Model>, Option<Cursor>)> {
        let (mut models, mut request, mut last) = (Vec::new(), PageRequest::new(self.size), None);
        for _ in 0..=self.most() {
            let page = match self.repository.page(&Cx::new(), &self.query, &request).await {
                Ok(page) => page,
                Err(error) => {
                    self.refusal(&error, &models, found);
                    return None;
                }
            };
            models.extend(page.models);
            let Some(next) = page.next else { return Some((models, last)) };
            request = PageRequest::new(self.size).after(&next);
            last = Some(next);
        }
        found.wrong(
            format!("pages do not end{}", self.place),
            format!("{} models of {} rows in pages of {}", models.len(), self.rows.len(), self.size),
        );
        None
    }

    fn are_in_order(&self, models: &[E::Model], found: &mut Findings<'_>) {
        let Some((at, descending)) = self.order else { return };
        let kind = self.case.columns[at].field.kind;
        let values: Vec<_> = models.iter().map(|model| row::<E>(model).swap_remove(at)).collect();
        let in_order = values.windows(2).all(|two| {
            let ordering = match (&two[0], &two[1]) {
                (Some(a), Some(b)) if a == "NaN" || b == "NaN" => return true,
                (Some(a), Some(b)) => compare(kind, a, b),
                // Nulls come first in both directions.
                (first, _) => return first.is_none(),
            };
            if descending { ordering.is_ge() } else { ordering.is_le() }
        });
        if !in_order {
            found.wrong(format!("in another order{}", self.place), format!("{values:?}"));
        }
    }

    /// Back from the last place: all that comes before it.
    async fn backward(&self, models: &[E::Model], last: Cursor, found: &mut Findings<'_>) {
        let size = self.size as usize;
        let before = models.len() - models.len().min(size * ((models.len() - 1) / size));
        // The place itself is the last model of the page before the last, which is not before itself.
        let expected: Vec<_> = models.iter().map(row::<E>).take((models.len() - before).saturating_sub(1)).collect();
        let (mut back, mut place) = (Vec::new(), last);
        for _ in 0..=self.most() {
            let request = PageRequest::new(self.size).before(&place);
            let page = match self.repository.page(&Cx::new(), &self.query, &request).await {
                Ok(page) => page,
                Err(error) => return self.refusal(&error, models, found),
            };
            back.splice(0..0, page.models.iter().map(row::<E>));
            let Some(previous) = page.previous else {
                if back != expected {
                    let counts = format!("{} instead of {}", back.len(), expected.len());
                    found.wrong(format!("other models than forward{}", self.place), counts);
                }
                return;
            };
            place = previous;
        }
        found.wrong(format!("pages do not end{}", self.place), "");
    }
}

/// The order of two values by their texts: numbers and times by value, text by its bytes.
pub fn compare(kind: Kind, a: &str, b: &str) -> Ordering {
    let real = |text: &str| u64::from_str_radix(text, 16).map(f64::from_bits).unwrap_or_default();
    let single = |text: &str| u32::from_str_radix(text, 16).map(f32::from_bits).unwrap_or_default();
    match kind {
        Kind::Real => real(a).total_cmp(&real(b)),
        Kind::Single => single(a).total_cmp(&single(b)),
        Kind::Text | Kind::Enum | Kind::Bytes | Kind::Uuid | Kind::Json => a.cmp(b),
        Kind::Decimal => {
            let decimal = |text: &str| text.parse::<sea_orm::prelude::Decimal>().unwrap_or_default();
            decimal(a).cmp(&decimal(b))
        }
        _ => a.parse::<i128>().unwrap_or_default().cmp(&b.parse::<i128>().unwrap_or_default()),
    }
}
