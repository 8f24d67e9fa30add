//! Every workload: what is done, where, by whom, and what larder is to reach.

use larder::Durability;

use crate::{
    Result, Run, batched, claims,
    client::Library::{self, *},
    compare, deadline, files, groups, growth, layer, memory, mixed,
    place::Engine::{self, *},
    report::Section,
    write_behind,
};

/// As many as the most tasks want.
pub const FEWEST_ROWS: usize = 2_000;

/// Something to be measured.
pub enum Work {
    /// The same work by several libraries.
    Comparison(&'static Comparison),
    Layer,
    Deadline,
    Groups,
    Files,
    Growth,
    Mixed,
    Batched,
    Claims(Engine),
    Memory,
    WriteBehind,
}

/// Every workload, in the order of the report.
pub fn all() -> impl Iterator<Item = Work> {
    let others = [Work::WriteBehind, Work::Layer, Work::Deadline, Work::Groups, Work::Growth, Work::Mixed, Work::Batched];
    let others = [Work::Claims(Postgres), Work::Claims(Sqlite)].into_iter().chain(others);
    COMPARISONS.iter().map(Work::Comparison).chain(others).chain([Work::Files, Work::Memory])
}

impl Work {
    pub fn id(&self) -> &'static str {
        match self {
            Self::Comparison(comparison) => comparison.id,
            Self::Layer => layer::ID,
            Self::Deadline => deadline::ID,
            Self::Groups => groups::ID,
            Self::Files => files::ID,
            Self::Growth => growth::ID,
            Self::Mixed => mixed::ID,
            Self::Batched => batched::ID,
            Self::Claims(Postgres) => claims::ON_POSTGRES,
            Self::Claims(_) => claims::ON_SQLITE,
            Self::Memory => memory::ID,
            Self::WriteBehind => write_behind::ID,
        }
    }

    pub fn needs_postgres(&self) -> bool {
        matches!(self, Self::Comparison(Comparison { engine: Postgres, .. }) | Self::Claims(Postgres))
    }

    pub fn uses_postgres(&self) -> bool {
        self.needs_postgres() || matches!(self, Self::Memory | Self::Deadline | Self::Groups)
    }

    pub async fn run(&self, run: &Run) -> Result<Section> {
        match self {
            Self::Comparison(comparison) => compare::run(comparison, run).await,
            Self::Layer => layer::run(run).await,
            Self::Deadline => deadline::run(run).await,
            Self::Groups => groups::run(run).await,
            Self::Files => files::run(run).await,
            Self::Growth => growth::run(run).await,
            Self::Mixed => mixed::run(run).await,
            Self::Batched => batched::run(run).await,
            Self::Claims(engine) => claims::run(run, *engine).await,
            Self::Memory => memory::run(run).await,
            Self::WriteBehind => write_behind::run(run).await,
        }
    }
}

/// What a client is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    CreateBatch,
    Create,
    Find,
    Update,
    UpdateMany,
    Scan,
}

/// What larder is to reach, beside another subject.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// At least so many times its rate.
    Faster(Library, f64),
    /// At most so many times its time.
    Within(Library, f64),
}

pub struct Comparison {
    pub id: &'static str,
    pub title: &'static str,
    pub engine: Engine,
    pub durability: Durability,
    pub operation: Operation,
    pub tasks: usize,
    /// One operation for so many rows.
    pub divisor: usize,
    pub libraries: &'static [Library],
    pub bounds: &'static [Bound],
}

const SQLITE: Comparison = Comparison {
    id: "",
    title: "",
    engine: Sqlite,
    durability: Durability::Process,
    operation: Operation::Find,
    tasks: 1,
    divisor: 1,
    libraries: &[],
    bounds: &[],
};
const POSTGRES: Comparison = Comparison { engine: Postgres, ..SQLITE };
const DUCKDB: Comparison = Comparison { engine: DuckDb, ..SQLITE };

static COMPARISONS: [Comparison; 15] = [
    Comparison {
        id: "P1",
        title: "SQLite: find by id, one task",
        divisor: 10,
        libraries: &[Larder, SeaOrm, SeaOrmUntested, Sqlx, Diesel, Toasty, Limit],
        bounds: &[Bound::Faster(SeaOrm, 12.0), Bound::Within(Limit, 2.0)],
        ..SQLITE
    },
    Comparison {
        id: "P2",
        title: "SQLite: find by id, 32 tasks",
        divisor: 5,
        tasks: 32,
        libraries: &[Larder, SeaOrm, SeaOrmUntested, Sqlx, Diesel, Limit],
        bounds: &[Bound::Faster(SeaOrm, 4.0)],
        ..SQLITE
    },
    Comparison {
        id: "P3",
        title: "SQLite: create, one task",
        operation: Operation::Create,
        divisor: 20,
        libraries: &[Larder, SeaOrm, SeaOrmUntested, Sqlx, Diesel, Toasty, Limit],
        bounds: &[Bound::Faster(SeaOrm, 5.0), Bound::Within(Limit, 1.5)],
        ..SQLITE
    },
    Comparison {
        id: "P4",
        title: "SQLite: create, 64 tasks, synchronous=FULL",
        durability: Durability::Power,
        operation: Operation::Create,
        tasks: 64,
        divisor: 50,
        libraries: &[Larder, SeaOrm, SeaOrmUntested, Sqlx, SharedCommits],
        bounds: &[Bound::Faster(SeaOrm, 10.0)],
        ..SQLITE
    },
    Comparison {
        id: "P5",
        title: "SQLite: create_batch",
        operation: Operation::CreateBatch,
        libraries: &[Larder, SeaOrm, Sqlx, Diesel, Toasty, Limit],
        bounds: &[Bound::Faster(SeaOrm, 1.15), Bound::Faster(Diesel, 1.6), Bound::Within(Limit, 1.2)],
        ..SQLITE
    },
    Comparison {
        id: "P6",
        title: "SQLite: scan into models",
        operation: Operation::Scan,
        libraries: &[Larder, LarderStream, SeaOrm, Sqlx, Diesel, Toasty, Limit],
        bounds: &[Bound::Faster(SeaOrm, 4.0), Bound::Faster(Diesel, 1.0)],
        ..SQLITE
    },
    Comparison {
        id: "P6-update-many",
        title: "SQLite: update_many",
        operation: Operation::UpdateMany,
        libraries: &[Larder, SeaOrm, Sqlx, Limit],
        bounds: &[Bound::Faster(SeaOrm, 2.0)],
        ..SQLITE
    },
    Comparison {
        id: "P7",
        title: "Postgres: create_batch",
        operation: Operation::CreateBatch,
        libraries: &[Larder, SeaOrm, Sqlx, Diesel, DieselCopy, Toasty, Limit],
        bounds: &[Bound::Faster(SeaOrm, 1.6), Bound::Within(Limit, 1.2)],
        ..POSTGRES
    },
    Comparison {
        id: "P8-find",
        title: "Postgres: find by id, one task",
        divisor: 25,
        libraries: &[Larder, SeaOrm, SeaOrmUntested, Sqlx, Diesel, Toasty, Limit],
        bounds: &[Bound::Within(SeaOrm, 1.05)],
        ..POSTGRES
    },
    Comparison {
        id: "P8-update",
        title: "Postgres: update, one task",
        operation: Operation::Update,
        divisor: 25,
        libraries: &[Larder, SeaOrm, SeaOrmUntested, Sqlx, Diesel, Limit],
        bounds: &[Bound::Within(SeaOrm, 1.05)],
        ..POSTGRES
    },
    Comparison {
        id: "P8-create",
        title: "Postgres: create, one task",
        operation: Operation::Create,
        divisor: 25,
        libraries: &[Larder, SeaOrm, SeaOrmUntested, Sqlx, Diesel, Toasty, Limit],
        bounds: &[Bound::Within(SeaOrm, 1.05)],
        ..POSTGRES
    },
    Comparison {
        id: "P8-update-many",
        title: "Postgres: update_many",
        operation: Operation::UpdateMany,
        libraries: &[Larder, SeaOrm, Sqlx, Limit],
        bounds: &[Bound::Faster(SeaOrm, 2.0), Bound::Within(Limit, 2.0)],
        ..POSTGRES
    },
    Comparison {
        id: "P9",
        title: "Postgres: scan into models",
        operation: Operation::Scan,
        libraries: &[Larder, LarderStream, SeaOrm, Sqlx, Diesel, Toasty, Limit],
        bounds: &[Bound::Faster(SeaOrm, 1.2)],
        ..POSTGRES
    },
    Comparison {
        id: "P10",
        title: "DuckDB: create_batch",
        operation: Operation::CreateBatch,
        libraries: &[Larder, DuckDbRows, Limit],
        bounds: &[Bound::Within(Limit, 1.25)],
        ..DUCKDB
    },
    Comparison {
        id: "P11",
        title: "DuckDB: scan into models",
        operation: Operation::Scan,
        libraries: &[Larder, LarderStream, DuckDbRows, Limit],
        bounds: &[Bound::Faster(DuckDbRows, 1.0)],
        ..DUCKDB
    },
];
