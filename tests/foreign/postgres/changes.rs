//! Changes by expression, writes that answer, and claims, in tables that are not as larder would make them.

use larder::{Changes, Cx, ErrorKind, Filter, OnConflict, Outcome, Query, ReaderExt as _, Store, TransactionalExt as _, field};

use super::{
    is_skipped, psql, stores,
    upserts::{item, items, tables},
};
use crate::support::postgres::TestDatabase;

mod narrow {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "narrow")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub code: String,
        pub text: String,
        pub small: i64,
        pub large: i64,
        pub half: f64,
        pub full: f64,
        pub at: DateTimeUtc,
        pub seen: DateTimeUtc,
        pub none: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const NARROW: &str = "CREATE EXTENSION IF NOT EXISTS citext; DROP TABLE IF EXISTS narrow; \
    CREATE TABLE narrow (id bigint PRIMARY KEY, code varchar(3) NOT NULL, text citext, small int2, large bigint, half float4, \
    \"full\" float8, at timestamptz(0), seen timestamptz, none text); \
    INSERT INTO narrow VALUES (1, 'abc', 'a', 7, 8, 0.5, 0.5, '2026-01-01Z', '2026-01-01 00:00:01Z', 'x'), \
    (2, 'b', 'B', 100, 40000, 0.25, 0.1, '2026-01-02Z', '2026-01-01 00:00:00.5Z', NULL)";

/// Values that a column would change are refused, with its name; nothing is changed then.
#[tokio::test]
async fn what_a_column_would_change_is_refused() {
    use narrow::COLUMN;
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    psql(database, NARROW);
    let before = psql(database, "SELECT * FROM narrow ORDER BY id");
    for store in stores(database).await {
        let (cx, all) = (&Cx::new(), store.repository::<narrow::Entity>());
        for (changes, kind, column) in [
            (Changes::new().set_from(COLUMN.code, COLUMN.none), ErrorKind::NotNull, None),
            (Changes::new().set_from(COLUMN.small, COLUMN.large), ErrorKind::InvalidInput, Some("small")),
            (Changes::new().increase(COLUMN.small, 32_700), ErrorKind::InvalidInput, Some("small")),
            (Changes::new().increase_by(COLUMN.small, COLUMN.large), ErrorKind::InvalidInput, Some("small")),
            (Changes::new().increase_by(COLUMN.half, COLUMN.full), ErrorKind::InvalidInput, Some("half")),
            (Changes::new().set_from(COLUMN.at, COLUMN.seen), ErrorKind::InvalidInput, Some("at")),
            (Changes::new().raise_to(COLUMN.code, "long"), ErrorKind::InvalidInput, Some("code")),
            (Changes::new().set_from(COLUMN.text, COLUMN.none), ErrorKind::NotNull, None),
        ] {
            let refused = all.update_where(cx, &Filter::all(), &changes).await.unwrap_err();
            assert_eq!((refused.kind(), refused.column()), (kind, column), "{changes:?}");
            assert_eq!(psql(database, "SELECT * FROM narrow ORDER BY id"), before);
        }
        // What the values are like decides.
        let first = field(COLUMN.id).equals(1);
        let fine = Changes::new().set_from(COLUMN.code, COLUMN.none).set_from(COLUMN.at, COLUMN.seen);
        let fine = fine.set_from(COLUMN.small, COLUMN.large).increase_by(COLUMN.half, COLUMN.full);
        let changed = all.update_where_returning(cx, &first, &fine).await.unwrap();
        let seen: Vec<_> = changed.iter().map(|row| (row.code.as_str(), row.small, row.half, row.at == row.seen)).collect();
        assert_eq!(seen, [("x", 8, 1.0, true)]);
        // By its bytes, `a` is more than `B`.
        let raised = all.update_where_returning(cx, &Filter::all(), &Changes::new().raise_to(COLUMN.text, "Z")).await.unwrap();
        assert_eq!(raised.iter().map(|row| row.text.as_str()).collect::<Vec<_>>(), ["a", "Z"]);
        psql(database, NARROW);
        store.close().await;
    }
}

fn text() -> larder::Field<item::Model, larder::kind::Any> {
    larder::field_of(item::Column::Text)
}

fn version() -> larder::Field<item::Model, larder::kind::Any> {
    larder::field_of(item::Column::Version)
}

fn id() -> larder::Field<item::Model, larder::kind::Any> {
    larder::field_of(item::Column::Id)
}

async fn are_changed_and_claimed(store: &Store, table: &str) {
    let (cx, models) = (&Cx::new(), &store.repository::<item::Entity>());
    let again = OnConflict::apply(Changes::new().increase(version(), 1).set(text(), "again"));
    let twice = [items(0..4, "new"), items(2..6, "new")].concat();
    let done = models.upsert_batch(cx, &twice, &again).await.unwrap();
    assert_eq!((done.inserted, done.updated, done.ignored), (6, 2, 0), "{table}");
    let few = again.clone().only_if(version().less_than(2));
    let done = models.upsert_batch(cx, &items(1..4, "new"), &few).await.unwrap();
    assert_eq!((done.inserted, done.updated, done.ignored), (0, 1, 2), "{table}");
    let (stored, outcome) = models.upsert(cx, &items(2..3, "new")[0], &few).await.unwrap();
    assert_eq!((stored.version, stored.text.as_str(), outcome), (2, "again", Outcome::Ignored), "{table}");
    let (stored, outcome) = models.upsert(cx, &items(0..1, "new")[0], &few).await.unwrap();
    assert_eq!((stored.version, outcome), (2, Outcome::Updated), "{table}");
    let (stored, outcome) = models.upsert(cx, &items(6..7, "new")[0], &few).await.unwrap();
    assert_eq!((&stored, outcome), (&items(6..7, "new")[0], Outcome::Inserted), "{table}");
    // 0 to 3 have version 2, the others version 1.
    let raised = models.update_where_returning(cx, &version().equals(1), &Changes::new().increase_by(version(), id())).await;
    let raised: Vec<_> = raised.unwrap().into_iter().map(|item| (item.id, item.version)).collect();
    assert_eq!(raised, [(4, 5), (5, 6), (6, 7)], "{table}");
    let first = Query::new().filter(version().at_least(2)).order_by_desc(version()).limit(4);
    let claimed = models.update_first(cx, &first, &Changes::new().set(version(), 0)).await.unwrap();
    assert_eq!(
        claimed.iter().map(|item| (item.id, item.version)).collect::<Vec<_>>(),
        [(6, 0), (5, 0), (4, 0), (0, 0)],
        "{table}"
    );
    let deleted = models.delete_first(cx, &first).await.unwrap();
    assert_eq!(deleted.iter().map(|item| item.id).collect::<Vec<_>>(), [1, 2, 3], "{table}");
    let locked = store.tx(cx, |cx| async move {
        let mut found = models.find_locked(&cx, &4).await?.unwrap();
        found.text = "locked".into();
        models.update(&cx, &found).await
    });
    assert_eq!(locked.await.unwrap().text, "locked", "{table}");
    let rest = models.delete_where_returning(cx, &Filter::all()).await.unwrap();
    assert_eq!(rest.iter().map(|item| item.id).collect::<Vec<_>>(), [0, 4, 5, 6], "{table}");
}

#[tokio::test]
async fn every_table_is_changed_and_claimed() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::empty().await;
    for (table, sql) in tables() {
        for store in stores(&database).await {
            psql(&database, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
            psql(&database, &sql);
            are_changed_and_claimed(&store, table).await;
            store.close().await;
        }
    }
}

const TRIGGERS: &str = "CREATE TABLE item (id bigint PRIMARY KEY, code text, text text NOT NULL, version integer NOT NULL); \
    CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
      IF OLD.id = 3 THEN RETURN NULL; END IF; NEW.text := upper(NEW.text); RETURN NEW; END $$; \
    CREATE FUNCTION raise_version() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
      IF pg_trigger_depth() = 1 THEN UPDATE item SET version = version + 100 WHERE id = NEW.id; END IF; RETURN NULL; END $$; \
    CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
      IF OLD.id = 2 THEN RETURN NULL; END IF; RETURN OLD; END $$; \
    CREATE TRIGGER shout BEFORE UPDATE ON item FOR EACH ROW EXECUTE FUNCTION shout(); \
    CREATE TRIGGER keep BEFORE DELETE ON item FOR EACH ROW EXECUTE FUNCTION keep(); ";

/// What is answered is what triggers have left: of a row that they change, of one that they keep from being changed or deleted.
#[tokio::test]
async fn rows_of_triggers_are_answered_as_they_are_stored() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    let afterwards = "CREATE TRIGGER later AFTER UPDATE ON item FOR EACH ROW EXECUTE FUNCTION raise_version();";
    for (triggers, by) in [("", 0), (afterwards, 100)] {
        for store in stores(database).await {
            psql(database, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
            psql(database, &format!("{TRIGGERS}{triggers}"));
            let (cx, models) = (&Cx::new(), store.repository::<item::Entity>());
            models.create_batch(cx, &items(0..3, "a")).await.unwrap();
            let changes = Changes::new().set(text(), "b");
            let changed = models.update_where_returning(cx, &Filter::all(), &changes).await.unwrap();
            let seen: Vec<_> = changed.iter().map(|item| (item.id, item.text.as_str(), item.version)).collect();
            assert_eq!(seen, [0, 1, 2].map(|id| (id, "B", 1 + by)), "{triggers}");
            let first = Query::new().order_by_desc(id()).limit(2);
            let claimed = models.update_first(cx, &first, &Changes::new().set(text(), "c")).await.unwrap();
            let seen: Vec<_> = claimed.iter().map(|item| (item.id, item.text.as_str(), item.version)).collect();
            assert_eq!(seen, [2, 1].map(|id| (id, "C", 1 + 2 * by)), "{triggers}");
            let apply = OnConflict::apply(Changes::new().set(text(), "d"));
            let (stored, outcome) = models.upsert(cx, &items(1..2, "x")[0], &apply).await.unwrap();
            assert_eq!((stored.text.as_str(), stored.version, outcome), ("D", 1 + 3 * by, Outcome::Updated), "{triggers}");
            let deleted = models.delete_where_returning(cx, &Filter::all()).await.unwrap();
            assert_eq!(deleted.iter().map(|item| item.id).collect::<Vec<_>>(), [0, 1], "{triggers}");
            let all = models.all(cx).await.unwrap();
            assert_eq!(all.iter().map(|item| item.id).collect::<Vec<_>>(), [2], "{triggers}");
            store.close().await;
        }
    }
}
