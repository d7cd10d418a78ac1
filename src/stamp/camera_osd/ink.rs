//! From pixels to shapes: what is brighter than a level, in pieces that hang together.

use super::picture::Luma;

/// More pieces than this are noise, not writing.
const MOST_PIECES: usize = 30_000;

/// Pixels of one row that are ink: `from..to`.
#[derive(Clone, Copy, Debug)]
struct Run {
    y: u32,
    from: u32,
    to: u32,
}

/// A piece of ink: pixels that touch, corners included. Edges are half-open.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub left: usize,
    pub top: usize,
    pub right: usize,
    pub bottom: usize,
    runs: Vec<Run>,
}

impl Piece {
    pub fn width(&self) -> usize {
        self.right - self.left
    }

    pub fn height(&self) -> usize {
        self.bottom - self.top
    }

    /// Takes another piece in.
    pub fn join(&mut self, other: &Piece) {
        self.left = self.left.min(other.left);
        self.top = self.top.min(other.top);
        self.right = self.right.max(other.right);
        self.bottom = self.bottom.max(other.bottom);
        self.runs.extend_from_slice(&other.runs);
    }

    /// The part of the piece between two columns; `None` when no ink is there.
    pub fn between(&self, left: usize, right: usize) -> Option<Piece> {
        let cut = |r: &Run| {
            let (from, to) = ((r.from as usize).max(left), (r.to as usize).min(right));
            (from < to).then_some(Run { y: r.y, from: from as u32, to: to as u32 })
        };
        let runs: Vec<Run> = self.runs.iter().filter_map(cut).collect();
        let edge = |of: fn(&Run) -> u32| runs.iter().map(of);
        Some(Piece {
            left: edge(|r| r.from).min()? as usize,
            right: edge(|r| r.to).max()? as usize,
            top: edge(|r| r.y).min()? as usize,
            bottom: edge(|r| r.y).max()? as usize + 1,
            runs,
        })
    }

    /// Ink in each column, in pixels.
    pub fn columns(&self) -> Vec<usize> {
        self.columns_between(self.top, self.bottom)
    }

    /// Ink in each column between a third and three quarters of the height.
    pub fn columns_of_middle(&self) -> Vec<usize> {
        self.columns_between(self.top + self.height() / 3, self.top + self.height() * 3 / 4)
    }

    fn columns_between(&self, top: usize, bottom: usize) -> Vec<usize> {
        let mut columns = vec![0; self.width()];
        for run in self.runs.iter().filter(|r| (top..bottom).contains(&(r.y as usize))) {
            for x in run.from..run.to {
                columns[x as usize - self.left] += 1;
            }
        }
        columns
    }

    /// Calls `with` for every pixel of the piece.
    pub fn for_each_pixel(&self, mut with: impl FnMut(usize, usize)) {
        for run in &self.runs {
            for x in run.from..run.to {
                with(x as usize, run.y as usize);
            }
        }
    }
}

/// The pieces of everything at least as bright as `level`. Empty when there are so many that it cannot be writing.
pub(super) fn pieces(picture: &Luma, level: u8) -> Vec<Piece> {
    let mut runs: Vec<Run> = Vec::new();
    let mut group: Vec<u32> = Vec::new();
    let mut above = 0..0;
    for y in 0..picture.height() {
        let first = runs.len();
        let row = picture.row(y);
        let mut x = 0;
        while x < row.len() {
            if row[x] < level {
                x += 1;
                continue;
            }
            let from = x;
            while x < row.len() && row[x] >= level {
                x += 1;
            }
            runs.push(Run { y: y as u32, from: from as u32, to: x as u32 });
            group.push(group.len() as u32);
        }
        // Runs of both rows stand in order: walk them together. Corners touch.
        let (mut a, mut b) = (above.start, first);
        while a < above.end && b < runs.len() {
            if runs[a].from <= runs[b].to && runs[b].from <= runs[a].to {
                unite(&mut group, a, b);
            }
            if runs[a].to < runs[b].to {
                a += 1;
            } else {
                b += 1;
            }
        }
        above = first..runs.len();
    }
    let mut pieces: Vec<Piece> = Vec::new();
    let mut place = vec![u32::MAX; runs.len()];
    for (n, run) in runs.iter().copied().enumerate() {
        let root = root(&mut group, n);
        let (from, to, y) = (run.from as usize, run.to as usize, run.y as usize);
        if place[root] == u32::MAX {
            if pieces.len() >= MOST_PIECES {
                return Vec::new();
            }
            place[root] = pieces.len() as u32;
            pieces.push(Piece { left: from, top: y, right: to, bottom: y + 1, runs: vec![run] });
            continue;
        }
        let piece = &mut pieces[place[root] as usize];
        piece.left = piece.left.min(from);
        piece.right = piece.right.max(to);
        piece.bottom = piece.bottom.max(y + 1);
        piece.runs.push(run);
    }
    pieces
}

fn root(group: &mut [u32], mut n: usize) -> usize {
    while group[n] as usize != n {
        group[n] = group[group[n] as usize];
        n = group[n] as usize;
    }
    n
}

fn unite(group: &mut [u32], a: usize, b: usize) {
    let (a, b) = (root(group, a), root(group, b));
    group[a.max(b)] = a.min(b) as u32;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(rows: &[&str]) -> Luma {
        let pixels: Vec<u8> = rows.iter().flat_map(|r| r.bytes()).map(|b| if b == b'#' { 200 } else { 10 }).collect();
        Luma::from_rows(rows[0].len(), rows.len(), rows[0].len(), &pixels).expect("a picture")
    }

    #[test]
    fn what_touches_is_one_piece_also_over_corners() {
        let found = pieces(&drawn(&["##...#", "..#..#", "......", "#.#.##", "###.#."]), 100);
        let mut edges: Vec<_> = found.iter().map(|p| (p.left, p.top, p.right, p.bottom)).collect();
        edges.sort_unstable();
        assert_eq!(edges, [(0, 0, 3, 2), (0, 3, 3, 5), (4, 3, 6, 5), (5, 0, 6, 2)]);
    }

    #[test]
    fn a_piece_is_cut_between_columns() {
        let found = pieces(&drawn(&["##.##", "#####", "##..#"]), 100);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].columns(), [3, 3, 1, 2, 3]);
        let right = found[0].between(3, 5).expect("ink");
        assert_eq!((right.left, right.right, right.top, right.bottom), (3, 5, 0, 3));
        assert!(found[0].between(9, 12).is_none());
    }
}
