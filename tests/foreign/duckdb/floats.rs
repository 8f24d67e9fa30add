//! Floating-point numbers that larder itself stores none of: NaN, which DuckDB takes for the greatest, and a zero with a sign.

use larder::{Cx, Error, ErrorKind, PageRequest, Query, ReaderExt as _, Store, field};

use super::{client::File, one};

fn ids(models: &[one::double::Model]) -> Vec<i32> {
    models.iter().map(|model| model.id).collect()
}

/// The ids of a query, read one by one, and the error that ended that.
async fn paged(store: &Store, query: &Query<one::double::Model>) -> (Vec<i32>, Option<Error>) {
    let all = store.repository::<one::double::Entity>();
    let mut request = PageRequest::new(1);
    let mut seen = Vec::new();
    loop {
        let page = match all.page(&Cx::new(), query, &request).await {
            Ok(page) => page,
            Err(error) => return (seen, Some(error)),
        };
        seen.extend(ids(&page.models));
        let Some(next) = page.next else { return (seen, None) };
        request = PageRequest::new(1).after(&next);
        assert!(seen.len() < 20, "the pages do not end");
    }
}

#[tokio::test]
async fn nan_comes_last_and_does_not_stop_a_page() {
    let file = File::new();
    file.python(
        r#"
c.execute("CREATE TABLE one (id INTEGER PRIMARY KEY, value DOUBLE)")
c.execute("INSERT INTO one VALUES (1, 'nan'), (2, 1), (3, NULL), (4, 'inf'), (5, '-inf'), (6, 'nan'), (7, '-0.0'), (8, 0)")
"#,
    );
    let store = file.open().await;
    let (cx, all, column) = (&Cx::new(), store.repository::<one::double::Entity>(), one::double::COLUMN.value);
    let ordered = [3, 5, 7, 8, 2, 4, 1, 6];
    assert_eq!(ids(&all.query(cx, &Query::new().order_by(column)).await.unwrap()), ordered);
    assert_eq!(ids(&all.query(cx, &field(column).equals(0.0).into()).await.unwrap()), [7, 8]);

    // In an order that NaN has no part in, it is as any other value.
    let (seen, error) = paged(&store, &Query::new()).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7, 8]);
    // In one by the numbers, each is read once until there is one to read on from that is no place.
    let (seen, error) = paged(&store, &Query::new().order_by(column)).await;
    assert!(ordered.starts_with(&seen), "{seen:?}");
    assert_eq!(error.is_some(), seen.len() < ordered.len());
    if let Some(error) = error {
        assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("column value"), "{error}");
    }
}
