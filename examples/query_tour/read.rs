//! Reading: how many, which, in parts, and one after another.

use std::{collections::BTreeMap, fmt::Write};

use chrono::{DateTime, Utc};
use larder::{Cx, MAX_PAGE_SIZE, ModelStream, PageRequest, Projection, Query, ReaderExt, Result, field};
use larder_entity::{fiber, fiber_membership as membership, raw_log};
use serde::Deserialize;
use uuid::Uuid;

use crate::Tour;

/// How many models a page has.
const PAGE: u32 = 5;
/// How many parts all models are read in, if they are not too many for that.
const PARTS: u64 = 4;

/// The columns of a fiber that are read to name it.
#[derive(Deserialize)]
struct Named {
    fiber_id: Uuid,
    attributes: Attributes,
}

/// What the parser writes into a fiber's JSON document.
#[derive(Deserialize)]
struct Attributes {
    key: String,
}

/// Conditions, and what can be asked with them.
pub async fn filters(tour: &Tour) -> Result<String> {
    let Tour { logs, fibers, of_file, of_key, .. } = tour;
    let cx = Cx::new();
    let (raw_text, timestamp) = (field(raw_log::COLUMN.raw_text), field(raw_log::COLUMN.timestamp));
    let mut text = "\nFilters, and how many lines fulfil them\n".to_owned();

    let in_time = Query::new().filter(of_file.clone()).order_by(raw_log::COLUMN.timestamp);
    let lines = logs.count(&cx, of_file).await?;
    let mut asked = vec![("are of the file".to_owned(), of_file.clone())];
    let oldest = logs.first(&cx, &in_time).await?;
    let middle = logs.first(&cx, &in_time.clone().offset(lines / 2)).await?;
    if let (Some(oldest), Some(middle)) = (&oldest, &middle) {
        let start: String = oldest.raw_text.chars().take(10).collect();
        asked.push((format!("begin with \"{}\"", printable(&start)), raw_text.starts_with(start)));
        let until = format!("are between {} and {}", time(oldest.timestamp), time(middle.timestamp));
        asked.push((until, timestamp.between(oldest.timestamp, middle.timestamp)));
    }
    let largest = largest(tour, &cx).await?;
    let mut keys = largest.iter().map(|(key, _)| key);
    if let (Some(one), Some(other)) = (keys.next(), keys.next()) {
        let (has_one, has_other) = (raw_text.contains(one), raw_text.contains(other));
        asked.push((format!("contain {}", printable(one)), has_one.clone()));
        asked.push((format!("contain it or {}", printable(other)), has_one.clone().or(has_other.clone())));
        asked.push(("contain neither".to_owned(), !has_one.or(has_other)));
    }
    for (what, filter) in asked {
        let _ = writeln!(text, "{:>8}  {what}", logs.count(&cx, &of_file.clone().and(filter)).await?);
    }

    let answer = |yes| if yes { "yes" } else { "no" };
    let empty = logs.exists_where(&cx, &of_file.clone().and(raw_text.equals(""))).await?;
    let _ = writeln!(text, "    an empty line?    {}", answer(empty));
    let times: Vec<DateTime<Utc>> = logs.distinct(&cx, raw_log::COLUMN.timestamp, of_file).await?;
    let _ = writeln!(text, "    different times:  {}", times.len());
    let types = fibers.distinct::<String, _>(&cx, fiber::COLUMN.fiber_type, of_key).await?;
    if let Some((key, _)) = largest.first() {
        let _ = writeln!(text, "    types of fibers:  {}", types.join(", "));
        let of_name = of_key.clone().and(field(fiber::COLUMN.attributes).path_equals(["key"], key));
        let _ = writeln!(text, "    fibers of {}:  {}", printable(key), fibers.count(&cx, &of_name).await?);
    }

    let title = if largest.is_empty() { "No line matches the key." } else { "The largest fibers, by lines" };
    let _ = writeln!(text, "{title}");
    for (key, lines) in &largest {
        let _ = writeln!(text, "{lines:>8}  {}", printable(key));
    }
    Ok(text)
}

/// The keys of the fibers with the most lines.
async fn largest(tour: &Tour, cx: &Cx) -> Result<Vec<(String, usize)>> {
    let Tour { fibers, memberships, of_key, by_key, .. } = tour;
    let members = Query::from(by_key.clone());
    let mut lines: BTreeMap<Uuid, usize> = BTreeMap::new();
    for id in memberships.query_as::<Uuid>(cx, &members, &Projection::of(membership::COLUMN.fiber_id)).await? {
        *lines.entry(id).or_default() += 1;
    }
    let name = Projection::of(fiber::COLUMN.fiber_id).and(fiber::COLUMN.attributes);
    let named: Vec<Named> = fibers.query_as(cx, &Query::from(of_key.clone()), &name).await?;
    let size = |named: &Named| lines.get(&named.fiber_id).copied().unwrap_or_default();
    let mut largest: Vec<_> = named.into_iter().map(|named| (size(&named), named.attributes.key)).collect();
    largest.sort_by(|(a, a_key), (b, b_key)| b.cmp(a).then_with(|| a_key.cmp(b_key)));
    Ok(largest.into_iter().take(3).map(|(size, key)| (key, size)).collect())
}

/// Forward, back, and through all of them.
pub async fn pages(tour: &Tour) -> Result<String> {
    let Tour { logs, of_file, .. } = tour;
    let cx = Cx::new();
    let newest = Query::new().filter(of_file.clone()).order_by_desc(raw_log::COLUMN.timestamp);
    let request = PageRequest::new(PAGE);
    let first = logs.page(&cx, &newest, &request).await?;
    let mut text = format!("\nPages of {PAGE} lines, the newest first\n");
    list(&mut text, &first.models);
    if let Some(next) = &first.next {
        let second = logs.page(&cx, &newest, &request.clone().after(next)).await?;
        let _ = writeln!(text, "After {next}");
        list(&mut text, &second.models);
        if let Some(previous) = &second.previous {
            let back = logs.page(&cx, &newest, &request.before(previous)).await?;
            let same = if back.models == first.models { "the first page again" } else { "another page" };
            let _ = writeln!(text, "Before {previous}\n    {same}");
        }
    }

    let part = part_of(logs.count(&cx, of_file).await?);
    let (mut pages, mut lines, mut request) = (0, 0, PageRequest::new(part));
    loop {
        let page = logs.page(&cx, &newest, &request).await?;
        pages += usize::from(!page.models.is_empty());
        lines += page.models.len();
        let Some(next) = &page.next else { break };
        request = request.after(next);
    }
    let _ = writeln!(text, "All lines, in pages of {part}\n    lines: {lines}, pages: {pages}");
    Ok(text)
}

/// How many of these lines to read at a time.
fn part_of(lines: u64) -> u32 {
    u32::try_from(lines.div_ceil(PARTS)).unwrap_or(MAX_PAGE_SIZE).clamp(1, MAX_PAGE_SIZE)
}

fn list(text: &mut String, lines: &[raw_log::Model]) {
    for line in lines {
        let _ = writeln!(text, "    {}", printable(&line.raw_text));
    }
}

/// However many there are: one at a time, and no more than are wanted.
pub async fn streams(tour: &Tour) -> Result<String> {
    let Tour { logs, of_file, .. } = tour;
    let cx = Cx::new();
    let all = Query::from(of_file.clone());
    let mut text = "\nStreams\n".to_owned();

    let (lines, bytes) = size(logs.stream(&cx, &all).await?).await?;
    let _ = writeln!(text, "    as one statement   {lines} lines, {bytes} bytes");
    let part = part_of(lines);
    let (lines, bytes) = size(logs.stream_in_pages(&cx, &all, part)).await?;
    let _ = writeln!(text, "    in pages of {part:<5}  {lines} lines, {bytes} bytes");

    let mut stream = logs.stream(&cx, &all).await?;
    let mut lines = 0;
    while lines < 10 && stream.try_next().await?.is_some() {
        lines += 1;
    }
    // The engine stops, and whoever comes next gets its connection.
    drop(stream);
    let left = logs.count(&cx, of_file).await?.saturating_sub(lines);
    let _ = writeln!(text, "    dropped early      {lines} lines, {left} not read");
    Ok(text)
}

async fn size(mut stream: ModelStream<raw_log::Model>) -> Result<(u64, usize)> {
    let (mut lines, mut bytes) = (0, 0);
    while let Some(line) = stream.try_next().await? {
        lines += 1;
        bytes += line.raw_text.len();
    }
    Ok((lines, bytes))
}

fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// The beginning of a text.
fn printable(text: &str) -> String {
    crate::text::printable(text).chars().take(100).collect()
}
