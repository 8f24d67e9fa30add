//! Groups of text that a column's collation takes for the same.

use larder::{Cx, PageRequest, Query, ReaderExt as _};

use super::{entities::named, places};

#[tokio::test]
async fn groups_are_of_the_same_bytes() {
    for collation in ["NOCASE", "RTRIM", "BINARY"] {
        let table = format!("CREATE TABLE named (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE {collation});\n");
        for place in places(&table).await {
            place.run("INSERT INTO named VALUES (1, 'a'), (2, 'A'), (3, 'a '), (4, 'A'), (5, 'a');\n").await;
            let (cx, names) = (Cx::new(), place.store.repository::<named::Entity>());
            let ids = |models: &[named::Model]| models.iter().map(|model| model.id).collect::<Vec<_>>();
            let latest = Query::new().order_by_desc(named::COLUMN.id).first_of_each(named::COLUMN.name);
            assert_eq!(ids(&names.query(&cx, &latest).await.unwrap()), [5, 4, 3], "{} {collation}", place.name);
            assert_eq!(names.count_of(&cx, &latest).await.unwrap(), 3, "{} {collation}", place.name);
            let page = names.page(&cx, &latest, &PageRequest::new(2).with_total()).await.unwrap();
            assert_eq!((ids(&page.models), page.total), (vec![5, 4], Some(3)), "{} {collation}", place.name);
            let next = names.page(&cx, &latest, &PageRequest::new(2).after(&page.next.unwrap())).await.unwrap();
            assert_eq!(ids(&next.models), [3], "{} {collation}", place.name);
            let all = names.all(&cx).await.unwrap();
            let of_each = names.of_each(&cx, &all[..3], named::COLUMN.name, named::COLUMN.name, &latest.limit(1)).await.unwrap();
            assert_eq!(
                of_each.iter().map(|models| ids(models)).collect::<Vec<_>>(),
                [[5], [4], [3]],
                "{} {collation}",
                place.name
            );
        }
    }
}
