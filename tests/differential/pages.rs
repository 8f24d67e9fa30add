//! That pages cover every row once, in the order asked for, in both directions, and end.

use std::cmp::Ordering;

use fastrand::Rng;
use larder::{Cx, PageRequest, Query, ReaderExt, field_of};
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
        both_ways::<E>(case, rows, is_all_read, repository, &query, order, size, &place, found).await;
    }
}

#[expect(clippy::too_many_arguments)] // One step of the function above.
async fn both_ways<E: Thing>(
    case: &Case,
    rows: &Rows,
    is_all_read: bool,
    repository: &Repository<E>,
    query: &Query<E::Model>,
    order: Option<(usize, bool)>,
    size: u32,
    place: &str,
    found: &mut Findings<'_>,
) {
    let cx = Cx::new();
    found.at(format!("page{}", if order.is_some() { " by a column" } else { "" }));
    let most = rows.len() / size as usize + 2;
    let by_rows = |at: usize| case.columns[at].trust.compare;
    let has_strange = rows.iter().any(|line| !is_readable(&case.fields(), line));
    let is_nan = |model: &E::Model| order.is_some_and(|(at, _)| row::<E>(model)[at].as_deref() == Some("NaN"));
    let may_refuse =
        !is_all_read || has_strange || !order.is_none_or(|(at, _)| by_rows(at)) || case.ids().any(|id| !id.trust.compare);

    let (mut models, mut request, mut last) = (Vec::new(), PageRequest::new(size), None);
    for turn in 0.. {
        if turn > most {
            return found.wrong(
                format!("pages do not end{place}"),
                format!("{} models of {} rows in pages of {size}", models.len(), rows.len()),
            );
        }
        let page = match repository.page(&cx, query, &request).await {
            Ok(page) => page,
            Err(error) => return found.refusal(&error, may_refuse || models.iter().any(is_nan)),
        };
        models.extend(page.models);
        let Some(next) = page.next else { break };
        request = PageRequest::new(size).after(&next);
        last = Some(next);
    }
    if !is_all_read {
        return found.wrong("pages to their end where `all` fails", format!("{} models of {} rows", models.len(), rows.len()));
    }
    same_rows::<E>(rows, &models, found);
    if let Some((at, descending)) = order {
        let kind = case.columns[at].field.kind;
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
            found.wrong(format!("in another order{place}"), format!("{values:?}"));
        }
    }
    // Back from the last place: all that comes before it.
    let Some(mut place_before) = last else { return };
    found.at(format!("{} backward", found.operation));
    let before = models.len() - models.len().min(size as usize * ((models.len() - 1) / size as usize));
    let expected: Vec<_> = models.iter().map(row::<E>).take(models.len() - before).collect();
    let mut back = Vec::new();
    for turn in 0.. {
        if turn > most {
            return found.wrong(format!("pages do not end{place}"), "");
        }
        let page = match repository.page(&cx, query, &PageRequest::new(size).before(&place_before)).await {
            Ok(page) => page,
            Err(error) => return found.refusal(&error, may_refuse || models.iter().any(is_nan)),
        };
        back.splice(0..0, page.models.iter().map(row::<E>));
        match page.previous {
            Some(previous) => place_before = previous,
            None => break,
        }
    }
    // The place itself is the last model of the page before the last, which is not before itself.
    if back != expected[..expected.len().saturating_sub(1)] {
        found.wrong(
            format!("other models than forward{place}"),
            format!("{} instead of {}", back.len(), expected.len().saturating_sub(1)),
        );
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
