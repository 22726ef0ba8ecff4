//! Columns of text that fit the terminal; a pipe gets everything.

/// Rows under headings. Where the whole does not fit `width`, the widest column is cut.
pub struct Table {
    headings: Vec<&'static str>,
    /// Columns of numbers, which are aligned to the right.
    numbers: &'static [usize],
    rows: Vec<Vec<String>>,
}

const GAP: usize = 2;
const NARROWEST: usize = 8;

impl Table {
    pub fn new(headings: &[&'static str], numbers: &'static [usize]) -> Self {
        Table { headings: headings.to_vec(), numbers, rows: Vec::new() }
    }

    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.push(cells.into());
    }

    pub fn push(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.headings.len(), "a cell under each heading");
        self.rows.push(cells);
    }

    /// The lines, the first of which are the headings.
    pub fn lines(&self, width: Option<usize>) -> Vec<String> {
        let widths = self.widths(width);
        let headings: Vec<String> = self.headings.iter().map(|heading| heading.to_string()).collect();
        std::iter::once(&headings).chain(&self.rows).map(|row| self.line(row, &widths)).collect()
    }

    /// The same for people: where not even narrow columns fit, each row as a paragraph, a field a line.
    pub fn shown(&self, width: Option<usize>) -> Vec<String> {
        if self.fits(width) {
            return self.lines(width);
        }
        let widest = self.headings.iter().map(|heading| heading.chars().count()).max().unwrap_or(0);
        let mut lines = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            lines.extend((at > 0).then(String::new));
            let fields = self.headings.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
            lines.extend(fields.map(|(heading, cell)| format!("{heading:<widest$}{:GAP$}{cell}", "")));
        }
        lines
    }

    /// Whether columns fit, be they narrow.
    pub fn fits(&self, width: Option<usize>) -> bool {
        let taken = self.widths(width).iter().sum::<usize>() + GAP * self.headings.len().saturating_sub(1);
        width.is_none_or(|width| taken <= width)
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cells = row.iter().zip(widths).enumerate().map(|(at, (cell, width))| {
            let cell = cut(cell, *width);
            let padding = " ".repeat(width - cell.chars().count());
            if self.numbers.contains(&at) { [padding, cell].concat() } else { [cell, padding].concat() }
        });
        cells.collect::<Vec<_>>().join(" ".repeat(GAP).as_str()).trim_end().to_owned()
    }

    fn widths(&self, limit: Option<usize>) -> Vec<usize> {
        let widest = |at: usize| self.rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let mut widths: Vec<usize> =
            self.headings.iter().enumerate().map(|(at, heading)| heading.chars().count().max(widest(at))).collect();
        let Some(limit) = limit else { return widths };
        let gaps = GAP * widths.len().saturating_sub(1);
        loop {
            let over = (widths.iter().sum::<usize>() + gaps).saturating_sub(limit);
            let Some(widest) = widths.iter_mut().max() else { return widths };
            if over == 0 || *widest <= NARROWEST {
                return widths;
            }
            *widest = widest.saturating_sub(over).max(NARROWEST).max(*widest * 2 / 3);
        }
    }
}

fn cut(cell: &str, width: usize) -> String {
    if cell.chars().count() <= width {
        return cell.to_owned();
    }
    cell.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["USER", "DEVICES"], &[1]);
        table.row(["ann".into(), "2".into()]);
        table.row(["a very long name of a user".into(), "11".into()]);
        table
    }

    #[test]
    fn a_pipe_gets_everything() {
        let expected = [
            "USER                        DEVICES",
            "ann                               2",
            "a very long name of a user       11",
        ];
        assert_eq!(table().lines(None), expected);
    }

    #[test]
    fn a_terminal_too_narrow_for_columns_gets_paragraphs() {
        let mut table = Table::new(&["USER", "DEVICES", "STATUS", "SINCE"], &[1]);
        for user in ["ann", "bob"] {
            table.row([user.into(), "2".into(), String::new(), "yesterday".into()]);
        }
        let expected = [
            "USER     ann",
            "DEVICES  2",
            "SINCE    yesterday",
            "",
            "USER     bob",
            "DEVICES  2",
            "SINCE    yesterday",
        ];
        assert_eq!(table.shown(Some(20)), expected);
        assert_eq!(table.shown(Some(80)), table.lines(Some(80)));
    }

    #[test]
    fn a_terminal_gets_what_fits() {
        let lines = table().lines(Some(24));
        assert!(lines.iter().all(|line| line.chars().count() <= 24), "{lines:?}");
        assert_eq!(lines[2], "a very long na…       11");
    }
}
