use larder::{
    AppendOnly, Creator, Cx, Error, ErrorKind, Filter, ModelStream, OnConflict, PageRequest, Projection, Query, Result,
    TransactionalExt, field,
};

use crate::testing::{
    Fixture, Harness,
    entities::line::{self, COLUMN},
};

type Lines = AppendOnly<line::Entity>;

/// Lines, and how many a log may have of one id.
async fn log(harness: &'static dyn Harness) -> (Fixture, Lines, i64) {
    let fixture = harness.fresh().await;
    let lines = fixture.store.repository_builder::<line::Entity>();
    let lines = lines.unique_by([line::Column::Source, line::Column::Number]).build_append_only().unwrap();
    let most = if fixture.store.capabilities().unenforced_keys { i64::MAX } else { 1 };
    (fixture, lines, most)
}

/// A line, whose id it shares with as many as there may be.
fn line(number: i64, most: i64) -> line::Model {
    line::Model { id: if most > 1 { 7 } else { number }, source: "a".into(), number, text: Some(format!("line {number}")) }
}

fn numbers(lines: &[line::Model]) -> Vec<i64> {
    lines.iter().map(|line| line.number).collect()
}

async fn read(mut lines: ModelStream<line::Model>) -> Result<Vec<i64>> {
    let mut read = Vec::new();
    while let Some(line) = lines.try_next().await? {
        read.push(line.number);
    }
    Ok(read)
}

/// Models of one id are stored and answered each by itself, in the order given; in a store that keeps ids unique, the second is
/// `Duplicate`.
pub async fn keep_models_of_one_id(harness: &'static dyn Harness) {
    let (_fixture, lines, most) = log(harness).await;
    let cx = Cx::new();
    assert_eq!(lines.create(&cx, &line(1, most)).await.unwrap(), line(1, most));
    let many: Vec<_> = (2..=2_500).map(|number| line(number, most)).collect();
    assert_eq!(lines.create_many(&cx, &many).await.unwrap(), many);
    assert_eq!(lines.create_batch(&cx, &[line(2_501, most), line(2_502, most)]).await.unwrap(), 2);
    let by_number = Query::new().order_by(COLUMN.number);
    assert_eq!(numbers(&lines.query(&cx, &by_number).await.unwrap()), (1..=2_502).collect::<Vec<_>>());
    let again = lines.create(&cx, &line(2_502, most)).await;
    match most {
        1 => assert_eq!(again.unwrap_err().kind(), ErrorKind::Duplicate),
        _ => assert_eq!(again.unwrap(), line(2_502, most)),
    }
    // The same in every column, twice in one call.
    if most > 1 {
        let same = vec![line(3_000, most); 3];
        assert_eq!(lines.create_many(&cx, &same).await.unwrap(), same);
        assert_eq!(lines.create_batch(&cx, &same).await.unwrap(), 3);
        assert_eq!(lines.count(&cx, &field(COLUMN.number).equals(3_000)).await.unwrap(), 6);
    }
}

/// What is stored is read by queries, counted, projected, and deleted by filters.
pub async fn are_read_and_deleted_by_filters(harness: &'static dyn Harness) {
    let (fixture, lines, most) = log(harness).await;
    let cx = Cx::new();
    let models: Vec<_> = (1..=9).map(|number| line::Model { source: (number % 2).to_string(), ..line(number, most) }).collect();
    lines.create_batch(&cx, &models).await.unwrap();
    let odd = || field(COLUMN.source).equals("1");
    let latest = Query::new().order_by_desc(COLUMN.number);
    assert_eq!(numbers(&lines.query(&cx, &latest.clone().filter(odd()).limit(2)).await.unwrap()), [9, 7]);
    assert_eq!(lines.first(&cx, &latest).await.unwrap().map(|line| line.number), Some(9));
    assert_eq!(numbers(&lines.query(&cx, &latest.clone().first_of_each(COLUMN.source)).await.unwrap()), [9, 8]);
    assert_eq!((lines.count(&cx, &odd()).await.unwrap(), lines.count_of(&cx, &latest.clone().limit(4)).await.unwrap()), (5, 4));
    assert!(lines.exists_where(&cx, &odd()).await.unwrap());
    assert_eq!(lines.distinct::<String, _>(&cx, COLUMN.source, &Filter::all()).await.unwrap(), ["0", "1"]);
    let texts: Vec<(i64, Option<String>)> =
        lines.query_as(&cx, &latest.clone().limit(1), &Projection::of(COLUMN.number).and(COLUMN.text)).await.unwrap();
    assert_eq!(texts, [(9, Some("line 9".to_owned()))]);
    assert_eq!(read(lines.stream(&cx, &latest).await.unwrap()).await.unwrap(), (1..=9).rev().collect::<Vec<_>>());
    assert_eq!(lines.delete_where(&cx, &odd()).await.unwrap(), 5);
    assert_eq!(numbers(&lines.query(&cx, &latest).await.unwrap()), [8, 6, 4, 2]);
    let lines = &lines;
    let undone = fixture.store.tx(&cx, |cx| async move {
        lines.create(&cx, &line(10, most)).await?;
        assert_eq!(lines.delete_where(&cx, &Filter::all()).await?, 5);
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    undone.await.unwrap_err();
    assert_eq!(lines.count(&cx, &Filter::all()).await.unwrap(), 4);
}

/// A stream inside a transaction reads in parts, and leaves out no model of a place in the order that several have.
pub async fn lose_none_in_a_stream_of_a_transaction(harness: &'static dyn Harness) {
    let (fixture, lines, most) = log(harness).await;
    // One place has more models than a part, and others stand at the end of one.
    let place = |number: i64| if (2_000..5_500).contains(&number) { 2_000 } else { number / 7 };
    let id = |number: i64| if most > 1 { place(number) } else { number };
    let models: Vec<_> = (0..8_000).map(|number| line::Model { id: id(number), ..line(number, most) }).collect();
    lines.create_batch(&Cx::new(), &models).await.unwrap();
    let lines = &lines;
    let streamed = fixture.store.tx(&Cx::new(), |cx| async move {
        let all = read(lines.stream(&cx, &Query::new()).await?).await?;
        let some = read(lines.stream(&cx, &Query::new().order_by_desc(COLUMN.id).offset(3).limit(7_000)).await?).await?;
        let by_unique = Query::new().order_by(COLUMN.source).order_by_desc(COLUMN.number);
        Ok::<_, Error>((all, some.len(), read(lines.stream(&cx, &by_unique).await?).await?))
    });
    let (mut all, some, by_unique) = streamed.await.unwrap();
    all.sort_unstable();
    assert_eq!(all, (0..8_000).collect::<Vec<_>>());
    assert_eq!(some, 7_000);
    assert_eq!(by_unique, (0..8_000).rev().collect::<Vec<_>>());
}

/// Pages are read in an order that is declared unique, and in no other.
pub async fn have_pages_in_a_unique_order(harness: &'static dyn Harness) {
    let (fixture, lines, most) = log(harness).await;
    let cx = Cx::new();
    lines.create_batch(&cx, &(1..=7).map(|number| line(number, most)).collect::<Vec<_>>()).await.unwrap();
    let query = Query::new().order_by_desc(COLUMN.number).order_by(COLUMN.source);
    let (mut request, mut seen) = (PageRequest::new(3).with_total(), Vec::new());
    loop {
        let page = lines.page(&cx, &query, &request).await.unwrap();
        assert_eq!(page.total, Some(7));
        seen.extend(numbers(&page.models));
        match page.next {
            Some(next) => request = request.after(&next),
            None => break,
        }
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
    let other = fixture.store.append_only::<line::Entity>();
    let refused = [
        lines.page(&cx, &Query::new(), &PageRequest::new(3)).await,
        lines.page(&cx, &Query::new().order_by(COLUMN.number), &PageRequest::new(3)).await,
        other.page(&cx, &query, &PageRequest::new(3)).await,
    ];
    for page in refused {
        let error = page.unwrap_err();
        assert_eq!((error.kind(), error.operation()), (ErrorKind::InvalidInput, Some("page")));
    }
    let builder = || fixture.store.repository_builder::<line::Entity>();
    // Null is not equal to null.
    assert_eq!(builder().unique_by([line::Column::Text]).build_append_only().unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(builder().unique_by([]).build_append_only().unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// There is nothing that a model is told by: `upsert_batch` is `Unsupported`.
pub async fn refuse_upserts(harness: &'static dyn Harness) {
    let (_fixture, lines, most) = log(harness).await;
    let error = lines.upsert_batch(&Cx::new(), &[line(1, most)], &OnConflict::replace()).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Unsupported, Some("upsert_batch")));
}

/// A repository keeps to its filter.
pub async fn keep_to_their_filter(harness: &'static dyn Harness) {
    let (fixture, lines, most) = log(harness).await;
    let cx = Cx::new();
    lines.create_batch(&cx, &(1..=4).map(|number| line(number, most)).collect::<Vec<_>>()).await.unwrap();
    let late = fixture.store.repository_builder::<line::Entity>().within(field(COLUMN.number).at_least(3));
    let late = late.build_append_only().unwrap();
    assert_eq!(late.create(&cx, &line(2, most)).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(late.count(&cx, &Filter::all()).await.unwrap(), 2);
    assert_eq!(late.delete_where(&cx, &Filter::all()).await.unwrap(), 2);
    assert_eq!(lines.count(&cx, &Filter::all()).await.unwrap(), 2);
}
