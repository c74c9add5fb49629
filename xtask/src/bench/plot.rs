//! Wall time against hosts as an SVG, both on logarithmic scales.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::results::Row;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 50.0;
const COLOURS: [&str; 6] = ["#c2410c", "#6b7280", "#9ca3af", "#1d4ed8", "#15803d", "#7e22ce"];

/// Draws rows that have a time, one line a tool. `None` where there is nothing to draw.
pub fn plot(rows: &[Row]) -> Option<String> {
    let mut lines: Vec<(&str, BTreeMap<usize, f64>)> = Vec::new();
    for row in rows {
        let Some(wall) = row.wall() else { continue };
        match lines.iter_mut().find(|(tool, _)| *tool == row.tool) {
            Some((_, points)) => drop(points.insert(row.hosts, wall)),
            None => lines.push((&row.tool, BTreeMap::from([(row.hosts, wall)]))),
        }
    }
    let walls = || lines.iter().flat_map(|(_, points)| points.values().copied());
    let hosts = || lines.iter().flat_map(|(_, points)| points.keys().copied());
    let most = hosts().max()?.max(2) as f64;
    let low = 10_f64.powf(walls().fold(f64::INFINITY, f64::min).log10().floor());
    let high = 10_f64.powf(walls().fold(0.0, f64::max).log10().ceil()).max(low * 10.0);
    let x = |hosts: f64| LEFT + (WIDTH - LEFT - RIGHT) * hosts.log10() / most.log10();
    let y = |wall: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (wall / low).log10() / (high / low).log10();

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"18\">Wall time of 20 tasks that find nothing to do, against hosts (both logarithmic)</text>\n"
    );
    let mut decade = low;
    while decade <= high * 1.01 {
        let label = if decade >= 1.0 { format!("{decade:.0} s") } else { format!("{:.0} ms", decade * 1e3) };
        horizontal(&mut svg, y(decade), &label);
        decade *= 10.0;
    }
    let mut sizes: Vec<_> = hosts().collect();
    sizes.sort_unstable();
    sizes.dedup();
    for size in sizes {
        let (x, bottom) = (x(size as f64), HEIGHT - BOTTOM);
        let _ = writeln!(svg, "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#e5e7eb\"/>");
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{size}</text>", bottom + 20.0);
    }
    for (index, (tool, points)) in lines.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let places: Vec<_> = points.iter().map(|(hosts, wall)| (x(*hosts as f64), y(*wall))).collect();
        let path: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        for (x, y) in &places {
            let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        if let Some((x, y)) = places.last() {
            let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{tool}</text>", x + 8.0, y + 4.0);
        }
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">hosts</text>",
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 10.0
    );
    svg.push_str("</svg>\n");
    Some(svg)
}

fn horizontal(svg: &mut String, y: f64, label: &str) {
    let right = WIDTH - RIGHT;
    let _ = writeln!(svg, "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#e5e7eb\"/>");
    let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>", LEFT - 8.0, y + 4.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_times_as_long_is_as_far_everywhere() {
        let row = |tool: &str, hosts, wall| Row { tool: tool.into(), hosts, wall: vec![wall], ..Row::default() };
        let svg = plot(&[row("a", 1, 0.01), row("a", 10, 0.1), row("a", 100, 1.0)]).unwrap();
        assert!(svg.contains("points=\"70.0,410.0 350.0,220.0 630.0,30.0\""), "{svg}");
        assert!(plot(&[Row::default()]).is_none());
    }
}
