//! Isolation levels on Postgres.

use larder::{Cx, Error, Isolation, SqlText, Store, TransactionalExt, TxOptions};

use crate::support::postgres::{TestDatabase, is_skipped};

/// A server whose own level is stronger than the default keeps it.
#[tokio::test]
async fn a_transaction_is_no_weaker_than_the_server_makes_it() {
    if is_skipped() {
        return;
    }
    for (set, without, asked) in [
        ("read committed", "repeatable read", "read committed"),
        ("serializable", "serializable", "read committed"),
        ("repeatable read", "repeatable read", "read committed"),
    ] {
        let database = TestDatabase::with_tables().await;
        let other = larder::open(&database.url()).await.unwrap();
        let name = database.url().rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
        let alter = format!("ALTER DATABASE \"{name}\" SET default_transaction_isolation = '{set}'");
        other.sql().unwrap().execute(&Cx::new(), &SqlText::new(alter)).await.unwrap();
        let opened = larder::open(&database.url()).await.unwrap();
        let behind = Store::from_sea_orm(sea_orm::Database::connect(database.url()).await.unwrap()).unwrap();
        for store in [&opened, &behind] {
            let of = async |options: TxOptions| {
                let level = store.tx_with(&Cx::new(), options, |cx| async move {
                    let level: Vec<String> = store.sql()?.query_as(&cx, &SqlText::new("SHOW transaction_isolation")).await?;
                    Ok::<_, Error>(level.concat())
                });
                level.await.unwrap()
            };
            assert_eq!(of(TxOptions::new()).await, without, "{set}");
            assert_eq!(of(TxOptions::new().read_only()).await, without, "{set}");
            assert_eq!(of(TxOptions::new().isolation(Isolation::ReadCommitted)).await, asked, "{set}");
            assert_eq!(of(TxOptions::new().isolation(Isolation::Serializable)).await, "serializable", "{set}");
        }
    }
}
