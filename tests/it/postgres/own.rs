//! What Postgres has to itself.

use std::sync::atomic::{AtomicBool, Ordering};

use larder::ReaderExt as _;
use larder::{Cx, ErrorKind, Isolation, Result, SqlText, Store, Transactional, TransactionalExt, TxOptions};
use sea_orm::{ConnectionTrait, Database};

use super::Server;
use crate::support::{
    backend::Harness,
    create_tables,
    entities::{label, person},
    person,
    postgres::{TestDatabase, is_skipped},
};

#[tokio::test]
async fn write_skew_passes_at_repeatable_read_and_not_when_serializable() {
    if is_skipped() {
        return;
    }
    for (isolation, passes) in [(Isolation::RepeatableRead, true), (Isolation::Serializable, false)] {
        let fixture = Server.fresh().await;
        let people = fixture.store.repository::<person::Entity>();
        let on_call = [person("a@b"), person("c@d")].map(|person| person::Model { level: Some(1), ..person });
        let on_call = people.create_many(&Cx::new(), &on_call).await.unwrap();
        let options = TxOptions::new().isolation(isolation);
        let first = fixture.store.begin(&Cx::new(), options).await.unwrap();
        let second = fixture.store.begin(&Cx::new(), options).await.unwrap();
        let mut outcomes: Vec<Result<()>> = Vec::new();
        for (cx, leaving) in [(&first, &on_call[0]), (&second, &on_call[1])] {
            // Each sees the other on call, and leaves.
            assert_eq!(people.all(cx).await.unwrap().iter().filter(|person| person.level == Some(1)).count(), 2);
            outcomes.push(people.update(cx, &person::Model { level: Some(0), ..leaving.clone() }).await.map(drop));
        }
        outcomes.push(first.commit().await);
        outcomes.push(second.commit().await);
        let failed: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
        assert_eq!(failed.is_empty(), passes, "{failed:?}");
        assert!(failed.iter().take(1).all(|error| error.kind() == ErrorKind::Contention));
    }
}

#[tokio::test]
async fn text_is_ordered_by_bytes_whatever_the_database_speaks() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::in_english().await;
    let store = larder::open(&database.url()).await.unwrap();
    create_tables(&store).await;
    let names = store.repository::<label::Entity>();
    for name in ["b", "B", "a", "é", "Z"] {
        names.create(&Cx::new(), &label::Model { name: name.into(), text: None }).await.unwrap();
    }
    let sorted: Vec<_> = names.all(&Cx::new()).await.unwrap().into_iter().map(|label| label.name).collect();
    assert_eq!(sorted, ["B", "Z", "a", "b", "é"]);
}

#[tokio::test]
async fn a_constraint_that_waits_for_the_commit_fails_it() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let connection = Database::connect(database.url()).await.unwrap();
    let deferred = "ALTER TABLE label ADD FOREIGN KEY (text) REFERENCES label (name) DEFERRABLE INITIALLY DEFERRED";
    connection.execute_unprepared(deferred).await.unwrap();
    let store = Store::from_sea_orm(connection.clone()).unwrap();
    static RAN: AtomicBool = AtomicBool::new(false);
    let ran = &RAN;
    let names = &store.repository::<label::Entity>();
    let outcome = store.tx(&Cx::new(), |cx| async move {
        cx.on_commit(|| ran.store(true, Ordering::SeqCst))?;
        names.create(&cx, &label::Model { name: "child".into(), text: Some("nobody".into()) }).await.map(drop)
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::ForeignKey);
    assert!(!RAN.load(Ordering::SeqCst));
    assert_eq!(names.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

mod shade {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "shade_name")]
    pub enum Name {
        #[sea_orm(string_value = "red")]
        Red,
        #[sea_orm(string_value = "blue")]
        Blue,
    }

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "shade")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: Name,
        pub mixed: Option<Name>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[tokio::test]
async fn enums_of_the_database_are_values_and_ids() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::empty().await;
    let connection = Database::connect(database.url()).await.unwrap();
    let made =
        "CREATE TYPE shade_name AS ENUM ('red', 'blue'); CREATE TABLE shade (name shade_name PRIMARY KEY, mixed shade_name)";
    connection.execute_unprepared(made).await.unwrap();
    let shades = Store::from_sea_orm(connection.clone()).unwrap().repository::<shade::Entity>();
    let red = shade::Model { name: shade::Name::Red, mixed: None };
    let blue = shade::Model { name: shade::Name::Blue, mixed: Some(shade::Name::Red) };
    let cx = Cx::new();
    assert_eq!(shades.create_many(&cx, &[red.clone(), blue.clone()]).await.unwrap(), [red.clone(), blue.clone()]);
    assert_eq!(shades.update(&cx, &blue).await.unwrap(), blue);
    assert_eq!(shades.find(&cx, &shade::Name::Red).await.unwrap(), Some(red.clone()));
    assert_eq!(shades.find_many(&cx, &[shade::Name::Blue, shade::Name::Red]).await.unwrap(), [blue.clone(), red.clone()]);
    assert_eq!(shades.all(&cx).await.unwrap(), [blue, red]);
    assert!(shades.delete(&cx, &shade::Name::Red).await.unwrap());
}

/// A column that is of another type than the entity says is not read as if it were of that, whether the first row has a value in
/// it or not.
#[tokio::test]
async fn a_column_of_another_type_is_not_misread() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = larder::open(&database.url()).await.unwrap();
    for (declared, value) in [("BYTEA", "'text'"), ("BIGINT", "29797"), ("UUID", "gen_random_uuid()"), ("OID", "7")] {
        for first in ["NULL", value] {
            let sql = [
                "DROP TABLE label".to_owned(),
                format!("CREATE TABLE label (name TEXT PRIMARY KEY, text {declared})"),
                format!("INSERT INTO label VALUES ('a', {first}), ('b', {value})"),
            ];
            for sql in sql {
                store.sql().unwrap().execute(&Cx::new(), &SqlText::new(sql)).await.unwrap();
            }
            // Another one, which has not prepared anything for the table as it was.
            let reader = larder::open(&database.url()).await.unwrap();
            let read = reader.repository::<label::Entity>().query(&Cx::new(), &larder::Query::new()).await;
            reader.close().await;
            assert_eq!(read.map_err(|error| error.kind()), Err(ErrorKind::Corrupt), "{declared} {first}");
        }
    }
}
