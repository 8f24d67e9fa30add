mod models;

use models::{page, user};

use larder::{
    Aggregate, Aggregation, AppendOnly, Changes, Creator, Cx, Filter, OnConflict, Projection, Query, Reader, ReaderExt, Store,
    TimeBucket, field, field_of,
};
use user::COLUMN;

fn main() {
    let filter = field(COLUMN.age).at_least(18).and(field(COLUMN.name).contains("A")).and(field(COLUMN.active).equals(true));
    let filter = filter.and(field(COLUMN.extra).path_equals(["a", "b"], "text")).and(field_of(user::Column::Id).equals(7_i64));
    let _ = Query::new().filter(filter).order_by(COLUMN.born).order_by_desc(COLUMN.name);
    let _ = Changes::new().set(COLUMN.name, "B").increase(COLUMN.age, 1).set_null(COLUMN.age);
    let _ = Changes::new().set(COLUMN.age, Some(18)).set(COLUMN.name, None::<&str>).set_from(COLUMN.age, COLUMN.id);
    let _ = Changes::new().raise_to(COLUMN.name, "B").lower_to(COLUMN.age, 1).set_if_null(COLUMN.extra, sea_orm::JsonValue::Null);
    let _ = Changes::new().increase(COLUMN.age, 0.5).increase_by(COLUMN.age, COLUMN.id).set(COLUMN.born, None::<sea_orm::prelude::DateTimeUtc>);
    let _ = OnConflict::replace().on(COLUMN.id);
    let _ = OnConflict::apply(Changes::new().increase(COLUMN.age, 1)).only_if(field(COLUMN.active).equals(true));
    let _ = Projection::of(COLUMN.id).and(COLUMN.extra);
    let _ = Query::new().order_by_desc(COLUMN.born).first_of_each(COLUMN.name);
    let _ = async |pages: &dyn Reader<page::Model, i64>, users: &[user::Model]| {
        pages.of_each(&Cx::new(), users, user::COLUMN.name, page::COLUMN.title, &Query::new()).await
    };
    let _ = async |pages: AppendOnly<page::Entity>, page: page::Model| {
        let _ = pages.create(&Cx::new(), &page).await;
        let _ = pages.delete_where(&Cx::new(), &Filter::all()).await;
    };
    let _ = |store: &Store| store.repository_builder::<page::Entity>().within(field(page::COLUMN.title).equals("ann"));
    let busy = Aggregate::count().at_least(2);
    let by_day = Aggregation::new().group_by(COLUMN.name).group_by_time(COLUMN.born, TimeBucket::days(1)).having(busy);
    let _ = by_day.and(Aggregate::sum(COLUMN.age).only(field(COLUMN.active).equals(true))).and(Aggregate::minimum(COLUMN.active));
    let _ = Query::new().filter(field(page::COLUMN.title).starts_with("T"));
}
