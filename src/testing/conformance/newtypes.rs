//! Columns of newtypes: numbers above those of the column's type, text that stands for a number.

use std::{fmt, num::ParseIntError, str::FromStr, sync::Arc};

use futures::TryStreamExt as _;
use larder::{
    Changes, Cx, Filter, OnConflict, PageRequest, Projection, Query, ReaderExt as _, SqlText, Storage, Store, field_of,
};
use sea_orm::{DeriveValueType, Schema};
use serde::{Deserialize, Serialize};

use self::release::{Column, Model};
use crate::testing::{Harness, entities::Fingerprint};

/// A number that the database holds as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, DeriveValueType)]
#[sea_orm(value_type = "String")]
pub struct Edition(u64);

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "edition {:020}", self.0)
    }
}

impl FromStr for Edition {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim_start_matches("edition ").parse().map(Self)
    }
}

/// A plain number under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, DeriveValueType)]
pub struct Count(i64);

#[allow(unreachable_pub, reason = "what SeaORM derives is public")]
mod release {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::{Count, Edition, Fingerprint};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "release")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Fingerprint,
        pub next: Option<Fingerprint>,
        #[sea_orm(unique)]
        pub edition: Edition,
        pub downloads: Count,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

type Releases = Arc<dyn Storage<Model, Fingerprint>>;

/// The numbers that are stored as they are, and those that are stored as negative ones, in the order in which they are stored.
const IDS: [u64; 6] = [1 << 63, u64::MAX - 1, u64::MAX, 0, 7, i64::MAX as u64];

fn release(id: u64) -> Model {
    let next = (id % 2 == 1).then(|| Fingerprint(id.wrapping_add(1)));
    Model { id: Fingerprint(id), next, edition: Edition(id), downloads: Count(1) }
}

/// What a row of columns is read into.
#[derive(Debug, PartialEq, Deserialize)]
struct Part {
    id: Fingerprint,
    #[serde(deserialize_with = "larder::column_value")]
    next: Option<Fingerprint>,
    #[serde(deserialize_with = "larder::column_value")]
    edition: Edition,
}

/// A newtype of a column's is converted by itself in every operation, whether a value of it is stored as the same number, as
/// another one or as text.
pub async fn are_converted_by_themselves(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (store, cx) = (&fixture.store, &Cx::new());
    if let Ok(sql) = store.sql() {
        let schema = Schema::new(sql.dialect().sea_orm());
        sql.execute(cx, &schema.create_table_from_entity(release::Entity)).await.unwrap();
    }
    let releases = &store.repository::<release::Entity>();
    let all = &IDS.map(release);
    assert_eq!(releases.create(cx, &all[0]).await.unwrap(), all[0]);
    releases.create_batch(cx, &all[1..]).await.unwrap();

    let ids = IDS.map(Fingerprint);
    for (id, release) in ids.iter().zip(all) {
        assert_eq!(releases.get(cx, id).await.unwrap(), *release);
    }
    assert_eq!(releases.find_many(cx, &ids).await.unwrap(), *all);

    are_converted_in_filters(releases).await;
    are_converted_in_orders(releases, all).await;
    are_converted_in_columns(store, releases, all).await;
    let changed = are_converted_in_changes(releases).await;
    are_converted_in_conflicts(releases, changed).await;

    assert_eq!(releases.delete_where(cx, &field_of(Column::Id).is_in([u64::MAX, 0])).await.unwrap(), 2);
    assert!(releases.delete(cx, &Fingerprint(1 << 63)).await.unwrap());
    assert_eq!(releases.delete_many(cx, &ids).await.unwrap(), 3);
}

/// A filter takes the newtype, and the number that it stands for.
async fn are_converted_in_filters(releases: &Releases) {
    let found = async |filter: Filter<Model>| {
        let found = releases.query(&Cx::new(), &Query::from(filter)).await.unwrap();
        found.into_iter().map(|release| release.id.0).collect::<Vec<_>>()
    };
    let (id, next, edition) = (field_of(Column::Id), field_of(Column::Next), field_of(Column::Edition));
    for number in IDS {
        assert_eq!(found(id.equals(Fingerprint(number))).await, [number]);
        assert_eq!(found(id.equals(number)).await, [number], "a bare number");
        assert_eq!(found(edition.equals(Edition(number))).await, [number]);
        assert_eq!(found(next.equals(number.wrapping_add(1))).await.len(), usize::from(number % 2 == 1), "{number}");
        assert_eq!(found(id.not_equals(number)).await.len(), IDS.len() - 1);
    }
    assert_eq!(found(id.is_in([u64::MAX, 7, 1 << 63])).await, [1 << 63, u64::MAX, 7]);
    assert_eq!(found(id.is_in([u64::MAX - 1, 8].map(Fingerprint))).await, [u64::MAX - 1]);
    assert_eq!(found(id.less_than(Fingerprint(0))).await, IDS[..3], "in the order in which they are stored");
    assert_eq!(found(id.at_least(u64::MAX)).await, IDS[2..], "in the order in which they are stored");
    assert_eq!(found(edition.greater_than(Edition(1 << 63))).await, [u64::MAX - 1, u64::MAX]);
}

/// The same of orders, and of pages and their cursors.
async fn are_converted_in_orders(releases: &Releases, all: &[Model]) {
    let cx = &Cx::new();
    let by_edition = Query::new().order_by_desc(field_of(Column::Edition));
    let mut request = PageRequest::new(1);
    let mut seen = Vec::new();
    loop {
        let page = releases.page(cx, &by_edition, &request).await.unwrap();
        seen.extend(page.models.into_iter().map(|release| release.id.0));
        let Some(next) = page.next else { break };
        request = PageRequest::new(1).after(&next);
    }
    let mut descending = IDS;
    descending.sort_by(|one, other| other.cmp(one));
    assert_eq!(seen, descending);
    let first = releases.page(cx, &Query::new(), &PageRequest::new(2)).await.unwrap();
    let rest = releases.page(cx, &Query::new(), &PageRequest::new(9).after(&first.next.unwrap())).await.unwrap();
    assert_eq!(rest.models, all[2..]);
    let streamed: Vec<_> = releases.stream(cx, &Query::new()).await.unwrap().try_collect().await.unwrap();
    assert_eq!(streamed, all);
}

/// The same of columns that are read by themselves.
async fn are_converted_in_columns(store: &Store, releases: &Releases, all: &[Model]) {
    let (cx, every) = (&Cx::new(), &Filter::all());
    let (id, next, edition) = (field_of(Column::Id), field_of(Column::Next), field_of(Column::Edition));
    let ids = IDS.map(Fingerprint);
    assert_eq!(releases.distinct::<Fingerprint, _>(cx, id, every).await.unwrap(), ids);
    let nexts = releases.distinct::<Option<Fingerprint>, _>(cx, next, every).await.unwrap();
    assert_eq!(nexts, [None, Some(Fingerprint(1 << 63)), Some(Fingerprint(0)), Some(Fingerprint(8))]);
    let editions = releases.distinct::<Edition, _>(cx, edition, every).await.unwrap();
    assert_eq!(editions.first(), Some(&Edition(0)));
    let columns = Projection::of(id).and(next).and(edition);
    let parts: Vec<Part> = releases.query_as(cx, &Query::new(), &columns).await.unwrap();
    let part = |release: &Model| Part { id: release.id, next: release.next, edition: release.edition.clone() };
    assert_eq!(parts, all.iter().map(part).collect::<Vec<_>>());
    let single: Vec<Fingerprint> = releases.query_as(cx, &Query::new(), &Projection::of(id)).await.unwrap();
    assert_eq!(single, ids);
    if let Ok(sql) = store.sql() {
        let text = SqlText::new("SELECT id, next, edition FROM release ORDER BY id");
        assert_eq!(sql.query_as::<Part>(cx, &text).await.unwrap(), parts);
    }
}

/// The same of changes. Returns the model that they have changed.
async fn are_converted_in_changes(releases: &Releases) -> Model {
    let cx = &Cx::new();
    let (id, next, downloads) = (field_of(Column::Id), field_of(Column::Next), field_of(Column::Downloads));
    let changed = Changes::new().set(next, u64::MAX).set(field_of(Column::Edition), Edition(99)).increase(downloads, 4);
    assert_eq!(releases.update_where(cx, &id.equals(u64::MAX), &changed).await.unwrap(), 1);
    let expected = Model { next: Some(Fingerprint(u64::MAX)), edition: Edition(99), downloads: Count(5), ..release(u64::MAX) };
    assert_eq!(releases.get(cx, &Fingerprint(u64::MAX)).await.unwrap(), expected);
    let changed = Changes::new().set(next, Fingerprint(1 << 63)).set(downloads, Count(9));
    assert_eq!(releases.update_where(cx, &next.equals(u64::MAX), &changed).await.unwrap(), 1);
    let expected = Model { next: Some(Fingerprint(1 << 63)), downloads: Count(9), ..expected };
    assert_eq!(releases.update(cx, &expected).await.unwrap(), expected);
    expected
}

/// The same of upserts: what is there already is found by the id and by another column.
async fn are_converted_in_conflicts(releases: &Releases, stored: Model) {
    let cx = &Cx::new();
    let newer = Model { downloads: Count(10), ..stored };
    let upserted = releases.upsert_batch(cx, std::slice::from_ref(&newer), &OnConflict::replace()).await.unwrap();
    assert_eq!((upserted.inserted, upserted.updated), (0, 1));
    let by_edition = OnConflict::replace_column(field_of(Column::Next)).on(field_of(Column::Edition));
    let other = Model { id: Fingerprint(1 << 62), next: Some(Fingerprint(u64::MAX)), ..newer.clone() };
    let upserted = releases.upsert_batch(cx, &[other], &by_edition).await.unwrap();
    assert_eq!((upserted.inserted, upserted.updated), (0, 1));
    let expected = Model { next: Some(Fingerprint(u64::MAX)), ..newer };
    assert_eq!(releases.get(cx, &expected.id).await.unwrap(), expected);
}
