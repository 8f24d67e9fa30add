#!/usr/bin/env python3
"""What one more entity costs: the time to build a service, and the size of its program, with 1 and with 21 entities.

The service uses every operation on each entity, on SQLite, by larder and by SeaORM alone. Dependencies are built before and are not counted.

    python3 bench/compile_cost.py [--target DIR] [--only debug,release] [--rounds N]
"""

import argparse
import os
import pathlib
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

MANIFEST = """
[package]
name = "service"
version = "0.1.0"
edition = "2024"

[workspace]

[features]
larder = ["dep:larder"]
sea-orm = ["orm/runtime-tokio", "orm/sqlx-sqlite", "orm/stream"]

[dependencies]
futures = "0.3"
larder = {{ path = "{root}", optional = true }}
orm = {{ package = "sea-orm", version = "2.0.4", default-features = false, features = ["macros", "with-chrono", "with-json", "with-uuid"] }}
serde = {{ version = "1", features = ["derive"] }}
tokio = {{ version = "1", features = ["macros", "rt-multi-thread"] }}
uuid = {{ version = "1", features = ["v4"] }}

[profile.dev]
debug = "line-tables-only"
incremental = false
"""

ENTITY = """
mod entity{n} {{
    use orm as sea_orm;
    use orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel{serde})]
    #[sea_orm(table_name = "entity{n}")]
    pub struct Model {{
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub name: String,
        pub count: i64,
        pub note: Option<String>,
        pub at: DateTimeUtc,
    }}

    impl ActiveModelBehavior for ActiveModel {{}}
}}
"""

LARDER = """
async fn use{n}(store: &larder::Store, model: entity{n}::Model) -> larder::Result<usize> {{
    use larder::{{Changes, Cx, OnConflict, PageRequest, Projection, Query, ReaderExt, TransactionalExt, field}};

    let (all, cx) = (&store.repository::<entity{n}::Entity>(), &Cx::new());
    let columns = &entity{n}::COLUMN;
    let filter = field(columns.count).at_least(1).and(field(columns.name).starts_with("a"));
    let query = Query::new().filter(filter.clone()).order_by(columns.name).limit(10);
    let (models, ids) = ([model.clone(), model.clone()], [model.id]);
    all.create(cx, &model).await?;
    all.create_many(cx, &models).await?;
    all.create_batch(cx, &models).await?;
    all.upsert_batch(cx, &models, &OnConflict::replace()).await?;
    let mut seen = all.find(cx, &model.id).await?.map_or(0, |found| found.name.len());
    seen += all.find_many(cx, &ids).await?.len() + all.query(cx, &query).await?.len() + all.all(cx).await?.len();
    let mut stream = all.stream(cx, &query).await?;
    while let Some(model) = stream.try_next().await? {{
        seen += model.name.len();
    }}
    seen += all.page(cx, &query, &PageRequest::new(10)).await?.models.len();
    seen += all.project(cx, &query, &Projection::of(columns.name)).await?.len();
    all.count(cx, &filter).await?;
    all.update(cx, &model).await?;
    all.update_many(cx, &models).await?;
    all.update_where(cx, &filter, &Changes::new().set(columns.name, "b")).await?;
    let inner = &model;
    all.tx(cx, |cx| async move {{ all.update(&cx, inner).await }}).await?;
    all.delete(cx, &model.id).await?;
    all.delete_many(cx, &ids).await?;
    all.delete_where(cx, &filter).await?;
    Ok(seen)
}}
"""

SEA_ORM = """
async fn use{n}(database: &orm::DatabaseConnection, model: entity{n}::Model) -> Result<usize, orm::DbErr> {{
    use futures::TryStreamExt;
    use orm::{{entity::prelude::*, sea_query::OnConflict, IntoActiveModel, QueryOrder, QuerySelect, TransactionTrait}};
    use entity{n}::{{ActiveModel, Column, Entity}};

    let query = || Entity::find().filter(Column::Count.gte(1)).filter(Column::Name.starts_with("a")).order_by_asc(Column::Name).limit(10);
    let active = || model.clone().into_active_model();
    let changed = || ActiveModel {{ id: orm::Unchanged(model.id), ..active().reset_all() }};
    Entity::insert(active()).exec_with_returning(database).await?;
    Entity::insert_many([active(), active()]).exec_with_returning(database).await?;
    Entity::insert_many([active(), active()]).exec(database).await?;
    let conflict = OnConflict::column(Column::Id).update_columns([Column::Name, Column::Count, Column::Note, Column::At]).to_owned();
    Entity::insert_many([active(), active()]).on_conflict(conflict).exec(database).await?;
    let mut seen = Entity::find_by_id(model.id).one(database).await?.map_or(0, |found| found.name.len());
    seen += Entity::find().filter(Column::Id.is_in([model.id])).all(database).await?.len() + query().all(database).await?.len();
    seen += Entity::find().all(database).await?.len();
    let mut stream = query().stream(database).await?;
    while let Some(model) = stream.try_next().await? {{
        seen += model.name.len();
    }}
    drop(stream);
    seen += query().cursor_by(Column::Id).first(10).all(database).await?.len();
    seen += query().select_only().column(Column::Name).into_tuple::<String>().all(database).await?.len();
    query().count(database).await?;
    changed().update(database).await?;
    for _ in 0..2 {{
        changed().update(database).await?;
    }}
    Entity::update_many().col_expr(Column::Name, Expr::value("b")).filter(Column::Count.gte(1)).exec(database).await?;
    let transaction = database.begin().await?;
    changed().update(&transaction).await?;
    transaction.commit().await?;
    Entity::delete_by_id(model.id).exec(database).await?;
    Entity::delete_many().filter(Column::Id.is_in([model.id])).exec(database).await?;
    Entity::delete_many().filter(Column::Count.gte(1)).exec(database).await?;
    Ok(seen)
}}
"""

MAIN = """
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {{
    let place = {open};
    let mut seen = 0;
{uses}
    println!("{{seen}}");
    Ok(())
}}
"""

USE = """
    let model = entity{n}::Model {{ id: uuid::Uuid::new_v4(), name: "a".into(), count: 1, note: None, at: Default::default() }};
    seen += use{n}(&place, model).await?;
"""

OPEN = {
    "larder": 'larder::open("sqlite::memory:").await?',
    "sea-orm": 'orm::Database::connect("sqlite::memory:").await?',
}
OPERATIONS = {"larder": LARDER, "sea-orm": SEA_ORM}
SERDE = {"larder": ", serde::Serialize, serde::Deserialize", "sea-orm": ""}


def program(library, entities):
    numbers = range(entities)
    parts = [ENTITY.format(n=n, serde=SERDE[library]) + OPERATIONS[library].format(n=n) for n in numbers]
    uses = "".join(USE.format(n=n) for n in numbers)
    return "".join(parts) + MAIN.format(open=OPEN[library], uses=uses)


def build(folder, target, library, profile):
    command = ["cargo", "build", "--quiet", "--no-default-features", "--features", library]
    command += ["--release"] if profile == "release" else []
    start = time.monotonic()
    subprocess.run(command, cwd=folder, check=True, env=os.environ | {"CARGO_TARGET_DIR": str(target)})
    return time.monotonic() - start


def size(program):
    """Without symbols: in bytes."""
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["strip", "-o", stripped.name, program], check=True)
        return os.path.getsize(stripped.name)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--target", type=pathlib.Path)
    arguments.add_argument("--only", default="debug,release")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder, target = pathlib.Path(scratch) / "service", arguments.target or pathlib.Path(scratch) / "target"
        (folder / "src").mkdir(parents=True)
        (folder / "Cargo.toml").write_text(MANIFEST.format(root=ROOT))
        for profile in arguments.only.split(","):
            each = {}
            for library in ("larder", "sea-orm"):
                measured = {}
                for entities in (1, 21):
                    source = folder / "src" / "main.rs"
                    source.write_text(program(library, entities))
                    build(folder, target, library, profile)
                    times = []
                    for _ in range(arguments.rounds):
                        source.touch()
                        times.append(build(folder, target, library, profile))
                    measured[entities] = min(times), size(target / profile / "service")
                (one, small), (many, large) = measured[1], measured[21]
                each[library] = (many - one) / 20, (large - small) / 20
                print(
                    f"{profile:8} {library:8} 1 entity: {one:6.1f} s {small / 1e6:6.2f} MB; 21: {many:6.1f} s {large / 1e6:6.2f} MB; "
                    f"each further: {each[library][0]:5.2f} s {each[library][1] / 1e3:6.0f} kB",
                    flush=True,
                )
            ratios = [mine / other for mine, other in zip(each["larder"], each["sea-orm"])]
            print(f"{profile:8} each further entity, larder / SeaORM: time {ratios[0]:.2f}, size {ratios[1]:.2f}", flush=True)


if __name__ == "__main__":
    main()
