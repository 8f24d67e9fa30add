//! Tables whose rows the database makes in part: generated columns, triggers, rules, views.

use larder::{Cx, ErrorKind, Filter, OnConflict, ReaderExt as _, Store, TransactionalExt as _};

use super::{is_skipped, psql, stores};
use crate::support::postgres::TestDatabase;

mod line {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "line")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub price: i64,
        pub count: i64,
        pub total: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn line(id: i64) -> line::Model {
    line::Model { id, price: 3, count: 4, total: None }
}

const ROWS: &str = "SELECT id, price, count, total FROM line ORDER BY id LIMIT 3";

#[tokio::test]
async fn generated_columns_are_left_to_the_database() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    for total in ["bigint GENERATED ALWAYS AS (price * count) STORED", "bigint GENERATED ALWAYS AS IDENTITY (START 12)"] {
        for nth in 0..2 {
            psql(
                database,
                &format!(
                    "DROP TABLE IF EXISTS line; CREATE TABLE line (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, price bigint, count bigint, total {total})"
                ),
            );
            let store = &stores(database).await[nth];
            let (cx, lines) = (Cx::new(), &store.repository::<line::Entity>());
            let stored = line::Model { id: 1, total: Some(12), ..line(1) };
            assert_eq!(lines.create(&cx, &line(0)).await.unwrap(), stored);
            assert_eq!(lines.create_batch(&cx, &[line(0), line(0)]).await.unwrap(), 2);
            assert_eq!(lines.create_batch(&cx, &vec![line(0); 600]).await.unwrap(), 600);
            let totals = if total.contains("IDENTITY") { [12, 13, 14] } else { [12; 3] };
            let rows = [1, 2, 3].map(|id| format!("{id}|3|4|{}", totals[id - 1]));
            assert_eq!(psql(database, ROWS), rows.join("\n"));
            // An id that only the database may give.
            assert_eq!(lines.create(&cx, &line(7000)).await.unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(lines.create_batch(&cx, &vec![line(7000); 600]).await.unwrap_err().kind(), ErrorKind::InvalidInput);
            // Fifteen by the new price, where it is computed.
            let by = if total.contains("IDENTITY") { 12 } else { 15 };
            updates_leave_a_total_to_the_database(store, &stored, by).await;
            assert_eq!(psql(database, "SELECT total FROM line WHERE id = 1"), by.to_string());
        }
    }
}

async fn updates_leave_a_total_to_the_database(store: &Store, stored: &line::Model, total: i64) {
    let (cx, lines) = (Cx::new(), store.repository::<line::Entity>());
    let dearer = line::Model { price: 5, count: 3, total: Some(99), ..stored.clone() };
    let updated = line::Model { total: Some(total), ..dearer.clone() };
    assert_eq!(lines.update(&cx, &dearer).await.unwrap(), updated);
    let stored = std::slice::from_ref(stored);
    assert_eq!(lines.update_many(&cx, stored).await.unwrap(), stored);
    assert_eq!(lines.update_many(&cx, std::slice::from_ref(&dearer)).await.unwrap(), [updated]);
    let changes = larder::Changes::new().set(larder::field_of(line::Column::Total), 1);
    let error = lines.update_where(&cx, &Filter::all(), &changes).await.unwrap_err();
    assert_eq!((error.kind(), error.column()), (ErrorKind::InvalidInput, Some("total")));
}

#[tokio::test]
async fn rows_that_a_trigger_changes_are_answered_as_they_are_stored() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    for when in ["BEFORE", "AFTER"] {
        for nth in 0..2 {
            psql(
                database,
                "DROP TABLE IF EXISTS line; CREATE TABLE line (id bigint PRIMARY KEY, price bigint, count bigint, total bigint);
                 CREATE OR REPLACE FUNCTION doubled() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.total := NEW.price * 2; RETURN NEW; END $$;
                 CREATE OR REPLACE FUNCTION doubled_after() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   IF pg_trigger_depth() = 1 THEN UPDATE line SET total = NEW.price * 2 WHERE id = NEW.id; END IF; RETURN NULL; END $$",
            );
            let function = if when == "BEFORE" { "doubled" } else { "doubled_after" };
            psql(
                database,
                &format!("CREATE TRIGGER doubled {when} INSERT OR UPDATE ON line FOR EACH ROW EXECUTE FUNCTION {function}()"),
            );
            let store = &stores(database).await[nth];
            let (cx, lines) = (Cx::new(), &store.repository::<line::Entity>());
            let stored = |id| line::Model { total: Some(6), ..line(id) };
            assert_eq!(lines.create(&cx, &line(1)).await.unwrap(), stored(1), "{when}");
            assert_eq!(lines.create_many(&cx, &[line(2), line(3)]).await.unwrap(), [stored(2), stored(3)], "{when}");
            assert_eq!(lines.update(&cx, &line(1)).await.unwrap(), stored(1), "{when}");
            assert_eq!(lines.update_many(&cx, &[line(1), line(2)]).await.unwrap(), [stored(1), stored(2)], "{when}");
            assert_eq!(psql(database, ROWS), "1|3|4|6\n2|3|4|6\n3|3|4|6");
        }
    }
}

const SKIP: &str = "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.price = 0 THEN RETURN NULL; END IF; RETURN NEW; END $$";

/// Tables that skip rows without a price: by a trigger, by one of a partition, and by a rule.
const SKIPPING: [&str; 3] = [
    "CREATE TABLE line (id bigint PRIMARY KEY, price bigint, count bigint, total bigint);
     CREATE TRIGGER skip BEFORE INSERT OR UPDATE ON line FOR EACH ROW EXECUTE FUNCTION skip()",
    "CREATE TABLE line (id bigint PRIMARY KEY, price bigint, count bigint, total bigint) PARTITION BY RANGE (id);
     CREATE TABLE part PARTITION OF line DEFAULT;
     CREATE TRIGGER skip BEFORE INSERT OR UPDATE ON part FOR EACH ROW EXECUTE FUNCTION skip()",
    "CREATE TABLE line (id bigint PRIMARY KEY, price bigint, count bigint, total bigint);
     CREATE RULE skip AS ON INSERT TO line WHERE NEW.price = 0 DO INSTEAD NOTHING;
     CREATE TRIGGER skip BEFORE UPDATE ON line FOR EACH ROW EXECUTE FUNCTION skip()",
];

#[tokio::test]
async fn rows_that_a_trigger_skips_are_errors() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    psql(database, SKIP);
    for tables in SKIPPING {
        for nth in 0..2 {
            psql(database, &format!("DROP TABLE IF EXISTS line CASCADE; {tables}"));
            let store = &stores(database).await[nth];
            let (cx, lines) = (Cx::new(), &store.repository::<line::Entity>());
            // Postgres does not answer rows of a table with a rule that is for some of them.
            match tables.contains("RULE") {
                true => assert_eq!(lines.create_batch(&cx, &[line(1)]).await.unwrap(), 1),
                false => assert_eq!(lines.create(&cx, &line(1)).await.unwrap(), line(1)),
            }
            skipped_rows_are_errors(store, tables).await;
            assert_eq!(psql(database, ROWS), "1|3|4|");
        }
    }
}

async fn skipped_rows_are_errors(store: &Store, tables: &str) {
    let (cx, lines) = (Cx::new(), store.repository::<line::Entity>());
    let skipped = |id| line::Model { price: 0, ..line(id) };
    let check = |told: Result<(), larder::Error>| assert_eq!(told.unwrap_err().kind(), ErrorKind::Check, "{tables}");
    let is_ruled = tables.contains("RULE");
    if !is_ruled {
        check(lines.create(&cx, &skipped(2)).await.map(drop));
    }
    check(lines.create_batch(&cx, &[skipped(2)]).await.map(drop));
    check(lines.create_batch(&cx, &[line(2), skipped(3)]).await.map(drop));
    let many: Vec<_> = (2..700).map(|id| if id == 600 { skipped(id) } else { line(id) }).collect();
    check(lines.create_batch(&cx, &many).await.map(drop));
    check(lines.update(&cx, &skipped(1)).await.map(drop));
    check(lines.update_many(&cx, &[skipped(1)]).await.map(drop));
    // Postgres does not say of the rows of a partitioned table, nor of one with rules, whether they are new.
    if !is_ruled && !tables.contains("PARTITION") {
        check(lines.upsert_batch(&cx, &[line(2), skipped(3)], &OnConflict::replace()).await.map(drop));
    }
}

/// The catalog is asked in every kind of transaction, of a table in a schema, and of one that is not there.
#[tokio::test]
async fn the_catalog_is_asked_wherever_a_statement_may_run() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    let stores = stores(database).await;
    for store in &stores {
        let lines = &store.repository::<line::Entity>();
        assert_eq!(lines.all(&Cx::new()).await.unwrap_err().kind(), ErrorKind::TableMissing);
        assert_eq!(lines.create_batch(&Cx::new(), &vec![line(1); 600]).await.unwrap_err().kind(), ErrorKind::TableMissing);
    }
    psql(
        database,
        "CREATE TABLE line (id bigint PRIMARY KEY, price bigint, count bigint, total bigint GENERATED ALWAYS AS (price) STORED)",
    );
    for (store, id) in stores.iter().zip([1, 2]) {
        let lines = &store.repository::<line::Entity>();
        let options = larder::TxOptions::new().isolation(larder::Isolation::Serializable).read_only();
        let read = store.tx_with(&Cx::new(), options, |cx| async move { lines.find(&cx, &id).await });
        assert_eq!(read.await.unwrap(), None);
        lines.create(&Cx::new(), &line(id)).await.unwrap();
        // A table that is changed inside a transaction is another to that transaction alone.
        let undone = store.tx(&Cx::new(), |cx| async move {
            let drop = larder::SqlText::new("ALTER TABLE line ALTER total DROP EXPRESSION");
            store.sql()?.execute(&cx, &drop).await?;
            let given = line::Model { total: Some(7), ..line(10) };
            assert_eq!(lines.create(&cx, &given).await?, given);
            Err::<(), _>(larder::Error::new(ErrorKind::InvalidInput, "undo"))
        });
        assert_eq!(undone.await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(psql(database, ROWS), "1|3|4|3\n2|3|4|3");
}
