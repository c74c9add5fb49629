//! Rows as a table that reads well on a terminal and is Markdown.

use super::results::Row;

const HEADINGS: [&str; 9] =
    ["case", "tool", "wall", "spread", "against hostler", "CPU", "memory", "bytes a task", "round trips a task"];

/// The table, and below it what failed.
pub fn table(rows: &[Row]) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned).to_vec()];
    let mut notes = String::new();
    let mut last = "";
    for row in rows {
        let hostler = rows.iter().find(|other| other.case == row.case && other.tool == "hostler").and_then(Row::wall);
        let case = if row.case == last { String::new() } else { row.case.clone() };
        last = &row.case;
        let optional = |value: Option<f64>, show: fn(f64) -> String| value.map_or_else(String::new, show);
        if let Some(failure) = &row.failure {
            notes.push_str(&format!("\n{}, {}: no time: {failure}\n", row.tool, row.case));
        }
        if !row.note.is_empty() {
            notes.push_str(&format!("\n{}, {}: {}\n", row.tool, row.case, row.note));
        }
        let ratio = row.wall().zip(hostler).map(|(own, hostler)| own / hostler);
        lines.push(vec![
            case,
            row.tool.clone(),
            if row.failure.is_some() { "failed".to_owned() } else { optional(row.wall(), seconds) },
            spread(&row.wall),
            optional(ratio, |ratio| format!("{ratio:.2}x")),
            optional(row.cpu(), seconds),
            optional(row.memory.map(|bytes| bytes as f64), |bytes| format!("{:.0} MB", bytes / 1e6)),
            optional(row.bytes, |bytes| format!("{bytes:.0}")),
            optional(row.trips, |trips| format!("{trips:.1}")),
        ]);
    }
    render(&lines) + &notes
}

/// Seconds, with as many digits as mean something.
pub fn seconds(seconds: f64) -> String {
    match seconds {
        ..0.1 => format!("{:.1} ms", seconds * 1e3),
        0.1..1.0 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

fn spread(values: &[f64]) -> String {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    if values.len() < 2 { String::new() } else { format!("{} … {}", seconds(low), seconds(high)) }
}

fn render(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            // Words to the left, figures to the right.
            if column < 2 { format!(" {cell:<width$} ") } else { format!(" {cell:>width$} ") }
        });
        text.push_str(&format!("|{}|\n", cells.collect::<Vec<_>>().join("|")));
        if number == 0 {
            let rules = widths.iter().enumerate().map(|(column, width)| match column {
                0 | 1 => "-".repeat(width + 2),
                _ => format!("{}:", "-".repeat(width + 1)),
            });
            text.push_str(&format!("|{}|\n", rules.collect::<Vec<_>>().join("|")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_against_hostler_in_the_same_case() {
        let row = |case: &str, tool: &str, wall: f64| Row {
            case: case.into(),
            tool: tool.into(),
            wall: vec![wall],
            ..Row::default()
        };
        let rows = [row("1 host", "hostler", 0.05), row("1 host", "pyinfra", 3.0), row("2 hosts", "hostler", 1.0)];
        let table = table(&rows);
        assert!(table.contains("| pyinfra |  3.00 s |        |          60.00x |"), "{table}");
        assert!(table.contains("50.0 ms"), "{table}");
    }

    #[test]
    fn a_failed_run_has_no_time() {
        let rows = [Row { tool: "pyinfra".into(), failure: Some("exit code 1".into()), ..Row::default() }];
        assert!(table(&rows).contains("failed") && table(&rows).contains("no time: exit code 1"));
    }
}
