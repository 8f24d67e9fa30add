//! What larder is asked to write, and what it answers. Whether that is right is judged when the client has shown what is stored.

use fastrand::Rng;
use larder::{Changes, Cx, Error, OnConflict, field_of};
use sea_orm::{Iterable, ModelTrait};

use crate::{
    case::Case,
    cell::key_of_row,
    findings::Findings,
    judge::{Answer, Asked, Step},
    reads::Repository,
    thing::{Kind, Row, Thing, row, text},
    values::{changed, id_of, is_portable, model, value},
};

/// Writes, one after another, each followed by a look at the table.
pub struct Writer<'w, E: Thing> {
    pub case: &'w Case,
    pub repository: &'w Repository<E>,
    pub rng: &'w mut Rng,
    /// Models that could be found.
    pub known: Vec<E::Model>,
    nth: u32,
}

/// How many models are written by the engine's way for many.
const MANY: u32 = 520;

pub const WRITES: usize = 14;

impl<'w, E: Thing> Writer<'w, E> {
    pub fn new(case: &'w Case, repository: &'w Repository<E>, rng: &'w mut Rng, known: Vec<E::Model>) -> Self {
        Self { case, repository, rng, known, nth: 0 }
    }

    fn fresh(&mut self, models: u32) -> Vec<E::Model> {
        let fresh = (self.nth..self.nth + models).map(|nth| model::<E>(self.rng, self.case, nth)).collect();
        self.nth += models;
        fresh
    }

    fn known(&mut self, models: usize) -> Vec<E::Model> {
        let mut known = self.known.clone();
        self.rng.shuffle(&mut known);
        known.truncate(models);
        known
    }

    /// Does the `nth` write. None where there is nothing to do it to.
    pub async fn write(&mut self, nth: usize, found: &mut Findings<'_>) -> Option<Step> {
        match nth {
            0 => Some(self.create(found).await),
            1 => Some(self.create_many(found).await),
            2 => Some(self.create_batch("create_batch", 2, found).await),
            3 if self.rng.u8(0..8) == 0 => Some(self.create_batch("create_batch of many", MANY, found).await),
            4 => self.update(found).await,
            5 => self.update_of_nothing(found).await,
            6 => Some(self.update_many(found).await),
            7 | 8 => self.set(found).await,
            9 | 10 => Some(self.upsert(nth == 9, found).await),
            11 => self.delete_where(found).await,
            12 => Some(self.delete_many(found).await),
            13 => self.delete(found).await,
            _ => None,
        }
    }

    async fn create(&mut self, found: &mut Findings<'_>) -> Step {
        let given = self.fresh(1);
        found.at("create");
        let answer = self.repository.create(&Cx::new(), &given[0]).await;
        self.step("create", Asked::Insert(rows::<E>(&given)), models::<E>(answer.map(|model| vec![model])), &given)
    }

    async fn create_many(&mut self, found: &mut Findings<'_>) -> Step {
        let given = self.fresh(3);
        found.at("create_many");
        let answer = self.repository.create_many(&Cx::new(), &given).await;
        self.step("create_many", Asked::Insert(rows::<E>(&given)), models::<E>(answer), &given)
    }

    async fn create_batch(&mut self, operation: &'static str, models: u32, found: &mut Findings<'_>) -> Step {
        let given = self.fresh(models);
        found.at(operation);
        let answer = self.repository.create_batch(&Cx::new(), &given).await;
        self.step(operation, Asked::Insert(rows::<E>(&given)), count(answer), &given)
    }

    async fn update(&mut self, found: &mut Findings<'_>) -> Option<Step> {
        let given = self.known(1);
        let given = vec![changed::<E>(self.rng, self.case, given.first()?)];
        found.at("update");
        let answer = self.repository.update(&Cx::new(), &given[0]).await;
        Some(self.step("update", Asked::Update(rows::<E>(&given)), models::<E>(answer.map(|model| vec![model])), &given))
    }

    /// Writes what is stored now back as it is.
    async fn update_of_nothing(&mut self, found: &mut Findings<'_>) -> Option<Step> {
        let model = self.known(1).pop()?;
        let id = id_of::<E>(self.case, &key_of_row(&self.case.fields(), &row::<E>(&model))?)?;
        let given = vec![self.repository.find(&Cx::new(), &id).await.ok()??];
        found.at("update of nothing");
        let answer = self.repository.update(&Cx::new(), &given[0]).await;
        let answer = models::<E>(answer.map(|model| vec![model]));
        Some(self.step("update of nothing", Asked::Update(rows::<E>(&given)), answer, &given))
    }

    async fn update_many(&mut self, found: &mut Findings<'_>) -> Step {
        let known = self.known(2);
        let given: Vec<_> = known.iter().map(|model| changed::<E>(self.rng, self.case, model)).collect();
        found.at("update_many");
        let answer = self.repository.update_many(&Cx::new(), &given).await;
        self.step("update_many", Asked::Update(rows::<E>(&given)), models::<E>(answer), &given)
    }

    async fn upsert(&mut self, replaces: bool, found: &mut Findings<'_>) -> Step {
        let mut given = self.fresh(1);
        let known = self.known(1);
        given.extend(known.iter().map(|model| changed::<E>(self.rng, self.case, model)));
        given.retain(|model| !self.leaves_id_to_engine(model));
        found.at("upsert_batch");
        let on_conflict = if replaces { OnConflict::replace() } else { OnConflict::ignore() };
        let answer = match self.repository.upsert_batch(&Cx::new(), &given, &on_conflict).await {
            Ok(upserted) => Answer::Upserted(upserted.inserted, upserted.updated, upserted.ignored),
            Err(error) => Answer::Error(error),
        };
        self.step("upsert_batch", Asked::Upsert(rows::<E>(&given), replaces), answer, &given)
    }

    async fn delete_where(&mut self, found: &mut Findings<'_>) -> Option<Step> {
        let (at, column, model) = self.condition()?;
        let value = text(&model.get(column))?;
        found.at("delete_where");
        let answer = self.repository.delete_where(&Cx::new(), &field_of(column).equals(model.get(column))).await;
        Some(self.step("delete_where", Asked::DeleteWhere(at, value), count(answer), &[]))
    }

    async fn delete_many(&mut self, found: &mut Findings<'_>) -> Step {
        let fields = self.case.fields();
        let keys: Vec<_> = self.known(2).iter().filter_map(|model| key_of_row(&fields, &row::<E>(model))).collect();
        let ids: Vec<_> = keys.iter().filter_map(|key| id_of::<E>(self.case, key)).collect();
        found.at("delete_many");
        let answer = self.repository.delete_many(&Cx::new(), &ids).await;
        self.step("delete_many", Asked::Delete(keys), count(answer), &[])
    }

    async fn delete(&mut self, found: &mut Findings<'_>) -> Option<Step> {
        let key = key_of_row(&self.case.fields(), &row::<E>(&self.known(1).pop()?))?;
        let id = id_of::<E>(self.case, &key)?;
        found.at("delete");
        let answer = self.repository.delete(&Cx::new(), &id).await.map(u64::from);
        Some(self.step("delete", Asked::Delete(vec![key]), count(answer), &[]))
    }

    async fn set(&mut self, found: &mut Findings<'_>) -> Option<Step> {
        let (at, column, model) = self.condition()?;
        let matched = text(&model.get(column))?;
        let candidates: Vec<_> = (0..self.case.columns.len()).filter(|at| !self.case.columns[*at].field.is_id).collect();
        let focused: Vec<_> = candidates.iter().copied().filter(|at| self.case.focus.contains(at)).collect();
        let set = if focused.is_empty() {
            candidates[self.rng.usize(0..candidates.len())]
        } else {
            focused[self.rng.usize(0..focused.len())]
        };
        let nth = self.rng.u32(0..5);
        let is_wild = self.case.focus.contains(&set) && self.rng.bool();
        let new = value(self.rng, &self.case.columns[set].field, nth, is_wild);
        let mut sample = model.clone();
        sample.set(E::Column::iter().nth(set)?, new.clone());
        found.at("update_where");
        let changes = Changes::new().set(field_of(E::Column::iter().nth(set)?), new.clone());
        let answer = self.repository.update_where(&Cx::new(), &field_of(column).equals(model.get(column)), &changes).await;
        let asked = Asked::Set { matching: (at, matched), column: set, value: text(&new) };
        Some(self.step("update_where", asked, count(answer), &[sample]))
    }

    /// A column and a model whose value of it some rows have.
    fn condition(&mut self) -> Option<(usize, E::Column, E::Model)> {
        let model = self.known(1).pop()?;
        let all: Vec<_> = (0..self.case.columns.len()).filter(|at| self.case.columns[*at].field.kind != Kind::Json).collect();
        let focused: Vec<_> = all.iter().copied().filter(|at| self.case.focus.contains(at)).collect();
        let of = if focused.is_empty() || self.rng.u8(0..4) == 0 { all } else { focused };
        let at = of[self.rng.usize(0..of.len())];
        let column = E::Column::iter().nth(at)?;
        (row::<E>(&model)[at].as_deref() != Some("NaN")).then_some((at, column, model))
    }

    fn leaves_id_to_engine(&self, model: &E::Model) -> bool {
        let row = row::<E>(model);
        self.case.columns.iter().zip(row).any(|(column, value)| column.field.is_generated_id && value.as_deref() == Some("0"))
    }

    fn step(&self, operation: &'static str, asked: Asked, answer: Answer, given: &[E::Model]) -> Step {
        // What larder has to accept: portable values in sound columns, and a condition that it can compare by.
        let compares = match &asked {
            Asked::Set { matching: (at, _), .. } | Asked::DeleteWhere(at, _) => self.case.columns[*at].trust.compare,
            Asked::Insert(_) => true,
            _ => self.case.ids().all(|id| id.trust.compare),
        };
        let may_refuse = !self.case.must_write() || !compares || !given.iter().all(is_portable::<E>);
        Step { operation, asked, answer, may_refuse }
    }
}

fn rows<E: Thing>(models: &[E::Model]) -> Vec<Row> {
    models.iter().map(row::<E>).collect()
}

fn models<E: Thing>(answer: Result<Vec<E::Model>, Error>) -> Answer {
    match answer {
        Ok(models) => Answer::Models(rows::<E>(&models)),
        Err(error) => Answer::Error(error),
    }
}

fn count(answer: Result<u64, Error>) -> Answer {
    match answer {
        Ok(count) => Answer::Count(count),
        Err(error) => Answer::Error(error),
    }
}
