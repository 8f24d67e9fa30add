//! A picture of a workload: a bar for each subject, readable on white and on black.

use std::path::Path;

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::{
    Result,
    report::{Line, Section},
};

const WIDTH: i32 = 1000;
const LABELS: i32 = 330;
const NUMBERS: i32 = 120;
const BAR: i32 = 22;
const STEP: i32 = 34;
const HEAD: i32 = 48;

/// These tell from white and from black alike.
const TEXT: RGBColor = RGBColor(118, 118, 118);
const LARDER: RGBColor = RGBColor(217, 119, 6);
const LIMIT: RGBColor = RGBColor(13, 148, 136);
const OTHER: RGBColor = RGBColor(99, 132, 190);

/// Writes `ID.svg`. A subject without a time gets no bar, and a workload without any no picture.
pub fn write(section: &Section, directory: &Path) -> Result<()> {
    let bars: Vec<(&Line, f64)> = section.lines.iter().filter_map(|line| Some((line, line.each_ns()?))).collect();
    let Some(longest) = bars.iter().map(|(_, time)| *time).max_by(f64::total_cmp) else { return Ok(()) };
    let height = HEAD + STEP * i32::try_from(bars.len())? + 8;
    let file = directory.join(format!("{}.svg", section.id));
    let area = SVGBackend::new(&file, (WIDTH.unsigned_abs(), height.unsigned_abs())).into_drawing_area();
    text(&area, format!("{}  {} (time of one, less is better)", section.id, section.title), (8, 20), 20.0, HPos::Left)?;
    for ((line, time), row) in bars.into_iter().zip(0..) {
        let top = HEAD + STEP * row;
        let middle = top + BAR / 2;
        let length = (f64::from(WIDTH - LABELS - NUMBERS) * time / longest.max(f64::MIN_POSITIVE)).ceil() as i32;
        text(&area, line.subject.clone(), (LABELS - 10, middle), 17.0, HPos::Right)?;
        let bar = Rectangle::new([(LABELS, top), (LABELS + length, top + BAR)], color(line).filled());
        area.draw(&bar).map_err(|error| error.to_string())?;
        text(&area, readable(time), (LABELS + length + 8, middle), 17.0, HPos::Left)?;
    }
    area.present().map_err(|error| error.to_string())?;
    Ok(())
}

fn color(line: &Line) -> RGBColor {
    match line.subject.split([' ', ':']).next() {
        Some("larder") => LARDER,
        Some("limit") => LIMIT,
        _ => OTHER,
    }
}

fn text(area: &DrawingArea<SVGBackend<'_>, Shift>, text: String, at: (i32, i32), size: f64, side: HPos) -> Result<()> {
    let style = ("sans-serif", size).into_font().color(&TEXT).pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(text, at, style)).map_err(|error| error.to_string().into())
}

fn readable(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.1} \u{b5}s", ns / 1e3),
        ns => format!("{:.1} ms", ns / 1e6),
    }
}
