//! What stands in the hall and what moves in it, drawn flat: signs, counters, plants, queue displays, people.

use std::f32::consts::TAU;

use super::canvas::{Brush, Colour};
use super::lettering::{Lettering, segments};

/// Colours of one camera's place, so that cameras are told apart at a glance.
#[derive(Clone, Copy)]
pub struct Palette {
    pub wall: Colour,
    pub panel: Colour,
    pub sign: Colour,
    pub uniform: Colour,
    pub visitor: Colour,
}

impl Palette {
    /// The palette of a window number.
    pub fn of(number: u8) -> Self {
        let rows: [[u32; 5]; 5] = [
            [0xdfe5ea, 0x8a9bab, 0x1f5eaa, 0x27406b, 0xb5543c],
            [0xe6e2d8, 0xa3937a, 0x2b7a5b, 0x2e5546, 0x5a4a8a],
            [0xdde6e1, 0x7f9c92, 0x8a3b2f, 0x37474f, 0x3f7fb0],
            [0xe8e1e1, 0xa08a8a, 0x6a4a94, 0x3b3357, 0x4f8a4a],
            [0xe3e5df, 0x93987f, 0xa8681c, 0x4a3b2a, 0x356e7c],
        ];
        let [wall, panel, sign, uniform, visitor] = rows[usize::from(number) % rows.len()].map(Colour::rgb);
        Self { wall, panel, sign, uniform, visitor }
    }
}

/// Wall, wainscot, floor with tile joints, from `left` to `right`.
pub fn room(brush: &mut Brush, left: f32, right: f32, palette: &Palette, floor_from: f32) {
    let black = Colour::rgb(0);
    brush.rect(left, 0.0, right - left, floor_from, palette.wall);
    brush.rect(left, 0.0, right - left, 40.0, palette.wall.mixed(Colour::rgb(0xffffff), 0.5));
    brush.rect(left, floor_from - 150.0, right - left, 150.0, palette.wall.mixed(palette.panel, 0.25));
    brush.rect(left, floor_from - 14.0, right - left, 14.0, palette.panel.mixed(black, 0.3));
    let floor = Colour::rgb(0xc9c2b6);
    brush.rect(left, floor_from, right - left, 1080.0 - floor_from, floor);
    for y in [0.12f32, 0.34, 0.66] {
        brush.rect(left, floor_from + (1080.0 - floor_from) * y, right - left, 4.0, floor.mixed(black, 0.12));
    }
}

/// A hanging sign: number of the window and what it is for.
pub fn sign(
    brush: &mut Brush,
    lettering: &Lettering,
    (x, y): (f32, f32),
    width: f32,
    number: u8,
    text: &str,
    palette: &Palette,
) {
    let white = Colour::rgb(0xffffff);
    let height = width * 0.22;
    for rope in [0.15, 0.85] {
        brush.rect(x + width * rope - 3.0, 0.0, 6.0, y, Colour::rgb(0x7a7f86));
    }
    brush.rounded(x, y, width, height, 14.0, palette.sign);
    brush.rounded(x + height * 0.12, y + height * 0.14, height * 0.86, height * 0.72, 10.0, white);
    segments(brush, u32::from(number), 1, x + height * 0.4, y + height * 0.24, height * 0.52, palette.sign);
    lettering.centred(brush, text, x + height * 1.0 + (width - height) / 2.0, y + height / 2.0, height * 0.5, white);
}

/// The frame of the queue display; what it calls is drawn by [`queue_number`].
pub fn queue_display(brush: &mut Brush, lettering: &Lettering, (x, y): (f32, f32)) {
    brush.rounded(x - 12.0, y - 12.0, 384.0, 144.0, 10.0, Colour::rgb(0x3a3f45));
    brush.rect(x, y, 360.0, 120.0, Colour::rgb(0x101214));
    lettering.centred(brush, "请", x + 45.0, y + 60.0, 56.0, Colour::rgb(0xe0b050));
    lettering.centred(brush, "号", x + 315.0, y + 60.0, 56.0, Colour::rgb(0xe0b050));
}

/// The number called on a queue display.
pub fn queue_number(brush: &mut Brush, (x, y): (f32, f32), number: u32) {
    brush.rect(x + 90.0, y + 16.0, 190.0, 88.0, Colour::rgb(0x101214));
    segments(brush, number, 3, x + 100.0, y + 24.0, 72.0, Colour::rgb(0xf04030));
}

/// A potted plant whose pot stands at `x`, `y`.
pub fn plant(brush: &mut Brush, x: f32, y: f32, size: f32) {
    for (dx, dy, tone) in [
        (-0.42, -1.5, 0x3f7d4e),
        (0.42, -1.45, 0x3f7d4e),
        (-0.25, -1.95, 0x4f9560),
        (0.28, -1.9, 0x4f9560),
        (0.0, -2.2, 0x62aa70),
    ] {
        brush.limb((x, y - size * 0.7), (x + dx * size, y + dy * size), size * 0.16, Colour::rgb(0x35683f));
        brush.ellipse(x + dx * size, y + dy * size, size * 0.3, size * 0.42, Colour::rgb(tone));
    }
    brush.trapezoid(
        (y - size * 0.8, y),
        (x - size * 0.45, x + size * 0.45),
        (x - size * 0.32, x + size * 0.32),
        Colour::rgb(0xa8643c),
    );
    brush.rect(x - size * 0.5, y - size * 0.88, size, size * 0.16, Colour::rgb(0xb9744a));
}

/// A counter in front view.
pub fn counter(brush: &mut Brush, (x, y): (f32, f32), width: f32, height: f32, palette: &Palette) {
    let black = Colour::rgb(0);
    brush.rect(x + 20.0, y + 30.0, width - 40.0, height - 30.0, palette.panel);
    brush.rect(x + 20.0, y + height - 40.0, width - 40.0, 40.0, palette.panel.mixed(black, 0.35));
    for share in [0.25, 0.5, 0.75] {
        brush.rect(x + width * share, y + 30.0, 4.0, height - 70.0, palette.panel.mixed(black, 0.12));
    }
    brush.rounded(x, y, width, 34.0, 10.0, Colour::rgb(0x8b6a48));
    brush.rect(x + 10.0, y + 26.0, width - 20.0, 8.0, Colour::rgb(0x6d5238));
}

/// A screen on a desk, seen from the side of `facing` (1.0 looks right).
pub fn screen(brush: &mut Brush, x: f32, y: f32, facing: f32) {
    brush.rect(x - 40.0, y - 12.0, 80.0, 12.0, Colour::rgb(0x2b2f34));
    brush.limb((x, y - 12.0), (x - facing * 14.0, y - 80.0), 16.0, Colour::rgb(0x2b2f34));
    brush.limb((x - facing * 6.0, y - 150.0), (x - facing * 30.0, y - 50.0), 18.0, Colour::rgb(0x1d2024));
    brush.limb((x - facing * 14.0, y - 146.0), (x - facing * 36.0, y - 54.0), 8.0, Colour::rgb(0x7fb4e0));
}

/// How a person looks and moves.
#[derive(Clone, Copy)]
pub struct Person {
    /// Middle of the hips, in sheet units.
    pub x: f32,
    /// Height of the hips.
    pub y: f32,
    /// Size; 1.0 is a sitting height of about 430 units.
    pub size: f32,
    /// 1.0 looks right, -1.0 looks left.
    pub facing: f32,
    /// Coat.
    pub coat: Colour,
    /// Hair.
    pub hair: Colour,
    /// Whole swings of the head per loop.
    pub nods: f32,
    /// Whole movements of the hand per loop.
    pub gestures: f32,
    /// Where in its movements the person begins, in turns.
    pub phase: f32,
}

/// A person sitting on a chair, seen from the side, at `turn` (0.0..1.0) of the loop.
pub fn sitting(brush: &mut Brush, p: &Person, turn: f32) {
    let swing = |times: f32, phase: f32| (TAU * (turn * times + phase + p.phase)).sin();
    let (f, s) = (p.facing, p.size);
    let at = |dx: f32, dy: f32| (p.x + f * dx * s, p.y + dy * s);
    let lean = 7.0 * swing(1.0, 0.0);
    let dark = p.coat.mixed(Colour::rgb(0), 0.45);
    let skin = Colour::rgb(0xe3b98f);
    let chair = Colour::rgb(0x454b52);
    brush.limb(at(-75.0, -230.0), at(-60.0, 50.0), 24.0 * s, chair);
    brush.limb(at(-70.0, 55.0), at(95.0, 55.0), 26.0 * s, chair);
    brush.limb(at(10.0, 60.0), at(10.0, 190.0), 18.0 * s, chair);
    brush.limb(at(-60.0, 200.0), at(80.0, 200.0), 16.0 * s, chair);
    brush.limb(at(0.0, 0.0), at(150.0, 10.0), 78.0 * s, dark);
    brush.limb(at(155.0, 15.0), at(150.0, 180.0), 56.0 * s, dark);
    brush.limb(at(145.0, 205.0), at(190.0, 208.0), 30.0 * s, Colour::rgb(0x26221f));
    brush.limb(at(0.0, 0.0), at(12.0 + lean, -190.0), 118.0 * s, p.coat);
    let nod = 8.0 * swing(p.nods, 0.1);
    let head = at(30.0 + lean * 1.4 + nod * 0.6, -330.0 + nod.abs() * 0.6);
    brush.limb(at(14.0 + lean, -240.0), at(22.0 + lean, -285.0), 44.0 * s, skin);
    brush.ellipse(head.0 - f * 10.0 * s, head.1 - 12.0 * s, 64.0 * s, 76.0 * s, p.hair);
    brush.ellipse(head.0 + f * 8.0 * s, head.1 + 8.0 * s, 50.0 * s, 62.0 * s, skin);
    let reach = 18.0 * swing(p.gestures, 0.3);
    let elbow = at(70.0 + lean * 0.5, -95.0);
    let hand = at(185.0 + reach, -100.0 - reach.max(0.0) * 1.6);
    brush.limb(at(18.0 + lean, -195.0), elbow, 50.0 * s, p.coat.mixed(Colour::rgb(0), 0.15));
    brush.limb(elbow, hand, 44.0 * s, p.coat.mixed(Colour::rgb(0), 0.15));
    brush.ellipse(hand.0 + f * 14.0 * s, hand.1, 26.0 * s, 22.0 * s, skin);
}

/// A person standing or walking, seen from the front or behind; `stride` (in turns) moves the legs.
pub fn standing(brush: &mut Brush, p: &Person, stride: f32) {
    let s = p.size;
    let step = (TAU * stride).sin() * 26.0;
    let at = |dx: f32, dy: f32| (p.x + dx * s, p.y + dy * s);
    let dark = p.coat.mixed(Colour::rgb(0), 0.5);
    for (side, lift) in [(-1.0, step), (1.0, -step)] {
        brush.limb(at(side * 26.0, 0.0), at(side * 26.0 + lift * 0.8, 210.0 - lift.max(0.0) * 0.4), 50.0 * s, dark);
        brush.limb(at(side * 74.0, -190.0), at(side * 84.0 - lift * 0.6, -20.0), 36.0 * s, p.coat.mixed(Colour::rgb(0), 0.18));
    }
    brush.limb(at(0.0, -180.0), at(0.0, -20.0), 128.0 * s, p.coat);
    brush.limb(at(0.0, -240.0), at(0.0, -270.0), 40.0 * s, Colour::rgb(0xe3b98f));
    brush.ellipse(p.x, p.y - 320.0 * s, 54.0 * s, 66.0 * s, Colour::rgb(0xe3b98f));
    brush.ellipse(p.x, p.y - 346.0 * s, 58.0 * s, 48.0 * s, p.hair);
}
