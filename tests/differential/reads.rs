//! What larder reads, counts and finds, against what the client shows.

use std::sync::Arc;

use fastrand::Rng;
use larder::{Cx, ErrorKind, Filter, IdOf, Query, ReaderExt, Storage};

use crate::{
    case::Case,
    cell::{Line, Rows, holds, is_readable, key},
    filters::filters,
    findings::Findings,
    pages::pages,
    thing::{Kind, Row, Thing, row},
    values::id_of,
};

pub type Repository<E> = Arc<dyn Storage<<E as sea_orm::EntityTrait>::Model, IdOf<E>>>;

/// Reads everything in every way, and answers the models that could be found.
pub async fn reads<E: Thing>(
    case: &Case,
    rows: &Rows,
    repository: &Repository<E>,
    rng: &mut Rng,
    found: &mut Findings<'_>,
) -> Vec<E::Model> {
    let cx = Cx::new();
    let fields = case.fields();
    let readable = rows.iter().filter(|line| is_readable(&fields, line)).count();
    let must_read = case.must_read() && readable == rows.len();

    found.at("all");
    let all = repository.all(&cx).await;
    match &all {
        Ok(models) => same_rows::<E>(rows, models, found),
        Err(error) => found.refusal(error, !must_read),
    }
    found.at("stream");
    match streamed::<E>(repository).await {
        Ok(_) if all.is_err() => found.wrong("Ok where `all` fails", ""),
        Ok(models) => same_rows::<E>(rows, &models, found),
        Err(error) => found.refusal(&error, all.is_err()),
    }
    found.at("count");
    match repository.count(&cx, &Filter::all()).await {
        Ok(count) if count == rows.len() as u64 => {}
        Ok(count) => found.wrong("another number", format!("{count} of {}", rows.len())),
        Err(error) => found.refusal(&error, all.is_err()),
    }
    let known = finds::<E>(case, rows, all.is_ok(), repository, found).await;
    let is_complete = all.is_ok() && known.len() == rows.len();
    filters::<E>(case, rows, &known, is_complete, repository, rng, found).await;
    pages::<E>(case, rows, all.is_ok(), repository, rng, found).await;
    known
}

async fn streamed<E: Thing>(repository: &Repository<E>) -> larder::Result<Vec<E::Model>> {
    let mut models = Vec::new();
    let mut stream = repository.stream(&Cx::new(), &Query::new()).await?;
    while let Some(model) = stream.try_next().await? {
        models.push(model);
    }
    Ok(models)
}

/// That models are the rows, each once.
pub fn same_rows<E: Thing>(rows: &Rows, models: &[E::Model], found: &mut Findings<'_>) {
    let mut left: Vec<_> = rows.iter().collect();
    for model in models {
        let row = row::<E>(model);
        match left.iter().position(|line| holds(line, &row)) {
            Some(at) => drop(left.swap_remove(at)),
            None if rows.iter().any(|line| holds(line, &row)) => found.wrong("a row twice", found.row(Some(&row))),
            None => {
                return found.wrong(
                    format!("a model that is not stored{}", differing(found, rows, &row)),
                    format!("{} of {}", found.row(Some(&row)), found.lines(rows)),
                );
            }
        }
    }
    if !left.is_empty() {
        found.wrong("rows left out", found.lines(left));
    }
}

/// The columns in which a model differs from the row that is most like it.
fn differing(found: &Findings<'_>, rows: &Rows, row: &Row) -> String {
    let differing = |line: &Line| -> Vec<usize> { (0..row.len()).filter(|at| !line[*at].holds(row[*at].as_deref())).collect() };
    let least = rows.iter().map(differing).min_by_key(Vec::len).unwrap_or_default();
    found.columns(&least)
}

async fn finds<E: Thing>(
    case: &Case,
    rows: &Rows,
    is_all_read: bool,
    repository: &Repository<E>,
    found: &mut Findings<'_>,
) -> Vec<E::Model> {
    let fields = case.fields();
    let keys: Vec<_> = rows.iter().filter_map(|line| Some((line, key(&fields, line)?))).collect();
    let (known, failed) = finds_each::<E>(case, &keys, is_all_read, repository, found).await;
    if !is_all_read && failed == 0 && !keys.is_empty() && keys.len() == rows.len() {
        found.at("find");
        found.wrong("Ok for every row where `all` fails", "");
    }
    found.at("find_many");
    let ids: Vec<_> = keys.iter().filter_map(|(_, key)| id_of::<E>(case, key)).collect();
    match repository.find_many(&Cx::new(), &ids).await {
        Ok(models) if failed > 0 => found.wrong("Ok where `find` fails", format!("{} models", models.len())),
        Ok(models) => {
            let is_same =
                models.len() == keys.len() && models.iter().zip(&keys).all(|(model, (line, _))| holds(line, &row::<E>(model)));
            if !is_same {
                found.wrong("other models than asked for", format!("{} of {}", models.len(), keys.len()));
            }
        }
        Err(error) => found.refusal(&error, failed > 0),
    }
    others::<E>(case, rows, is_all_read, repository, found).await;
    known
}

/// Finds rows one by one. Returns the models that were found, and how often that failed.
async fn finds_each<E: Thing>(
    case: &Case,
    keys: &[(&Line, Vec<String>)],
    is_all_read: bool,
    repository: &Repository<E>,
    found: &mut Findings<'_>,
) -> (Vec<E::Model>, usize) {
    let fields = case.fields();
    let may_refuse_ids = case.ids().any(|column| !column.trust.compare);
    let (mut known, mut failed) = (Vec::new(), 0);
    found.at("find");
    for (line, key) in keys {
        let Some(id) = id_of::<E>(case, key) else { continue };
        match repository.find(&Cx::new(), &id).await {
            Ok(Some(model)) if holds(line, &row::<E>(&model)) => known.push(model),
            Ok(Some(model)) => {
                found.wrong("another model", format!("{} for {}", found.row(Some(&row::<E>(&model))), found.line(line)))
            }
            Ok(None) => found.wrong("None for a row that is there", found.line(line)),
            Err(error) => {
                failed += 1;
                // An id that cannot be looked up is refused for all rows.
                let is_refused = may_refuse_ids && matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput);
                found.refusal(&error, !is_all_read || is_refused || (may_refuse_ids && !is_readable(&fields, line)));
            }
        }
    }
    (known, failed)
}

/// Looks for ids that are nearly those of rows.
async fn others<E: Thing>(case: &Case, rows: &Rows, is_all_read: bool, repository: &Repository<E>, found: &mut Findings<'_>) {
    let cx = Cx::new();
    let fields = case.fields();
    let may_refuse = !is_all_read || case.ids().any(|column| !column.trust.compare);
    let keys: Vec<_> = rows.iter().filter_map(|line| key(&fields, line)).collect();
    for key in keys.iter().take(2) {
        for other in near(case, key) {
            let Some(id) = id_of::<E>(case, &other) else { continue };
            if keys.contains(&other) {
                continue;
            }
            found.at("find");
            match repository.find(&cx, &id).await {
                Ok(None) => {}
                Ok(Some(_)) => found.wrong("a model of another id", format!("{other:?} of {keys:?}")),
                Err(error) => found.refusal(&error, may_refuse),
            }
            found.at("find_many");
            match repository.find_many(&cx, &[id]).await {
                Ok(models) if models.is_empty() => {}
                Ok(_) => found.wrong("a model of another id", format!("{other:?} of {keys:?}")),
                Err(error) => found.refusal(&error, may_refuse),
            }
        }
    }
}

/// Ids that a collation or a column of fixed width takes for the same.
fn near(case: &Case, key: &[String]) -> Vec<Vec<String>> {
    let first_is_text = case.ids().next().is_some_and(|column| column.field.kind == Kind::Text);
    if !first_is_text {
        return Vec::new();
    }
    let bytes: Vec<u8> = (0..key[0].len()).step_by(2).filter_map(|at| u8::from_str_radix(&key[0][at..at + 2], 16).ok()).collect();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let others = [text.to_uppercase(), text.to_lowercase(), format!("{text}  "), text.trim_end().to_owned()];
    let others: std::collections::BTreeSet<_> = others.into_iter().collect();
    others
        .iter()
        .map(|other| std::iter::once(crate::thing::hex(other.as_bytes())).chain(key[1..].iter().cloned()).collect())
        .collect()
}
