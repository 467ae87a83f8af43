//! What differs between two texts, line by line, for people to read before they apply.

/// A line of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// In both.
    Same(&'a str),
    /// Only in the old text.
    Gone(&'a str),
    /// Only in the new text.
    New(&'a str),
}

/// Lines around a change that are shown with it.
const AROUND: usize = 3;

/// All lines of both texts in order: the longest common subsequence stays, the rest went or came.
pub fn lines<'a>(old: &'a str, new: &'a str) -> Vec<Line<'a>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let width = new.len() + 1;
    // common[i][j]: length of the longest common subsequence of old[i..] and new[j..].
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if old[i] == new[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut all) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            all.push(Line::Same(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1]) {
            all.push(Line::Gone(old[i]));
            i += 1;
        } else {
            all.push(Line::New(new[j]));
            j += 1;
        }
    }
    all
}

/// The changes with some lines around them; none where the texts are equal.
pub fn changes<'a>(old: &'a str, new: &'a str) -> Vec<Line<'a>> {
    let all = lines(old, new);
    let near = |at: usize| {
        let (from, to) = (at.saturating_sub(AROUND), (at + AROUND + 1).min(all.len()));
        all[from..to].iter().any(|line| !matches!(line, Line::Same(_)))
    };
    (0..all.len()).filter(|at| near(*at)).map(|at| all[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_one_that_went_and_one_that_came() {
        let shown = lines("a\nb\nc\n", "a\nx\nc\n");
        assert_eq!(shown, [Line::Same("a"), Line::Gone("b"), Line::New("x"), Line::Same("c")]);
    }

    #[test]
    fn equal_texts_have_no_changes_and_far_lines_are_left_out() {
        assert!(changes("a\nb\n", "a\nb\n").is_empty());
        let old: String = (0..20).map(|i| format!("{i}\n")).collect();
        let new = old.replace("10\n", "");
        let shown = changes(&old, &new);
        assert_eq!((shown.len(), shown[3]), (7, Line::Gone("10")));
    }

    #[test]
    fn added_and_removed_ends_are_found() {
        assert_eq!(lines("", "a\n"), [Line::New("a")]);
        assert_eq!(lines("a\nb\n", ""), [Line::Gone("a"), Line::Gone("b")]);
    }
}
