//! Rows of characters of one height: where digits of a clock may stand.

use super::ink::Piece;

/// Lowest digit that is looked at, in pixels. A clock this small is read only when it is drawn sharply.
pub(super) const LOWEST: usize = 8;
/// Highest.
pub(super) const HIGHEST: usize = 160;
/// Fewest characters of one height in a row for it to be looked at.
const FEWEST: usize = 8;
/// Most rows looked at in one picture and level; real writing stands among the first.
const MOST_ROWS: usize = 40;
/// Most characters in a row.
const MOST_IN_ROW: usize = 200;

/// A row: pieces of one height side by side, from left to right.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub top: usize,
    pub bottom: usize,
    pub pieces: Vec<Piece>,
}

impl Row {
    fn height(&self) -> usize {
        self.bottom - self.top
    }
}

/// How far edges of characters of one row may lie apart: digits are rounded above and below, and a pixel is a pixel.
fn slack(height: usize) -> usize {
    (height * 11 / 100).max(1)
}

fn same_row(a: &Piece, b: &Piece) -> bool {
    let slack = slack(a.height().max(b.height()));
    a.top.abs_diff(b.top) <= slack && a.bottom.abs_diff(b.bottom) <= slack
}

fn may_be_digit(piece: &Piece) -> bool {
    (LOWEST..=HIGHEST).contains(&piece.height()) && piece.width() * 10 >= piece.height()
}

/// Every row among `pieces`, those with most characters first.
pub(super) fn rows(pieces: &[Piece]) -> Vec<Row> {
    // By top edge, so that the pieces of a row lie near each other.
    let mut order: Vec<usize> = (0..pieces.len()).filter(|n| may_be_digit(&pieces[*n])).collect();
    order.sort_unstable_by_key(|n| pieces[*n].top);
    let mut taken = vec![false; order.len()];
    let mut rows = Vec::new();
    for seed in 0..order.len() {
        let first = &pieces[order[seed]];
        // Wide pieces may be digits grown together; they do not tell a row's height reliably enough to begin one.
        if taken[seed] || first.width() > first.height() {
            continue;
        }
        let reach = slack(first.height());
        let from = order.partition_point(|n| pieces[*n].top + reach < first.top);
        let members: Vec<usize> = (from..order.len())
            .take_while(|n| pieces[order[*n]].top <= first.top + reach)
            .filter(|n| same_row(first, &pieces[order[*n]]))
            .collect();
        if members.len() < FEWEST || members.len() > MOST_IN_ROW {
            continue;
        }
        let middle = |of: fn(&Piece) -> usize| {
            let mut all: Vec<usize> = members.iter().map(|n| of(&pieces[order[*n]])).collect();
            all.sort_unstable();
            all[all.len() / 2]
        };
        let (top, bottom) = (middle(|p| p.top), middle(|p| p.bottom));
        if bottom <= top {
            continue;
        }
        for n in members {
            taken[n] = true;
        }
        rows.push(whole(pieces, top, bottom));
    }
    rows.sort_by_key(|r: &Row| std::cmp::Reverse(r.pieces.len()));
    rows.truncate(MOST_ROWS);
    rows
}

/// The row between `top` and `bottom` with everything that belongs to it: broken characters mended, grown-together ones cut.
fn whole(pieces: &[Piece], top: usize, bottom: usize) -> Row {
    let height = bottom - top;
    let slack = slack(height);
    let inside = |p: &&Piece| p.top + slack >= top && p.bottom <= bottom + slack && p.height() * 12 >= height;
    let full = |p: &Piece| p.top.abs_diff(top) <= slack && p.bottom.abs_diff(bottom) <= slack;
    let shared = |a: &Piece, b: &Piece| a.right.min(b.right).saturating_sub(a.left.max(b.left)) * 2 > a.width().min(b.width());
    let (mut whole, mut parts): (Vec<Piece>, Vec<Piece>) = pieces.iter().filter(inside).cloned().partition(|p| full(p));
    // What shows through the hole of a whole character is background, or the dot of a nought, which reads as well without.
    parts.retain(|part| !whole.iter().any(|w| shared(w, part)));
    parts.sort_unstable_by_key(|p| p.left);
    // A five broken in two: what stands one above the other is one character.
    let mut mended: Vec<Piece> = Vec::new();
    for part in parts {
        match mended.last_mut() {
            Some(last) if shared(last, &part) => last.join(&part),
            _ => mended.push(part),
        }
    }
    whole.extend(mended.into_iter().filter(full));
    whole.sort_unstable_by_key(|p| (p.left, std::cmp::Reverse(p.right)));
    // The hole of a nought is as high as it almost.
    whole.dedup_by(|inner, outer| inner.right <= outer.right && inner.width() * 5 < outer.width() * 4);
    let mut widths: Vec<usize> = whole.iter().filter(|p| p.width() <= p.height()).map(Piece::width).collect();
    widths.sort_unstable();
    // Ones are narrow: the usual width stands above the middle.
    let usual = widths.get(widths.len() * 2 / 3).copied().unwrap_or(height / 2).max(2);
    let cut: Vec<Piece> = whole.into_iter().flat_map(|p| apart(p, usual)).collect();
    Row { top, bottom, pieces: cut }
}

/// Cuts a piece that is as wide as several characters where it is thinnest.
fn apart(piece: Piece, usual: usize) -> Vec<Piece> {
    let piece = if piece.width() * 10 > usual * 12 { trimmed(piece, usual) } else { piece };
    let count = (piece.width() + usual / 4) / (usual + 1);
    if piece.width() * 10 < usual * 17 || !(2..=4).contains(&count) {
        return vec![piece];
    }
    let columns = piece.columns();
    let step = piece.width() as f32 / count as f32;
    let mut cuts = vec![piece.left];
    for n in 1..count {
        let at = (step * n as f32) as usize;
        let reach = (usual / 4).max(1);
        let thinnest = (at.saturating_sub(reach)..(at + reach).min(columns.len()))
            .min_by_key(|x| (columns[*x], x.abs_diff(at)))
            .unwrap_or(at);
        cuts.push(piece.left + thinnest);
    }
    cuts.push(piece.right);
    cuts.windows(2).filter_map(|c| piece.between(c[0], c[1])).collect()
}

/// Without a dash that has grown to it on either side: columns with ink half-way up and nowhere else.
fn trimmed(piece: Piece, usual: usize) -> Piece {
    let (all, middle) = (piece.columns(), piece.columns_of_middle());
    let most = (piece.height() / 4).max(1);
    let dash: Vec<bool> = all.iter().zip(&middle).map(|(all, middle)| all == middle && *all <= most).collect();
    let (mut from, mut to) = (0, dash.len());
    while to - from > usual && (dash[from] || dash[to - 1]) {
        if dash[from] {
            from += 1;
        } else {
            to -= 1;
        }
    }
    piece.between(piece.left + from, piece.left + to).unwrap_or(piece)
}

/// Rows of which one may be writing: used to tell a clock that cannot be read from no clock at all.
pub(super) fn looks_written(row: &Row) -> bool {
    let height = row.height();
    let usual = |p: &&Piece| p.width() * 10 >= height * 2 && p.width() <= height;
    let near = row.pieces.windows(2).filter(|w| w[1].left.saturating_sub(w[0].right) < height).count();
    row.pieces.iter().filter(usual).count() >= FEWEST && near + 3 >= row.pieces.len()
}
