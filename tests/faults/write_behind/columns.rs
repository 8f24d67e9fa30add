//! A process killed with models in its journal that serde does not give back.

use larder::{Cx, Journal, ReaderExt, SqlText, Store, WriteBehind, WriteBehindOptions};

use crate::child::{Again, run, say, told};

/// Serde leaves out columns of it.
mod login {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "login")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        #[serde(skip_deserializing)]
        pub id: i64,
        #[serde(skip)]
        pub hash: String,
        #[serde(skip_serializing, default)]
        pub points: i64,
        #[serde(rename = "title")]
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn logins() -> Vec<login::Model> {
    (11..=12).map(|id| login::Model { id, hash: "hash".to_owned(), points: 42, name: "name".to_owned() }).collect()
}

async fn store(folder: &str) -> Store {
    let store = larder::open(&format!("sqlite:{folder}/store.db")).await.unwrap();
    let table = "CREATE TABLE IF NOT EXISTS login (id INTEGER PRIMARY KEY, hash TEXT NOT NULL, points INTEGER NOT NULL, name TEXT NOT NULL)";
    store.sql().unwrap().execute(&Cx::new(), &SqlText::new(table)).await.unwrap();
    store
}

async fn queue(store: &Store, folder: &str) -> WriteBehind<login::Model> {
    let slow = WriteBehindOptions::new().linger(WriteBehindOptions::MAX_LINGER);
    let builder = WriteBehind::builder(store.repository::<login::Entity>()).reconcile_by_id().options(slow);
    builder.journal(Journal::at(format!("{folder}/journal"))).start().await.unwrap()
}

/// The models are stored with all of their columns, by the queue of the next process.
#[test]
fn what_serde_leaves_out_outlives_a_kill() {
    if let Some(folder) = told("FOLDER") {
        return run(async {
            let store = store(&folder).await;
            let queue = queue(&store, &folder).await;
            queue.submit_many(&Cx::new(), &logins()).unwrap();
            say("ACCEPTED");
            std::future::pending().await
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let mut child =
        Again::running(concat!(module_path!(), "::what_serde_leaves_out_outlives_a_kill")).tell("FOLDER", path).start();
    assert_eq!(child.next().as_deref(), Some("ACCEPTED"));
    child.kill();
    run(async {
        let store = store(path).await;
        let queue = queue(&store, path).await;
        assert_eq!((queue.recovery().replayed, &*queue.recovery().reasons), (2, &[][..]));
        assert_eq!(queue.close(&Cx::new()).await.stored, 2);
        assert_eq!(store.repository::<login::Entity>().all(&Cx::new()).await.unwrap(), logins());
        store.close().await;
    });
}
